"""One component's state machine: when an incident opens, recovers, closes and comes back.

Two rules of this file. Everything that changes a stage goes through `standing.TRANSITIONS`; a
signal that this table does not list for the stage is a bug and raises. And the file knows no clock:
each call is told the moment, and asking twice with the same moment gives the same answer.

The theory. A component is *calm* until one of the opening rules (`rules.py`) is met in one of its
pools (`pools.py`). Where several pools meet a rule at once, the pool with the largest share of bad
runs decides, the shallowest among equals: "keys are refused" says more than "half of everything
fails", and if the edge is dead it is the edge that has to be named. That pool stays the deciding
one for as long as the incident lasts: recovery and close are judged on it.

While *open*, a row of good runs, with no probe of the pool left failing, means *recovering*: the
impact is over, as far as can be told. The incident closes only after a whole window of (nearly)
clean runs in which every probe was heard, because outages flap: 300 s rides out a four-minute flap,
120 s is enough after one clean step of five minutes or more. A relapse goes back to open without a
word. A breach within 15 minutes of the close continues the same incident; two of those in an hour
double the window.

What happened before the end of one incident is no evidence for the next: a *floor* in time keeps
the long windows of the slow rules from opening it again at once.

The state that people see (partial or major outage) follows the share of bad runs in the deciding
pool over the last minutes, with some room between the two so that it does not flicker; from
recovering on it is partial at most. The severity of the incident is the worst that it has been.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from monitor.core.closing import clean, good_streak, relapse, still_failing
from monitor.core.effects import Announce, Effect, Revise
from monitor.core.evidence import Totals
from monitor.core.incident import (
    Event,
    EventType,
    Evidence,
    Impact,
    Incident,
    IncidentPhase,
    Reason,
    State,
    event_id,
    incident_id,
)
from monitor.core.moment import Moment
from monitor.core.opening import Found, deepest_good, find
from monitor.core.plan import ComponentPlan, Window
from monitor.core.policy import Policy
from monitor.core.pools import Pool
from monitor.core.standing import (
    TRANSITIONS,
    Signal,
    Stage,
    Standing,
    outage_state,
    severity_of,
    standing_from_plain,
    standing_to_plain,
    worse,
)
from monitor.core.window import Entry, Windows

Describe = Callable[[EventType, Incident], str]
"""The sentence for an event about an incident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all detectors of an engine have in common."""

    vantage: str
    describe: Describe
    policy: Policy
    maintenance: tuple[Window, ...] = ()


class Detector:
    """The machine of one component."""

    def __init__(
        self,
        component: ComponentPlan,
        pools: tuple[Pool, ...],
        windows: Windows,
        setting: Setting,
    ) -> None:
        """Start calm. `windows` are shared with the engine, which fills them."""
        self.component = component
        self.pools = pools
        self.standing = Standing()
        self.totals = Totals()
        self._policy = setting.policy
        self._windows = windows
        self._setting = setting
        self._depths = {p.name: str(p.depth) for pool in pools for p in pool.probes}
        self._heard: dict[str, float] = {}

    def heard(self, probe: str, started: float) -> None:
        """A run of `probe` ended with an answer of some kind, usable or not."""
        self._heard[probe] = max(started, self._heard.get(probe, started))

    def entered(
        self, entry: Entry, before: Entry | None, now: Moment, *, answered_only: bool = False
    ) -> list[Effect]:
        """A usable run is in the windows; `before` is the entry that it replaced."""
        if self.standing.stage is Stage.CALM:
            return self.judge(now, answered_only=answered_only) if entry.bad else []
        if not self._concerns(entry):
            return []
        if entry.started >= self.standing.onset:
            if before is not None:
                self.totals.take_back(before)
            self.totals.add(entry)
        return self._weigh(now) + (self._relapse(now) if entry.bad else self._recover(now))

    def taken_back(self, entry: Entry) -> None:
        """A run that was entered turned out to be unusable."""
        if self._concerns(entry) and entry.started >= self.standing.onset:
            self.totals.take_back(entry)

    def _concerns(self, entry: Entry) -> bool:
        """Whether a run is of the pool that an incident which lasts is judged on."""
        lasts = self.standing.stage is not Stage.CALM and bool(self.pools)
        return lasts and entry.probe in self._deciding().names

    def tick(self, now: Moment) -> list[Effect]:
        """Time has passed: a clean window may be full, or nobody is left to tell."""
        if self.standing.stage is not Stage.CALM and not self.pools:
            return [self._end(Signal.GONE, Reason.EVIDENCE_GONE, "no enabled probe is left", now)]
        if self.standing.stage is Stage.RECOVERING:
            return self._close(now)
        if self.standing.stage is Stage.OPEN:
            return self._recover(now)
        return []

    # ------------------------------------------------------------ calm: does it open?

    def judge(self, now: Moment, *, answered_only: bool = False) -> list[Effect]:
        """Open an incident if a rule is met; with `answered_only` not on unanswered runs alone.

        Nothing opens in a window of the plan, and what outlives it opens right after it. A daemon's
        plan has none: there windows hold back announcements alone (`Board.maintain`).
        """
        name = self.component.name
        planned = any(window.covers(name, now.wall) for window in self._setting.maintenance)
        if self.standing.stage is not Stage.CALM or planned:
            return []
        found = self._find(now, self.standing.floor)
        if found is None or (answered_only and not found.answered):
            return []
        return [self._open(found, now)]

    def _find(self, now: Moment, floor: float) -> Found | None:
        return find(self.pools, self._windows, self._policy, now.mono, floor)

    def _open(self, found: Found, now: Moment) -> Announce:
        old = self.standing
        again = old.closed is not None and now.mono - old.closed <= self._policy.close.reopen_within
        self.totals = Totals.over(found.entries)
        hour = now.mono - self._policy.close.flaps_in
        reopened = tuple(when for when in old.reopened if when >= hour)
        state = outage_state(found.entries, State.PARTIAL_OUTAGE, self._policy.severity)
        incident = self._incident(found, state, now)
        event = EventType.OPENED
        if again and old.incident is not None:
            event = EventType.REOPENED
            reopened = (*reopened, now.mono)
            incident = replace(
                incident,
                id=old.incident.id,
                started_at=old.incident.started_at,
                opened_at=old.incident.opened_at,
                severity=worse(old.incident.severity, incident.severity),
                reopens=old.incident.reopens + 1,
                sequence=old.incident.sequence + 1,
            )
        self.standing = replace(
            old,
            stage=TRANSITIONS[old.stage, Signal.BREACH],
            incident=incident,
            depth=found.pool.depth,
            state=state,
            onset=found.breach.onset,
            recovered=None,
            relapsed=False,
            told=False,
            reopened=reopened,
        )
        return self._announce(event, incident, now)

    def _incident(self, found: Found, state: State, now: Moment) -> Incident:
        """A new incident over the totals as they stand."""
        pool, breach = found.pool, found.breach
        started_at = now.wall_at(breach.onset)
        return Incident(
            id=incident_id(self._setting.vantage, now.wall, self.component.name),
            vantage=self._setting.vantage,
            phase=IncidentPhase.OPEN,
            severity=severity_of(state),
            cause=self.totals.cause(),
            depth=pool.depth,
            deepest_good=deepest_good(self.pools, pool, self._windows, self._policy, now.mono),
            reason=breach.reason,
            explanation=breach.sentence,
            components=(Impact(component=self.component.name, state=state, since=started_at),),
            started_at=started_at,
            opened_at=now.wall,
            evidence=self.totals.evidence(now.mono - breach.onset, self._depths),
        )

    # ------------------------------------------------------------ open: how bad, and is it over?

    def _deciding(self) -> Pool:
        """The pool that opened; the deepest of the shallower ones if a reload took it away."""
        level = self.standing.depth.level
        fitting = [pool for pool in self.pools if pool.depth.level <= level]
        return fitting[-1] if fitting else self.pools[0]

    def _weigh(self, now: Moment) -> list[Effect]:
        """Follow the share of bad runs: the state moves both ways, the severity only up."""
        standing = self.standing
        if standing.stage is not Stage.OPEN:
            return []
        incident = self._current()
        since = max(standing.onset, now.mono - self._policy.severity.window)
        entries = self._windows.since(self._deciding().names, since)
        state = outage_state(entries, standing.state, self._policy.severity)
        if state is standing.state:
            return []
        bad, major = sum(entry.bad for entry in entries), self._policy.severity.major
        severity = worse(incident.severity, severity_of(state))
        risen = severity is not incident.severity
        incident = replace(
            incident,
            severity=severity,
            components=tuple(
                replace(impact, state=state, since=now.wall) for impact in incident.components
            ),
            evidence=self._evidence(now),
            cause=self.totals.cause(),
        )
        if risen:
            incident = replace(
                incident,
                reason=Reason.SEVERITY_CHANGED,
                explanation=(
                    f"severity: {bad} of {len(entries)} runs of the pool bad in "
                    f"{now.mono - since:.0f} s ({major:.0%} is a major outage)"
                ),
                sequence=incident.sequence + 1,
            )
        self.standing = replace(standing, state=state, incident=incident)
        if risen:
            return [self._announce(EventType.UPDATED, incident, now)]
        return [Revise(incident=incident)]

    def _recover(self, now: Moment) -> list[Effect]:
        """A row of good runs, and no probe of the pool still failing."""
        standing = self.standing
        if standing.stage is not Stage.OPEN:
            return []
        pool = self._deciding()
        entries = self._windows.since(pool.names, standing.onset)
        streak = good_streak(entries)
        if len(streak) < pool.successes or still_failing(
            pool, self._windows, self._policy, now.mono
        ):
            return []
        recovered = streak[0].started
        recovered_at = now.wall_at(recovered)
        needs = f"needs {pool.successes}, and no probe of the pool still failing"
        incident = replace(
            self._current(),
            phase=IncidentPhase.RECOVERING,
            reason=Reason.GOOD_STREAK,
            explanation=f"recovering: the last {len(streak)} runs of the pool good ({needs})",
            recovered_at=recovered_at,
            evidence=self._evidence(now),
            sequence=self._current().sequence + (not standing.told),
        )
        self.standing = replace(
            standing,
            stage=TRANSITIONS[standing.stage, Signal.GOOD_STREAK],
            incident=incident,
            state=State.PARTIAL_OUTAGE,
            recovered=recovered,
            told=True,
        )
        if standing.told:
            return [Revise(incident=incident)]
        return [self._announce(EventType.RECOVERING, incident, now)]

    # ------------------------------------------------------------ recovering: back, or closed?

    def _relapse(self, now: Moment) -> list[Effect]:
        """Too many bad runs since the recovery, or a rule met again by them alone."""
        standing = self.standing
        if standing.stage is not Stage.RECOVERING:
            return []
        since = standing.recovered or standing.onset
        why = relapse(self._deciding(), self._windows, since)
        if why is None:
            found = self._find(now, since)
            if found is None:
                return []
            why = found.breach.sentence
        incident = replace(
            self._current(),
            phase=IncidentPhase.OPEN,
            reason=Reason.RELAPSE,
            explanation=why,
            recovered_at=None,
            evidence=self._evidence(now),
        )
        self.standing = replace(
            standing,
            stage=TRANSITIONS[standing.stage, Signal.RELAPSE],
            incident=incident,
            recovered=None,
            relapsed=True,
        )
        return [Revise(incident=incident)]

    def _close(self, now: Moment) -> list[Effect]:
        standing, pool = self.standing, self._deciding()
        why = clean(standing, pool, self._windows, self._policy, self._heard, now.mono)
        if why is None:
            return []
        return [self._end(Signal.CLEAN, Reason.CLEAN_WINDOW, why, now)]

    def _end(self, signal: Signal, reason: Reason, why: str, now: Moment) -> Announce:
        """Close the incident."""
        standing = self.standing
        incident = replace(
            self._current(),
            phase=IncidentPhase.CLOSED,
            reason=reason,
            explanation=why,
            closed_at=now.wall,
            evidence=self._evidence(now),
            sequence=self._current().sequence + 1,
        )
        self.standing = replace(
            standing,
            stage=TRANSITIONS[standing.stage, signal],
            incident=incident,
            state=State.OPERATIONAL,
            closed=now.mono,
            floor=standing.recovered or now.mono,
        )
        return self._announce(EventType.CLOSED, incident, now)

    def stopped(self, why: str, now: Moment) -> list[Effect]:
        """Its incident is ended by hand."""
        return [self._end(Signal.GONE, Reason.OPERATOR, why, now)]

    def _current(self) -> Incident:
        """The incident that lasts.

        Raises:
            LookupError: there is none, which would be a bug.
        """
        if self.standing.incident is None:
            msg = f"{self.component.name} has no incident"
            raise LookupError(msg)
        return self.standing.incident

    def _evidence(self, now: Moment) -> Evidence:
        return self.totals.evidence(now.mono - self.standing.onset, self._depths)

    def _announce(self, event: EventType, incident: Incident, now: Moment) -> Announce:
        return Announce(
            event=Event(
                id=event_id(incident.id, incident.sequence),
                type=event,
                at=now.wall,
                vantage=self._setting.vantage,
                summary=self._setting.describe(event, incident),
                reason=incident.reason,
                incident=incident,
            )
        )

    def snapshot(self) -> dict[str, Any]:
        """All that is remembered, as plain values."""
        return {
            "standing": standing_to_plain(self.standing),
            "totals": self.totals.snapshot(),
            "heard": dict(self._heard),
        }

    def restore(self, saved: Mapping[str, Any], shift: float) -> None:
        """Take over a snapshot; `shift` seconds are added to its monotonic times."""
        self.standing = standing_from_plain(saved["standing"], shift)
        self.totals = Totals.restored(saved["totals"])
        self._heard = {name: when + shift for name, when in saved["heard"].items()}
