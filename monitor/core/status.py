"""What is known now: the state of each component and depth, in words that admit silence."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from monitor.core.correlate import Correlator
from monitor.core.coverage import Coverage, shared_sentence, shared_with
from monitor.core.detector import Detector
from monitor.core.effects import (
    ComponentView,
    CoverageView,
    DepthView,
    Judged,
    ProbeView,
    StateChanged,
)
from monitor.core.guard import ControlGuard
from monitor.core.incident import State
from monitor.core.moment import Moment
from monitor.core.outcome import Depth
from monitor.core.plan import ProbePlan, Window
from monitor.core.policy import Policy
from monitor.core.standing import Stage
from monitor.core.window import Entry, Windows

RATIO_SECONDS = 300.0
SUSPECT_SECONDS = 30.0
UNHEARD = "no usable run of any of its probes lately"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A component's state with its reason."""

    state: State
    reason: str


def fresh(probe: ProbePlan, windows: Windows, policy: Policy, now: float) -> Entry | None:
    """The newest usable run of `probe`, if it is not older than three of its intervals."""
    last = windows.last(probe.name)
    oldest = now - policy.stale_after * probe.interval - probe.soft_deadline
    return last if last is not None and last.started >= oldest else None


def calm_reading(
    detector: Detector, policy: Policy, windows: Windows, blind: str | None, now: Moment
) -> Reading:
    """The state of a component without an incident: silence, or operational.

    `blind` says why this host sees nothing; None while it sees.
    """
    if blind is not None:
        return Reading(state=State.UNKNOWN, reason=f"this host sees nothing: {blind}")
    probes = detector.pools[0].probes if detector.pools else ()
    heard = [probe for probe in probes if fresh(probe, windows, policy, now.mono)]
    if not probes:
        return Reading(state=State.UNKNOWN, reason="no enabled probe is evidence for it")
    if not heard:
        return Reading(state=State.UNKNOWN, reason=UNHEARD)
    deepest = max((probe.depth for probe in heard), key=lambda depth: depth.level)
    text = f"{len(heard)} of {len(probes)} probes heard, down to the depth {deepest}"
    return Reading(state=State.OPERATIONAL, reason=text)


def depth_views(
    detector: Detector, policy: Policy, windows: Windows, broken: State | None, now: Moment
) -> tuple[DepthView, ...]:
    """One row for each depth that has an enabled probe: the probes of exactly that depth.

    `broken` is the state from the deciding depth down: None where there is no incident.
    """
    rows: list[DepthView] = []
    standing = detector.standing
    for pool in detector.pools:
        probes = [probe for probe in pool.probes if probe.depth is pool.depth]
        entries = windows.since([p.name for p in probes], now.mono - RATIO_SECONDS)
        bad = sum(entry.bad for entry in entries)
        known = any(fresh(probe, windows, policy, now.mono) for probe in probes)
        state = State.OPERATIONAL if known else State.UNKNOWN
        if broken is not None and pool.depth.level >= standing.depth.level:
            state = broken
        rows.append(
            DepthView(depth=pool.depth, state=state, probes=len(probes), runs=len(entries), bad=bad)
        )
    return tuple(rows)


def error_ratio(
    detector: Detector, windows: Windows, now: Moment
) -> tuple[float | None, Depth | None]:
    """Share of bad runs over five minutes in the deciding pool, and that pool's depth.

    While calm it is the pool with the largest share, the shallowest among equals.
    """
    standing = detector.standing
    best: tuple[float | None, Depth | None] = (None, None)
    for pool in detector.pools:
        entries = windows.since(pool.names, now.mono - RATIO_SECONDS)
        if not entries:
            continue
        ratio = sum(entry.bad for entry in entries) / len(entries)
        if standing.stage is not Stage.CALM and pool.depth is standing.depth:
            return ratio, pool.depth
        if best[0] is None or ratio > best[0]:
            best = (ratio, pool.depth)
    return best


def _unseen(row: DepthView) -> DepthView:
    """A row as it stands while this host sees nothing."""
    return replace(row, state=State.UNKNOWN) if row.state is State.OPERATIONAL else row


def probe_views(
    probes: Iterable[ProbePlan], proven: Collection[str], last: Mapping[str, Judged]
) -> tuple[ProbeView, ...]:
    """Each probe as it stands now; `last` are the newest runs by probe."""
    return tuple(
        ProbeView(name=probe.name, proven=probe.name in proven, last=last.get(probe.name))
        for probe in probes
    )


class Board:
    """Remembers each component's state and since when it has been so."""

    def __init__(
        self,
        planned: Callable[[], Iterable[Window]],
        policy: Policy,
        windows: Windows,
        guard: ControlGuard,
        detectors: Mapping[str, Detector],
        correlator: Correlator,
    ) -> None:
        """Every component begins unknown, since nobody knows when."""
        self._planned = planned
        self._policy = policy
        self._windows = windows
        self._guard = guard
        self._detectors = detectors
        self._correlator = correlator
        self._states: dict[str, tuple[State, datetime]] = {}
        plan = correlator.plan
        self._coverage = Coverage(plan)
        self._shared = {
            name: (shared_with(plan, name), shared_sentence(plan, name)) for name in detectors
        }

    def learn(self, judged: Judged) -> None:
        """A run has ended: whether it could be used."""
        self._coverage.learn(judged)

    def changes(self, now: Moment) -> list[StateChanged]:
        """Work out each component's state and tell what changed."""
        changed: list[StateChanged] = []
        for name, detector in self._detectors.items():
            reading = self._read(detector, now)
            before = self._states.get(name)
            if before is None and reading.state is State.UNKNOWN:
                self._states[name] = (reading.state, now.wall)  # nobody knew before, either
            elif before is None or before[0] is not reading.state:
                self._states[name] = (reading.state, now.wall)
                changed.append(
                    StateChanged(
                        component=name,
                        before=State.UNKNOWN if before is None else before[0],
                        after=reading.state,
                        at=now.wall,
                        reason=reading.reason,
                    )
                )
        return changed

    def _read(self, detector: Detector, now: Moment) -> Reading:
        """The state of a component: maintenance, an open incident, silence, or operational.

        A suspect changes nothing yet, but is spoken of.
        """
        name = detector.component.name
        for window in self._planned():
            if window.covers(name, now.wall):
                return Reading(state=State.UNDER_MAINTENANCE, reason=window.reason or "maintenance")
        case = self._correlator.of(name)
        incident = self._correlator.incident_of(name)
        if incident is not None:
            state = next(i.state for i in incident.components if i.component == name)
            return Reading(state=state, reason=incident.explanation)
        blind = self._guard.blind_reason()
        reading = calm_reading(detector, self._policy, self._windows, blind, now)
        if reading.reason == UNHEARD:
            lost = self._covered(detector, now).lost_to
            reading = replace(reading, reason=f"{UNHEARD}: {lost}" if lost else UNHEARD)
        if case is not None and case.suspected is not None:
            suspect = f"suspect, not confirmed yet: {case.incident.explanation}"
            return Reading(state=reading.state, reason=suspect)
        return reading

    def busy(self, now: Moment) -> set[str]:
        """The components that no slowness is told of: they fail, or work on them is planned."""
        return {
            name
            for name, detector in self._detectors.items()
            if detector.standing.stage is not Stage.CALM
            or any(window.covers(name, now.wall) for window in self._planned())
        }

    def view(self, now: Moment) -> tuple[ComponentView, ...]:
        """Each component as it stands now."""
        return tuple(self._component(detector, now) for detector in self._detectors.values())

    def _component(self, detector: Detector, now: Moment) -> ComponentView:
        name = detector.component.name
        reading = self._read(detector, now)
        known = self._states.get(name)
        ratio, depth = error_ratio(detector, self._windows, now)
        names = detector.pools[0].names if detector.pools else ()
        recent = self._windows.since(names, now.mono - SUSPECT_SECONDS)
        case = self._correlator.of(name)
        incident = self._correlator.incident_of(name)
        suspected = case is not None and case.suspected is not None
        broken = reading.state if incident is not None else None
        depths = depth_views(detector, self._policy, self._windows, broken, now)
        if self._guard.blind_reason() is not None:
            depths = tuple(_unseen(row) for row in depths)
        return ComponentView(
            name=name,
            title=detector.component.title,
            state=reading.state,
            since=known[1] if known and known[0] is reading.state else now.wall,
            reason=reading.reason,
            error_ratio=ratio,
            deciding_depth=depth,
            depths=depths,
            suspect=incident is None and (suspected or any(entry.bad for entry in recent)),
            incident_id=None if incident is None else incident.id,
            coverage=self._covered(detector, now),
            shared_with=self._shared[name][0],
            shared=self._shared[name][1],
        )

    def _covered(self, detector: Detector, now: Moment) -> CoverageView:
        names = detector.pools[0].names if detector.pools else ()
        return self._coverage.view(names, now.mono)

    def snapshot(self) -> dict[str, Any]:
        """All that is remembered, as plain values."""
        return {name: [state, since.isoformat()] for name, (state, since) in self._states.items()}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take over a snapshot."""
        self._states = {
            name: (State(state), datetime.fromisoformat(since))
            for name, (state, since) in saved.items()
            if name in self._detectors
        }
