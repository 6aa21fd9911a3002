"""Pools: the probes of a component that go at least so deep.

A healthy hello says nothing about keys, and shallow probes must not outvote deep ones. So each rule
runs once per depth, over the probes that go at least that deep: if the edge dies every pool fails,
if only keys are refused the pools from `key` down do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from monitor.core.outcome import Depth
from monitor.core.plan import Plan, ProbePlan
from monitor.core.policy import Policy
from monitor.core.scale import fast_window, pooled_gap, slow_window, solo_reach

RECOVER_SECONDS = 150.0
"""A pool so slow that its row of good runs would take longer than this needs a shorter row."""

RECOVER_MIN = 3
RECOVER_EACH = 2
"""Good runs in a row for each probe of the pool: a large pool that is half well has long rows."""

PAID_CADENCE = 60.0
"""Seconds between the runs of a paid probe while a component of it is not well, at most."""

CLOSE_FILL = 0.8
"""Share of the runs due in the close window that must have come, where it cannot hold more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """One pool with the numbers that follow from its probes' intervals.

    Attributes:
        depth: how deep its probes go at least.
        probes: the probes.
        names: their names.
        fast_window: seconds that the fast rule looks back.
        gap: mean seconds between two scheduled runs.
        slow_windows: seconds and episodes of each slow rule, in the policy's order: those for a
            calm place first, then those that need one episode more, and so on.
        successes: good runs in a row that mean recovering.
        close_stretch: seconds that a close window lasts at least, so that all are heard.
        close_gap: mean seconds between two runs while not operational.
        longest_window: seconds that the longest of its rules looks back.
    """

    depth: Depth
    probes: tuple[ProbePlan, ...]
    names: tuple[str, ...]
    fast_window: float
    gap: float
    slow_windows: tuple[tuple[tuple[float, int], ...], ...]
    successes: int
    close_stretch: float
    close_gap: float
    longest_window: float

    def close_samples(self, window: float, wanted: int) -> int:
        """How many runs the close window of `window` seconds must hold."""
        return max(2, min(wanted, math.floor(CLOSE_FILL * window / self.close_gap)))


def cadence_of(probe: ProbePlan, policy: Policy) -> float:
    """Seconds between the runs of `probe` while a component of it is not operational.

    Those that may not be asked more often keep their own interval. Paid ones run once a minute: an
    incident cannot close before each of its probes was heard, and waits for a slow one.
    """
    if not probe.burst:
        return probe.interval
    cadence = max(policy.cadence, PAID_CADENCE) if probe.paid else policy.cadence
    return min(probe.interval, cadence)


def pools_of(component: str, plan: Plan, policy: Policy) -> tuple[Pool, ...]:
    """The pools of `component`, shallowest first: one for each depth that has an enabled probe."""
    return pools_over([p for p in plan.enabled() if component in p.components], policy)


def pools_over(probes: Sequence[ProbePlan], policy: Policy) -> tuple[Pool, ...]:
    """The pools of these probes, shallowest first."""
    depths = sorted({probe.depth for probe in probes}, key=lambda depth: depth.level)
    return tuple(
        _pool(depth, tuple(p for p in probes if p.depth.level >= depth.level), policy)
        for depth in depths
    )


def _pool(depth: Depth, probes: tuple[ProbePlan, ...], policy: Policy) -> Pool:
    gap = pooled_gap(probe.interval for probe in probes)
    cadences = [cadence_of(probe, policy) for probe in probes]
    close_gap = pooled_gap(cadences)
    wanted = max(policy.recover.successes, RECOVER_EACH * len(probes))
    reachable = max(RECOVER_MIN, math.ceil(RECOVER_SECONDS / close_gap))
    fast = fast_window(policy.fast, gap)
    size = len(probes)
    slow = tuple(
        tuple(
            (slow_window(rule, size, gap, more), rule.episodes_for(size) + more)
            for rule in policy.slow
        )
        for more in range(len(policy.noise.levels) + 1)
    )
    longest_slow = max((window for level in slow for window, _ in level), default=0.0)
    solo = max(solo_reach(policy.solo, probe.interval) for probe in probes)
    return Pool(
        depth=depth,
        probes=probes,
        names=tuple(probe.name for probe in probes),
        fast_window=fast,
        gap=gap,
        slow_windows=slow,
        successes=min(wanted, reachable),
        close_stretch=1.2 * max(cadences),
        close_gap=close_gap,
        longest_window=max(fast, solo, longest_slow),
    )
