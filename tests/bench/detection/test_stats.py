"""Intervals, against values known from tables."""

from __future__ import annotations

import math

import pytest

from tests.bench.detection.stats import mean, percentile, proportion, rate


@pytest.mark.parametrize(
    ("events", "low", "high"),
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.39), (100, 81.36, 121.63)],
)
def test_a_rate_has_the_exact_interval_of_poisson(events: int, low: float, high: float) -> None:
    found = rate(events, 2.0)

    assert found.value == events / 2
    assert found.low == pytest.approx(low / 2, abs=0.005)
    assert found.high == pytest.approx(high / 2, abs=0.005)


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (50, 100, 0.4038, 0.5962)],
)
def test_a_share_has_wilsons_interval(hits: int, count: int, low: float, high: float) -> None:
    found = proportion(hits, count)

    assert found.low == pytest.approx(low, abs=0.0005)
    assert found.high == pytest.approx(high, abs=0.0005)


def test_a_percentile_lies_between_two_order_statistics() -> None:
    found = percentile([float(value) for value in range(1, 101)], 0.5)

    assert (found.low, found.value, found.high) == (41.0, 50.0, 61.0)


def test_what_never_came_is_last() -> None:
    found = percentile([3.0, math.inf, 1.0, 2.0], 0.95)

    assert found.value == math.inf


def test_a_mean_has_its_standard_error() -> None:
    found = mean([1.0, 3.0] * 50)

    assert found.value == 2.0
    assert found.high - 2.0 == pytest.approx(0.197, abs=0.001)
