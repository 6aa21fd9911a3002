"""What the correlator keeps of one incident: members, counts and what was told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from monitor.core.codec import from_plain, to_plain
from monitor.core.evidence import Totals
from monitor.core.incident import (
    Happening,
    Impact,
    Incident,
    Interval,
    Note,
    Reason,
    SeverityLevel,
    State,
    noted,
)
from monitor.core.moment import Moment
from monitor.core.onset import Estimate
from monitor.core.outcome import Depth, Outcome
from monitor.core.standing import Signal, Stage
from monitor.core.transition import Source, Transition

_STAGES = {
    Signal.BREACH: Stage.OPEN,
    Signal.WIDENED: Stage.OPEN,
    Signal.CHANGED: Stage.OPEN,
    Signal.RELAPSE: Stage.OPEN,
    Signal.GOOD_STREAK: Stage.RECOVERING,
    Signal.CLEAN: Stage.CALM,
    Signal.DROPPED: Stage.CALM,
    Signal.GONE: Stage.CALM,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One component of an incident.

    Attributes:
        component: its name.
        stage: where its runs stand; calm when only slowness speaks for it, or nothing any more.
        slow: its latency speaks for it.
        state: how it is now.
        since: since when.
        worst: the worst that it was.
        joined_at: when it was decided that it is touched.
        began, began_between: estimated start of its impact, by the wall clock, and how sure that
            is; of its first impact where it came back, and None where that is not known any more.
        recovered, recovered_between: estimated end of its impact, and how sure that is.
        cause: the commonest bad outcome of its runs, where they are not counted any more.
        depth, deepest_good, family, asked, onset, probes, culprits: as in the transition.
    """

    component: str
    stage: Stage
    slow: bool = False
    state: State
    since: datetime
    worst: State
    joined_at: datetime
    depth: Depth
    deepest_good: Depth | None = None
    family: str | None = None
    asked: str | None = None
    onset: float
    began: datetime | None = None
    began_between: Interval | None = None
    recovered: datetime | None = None
    recovered_between: Interval | None = None
    probes: tuple[str, ...] = ()
    culprits: tuple[str, ...] = ()
    cause: Outcome | None = None

    @property
    def active(self) -> bool:
        """Whether anything still speaks for it."""
        return self.slow or self.stage is not Stage.CALM

    @property
    def recovering(self) -> bool:
        """Whether its impact is over, as far as can be told."""
        return not self.slow and self.stage is Stage.RECOVERING


def member_after(step: Transition, old: Member | None, now: Moment) -> Member:
    """The member as `step` leaves it; `old` is None for one that joins."""
    stage, slow = (Stage.CALM, False) if old is None else (old.stage, old.slow)
    if step.source is Source.LATENCY:
        slow = step.signal is Signal.BREACH
    else:
        stage = _STAGES[step.signal]
        slow = slow and step.signal is not Signal.BREACH  # an outage takes the matter over
    state = step.state
    if stage is Stage.CALM:
        state = State.DEGRADED_PERFORMANCE if slow else State.OPERATIONAL
    began, began_between = _began(step, old, now)
    recovered, recovered_between = _recovered(step, old, now)
    changed = now.wall
    if step.signal is Signal.BREACH:
        changed = now.wall_at(step.onset if step.began is None else step.began.at)
    known = old is not None and old.active
    return Member(
        component=step.component,
        stage=stage,
        slow=slow,
        state=state,
        since=old.since if old is not None and old.state is state else changed,
        worst=state if old is None else worst_of((old.worst, state)),
        joined_at=old.joined_at if old is not None and known else now.wall,
        depth=step.depth,
        deepest_good=step.deepest_good if old is None else step.deepest_good or old.deepest_good,
        family=step.family,
        asked=_asked(step, old),
        onset=step.onset,
        began=began,
        began_between=began_between,
        recovered=recovered,
        recovered_between=recovered_between,
        probes=step.probes,
        culprits=step.culprits,
        cause=None if old is None else old.cause,
    )


def _asked(step: Transition, old: Member | None) -> str | None:
    """As the newest step that looked has it: those of recovery and close do not."""
    if old is None or step.signal in (Signal.BREACH, Signal.WIDENED, Signal.CHANGED):
        return step.asked
    return old.asked


def _began(
    step: Transition, old: Member | None, now: Moment
) -> tuple[datetime | None, Interval | None]:
    """The start of its first impact: the newest estimate of it."""
    if step.signal is Signal.BREACH and old is not None:
        return old.began, old.began_between  # it came back
    if step.began is not None:
        return now.wall_at(step.began.at), _between(step.began, now)
    if old is None:
        return now.wall_at(step.onset), None
    return old.began, old.began_between


def _recovered(
    step: Transition, old: Member | None, now: Moment
) -> tuple[datetime | None, Interval | None]:
    """The end of its impact. Once decided it stays: the clocks may have moved since."""
    if step.recovered is None:
        return None, None
    if step.ended is not None:
        return now.wall_at(step.ended.at), _between(step.ended, now)
    if step.signal is Signal.GOOD_STREAK or old is None or old.recovered is None:
        return now.wall_at(step.recovered), None
    return old.recovered, old.recovered_between


def _between(estimate: Estimate, now: Moment) -> Interval:
    return Interval(earliest=now.wall_at(estimate.earliest), latest=now.wall_at(estimate.latest))


def worst_of(states: tuple[State, ...]) -> State:
    """The worst of these states of components that an incident touches."""
    return max(states, key=list(State).index)


@dataclass(slots=True, kw_only=True)
class Case:
    """One incident with all that is remembered of it. Times are monotonic seconds.

    Attributes:
        incident: its newest version.
        members: its components, those that are well again too.
        onset: since when its runs are counted.
        joined: onset of the member that joined last.
        totals: the counted runs of all its pools, each once.
        suspected: since when it waits to be confirmed, from anew when this host has been blind;
            None once it is announced.
        proven: a bad run reached the vendor.
        fresh: nothing is stored of it yet.
        closed: when it closed; None while it lasts.
        due: when its changes are to be told; None when there are none.
        updated: when changes were told last.
        told, told_severity, told_model, told_depth: the components, severity, family and depth
            that were told.
        recovery_told: `recovering` was announced since it opened or came back.
        flapping_due: that it keeps coming back is still to be told.
        returns: when it came back, after a recovery or a close, within the last hour.
        changed: the sentence of the last change of severity or width.
    """

    incident: Incident
    members: dict[str, Member] = field(default_factory=dict)
    onset: float
    joined: float
    totals: Totals = field(default_factory=Totals)
    suspected: float | None = None
    proven: bool = False
    fresh: bool = False
    closed: float | None = None
    due: float | None = None
    updated: float | None = None
    told: tuple[str, ...] = ()
    told_severity: SeverityLevel = SeverityLevel.MINOR
    told_model: str | None = None
    told_depth: Depth = Depth.EDGE
    recovery_told: bool = False
    flapping_due: bool = False
    returns: tuple[float, ...] = ()
    changed: str = ""

    @property
    def active(self) -> tuple[Member, ...]:
        """The members that something still speaks for."""
        return tuple(member for member in self.members.values() if member.active)

    @property
    def wide(self) -> bool:
        """Whether more than one family of models, or than slowness, is the matter."""
        failing = [member for member in self.active if member.stage is not Stage.CALM]
        families = {member.family for member in failing}
        return bool(failing) and (None in families or len(families) > 1)

    @property
    def model(self) -> str | None:
        """The one family of models that is dead."""
        families = {member.family for member in self.members.values()}
        return next(iter(families)) if len(families) == 1 and not self.wide else None

    @property
    def probes(self) -> frozenset[str]:
        """The probes of the deciding pools of those that are not well."""
        among = self.active or tuple(self.members.values())
        return frozenset(name for member in among for name in member.probes)

    @property
    def culprits(self) -> frozenset[str]:
        """The probes that gave the bad runs."""
        return frozenset(name for member in self.active for name in member.culprits)

    @property
    def names(self) -> tuple[str, ...]:
        """The components that are not well."""
        return tuple(member.component for member in self.active)

    def impacts(self) -> tuple[Impact, ...]:
        """Its components as the world is told of them.

        Where another family fails too, one dead family is no small matter any more.
        """
        found: list[Impact] = []
        for member in self.members.values():
            state = member.state
            if self.wide and member.active and member.family is not None:
                state = State.PARTIAL_OUTAGE
            found.append(
                Impact(
                    component=member.component,
                    state=state,
                    since=member.since,
                    worst=worst_of((member.worst, state)),
                    joined_at=member.joined_at,
                    cause=self.totals.cause(member.probes) or member.cause,
                    started_at=member.began,
                    recovered_at=member.recovered,
                )
            )
        return tuple(found)

    def deciding(self) -> Member:
        """The member that names the depth: the shallowest that fails explains all deeper ones."""
        among = self.active or tuple(self.members.values())
        return min(among, key=lambda member: member.depth.level)

    def note(
        self,
        what: Happening,
        now: Moment,
        why: tuple[Reason, str],
        component: str | None = None,
    ) -> None:
        """Write a line of its story."""
        line = Note(at=now.wall, what=what, reason=why[0], sentence=why[1], component=component)
        self.incident = replace(self.incident, timeline=noted(self.incident.timeline, line))


_TIMES = ("suspected", "closed", "due", "updated")


def case_to_plain(case: Case) -> dict[str, Any]:
    """As plain values."""
    return {
        "incident": to_plain(case.incident),
        "members": to_plain(tuple(case.members.values())),
        "totals": case.totals.snapshot(),
        "onset": case.onset,
        "joined": case.joined,
        **{name: getattr(case, name) for name in _TIMES},
        "told": list(case.told),
        "told_severity": case.told_severity.value,
        "told_model": case.told_model,
        "told_depth": case.told_depth.value,
        "recovery_told": case.recovery_told,
        "proven": case.proven,
        "flapping_due": case.flapping_due,
        "returns": list(case.returns),
        "changed": case.changed,
    }


def case_from_plain(saved: Mapping[str, Any], shift: float) -> Case:
    """What `case_to_plain` wrote, `shift` seconds added to its monotonic times."""
    members = [_moved(from_plain(Member, value), shift) for value in saved["members"]]
    case = Case(
        incident=from_plain(Incident, saved["incident"]),
        members={member.component: member for member in members},
        totals=Totals.restored(saved["totals"]),
        onset=saved["onset"] + shift,
        joined=saved["joined"] + shift,
        told=tuple(saved["told"]),
        told_severity=SeverityLevel(saved["told_severity"]),
        told_model=saved["told_model"],
        told_depth=Depth(saved["told_depth"]),
        recovery_told=saved["recovery_told"],
        proven=saved["proven"],
        flapping_due=saved["flapping_due"],
        returns=tuple(when + shift for when in saved["returns"]),
        changed=saved["changed"],
    )
    for name in _TIMES:
        setattr(case, name, None if saved[name] is None else saved[name] + shift)
    return case


def _moved(member: Member, shift: float) -> Member:
    return replace(member, onset=member.onset + shift)
