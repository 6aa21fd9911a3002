"""Sums of hours and days: percentiles of added histograms, availability beside coverage."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.history import Times
from monitor.core.incident import State
from monitor.core.outcome import Counts, Outcome
from monitor.core.rollup import (
    BUCKET_MIN,
    BUCKETS,
    DAY,
    HOUR,
    ComponentSums,
    Period,
    ProbeSums,
    add_times,
    add_up,
    availability,
    bucket_of,
    bucket_seconds,
    sum_runs,
)
from tests.factories import NOON

RUNS = st.lists(st.tuples(st.sampled_from(Outcome), st.floats(0, 120)), max_size=60)


@pytest.mark.parametrize(
    ("period", "start"),
    [(Period.HOUR, datetime(2026, 4, 28, 22, tzinfo=UTC)), (Period.DAY, NOON.replace(hour=0))],
)
def test_a_period_begins_where_utc_says(period: Period, start: datetime) -> None:
    tokyo = timezone(timedelta(hours=9))
    at = datetime(2026, 4, 29, 7, 59, 59, tzinfo=tokyo)
    assert period.start_of(at) == start
    assert period.length == (HOUR if period is Period.HOUR else DAY)


@given(st.floats(0, 1e9))
def test_every_latency_has_a_bucket(seconds: float) -> None:
    assert 0 <= bucket_of(seconds) < BUCKETS


@given(st.floats(BUCKET_MIN * 1.0001, 120))
def test_a_bucket_is_right_to_a_tenth(seconds: float) -> None:
    assert bucket_seconds(bucket_of(seconds)) == pytest.approx(seconds, rel=0.1)


def test_a_millisecond_and_less_is_a_millisecond() -> None:
    assert bucket_seconds(bucket_of(0.0)) == BUCKET_MIN


@given(st.lists(RUNS, max_size=5))
def test_the_sums_of_parts_are_the_sum_of_the_whole(
    parts: list[list[tuple[Outcome, float]]],
) -> None:
    summed = [sum_runs(NOON, runs) for runs in parts]
    whole = sum_runs(NOON, [run for runs in parts for run in runs])
    assert add_up(NOON, summed) == whole


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_percentiles_of_hours_added_up_are_those_of_the_day(share: float) -> None:
    chance = random.Random(11)
    seconds = [chance.lognormvariate(-1.2, 0.6) for _ in range(4000)]
    hours = [
        sum_runs(NOON, [(Outcome.OK, took) for took in seconds[place::24]]) for place in range(24)
    ]
    exact = sorted(seconds)[int(share * len(seconds)) - 1]
    assert add_up(NOON, hours).percentile(share) == pytest.approx(exact, rel=0.1)


def test_only_good_runs_are_in_the_latency() -> None:
    sums = sum_runs(
        NOON, [(Outcome.TIMEOUT, 30.0), (Outcome.SLOW, 12.0), (Outcome.RATE_LIMITED, 1)]
    )
    assert sum(number for _, number in sums.latency) == 1
    assert sums.percentile(1.0) == pytest.approx(12.0, rel=0.1)


def test_shares_are_of_what_could_be_used() -> None:
    runs = [(Outcome.OK, 1.0)] * 3 + [(Outcome.SERVER_ERROR, 1.0)] + [(Outcome.CHALLENGED, 1.0)] * 6
    sums = sum_runs(NOON, runs)
    assert sums.runs == 10
    assert sums.counted(Counts.EXCLUDED) == 6
    assert sums.good_share == 0.75


def test_without_runs_nothing_is_known() -> None:
    empty = ProbeSums(start=NOON)
    assert empty.good_share is None
    assert empty.percentile(0.5) is None


@pytest.mark.parametrize(
    ("seconds", "share"),
    [
        ({}, None),
        ({State.UNKNOWN: 86_400.0}, None),
        ({State.UNDER_MAINTENANCE: 60.0}, None),
        ({State.OPERATIONAL: 900.0, State.UNKNOWN: 5000.0}, 1.0),
        ({State.OPERATIONAL: 750.0, State.MAJOR_OUTAGE: 200.0, State.PARTIAL_OUTAGE: 50.0}, 0.75),
        ({State.DEGRADED_PERFORMANCE: 30.0, State.MAJOR_OUTAGE: 10.0}, 0.75),
    ],
    ids=["nothing", "unknown", "maintenance", "unknown is not down", "down", "slow is not down"],
)
def test_availability_is_a_share_of_what_is_known(
    seconds: dict[State, float], share: float | None
) -> None:
    assert availability(Times(seconds=tuple(seconds.items()))) == share


def test_times_of_parts_add_up() -> None:
    parts = [
        ComponentSums(start=NOON, times=Times(seconds=((State.UNKNOWN, 10.0),))),
        ComponentSums(
            start=NOON, times=Times(seconds=((State.OPERATIONAL, 20.0), (State.UNKNOWN, 5.0)))
        ),
    ]
    whole = add_times(NOON, parts)
    assert whole.times.seconds == ((State.OPERATIONAL, 20.0), (State.UNKNOWN, 15.0))
    assert whole.times.coverage == pytest.approx(20 / 35)
