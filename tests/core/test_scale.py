from __future__ import annotations

import math

import pytest

from monitor.core.policy import Fast, Slow, Solo
from monitor.core.scale import fast_window, pooled_gap, slow_window, solo_reach


@pytest.mark.parametrize(
    ("intervals", "gap"),
    [((30.0,), 30.0), ((30.0, 30.0, 30.0), 10.0), ((15.0, 30.0), 10.0), ((), math.inf)],
)
def test_a_pool_gives_a_run_every_gap(intervals: tuple[float, ...], gap: float) -> None:
    assert pooled_gap(intervals) == pytest.approx(gap)


@pytest.mark.parametrize(("gap", "window"), [(5.0, 60.0), (10.0, 65.0), (60.0, 390.0)])
def test_the_fast_window_holds_six_and_a_half_gaps(gap: float, window: float) -> None:
    assert fast_window(Fast(), gap) == window


@pytest.mark.parametrize(
    ("probes", "gap", "window"),
    [(4, 10.0, 300.0), (4, 60.0, 600.0), (3, 60.0, 480.0), (2, 40.0, 320.0)],
)
def test_a_slow_window_holds_its_episodes_when_every_second_run_is_bad(
    probes: int, gap: float, window: float
) -> None:
    assert slow_window(Slow(), probes, gap) == window


@pytest.mark.parametrize(("interval", "reach"), [(10.0, 80.0), (30.0, 120.0), (120.0, 480.0)])
def test_solo_reaches_over_its_span_or_its_count(interval: float, reach: float) -> None:
    assert solo_reach(Solo(), interval) == reach
