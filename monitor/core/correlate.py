"""Which failures are one incident, and what is told of it.

Detectors say what becomes of each component (`Transition`). Here that becomes incidents, of one
component or of several, and announcements.

Which incident. A component belongs to at most one that lasts. One that fails joins

1. the incident that it belonged to and that still lasts,
2. one whose pools hold a probe that gave bad runs of this component too,
3. a wide one whose last member began to fail within a quarter of an hour of this one: what breaks
   at Claude breaks in several places, and two causes at once are rarer than one that spreads,
4. if one family of models is all that fails, one of another family near in time: that is wider,
5. the one that it belonged to and that closed less than a quarter of an hour ago: it reopens,

or else it opens one of its own. A family of models that is dead alone, and slowness, are small
matters (minor) and draw nobody in; what they turn into is an update of the same incident.

What is told. An incident opens, recovers when all its members do, closes when all are well. What
changes in between (members that join or leave, a severity that rises) is gathered and told at once,
so that a large outage is a handful of messages. A relapse is not told; an incident that keeps
coming back is called flapping, once. An opening on runs that never reached the vendor is a suspect
first: kept and shown, told only when it is confirmed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from monitor.core.case import Case, case_from_plain, case_to_plain, member_after
from monitor.core.detector import Detector
from monitor.core.effects import Effect
from monitor.core.incident import EventType, Happening, Incident, Reason, State
from monitor.core.moment import Moment
from monitor.core.orphans import case_of, standing_of
from monitor.core.outcome import Outcome
from monitor.core.plan import Plan
from monitor.core.policy import Policy
from monitor.core.standing import Signal, Stage
from monitor.core.telling import Teller
from monitor.core.transition import Source, Transition
from monitor.core.window import Entry, Windows

Describe = Callable[[EventType, Incident], str]
"""The sentence for an event about an incident."""

_NOTES = {
    Signal.WIDENED: Happening.WIDENED,
    Signal.CHANGED: Happening.CHANGED,
    Signal.GOOD_STREAK: Happening.RECOVERING,
    Signal.RELAPSE: Happening.RELAPSED,
}


class Correlator:
    """The incidents that last, and those that closed a short while ago."""

    def __init__(
        self,
        plan: Plan,
        policy: Policy,
        windows: Windows,
        detectors: Mapping[str, Detector],
        describe: Describe,
    ) -> None:
        """None yet."""
        self._policy = policy
        self._windows = windows
        self._detectors = detectors
        self.plan = plan
        self._teller = Teller(plan, policy, windows, describe)
        self.cases: list[Case] = []

    # ------------------------------------------------------------ what is known

    def lasting(self) -> tuple[Incident, ...]:
        """The announced incidents that last."""
        return tuple(
            c.incident for c in self.cases if c.incident.is_open and c.incident.is_announced
        )

    def suspects(self) -> tuple[Incident, ...]:
        """Those that wait to be confirmed."""
        return tuple(case.incident for case in self.cases if case.suspected is not None)

    def of(self, component: str) -> Case | None:
        """The case that lasts and that `component` belongs to, be it well again."""
        for case in self.cases:
            if case.closed is None and component in case.members:
                return case
        return None

    def incident_of(self, component: str) -> Incident | None:
        """The announced incident that lasts and touches `component` now."""
        case = self.of(component)
        return case.incident if case is not None and not self.unannounced(component) else None

    def unannounced(self, component: str) -> bool:
        """Whether nothing was told yet of what `component` may have."""
        case = self.of(component)
        return case is None or case.suspected is not None or component not in case.names

    # ------------------------------------------------------------ what comes in

    def entered(self, entry: Entry, before: Entry | None) -> None:
        """A usable run is in the windows; `before` is the entry that it replaced."""
        for case in self.cases:
            if case.closed is None and entry.started >= case.onset and entry.probe in case.probes:
                if before is not None:
                    case.totals.take_back(before)
                case.totals.add(entry)

    def taken_back(self, entry: Entry) -> None:
        """A run that was entered turned out to be unusable."""
        for case in self.cases:
            if case.closed is None and entry.started >= case.onset and entry.probe in case.probes:
                case.totals.take_back(entry)

    def apply(self, steps: Sequence[Transition], now: Moment) -> list[Effect]:
        """Steps of one moment: what they make of the incidents."""
        touched: list[Case] = []
        for step in steps:
            case = self._case_for(step, now)
            if case is None:
                continue
            self._take(case, step, now)
            if all(case is not other for other in touched):
                touched.append(case)
        effects: list[Effect] = []
        for case in touched:
            effects += self._teller.settle(case, now)
            self._drop(case, now)
        return effects

    def tick(self, now: Moment) -> list[Effect]:
        """Time has passed: what was gathered is told, suspects are confirmed or withdrawn."""
        effects: list[Effect] = []
        for case in list(self.cases):
            if case.closed is not None:
                if now.mono - case.closed > self._policy.close.reopen_within:
                    self.cases.remove(case)
                continue
            effects += self._teller.tick(case, now)
            self._drop(case, now)
        return effects

    def sighted(self, now: Moment) -> None:
        """This host sees again: a suspect needs runs that began since, and its full wait."""
        for case in self.cases:
            if case.suspected is not None:
                case.suspected = now.mono

    def stop(self, incident_id: str, sentence: str, now: Moment) -> list[Effect]:
        """End an incident by an operator's word; nothing when none of that id lasts."""
        for case in list(self.cases):
            if case.incident.id == incident_id and case.closed is None:
                for name in case.names:
                    self._detectors[name].stopped(now)
                effects = self._teller.close(case, (Reason.OPERATOR, sentence), now)
                self.cases.remove(case)
                return effects
        return []

    def _drop(self, case: Case, now: Moment) -> None:
        """Forget a suspect that was withdrawn."""
        if case.suspected is None or case.incident.is_open:
            return
        self.cases.remove(case)
        for name in case.names:
            self._detectors[name].dropped(now)

    # ------------------------------------------------------------ which incident

    def _case_for(self, step: Transition, now: Moment) -> Case | None:
        """The case that a step belongs to, a new one if need be; None where it is passed over."""
        case = self.of(step.component)
        if step.signal is not Signal.BREACH:
            return case
        if step.source is Source.LATENCY:
            if case is not None and step.component in case.names:
                return None
            return self._slow_too(step) or self._begin(step, now)
        return case or self._joined(step) or self._reopened(step) or self._begin(step, now)

    def _joined(self, step: Transition) -> Case | None:
        """One that lasts and explains the step."""
        lasting = [case for case in self.cases if case.closed is None]
        for case in lasting:
            shared = case.probes if case.wide else case.culprits
            if shared & set(step.culprits):
                return case
        for case in lasting:
            near = abs(step.onset - case.joined) <= self._policy.join_within
            families = case.model is not None and step.family is not None
            if near and (case.wide or families):
                return case
        return None

    def _slow_too(self, step: Transition) -> Case | None:
        """One of slowness alone that the same probes tell of, or that closed a short while ago."""
        for case in self.cases:
            slow = case.closed is None and all(m.stage is Stage.CALM for m in case.active)
            if slow and case.culprits & set(step.culprits):
                return case
        over = (c for c in self.cases if c.closed is not None and c.incident.cause is Outcome.SLOW)
        return next((case for case in over if step.component in case.members), None)

    def _reopened(self, step: Transition) -> Case | None:
        """One that closed a short while ago; which are kept no longer than they may reopen."""
        return next((case for case in self.cases if step.component in case.members), None)

    def _begin(self, step: Transition, now: Moment) -> Case:
        case = self._teller.begin(step, now)
        self.cases.append(case)
        return case

    def _take(self, case: Case, step: Transition, now: Moment) -> None:
        """Let `step` change the member that it is about."""
        old = case.members.get(step.component)
        if step.signal is Signal.BREACH:
            if case.closed is not None and not case.active:
                case.onset = case.joined = step.onset
            case.joined = max(case.joined, step.onset)
            case.proven = case.proven or step.proven
        if step.signal in (Signal.WIDENED, Signal.CHANGED):
            case.changed = step.sentence
        others = case.closed is None and any(m.component != step.component for m in case.active)
        case.members[step.component] = member_after(step, old, now)
        if step.signal in (Signal.BREACH, Signal.WIDENED):
            self._recount(case, step, now)
        what = _NOTES.get(step.signal)
        if step.signal is Signal.BREACH:
            what = Happening.JOINED if others else None
        elif step.signal in (Signal.CLEAN, Signal.GONE):
            what = Happening.LEFT if others else None
        if what is not None:
            case.note(what, now, (step.reason, step.sentence), step.component)
        case.incident = self._teller.latest(case, (step.reason, step.sentence), now)

    def _recount(self, case: Case, step: Transition, now: Moment) -> None:
        """Count the runs of all its pools since its onset, each once."""
        case.onset = min(case.onset, step.onset)
        if now.mono - case.onset < self._windows.horizon:
            entries = self._windows.since(case.probes, case.onset)
            case.totals = type(case.totals).over(entries)
            return
        counted = case.totals.probes()
        for entry in self._windows.since(case.probes - counted, step.onset):
            case.totals.add(entry)

    # ------------------------------------------------------------ memory

    @property
    def waiting(self) -> bool:
        """Whether time alone may bring an announcement."""
        return any(case.closed is None for case in self.cases)

    def abandon(self, case: Case, now: Moment) -> list[Effect]:
        """Close an incident none of whose components is watched any more."""
        sentence = "its components are not in the configuration any more"
        return self._teller.close(case, (Reason.EVIDENCE_GONE, sentence), now)

    def adopt(self, incident: Incident, now: Moment) -> list[Effect]:
        """Take up an incident on record, unless known; its close if nobody is left to tell."""
        if any(incident.id == case.incident.id for case in self.cases):
            return []
        case = case_of(incident, now)
        for member in case.active:
            detector = self._detectors.get(member.component)
            if detector is not None and detector.standing.stage is Stage.CALM:
                detector.standing = standing_of(member, incident)
                names = detector.deciding.names if detector.pools else ()
                case.members[member.component] = replace(member, probes=names)
        self._reconcile([case])
        if not case.active:
            return self.abandon(case, now)
        self.cases.append(case)
        return []

    def snapshot(self) -> list[dict[str, Any]]:
        """All that is remembered, as plain values."""
        return [case_to_plain(case) for case in self.cases]

    def restore(self, saved: Iterable[Mapping[str, Any]], shift: float) -> list[Case]:
        """Take over a snapshot; `shift` seconds are added to its monotonic times.

        Returns:
            The cases that last and none of whose components is watched any more.
        """
        gone: list[Case] = []
        for value in saved:
            case = case_from_plain(value, shift)
            if any(name in self._detectors for name in case.members):
                self.cases.append(case)
            elif case.closed is None:
                gone.append(case)
        self._reconcile(self.cases)
        return gone

    def _reconcile(self, cases: Iterable[Case]) -> None:
        """A member whose detector is gone, or knows nothing of it, is a member no more."""
        for case in cases:
            for name, member in case.members.items():
                detector = self._detectors.get(name)
                calm = detector is None or detector.standing.stage is Stage.CALM
                if calm and member.stage is not Stage.CALM:
                    case.members[name] = replace(
                        member, stage=Stage.CALM, slow=False, state=State.OPERATIONAL
                    )
                    case.due = case.due or case.onset
