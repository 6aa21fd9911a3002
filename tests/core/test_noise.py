"""What is usual in a pool, and how many more episodes that asks for."""

from __future__ import annotations

import json
from collections.abc import Iterable
from random import Random

import pytest

from monitor.core.noise import CALM, NoiseMeter
from monitor.core.outcome import Depth
from monitor.core.plan import ProbePlan
from monitor.core.policy import Noise, Policy
from monitor.core.pools import pools_over
from tests.factories import a_probe

HOUR, DAY = 3600.0, 86_400.0
PROBES: tuple[ProbePlan, ...] = (
    a_probe("hello", depth=Depth.EDGE, interval=30.0),
    a_probe("models", depth=Depth.KEY, interval=30.0),
)
POOLS = pools_over(PROBES, Policy())
RULE = Noise()


def meter(bad: Iterable[tuple[str, float]] = (), since: float = 0.0) -> NoiseMeter:
    found = NoiseMeter(POOLS, RULE)
    found.heard(since)
    for probe, started in bad:
        found.bad(probe, started)
    return found


def every(seconds: float, until: float = DAY, probe: str = "hello") -> list[tuple[str, float]]:
    return [(probe, seconds * place) for place in range(1, int(until / seconds) + 1)]


def test_nothing_is_known_at_first_and_nothing_bad_is_calm() -> None:
    assert NoiseMeter(POOLS, RULE).usual(Depth.EDGE, DAY) == CALM
    assert meter().usual(Depth.EDGE, DAY) == CALM


@pytest.mark.parametrize(
    ("seconds", "share", "more"),
    # The pool gives 5,760 runs a day, of which the last hour does not count.
    [
        (DAY / 5, 0.0007, 0),
        (DAY / 20, 0.0034, 1),
        (DAY / 25, 0.0042, 2),
        (DAY / 40, 0.0069, 3),
        (DAY / 60, 0.0103, 4),
    ],
)
def test_each_level_that_is_exceeded_asks_for_one_more(
    seconds: float, share: float, more: int
) -> None:
    usual = meter(every(seconds)).usual(Depth.EDGE, DAY)
    assert usual.share == pytest.approx(share, abs=0.0001)
    assert usual.more == more


def test_what_follows_within_a_minute_is_the_same_disturbance() -> None:
    blip = [("hello", 1000.0 + 5 * place) for place in range(40)]
    once = meter([("hello", 1000.0)]).usual(Depth.EDGE, DAY)
    assert meter(blip).usual(Depth.EDGE, DAY) == once
    assert meter([*blip, ("hello", 1256.0)]).usual(Depth.EDGE, DAY).share == 2 * once.share


def test_each_pool_counts_its_own_probes() -> None:
    shallow, deep = meter(every(HOUR)), meter(every(HOUR, probe="models"))
    assert shallow.usual(Depth.KEY, DAY) == CALM
    # One key in two runs: of its own pool it is twice the share.
    assert deep.usual(Depth.KEY, DAY).share == 2 * deep.usual(Depth.EDGE, DAY).share
    assert deep.usual(Depth.INFERENCE, DAY) == CALM


def test_what_is_older_than_a_day_does_not_count() -> None:
    noisy = meter(every(600.0))
    assert noisy.usual(Depth.EDGE, DAY).more == 4
    assert noisy.usual(Depth.EDGE, 2.5 * DAY) == CALM


def test_what_came_within_the_last_hour_may_be_the_trouble_itself() -> None:
    noisy = meter(every(600.0, HOUR))
    assert noisy.usual(Depth.EDGE, HOUR) == CALM
    assert noisy.usual(Depth.EDGE, 2 * HOUR + 1.0).more == 4


def test_a_short_past_counts_as_three_hours() -> None:
    now = 5000.0
    early = meter([("hello", 60.0), ("hello", 600.0)], since=0.0)
    assert early.usual(Depth.EDGE, now).share == pytest.approx(2 * 15.0 / RULE.settled)
    late = meter([("hello", 60.0), ("hello", 600.0)], since=-2 * DAY)
    assert late.usual(Depth.EDGE, now).share == pytest.approx(2 * 15.0 / (DAY - HOUR))


def test_the_order_in_which_runs_come_does_not_matter() -> None:
    found = every(70.0, HOUR) + every(170.0, HOUR, "models")
    shuffled = list(found)
    Random(1).shuffle(shuffled)
    for depth in (Depth.EDGE, Depth.KEY):
        usual = meter(found).usual(depth, 2 * HOUR)
        assert usual == meter(shuffled).usual(depth, 2 * HOUR)
        assert usual.more > 0


def test_it_is_bounded_however_bad_it_gets() -> None:
    noisy = meter(every(2.0))
    saved = noisy.snapshot()
    assert len(saved["bad"][Depth.EDGE]) <= 5_000
    assert noisy.usual(Depth.EDGE, DAY).share <= 1.0


def test_it_outlives_a_restart_with_another_clock() -> None:
    noisy = meter(every(DAY / 60))
    saved = json.loads(json.dumps(noisy.snapshot()))
    again = NoiseMeter(POOLS, RULE)
    again.restore(saved, shift=-DAY)
    assert again.usual(Depth.EDGE, 0.0) == noisy.usual(Depth.EDGE, DAY)


def test_a_pool_that_is_gone_is_left_out_of_a_restart() -> None:
    saved = meter(every(HOUR, probe="models")).snapshot()
    again = NoiseMeter(POOLS[:1], RULE)
    again.restore(saved, shift=0.0)
    assert again.usual(Depth.KEY, DAY) == CALM
    assert again.usual(Depth.EDGE, DAY).share > 0
