"""The pace of one probe: its histogram, its baseline, and when it is slow."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.core.pace import (
    BLOCK_SECONDS,
    BUCKETS_PER_OCTAVE,
    LONGEST,
    SHORTEST,
    UNLEARNED_MAX,
    Histogram,
    Pace,
    bucket_of,
)
from monitor.core.policy import Latency
from tests.factories import NOON

DAY = 86_400.0
MINUTE = 60.0
ROOM = 2.0 ** (1.0 / BUCKETS_PER_OCTAVE)
"""How far off a quantile may be: one bucket."""


def told(pace: Pace, seconds: float, since: float, until: float) -> Pace:
    """A good run each minute in [since, until) that takes so long."""
    started = since
    while started < until:
        pace.add(seconds, started, NOON + timedelta(seconds=started))
        started += MINUTE
    return pace


def learned(policy: Latency | None = None) -> Pace:
    """A probe that took two seconds each minute for two days."""
    return told(Pace(MINUTE, policy or Latency()), 2.0, 0.0, 2 * DAY)


def slow(pace: Pace) -> float | None:
    """Since when it is slow, looked up anew."""
    return pace.slow_since


# ---------------------------------------------------------------- the histogram


def test_a_quantile_is_right_within_a_bucket() -> None:
    histogram = Histogram(DAY)
    for thousandth in range(1, 1001):
        histogram.add(thousandth / 100.0, NOON)
    for share in (0.05, 0.5, 0.95, 1.0):
        assert histogram.quantile(share) == pytest.approx(10.0 * share, rel=ROOM - 1.0)


def test_an_empty_histogram_knows_nothing() -> None:
    histogram = Histogram(DAY)
    assert (histogram.runs, histogram.span, histogram.quantile(0.5)) == (0, 0.0, 0.0)


def test_durations_out_of_all_bounds_are_counted_at_the_bounds() -> None:
    assert bucket_of(0.0) == bucket_of(SHORTEST)
    assert bucket_of(1e9) == bucket_of(LONGEST)


def test_old_blocks_are_forgotten_so_that_memory_is_bounded() -> None:
    histogram = Histogram(DAY)
    for block in range(100):
        at = NOON + timedelta(seconds=block * BLOCK_SECONDS)
        histogram.add(1.0 if block < 90 else 100.0, at)
    assert histogram.span == DAY
    assert histogram.runs == 5
    assert histogram.quantile(0.01) > 50.0
    assert len(histogram.snapshot()) == 5


def test_a_wall_clock_that_was_set_back_goes_on_in_the_newest_block() -> None:
    histogram = Histogram(DAY)
    histogram.add(1.0, NOON)
    histogram.add(1.0, NOON - timedelta(days=300))
    assert (histogram.runs, histogram.span) == (2, 0.0)


# ---------------------------------------------------------------- the baseline


def test_on_the_first_day_nothing_is_slow() -> None:
    pace = told(Pace(MINUTE, Latency()), 2.0, 0.0, DAY - 6 * 3600.0)
    assert pace.usual is None
    assert pace.limit is None
    assert told(pace, 60.0, DAY - 6 * 3600.0, DAY - 5 * 3600.0).slow_since is None
    assert pace.over() == (0, 10)


def test_a_probe_that_is_asked_too_seldom_has_no_baseline() -> None:
    pace = Pace(3600.0, Latency())
    for turn in range(90):
        pace.add(2.0, 3600.0 * turn, NOON + timedelta(hours=turn))
    assert pace.usual is None


def test_after_a_day_the_usual_is_known() -> None:
    pace = learned()
    assert pace.usual == pytest.approx(2.0, rel=ROOM - 1.0)
    assert pace.limit == pytest.approx(4.0, rel=ROOM - 1.0)


def test_what_is_short_anyway_has_to_reach_the_floor() -> None:
    pace = told(Pace(MINUTE, Latency()), 0.05, 0.0, 2 * DAY)
    assert pace.limit == 0.5


# ---------------------------------------------------------------- slow, and not any more


def test_a_median_over_the_limit_is_slow_and_one_well_below_it_is_not() -> None:
    pace = learned()
    told(pace, 6.0, 2 * DAY, 2 * DAY + 5 * MINUTE)
    assert slow(pace) is None  # half of the ten runs
    told(pace, 6.0, 2 * DAY + 5 * MINUTE, 2 * DAY + 10 * MINUTE)
    assert slow(pace) == 2 * DAY + 5 * MINUTE
    assert pace.over() == (10, 10)
    told(pace, 3.6, 2 * DAY + 10 * MINUTE, 2 * DAY + 20 * MINUTE)
    assert slow(pace) == 2 * DAY + 5 * MINUTE  # below the limit, but not well below
    told(pace, 2.0, 2 * DAY + 20 * MINUTE, 2 * DAY + 30 * MINUTE)
    assert slow(pace) is None


def test_a_slow_stretch_is_not_learned_from_until_it_has_lasted_for_a_day() -> None:
    pace = learned()
    told(pace, 6.0, 2 * DAY, 2 * DAY + 12 * 3600.0)
    assert pace.usual == pytest.approx(2.0, rel=ROOM - 1.0)
    told(pace, 6.0, 2 * DAY + 12 * 3600.0, 6 * DAY + UNLEARNED_MAX)
    assert pace.usual == pytest.approx(6.0, rel=ROOM - 1.0)
    assert pace.slow_since is None


def test_runs_of_long_ago_say_nothing_of_now() -> None:
    pace = learned()
    assert pace.heard(2 * DAY)
    assert pace.median(2 * DAY) == 2.0
    assert not pace.heard(2 * DAY + 3600.0)
    pace.add(60.0, 2 * DAY + 3600.0, NOON)
    assert pace.median(2 * DAY + 3600.0) is None


def test_after_a_jump_of_the_clocks_the_present_is_forgotten_and_the_baseline_stays() -> None:
    pace = told(learned(), 6.0, 2 * DAY, 2 * DAY + 10 * MINUTE)
    pace.forget_times()
    assert pace.slow_since is None
    assert not pace.heard(2 * DAY + 10 * MINUTE)
    assert pace.usual is not None


def test_a_pace_goes_on_from_its_snapshot() -> None:
    pace = told(learned(), 6.0, 2 * DAY, 2 * DAY + 10 * MINUTE)
    other = Pace(MINUTE, Latency())
    other.restore(pace.snapshot(), 1000.0)
    assert other.slow_since == 2 * DAY + 5 * MINUTE + 1000.0
    assert (other.usual, other.limit) == (pace.usual, pace.limit)
    assert other.median(2 * DAY + 10 * MINUTE + 1000.0) == 6.0
    fresh = Pace(MINUTE, Latency())
    fresh.restore(Pace(MINUTE, Latency()).snapshot(), 0.0)
    assert fresh.usual is None
