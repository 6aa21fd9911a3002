"""Sums of runs, and of times in a state, over an hour or a day: what a long page is made of.

Sums of a day are the sums of its hours added up, so nothing here needs the runs themselves again.
Latency is kept as a histogram of geometric buckets: percentiles of any stretch come from adding
histograms, never from averaging percentiles, with an error of half a bucket (about 9 %).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import accumulate

from monitor.core.history import Times
from monitor.core.incident import State
from monitor.core.outcome import Counts, Outcome, counts_as

BUCKET_MIN = 0.001
"""Seconds up to which everything is in the first bucket."""

BUCKET_FACTOR = 2**0.25
"""From one bound to the next."""

BUCKETS = 70
"""From a millisecond to over two minutes."""

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Period(StrEnum):
    """What is summed up."""

    HOUR = "hour"
    DAY = "day"

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return HOUR if self is Period.HOUR else DAY

    def start_of(self, at: datetime) -> datetime:
        """The begin of the period that holds `at`, in UTC."""
        moment = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        return moment if self is Period.HOUR else moment.replace(hour=0)


def bucket_of(seconds: float) -> int:
    """The bucket of a latency: 0 for a millisecond and less."""
    if seconds <= BUCKET_MIN:
        return 0
    return min(BUCKETS - 1, math.ceil(math.log(seconds / BUCKET_MIN, BUCKET_FACTOR)))


def bucket_seconds(bucket: int) -> float:
    """What a run of this bucket took, about: the geometric middle of its bounds."""
    return BUCKET_MIN if bucket == 0 else BUCKET_MIN * BUCKET_FACTOR ** (bucket - 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSums:
    """The runs of one probe in one period.

    Attributes:
        start: begin of the period, UTC.
        outcomes: how many runs came to each outcome, in the order of the list of outcomes.
        latency: how many *good* runs fell into each bucket, by bucket.
    """

    start: datetime
    outcomes: tuple[tuple[Outcome, int], ...] = ()
    latency: tuple[tuple[int, int], ...] = ()

    def counted(self, counts: Counts) -> int:
        """How many runs count as good, bad or excluded."""
        return sum(number for outcome, number in self.outcomes if counts_as(outcome) == counts)

    @property
    def runs(self) -> int:
        """All runs."""
        return sum(number for _, number in self.outcomes)

    @property
    def good_share(self) -> float | None:
        """Good among the usable runs; None without any."""
        good, bad = self.counted(Counts.GOOD), self.counted(Counts.BAD)
        return good / (good + bad) if good + bad else None

    def percentile(self, share: float) -> float | None:
        """The latency in seconds that a `share` of the good runs did not pass; None without any."""
        total = sum(number for _, number in self.latency)
        needed = max(1, math.ceil(share * total))
        passed = accumulate(number for _, number in self.latency)
        reached = zip(self.latency, passed, strict=True)
        return next((bucket_seconds(bucket) for (bucket, _), n in reached if n >= needed), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentSums:
    """How long a component was in each state in one period."""

    start: datetime
    times: Times


def sum_runs(start: datetime, runs: Iterable[tuple[Outcome, float]]) -> ProbeSums:
    """The sums of `runs`, given as outcome and seconds."""
    outcomes: Counter[Outcome] = Counter()
    latency: Counter[int] = Counter()
    for outcome, seconds in runs:
        outcomes[outcome] += 1
        if counts_as(outcome) is Counts.GOOD:
            latency[bucket_of(seconds)] += 1
    return _sums(start, outcomes, latency)


def add_up(start: datetime, parts: Iterable[ProbeSums]) -> ProbeSums:
    """The sums over all of `parts`, as of a period that begins at `start`."""
    outcomes: Counter[Outcome] = Counter()
    latency: Counter[int] = Counter()
    for part in parts:
        outcomes.update(dict(part.outcomes))
        latency.update(dict(part.latency))
    return _sums(start, outcomes, latency)


def add_times(start: datetime, parts: Iterable[ComponentSums]) -> ComponentSums:
    """The times of all of `parts` together."""
    seconds: Counter[State] = Counter()
    for part in parts:
        for state, spent in part.times.seconds:
            seconds[state] += spent  # type: ignore[assignment]  # a Counter of seconds
    ordered = tuple((state, float(seconds[state])) for state in State if seconds[state])
    return ComponentSums(start=start, times=Times(seconds=ordered))


def availability(times: Times) -> float | None:
    """Share of the known time in which the component could be used; None when nothing is known.

    Degraded is slow, not away, and planned work is no failure: both are left as time in which it
    could be used or was not to be judged. Unknown is in neither sum.
    """
    away = times.of(State.PARTIAL_OUTAGE, State.MAJOR_OUTAGE)
    there = times.of(State.OPERATIONAL, State.DEGRADED_PERFORMANCE)
    return there / (there + away) if there + away else None


def _sums(start: datetime, outcomes: Counter[Outcome], latency: Counter[int]) -> ProbeSums:
    return ProbeSums(
        start=start,
        outcomes=tuple((each, outcomes[each]) for each in Outcome if outcomes[each]),
        latency=tuple(sorted(latency.items())),
    )
