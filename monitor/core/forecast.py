"""What the plan can find: which rule opens each component, and after how long. Arithmetic only.

The question is asked of each pool (a component's enabled probes that go at least so deep) in a
world where an outage begins at a random moment and every run is answered at once with an error.

- The first bad run comes after half a pooled gap, g / 2 with g = 1 / sum(1 / T_i).
- From there, time t counts. The n probes, in order of interval, start at k * T_k / n and every T_k
  after that. Bad runs ask for more: each probe that may burst gives one run every `burst.gap`
  seconds, a paid one at most `burst.paid_extra`.
- *fast* opens at the first t within its window at which the share-limited count (no probe above
  half), its share of the window's runs (those before the outage were good) and the span are met.
- *solo* opens at the first t at which one probe of the pool's own depth has its count and its span
  by itself.
- *slow* is the rule for outages that come and go: under an unbroken outage each probe has one
  episode for ever. So it is asked of a world where every second run is bad. An episode then takes
  two gaps, and the time is max(span, 2 * (episodes - 1) * g). Bursts are left out.

Outages that never answer take longer: add the soft deadline and the longer span. What would take
over a day counts as never: an incident found after a day is found by somebody else.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from monitor.core.burst import paid_extra
from monitor.core.incident import Reason
from monitor.core.outcome import Depth
from monitor.core.plan import Plan, ProbePlan
from monitor.core.policy import Burst, Policy
from monitor.core.rules import share_limited
from monitor.core.scale import FAST_PROBES_MIN, fast_window, pooled_gap, slow_window

DAY = 86_400.0
OPENING_SECONDS_MAX = DAY
"""A rule that needs longer than this counts as one that never opens."""

STEPS_MAX = 2_000
"""How many starts of each probe, and of bursts, are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A rule that can open a component.

    Attributes:
        reason: the rule: fast, solo or slow.
        depth: the pool in which it is met.
        seconds: mean seconds from the begin of the outage to the decision.
    """

    reason: Reason
    depth: Depth
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolForecast:
    """One pool: the enabled probes of a component that go at least as deep as `depth`.

    Attributes:
        depth: the shallowest depth in it.
        probes: their names.
        gap: mean seconds between two runs of the pool.
        openings: the rules that can open it, quickest first.
    """

    depth: Depth
    probes: tuple[str, ...]
    gap: float
    openings: tuple[Opening, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentForecast:
    """What the plan can find out about one component.

    Attributes:
        component: its name.
        pools: one for each depth at which an enabled probe stands, shallowest first.
        opening: the quickest rule of all pools; None when no rule can ever open the component.
        runs_per_day: scheduled runs that are evidence for it, without bursts.
    """

    component: str
    pools: tuple[PoolForecast, ...]
    opening: Opening | None
    runs_per_day: float


def forecast(plan: Plan, policy: Policy) -> tuple[ComponentForecast, ...]:
    """One forecast a component, in the plan's order."""
    return tuple(_component(plan, policy, component.name) for component in plan.components)


def _component(plan: Plan, policy: Policy, component: str) -> ComponentForecast:
    probes = tuple(probe for probe in plan.enabled() if component in probe.components)
    pools = tuple(
        _pool(policy, depth, tuple(p for p in probes if p.depth.level >= depth.level))
        for depth in Depth
        if any(probe.depth is depth for probe in probes)
    )
    openings = [opening for pool in pools for opening in pool.openings]
    return ComponentForecast(
        component=component,
        pools=pools,
        opening=min(openings, key=lambda opening: opening.seconds, default=None),
        runs_per_day=sum(DAY / probe.interval for probe in probes),
    )


def _pool(policy: Policy, depth: Depth, probes: tuple[ProbePlan, ...]) -> PoolForecast:
    gap = pooled_gap(probe.interval for probe in probes)
    times = (
        (Reason.FAST, _fast_seconds(policy, probes, gap)),
        (Reason.SOLO, min(_solo_seconds(policy, p) for p in probes if p.depth is depth)),
        (Reason.SLOW, _slow_seconds(policy, len(probes), gap)),
    )
    openings = sorted(
        (
            Opening(reason=reason, depth=depth, seconds=seconds)
            for reason, seconds in times
            if seconds <= OPENING_SECONDS_MAX
        ),
        key=lambda opening: opening.seconds,
    )
    names = tuple(probe.name for probe in probes)
    return PoolForecast(depth=depth, probes=names, gap=gap, openings=tuple(openings))


def _fast_seconds(policy: Policy, probes: tuple[ProbePlan, ...], gap: float) -> float:
    """Seconds until fast opens; infinite when it cannot."""
    rule = policy.fast
    if len(probes) < FAST_PROBES_MIN:
        return math.inf
    window = fast_window(rule, gap)
    number, ratio = rule.needed(len(probes))
    ordered = sorted(probes, key=lambda probe: probe.interval)

    def met(seconds: float) -> bool:
        bad = Counter(
            {
                probe.name: _bad_runs(policy, probe, seconds, place * probe.interval / len(ordered))
                for place, probe in enumerate(ordered)
            }
        )
        counted = share_limited(bad)
        before = max(0.0, window - seconds) / gap
        return counted >= number and counted >= ratio * (bad.total() + before)

    grid = _moments((policy.burst.gap, *(probe.interval / len(ordered) for probe in ordered)))
    return gap / 2 + _first(met, grid, at_least=rule.span, at_most=window)


def _solo_seconds(policy: Policy, probe: ProbePlan) -> float:
    """Seconds until solo opens on `probe`; infinite when that lies beyond every horizon."""
    rule = policy.solo

    def met(seconds: float) -> bool:
        return _bad_runs(policy, probe, seconds, 0.0) >= rule.failures

    bursts = _bursts(policy.burst, probe)
    steps = (policy.burst.gap, probe.interval) if bursts else (probe.interval,)
    found = _first(met, _moments(steps), at_least=rule.span, at_most=math.inf)
    return probe.interval / 2 + found


def _slow_seconds(policy: Policy, probes: int, gap: float) -> float:
    """Seconds until the quickest of the slow rules opens; infinite when none can."""
    found = math.inf
    for rule in policy.slow:
        episodes = rule.episodes_for(probes)
        seconds = max(rule.span, 2 * (episodes - 1) * gap)
        half_is_enough = rule.ratio <= 1 / 2
        if half_is_enough and seconds <= slow_window(rule, probes, gap):
            found = min(found, gap / 2 + seconds)
    return found


def _bursts(burst: Burst, probe: ProbePlan) -> bool:
    return probe.burst and burst.extra > 0


def _bad_runs(policy: Policy, probe: ProbePlan, seconds: float, offset: float) -> int:
    """Runs of `probe` within `seconds` of the first bad one, its own first at `offset`."""
    scheduled = max(0, 1 + math.floor((seconds - offset) / probe.interval))
    if not _bursts(policy.burst, probe):
        return scheduled
    extra = math.floor(seconds / policy.burst.gap)
    if probe.paid:
        extra = min(extra, paid_extra(probe, policy.burst, policy.solo))
    return scheduled + extra


def _moments(steps: Iterable[float]) -> list[float]:
    """The moments at which a run may start, in order: multiples of every step."""
    return sorted({place * step for step in steps for place in range(STEPS_MAX)})


def _first(
    met: Callable[[float], bool], moments: list[float], *, at_least: float, at_most: float
) -> float:
    """The first of `moments` between the two bounds at which `met`; infinite when there is none."""
    return next(
        (moment for moment in moments if at_least <= moment <= at_most and met(moment)), math.inf
    )
