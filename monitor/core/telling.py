"""How an incident goes on and what is told of it: each decision once, changes gathered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from monitor.core.case import Case, Member
from monitor.core.effects import Announce, Effect, Revise
from monitor.core.incident import (
    Event,
    EventType,
    Evidence,
    Happening,
    Incident,
    IncidentPhase,
    Interval,
    Reason,
    SeverityLevel,
    State,
    event_id,
    incident_id,
)
from monitor.core.moment import Moment
from monitor.core.opening import path_proven
from monitor.core.outcome import Outcome
from monitor.core.plan import Plan
from monitor.core.policy import Policy
from monitor.core.standing import Stage, severity_of, worse
from monitor.core.transition import Transition
from monitor.core.window import Windows

Why = tuple[Reason, str]
"""A reason from the closed list, and its sentence."""


class Teller:
    """Takes cases from version to version."""

    def __init__(
        self,
        plan: Plan,
        policy: Policy,
        windows: Windows,
        describe: Callable[[EventType, Incident], str],
    ) -> None:
        """`describe` gives the sentence for an event about an incident."""
        self._vantage = plan.vantage
        self._depths = {probe.name: str(probe.depth) for probe in plan.probes}
        self._policy = policy
        self._windows = windows
        self._describe = describe

    def begin(self, step: Transition, now: Moment) -> Case:
        """A case for a component that joins no other: a suspect until it is announced."""
        incident = Incident(
            id=incident_id(self._vantage, now.wall, step.component),
            vantage=self._vantage,
            phase=IncidentPhase.SUSPECT,
            severity=SeverityLevel.MINOR,
            cause=Outcome.TIMEOUT,
            depth=step.depth,
            deepest_good=step.deepest_good,
            reason=step.reason,
            explanation=step.sentence,
            components=(),
            started_at=now.wall_at(step.onset),
            opened_at=now.wall,
            evidence=Evidence(runs=0, bad=0, error_ratio=0.0, window_seconds=0.0),
            sequence=0,
        )
        return Case(
            incident=incident, onset=step.onset, joined=step.onset, suspected=now.mono, fresh=True
        )

    def latest(self, case: Case, why: Why, now: Moment) -> Incident:
        """The next version of its incident, over its members and counts as they stand."""
        before, impacts, who = case.incident, case.impacts(), case.deciding()
        severity = before.severity
        for impact in impacts:
            if impact.state is not State.OPERATIONAL:
                severity = worse(severity, severity_of(impact.state))
        began, began_between = _first(case)
        ends = [m for m in case.members.values() if m.recovered is not None]
        last = max(ends, key=_end) if ends and _over(case) else None
        return replace(
            before,
            severity=severity,
            cause=self._cause(case),
            depth=who.depth,
            deepest_good=who.deepest_good,
            reason=why[0],
            explanation=why[1],
            components=impacts,
            started_at=began,
            started_between=began_between,
            recovered_at=None if last is None else last.recovered,
            recovered_between=None if last is None else last.recovered_between,
            evidence=case.totals.evidence(now.mono - case.onset, self._depths),
            model=case.model,
            asked=who.asked,
        )

    @staticmethod
    def _cause(case: Case) -> Outcome:
        """The commonest bad outcome; slowness where that is all that is the matter."""
        if case.active and all(member.stage is Stage.CALM for member in case.active):
            return Outcome.SLOW
        return case.totals.cause() or case.incident.cause

    # ------------------------------------------------------------ what follows from its members

    def settle(self, case: Case, now: Moment) -> list[Effect]:
        """Its members have changed."""
        if case.suspected is not None:
            return self._suspect(case, now)
        if case.closed is not None:
            return self._reopen(case, now)
        if not case.active:
            return self.close(case, _why(case), now)
        phase, over = case.incident.phase, _over(case)
        if over and phase is IncidentPhase.OPEN:
            return self._recover(case, now)
        if not over and phase is IncidentPhase.RECOVERING:
            return self._relapse(case, now)
        self._gather(case, now)
        return [Revise(incident=case.incident)]

    def tick(self, case: Case, now: Moment) -> list[Effect]:
        """Time has passed."""
        if case.suspected is not None:
            return self._confirm(case, now)
        if not case.active:
            return self.close(case, (Reason.EVIDENCE_GONE, "nothing speaks for it any more"), now)
        if case.due is None or now.mono < case.due:
            return []
        case.due = None
        return self._update(case, now) if _changed(case) else []

    # ------------------------------------------------------------ suspect: is it one?

    def _suspect(self, case: Case, now: Moment) -> list[Effect]:
        if case.proven:
            return self._open(case, _why(case), now)
        if not case.active or _over(case):
            return self._withdraw(case, "its runs are good again", now)
        if case.fresh:
            case.fresh = False
            case.note(Happening.SUSPECTED, now, _why(case))
        return [Revise(incident=case.incident)]

    def _confirm(self, case: Case, now: Moment) -> list[Effect]:
        """Told at once when a run reached the vendor, else when enough fail that start later."""
        suspected, rule = case.suspected or 0.0, self._policy.announce
        entries = self._windows.since(case.probes, min(case.onset, suspected))
        if path_proven(entries, self._policy.fast.answered_min):
            return self._open(case, (Reason.CONFIRMED, "confirmed: the path is proven"), now)
        waited = now.mono - suspected
        later = [entry for entry in entries if entry.started > suspected]
        bad = sum(entry.bad for entry in later)
        counted = f"{bad} of {len(later)} runs bad that began in the {waited:.0f} s since"
        if waited >= rule.after and bad >= rule.failures:
            why = (Reason.CONFIRMED, f"confirmed: {counted} (needs {rule.failures})")
            return self._open(case, why, now)
        if waited >= rule.give_up:
            return self._withdraw(case, f"{counted} (needs {rule.failures})", now)
        return []

    def _open(self, case: Case, why: Why, now: Moment) -> list[Effect]:
        case.suspected, case.fresh = None, False
        if why[0] is Reason.CONFIRMED:
            why = (why[0], f"{case.incident.explanation}; {why[1]}")
        case.note(Happening.OPENED, now, why)
        incident = self.latest(case, why, now)
        incident = replace(incident, phase=IncidentPhase.OPEN, opened_at=now.wall)
        return self._tell(case, EventType.OPENED, incident, now)

    def _withdraw(self, case: Case, sentence: str, now: Moment) -> list[Effect]:
        why = (Reason.NOT_CONFIRMED, f"not confirmed: {sentence}")
        case.note(Happening.WITHDRAWN, now, why)
        case.incident = replace(
            self.latest(case, why, now), phase=IncidentPhase.WITHDRAWN, closed_at=now.wall
        )
        return [Revise(incident=case.incident)]

    # ------------------------------------------------------------ the life of an incident

    def _recover(self, case: Case, now: Moment) -> list[Effect]:
        incident = replace(case.incident, phase=IncidentPhase.RECOVERING)
        if case.recovery_told:
            case.incident = incident
            return [Revise(incident=incident)]
        case.recovery_told = True
        return self._tell(case, EventType.RECOVERING, incident, now)

    def _relapse(self, case: Case, now: Moment) -> list[Effect]:
        case.incident = replace(case.incident, phase=IncidentPhase.OPEN)
        # Who was told that it recovers would wait for a close: say once that it keeps coming back.
        # After a re-open that is known.
        untold = case.recovery_told and case.incident.reopens == 0
        case.flapping_due = self._returned(case, now) and untold
        self._gather(case, now)
        return [Revise(incident=case.incident)]

    def _reopen(self, case: Case, now: Moment) -> list[Effect]:
        case.closed, case.recovery_told = None, False
        self._returned(case, now)
        case.note(Happening.REOPENED, now, _why(case))
        incident = replace(
            case.incident,
            phase=IncidentPhase.OPEN,
            closed_at=None,
            reopens=case.incident.reopens + 1,
        )
        return self._tell(case, EventType.REOPENED, incident, now)

    def close(self, case: Case, why: Why, now: Moment) -> list[Effect]:
        """It is over."""
        case.members = {
            name: replace(
                member,
                stage=Stage.CALM,
                slow=False,
                state=State.OPERATIONAL,
                since=member.since if member.state is State.OPERATIONAL else now.wall,
            )
            for name, member in case.members.items()
        }
        case.closed, case.due, case.flapping_due = now.mono, None, False
        case.note(Happening.CLOSED, now, why)
        incident = self.latest(case, why, now)
        incident = replace(incident, phase=IncidentPhase.CLOSED, closed_at=now.wall)
        if case.suspected is not None:
            case.incident = replace(incident, phase=IncidentPhase.WITHDRAWN)
            return [Revise(incident=case.incident)]
        return self._tell(case, EventType.CLOSED, incident, now)

    def _returned(self, case: Case, now: Moment) -> bool:
        """Count a return within the hour; True when it is flapping from now on."""
        close = self._policy.close
        kept = (when for when in case.returns if when >= now.mono - close.flaps_in)
        case.returns = (*kept, now.mono)
        if case.incident.flapping or len(case.returns) < close.flaps:
            return False
        sentence = f"flapping: it came back {len(case.returns)} times within the hour"
        case.note(Happening.FLAPPING, now, (Reason.FLAPPING, sentence))
        case.incident = replace(case.incident, flapping=True)
        return True

    # ------------------------------------------------------------ what is gathered

    def _gather(self, case: Case, now: Moment) -> None:
        """Set the time at which what has changed is told, if it still has by then."""
        if not _changed(case):
            case.due = None
            return
        rule = self._policy.announce
        left_only = not _grown(case)
        due = now.mono + (rule.leave if left_only else rule.gather)
        if case.updated is not None:
            due = max(due, case.updated + rule.apart)
        case.due = due if case.due is None else min(case.due, due)

    def _update(self, case: Case, now: Moment) -> list[Effect]:
        """Tell all that has changed since the last announcement."""
        joined = [name for name in case.names if name not in case.told]
        left = [name for name in case.told if name not in case.names]
        said: list[Why] = []
        if _widened(case) and not joined:
            what = f"the {case.told_model} models" if case.told_model else f"{case.told_depth}"
            said.append((Reason.WIDENED, f"wider than {what}: {case.changed}"))
        if case.incident.severity is not case.told_severity:
            said.append((Reason.SEVERITY_CHANGED, case.changed or case.incident.explanation))
        if joined:
            said.append((Reason.COMPONENT_JOINED, f"joined: {', '.join(joined)}"))
        if left:
            said.append((Reason.COMPONENT_LEFT, f"well again: {', '.join(left)}"))
        if case.flapping_due:
            sentence = f"flapping: it came back {len(case.returns)} times within the hour"
            said.append((Reason.FLAPPING, sentence))
        case.updated, case.flapping_due = now.mono, False
        why = (said[0][0], "; ".join(dict.fromkeys(sentence for _, sentence in said)))
        return self._tell(case, EventType.UPDATED, self.latest(case, why, now), now)

    def _tell(self, case: Case, event: EventType, incident: Incident, now: Moment) -> list[Effect]:
        """Announce this version."""
        incident = replace(
            incident, sequence=incident.sequence + 1, timeline=case.incident.timeline
        )
        case.incident = incident
        case.told, case.told_severity = case.names, incident.severity
        case.told_model, case.told_depth = incident.model, incident.depth
        told = Event(
            id=event_id(incident.id, incident.sequence),
            type=event,
            at=now.wall,
            vantage=self._vantage,
            summary=self._describe(event, incident),
            reason=incident.reason,
            incident=incident,
        )
        return [Announce(event=told)]


def _first(case: Case) -> tuple[datetime, Interval | None]:
    """When the impact began on the component that it hit first, and how sure that is.

    What was on record before anybody remembered its members stays, unless one is earlier.
    """
    known = [member for member in case.members.values() if member.began is not None]
    begun = case.incident.started_at, case.incident.started_between
    if not known:
        return begun
    first = min(known, key=_start)
    if len(known) < len(case.members) and begun[0] <= _start(first):
        return begun
    return _start(first), first.began_between


def _start(member: Member) -> datetime:
    return member.began or member.joined_at


def _end(member: Member) -> datetime:
    return member.recovered or member.joined_at


def _why(case: Case) -> Why:
    return case.incident.reason, case.incident.explanation


def _over(case: Case) -> bool:
    """Whether the impact of all its members is over, as far as can be told."""
    return all(member.recovering for member in case.active)


def _grown(case: Case) -> bool:
    """Whether more is wrong than was told."""
    joined = any(name not in case.told for name in case.names)
    risen = case.incident.severity is not case.told_severity
    return joined or risen or case.flapping_due or _widened(case)


def _widened(case: Case) -> bool:
    """Whether it reaches other families of models, or shallower, than was told."""
    shallower = case.incident.depth.level < case.told_depth.level
    return shallower or (case.told_model is not None and case.model is None)


def _changed(case: Case) -> bool:
    """Whether anything is to be told."""
    return _grown(case) or any(name not in case.names for name in case.told)
