"""Figures with their intervals, all at 95 %."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Z = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A value and the interval that it stands in; `inf` is a time that never came."""

    value: float
    low: float
    high: float


def percentile(values: Sequence[float], share: float) -> Figure:
    """The value below which `share` of all lie, between two order statistics.

    Which two: those whose ranks a binomial count (by its normal approximation) leaves free.
    """
    ordered = sorted(values)
    count = len(ordered)
    spread = Z * math.sqrt(count * share * (1 - share))

    def ranked(rank: float) -> float:
        return ordered[min(count - 1, max(0, math.ceil(rank) - 1))]

    middle = share * count
    return Figure(
        value=ranked(middle), low=ranked(middle - spread), high=ranked(middle + spread + 1)
    )


def proportion(hits: int, count: int) -> Figure:
    """A share with Wilson's interval."""
    share, square = hits / count, Z * Z / count
    centre = (share + square / 2) / (1 + square)
    spread = Z / (1 + square) * math.sqrt(share * (1 - share) / count + square / count / 4)
    return Figure(value=share, low=max(0.0, centre - spread), high=min(1.0, centre + spread))


def rate(events: int, exposure: float) -> Figure:
    """Events per unit of exposure with the exact interval of a Poisson count."""
    low = _mean_with(lambda mean: 1 - _at_most(events - 1, mean), 0.025) if events else 0.0
    high = _mean_with(lambda mean: 1 - _at_most(events, mean), 0.975)
    return Figure(value=events / exposure, low=low / exposure, high=high / exposure)


def mean(values: Sequence[float]) -> Figure:
    """The mean, and twice its standard error around it."""
    count = len(values)
    middle = sum(values) / count
    variance = sum((value - middle) ** 2 for value in values) / max(1, count - 1)
    spread = Z * math.sqrt(variance / count)
    return Figure(value=middle, low=middle - spread, high=middle + spread)


def _at_most(events: int, mean_count: float) -> float:
    """The chance that a Poisson count of this mean is at most `events`."""
    logs = (
        count * math.log(mean_count) - mean_count - math.lgamma(count + 1)
        for count in range(events + 1)
    )
    return math.fsum(math.exp(log) for log in logs)


def _mean_with(chance: Callable[[float], float], wanted: float) -> float:
    """The mean at which a chance that rises with it is `wanted`."""
    low, high = 1e-9, 1e4
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if chance(middle) < wanted else (low, middle)
    return (low + high) / 2
