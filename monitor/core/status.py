"""What is known now: the state of each component and depth, in words that admit silence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from monitor.core.detector import Detector
from monitor.core.effects import ComponentView, DepthView, StateChanged
from monitor.core.guard import ControlGuard
from monitor.core.incident import State
from monitor.core.moment import Moment
from monitor.core.outcome import Depth
from monitor.core.plan import Plan, ProbePlan, Window
from monitor.core.policy import Policy
from monitor.core.standing import Stage
from monitor.core.window import Entry, Windows

RATIO_SECONDS = 300.0
SUSPECT_SECONDS = 30.0


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


def read_state(
    detector: Detector, plan: Plan, policy: Policy, windows: Windows, blind: str | None, now: Moment
) -> Reading:
    """The state of a component: maintenance, an open incident, silence, or operational."""
    name = detector.component.name
    for window in plan.maintenance:
        if window.covers(name, now.wall):
            return Reading(state=State.UNDER_MAINTENANCE, reason=window.reason or "maintenance")
    standing = detector.standing
    if standing.stage is not Stage.CALM and standing.incident is not None:
        return Reading(state=standing.state, reason=standing.incident.explanation)
    if blind is not None:
        return Reading(state=State.UNKNOWN, reason=f"this host sees nothing: {blind}")
    probes = detector.pools[0].probes if detector.pools else ()
    heard = [probe for probe in probes if fresh(probe, windows, policy, now.mono)]
    if not probes:
        return Reading(state=State.UNKNOWN, reason="no enabled probe is evidence for it")
    if not heard:
        return Reading(state=State.UNKNOWN, reason="no usable run of any of its probes lately")
    deepest = max((probe.depth for probe in heard), key=lambda depth: depth.level)
    text = f"{len(heard)} of {len(probes)} probes heard, down to the depth {deepest}"
    return Reading(state=State.OPERATIONAL, reason=text)


def depth_views(
    detector: Detector, policy: Policy, windows: Windows, blind: str | None, now: Moment
) -> tuple[DepthView, ...]:
    """One row for each depth that has an enabled probe: the probes of exactly that depth."""
    rows: list[DepthView] = []
    standing = detector.standing
    for pool in detector.pools:
        probes = [probe for probe in pool.probes if probe.depth is pool.depth]
        entries = windows.since([p.name for p in probes], now.mono - RATIO_SECONDS)
        bad = sum(entry.bad for entry in entries)
        known = any(fresh(probe, windows, policy, now.mono) for probe in probes)
        state = State.OPERATIONAL if known and blind is None else State.UNKNOWN
        if standing.stage is not Stage.CALM and pool.depth.level >= standing.depth.level:
            state = standing.state
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


class Board:
    """Remembers each component's state and since when it has been so."""

    def __init__(
        self,
        plan: Plan,
        policy: Policy,
        windows: Windows,
        guard: ControlGuard,
        detectors: Mapping[str, Detector],
    ) -> None:
        """Every component begins unknown, since nobody knows when."""
        self._plan = plan
        self._policy = policy
        self._windows = windows
        self._guard = guard
        self._detectors = detectors
        self._states: dict[str, tuple[State, datetime]] = {}

    def maintain(self, windows: tuple[Window, ...]) -> None:
        """Planned work as it is known now: shown, while detection goes on."""
        if windows != self._plan.maintenance:
            self._plan = replace(self._plan, maintenance=windows)

    def changes(self, now: Moment) -> list[StateChanged]:
        """Work out each component's state and tell what changed."""
        blind = self._guard.blind_reason()
        changed: list[StateChanged] = []
        for name, detector in self._detectors.items():
            reading = read_state(detector, self._plan, self._policy, self._windows, blind, now)
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

    def states(self) -> dict[str, State]:
        """The state of each component as it was told last."""
        return {name: state for name, (state, _) in self._states.items()}

    def view(self, now: Moment) -> tuple[ComponentView, ...]:
        """Each component as it stands now."""
        return tuple(self._component(detector, now) for detector in self._detectors.values())

    def _component(self, detector: Detector, now: Moment) -> ComponentView:
        blind = self._guard.blind_reason()
        reading = read_state(detector, self._plan, self._policy, self._windows, blind, now)
        known = self._states.get(detector.component.name)
        ratio, depth = error_ratio(detector, self._windows, now)
        standing = detector.standing
        names = detector.pools[0].names if detector.pools else ()
        recent = self._windows.since(names, now.mono - SUSPECT_SECONDS)
        calm = standing.stage is Stage.CALM
        return ComponentView(
            name=detector.component.name,
            title=detector.component.title,
            state=reading.state,
            since=known[1] if known and known[0] is reading.state else now.wall,
            reason=reading.reason,
            error_ratio=ratio,
            deciding_depth=depth,
            depths=depth_views(detector, self._policy, self._windows, blind, now),
            suspect=calm and any(entry.bad for entry in recent),
            incident_id=None if calm or standing.incident is None else standing.incident.id,
        )

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
