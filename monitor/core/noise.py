"""How noisy it usually is here: bad runs while nothing is wrong, and what they ask of a slow rule.

A slow rule counts episodes, and how many of them chance alone brings together depends on how often
a run fails by itself. One number for all would be too many where hardly any does, or too few where
one in a hundred does. So the rule's counts are those for a calm place, and a place that has shown
to be noisier needs more (docs/detection.md has the figures).

What is counted are *disturbances*: bad runs of a pool that come after a minute without one. Extra
runs and the rest of a blip follow the first bad run within seconds, so that a disturbance stands
for a scheduled run that failed, and their number over the runs that were due is the share that
fails by itself. Only what came while the component was calm counts, and not the last hour of it: an
outage is no noise, nor is the trouble that is being judged.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.core.outcome import Depth
from monitor.core.policy import Noise
from monitor.core.pools import Pool

RUNS_MAX = 5_000
"""Upper bound of the bad runs that are remembered of one pool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What is usual in a pool.

    Attributes:
        share: of its runs that fail while nothing is wrong, between 0 and 1.
        more: how many more episodes a slow rule needs for that.
    """

    share: float = 0.0
    more: int = 0


CALM = Usual()


class NoiseMeter:
    """Measures the noise of each pool of one component. Times are monotonic seconds."""

    def __init__(self, pools: Sequence[Pool], rule: Noise) -> None:
        """Nothing was seen: as if it had been calm for `rule.settled`."""
        self._pools = {pool.depth: pool for pool in pools}
        self._rule = rule
        self._bad: dict[Depth, list[float]] = {depth: [] for depth in self._pools}
        self._since: float | None = None

    def heard(self, started: float) -> None:
        """A run took place: from the first one on it can be known what is usual."""
        if self._since is None:
            self._since = started

    def bad(self, probe: str, started: float) -> None:
        """A bad run of `probe` while the component is calm. Runs may come in any order."""
        for depth, pool in self._pools.items():
            if probe in pool.names:
                times = self._bad[depth]
                insort(times, started)
                old = bisect_left(times, times[-1] - self._rule.over)
                del times[: max(old, len(times) - RUNS_MAX)]

    def usual(self, depth: Depth, now: float) -> Usual:
        """What is usual in the pool of that depth; calm where there is no such pool."""
        times = self._bad.get(depth, [])
        until = now - self._rule.lag
        times = times[bisect_left(times, now - self._rule.over) : bisect_left(times, until)]
        if not times or self._since is None:
            return CALM
        apart = self._rule.apart
        disturbances = 1 + sum(later - one > apart for one, later in itertools.pairwise(times))
        seen = max(self._rule.settled, until - max(self._since, now - self._rule.over))
        share = min(1.0, disturbances * self._pools[depth].gap / seen)
        return Usual(share=share, more=sum(share > level for level in self._rule.levels))

    def snapshot(self) -> dict[str, Any]:
        """All that is remembered, as plain values."""
        bad = {depth: list(times) for depth, times in self._bad.items() if times}
        return {"bad": bad, "since": self._since}

    def restore(self, saved: Mapping[str, Any], shift: float) -> None:
        """Take over a snapshot; `shift` seconds are added to its monotonic times."""
        for depth in self._bad:
            self._bad[depth] = [when + shift for when in saved["bad"].get(depth, ())]
        self._since = None if saved["since"] is None else saved["since"] + shift
