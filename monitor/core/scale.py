"""How the detector's windows grow with the plan: a rule with fixed seconds cannot fire at T = 60 s.

A pool of probes with the intervals T_i gives one run every g = 1 / sum(1 / T_i) seconds. Windows
must hold enough of these gaps for the counts that they are asked for. The detector uses these
functions to judge and the forecast to predict, so that both mean the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from monitor.core.policy import Fast, Slow, Solo

FAST_PROBES_MIN = 2
"""The fast rule needs two witnesses: no probe may give more than half of the evidence."""


def pooled_gap(intervals: Iterable[float]) -> float:
    """Mean seconds between two runs of a pool whose probes have these intervals (all above 0).

    Infinite for an empty pool.
    """
    rate = sum(1 / interval for interval in intervals)
    return 1 / rate if rate else math.inf


def fast_window(fast: Fast, gap: float) -> float:
    """Seconds that the fast rule looks back in a pool with one run every `gap` seconds."""
    return max(fast.window, fast.window_gaps * gap)


def slow_window(slow: Slow, probes: int, gap: float, more: int = 0) -> float:
    """Seconds that a slow rule looks back in a pool of `probes`, one run every `gap` seconds.

    `more` episodes than usual are needed where it is noisy.

    Long enough for its episodes when every second run is bad: two bad runs in a row of one probe
    are one episode, so an episode takes two gaps.
    """
    return max(slow.window, 2 * (slow.episodes_for(probes) + more) * gap)


def solo_reach(solo: Solo, interval: float) -> float:
    """Seconds from the first to the last run that solo needs of a probe without extra runs.

    What remembers runs must remember them for so long.
    """
    return interval * max(solo.failures - 1, math.ceil(solo.span / interval))
