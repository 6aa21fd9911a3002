from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.core.outcome import Depth
from monitor.core.plan import ProbePlan
from monitor.core.policy import Policy, Slow
from monitor.core.pools import Pool, cadence_of, pools_of
from tests.core.timeline import hellos, keyed, plan_of
from tests.factories import a_probe

FOUR = plan_of(
    a_probe("hello", interval=15.0),
    a_probe("gate", depth=Depth.GATEWAY),
    keyed("models"),
    keyed("message", Depth.INFERENCE, interval=60.0, paid=True),
)


def the_pool(*probes: ProbePlan, policy: Policy | None = None) -> Pool:
    (pool,) = pools_of("api", plan_of(*probes), policy or Policy())
    return pool


def test_a_probe_counts_in_its_own_depth_and_in_every_shallower_one() -> None:
    pools = pools_of("api", FOUR, Policy())
    assert [(pool.depth, pool.names) for pool in pools] == [
        (Depth.EDGE, ("hello", "gate", "models", "message")),
        (Depth.GATEWAY, ("gate", "models", "message")),
        (Depth.KEY, ("models", "message")),
        (Depth.INFERENCE, ("message",)),
    ]


def test_a_depth_without_an_enabled_probe_has_no_pool() -> None:
    plan = replace(
        FOUR,
        probes=tuple(replace(p, disabled="no key" if p.credential else None) for p in FOUR.probes),
    )
    assert [pool.depth for pool in pools_of("api", plan, Policy())] == [Depth.EDGE, Depth.GATEWAY]
    assert pools_of("government", plan, Policy()) == ()


@pytest.mark.parametrize(
    ("probe", "cadence"),
    [
        (a_probe(interval=30.0), 15.0),
        (a_probe(interval=10.0), 10.0),
        (a_probe(interval=60.0, paid=True), 60.0),
        (a_probe(interval=600.0, paid=True), 60.0),
        (a_probe(interval=30.0, paid=True), 30.0),
        (a_probe(interval=120.0, burst=False), 120.0),
    ],
    ids=[
        "free",
        "often already",
        "paid",
        "paid and slow",
        "paid and often",
        "not to be asked more often",
    ],
)
def test_while_an_incident_lasts_free_probes_are_asked_every_fifteen_seconds(
    probe: ProbePlan, cadence: float
) -> None:
    assert cadence_of(probe, Policy()) == cadence


@pytest.mark.parametrize(
    ("interval", "count", "fast", "slow"),
    [
        (30.0, 3, 65.0, ((300.0, 4), (900.0, 7))),
        (30.0, 6, 60.0, ((300.0, 5), (900.0, 8))),
        (60.0, 3, 130.0, ((300.0, 4), (900.0, 7))),
        (120.0, 2, 390.0, ((480.0, 4), (900.0, 6))),
        (300.0, 1, 1950.0, ((2400.0, 4), (3600.0, 6))),
    ],
)
def test_windows_grow_with_the_plan_so_that_they_can_hold_what_is_asked_for(
    interval: float, count: int, fast: float, slow: tuple[tuple[float, int], ...]
) -> None:
    pool = the_pool(*hellos(count, interval=interval))
    assert pool.fast_window == pytest.approx(fast)
    calm = pool.slow_windows[0]
    assert [seconds for seconds, _ in calm] == pytest.approx([s for s, _ in slow])
    assert [episodes for _, episodes in calm] == [episodes for _, episodes in slow]


def test_where_it_is_noisy_a_slow_rule_needs_one_episode_more_for_each_level() -> None:
    pool = the_pool(*hellos(2, interval=120.0))
    assert len(pool.slow_windows) == len(Policy().noise.levels) + 1
    assert [level[0] for level in pool.slow_windows[:3]] == [(480.0, 4), (600.0, 5), (720.0, 6)]
    assert pool.longest_window >= max(seconds for seconds, _ in pool.slow_windows[-1])


def test_each_slow_rule_of_the_policy_has_its_window() -> None:
    policy = Policy(slow=(Slow(), Slow(window=1000.0), Slow(window=2000.0)))
    pool = the_pool(*hellos(3), policy=policy)
    assert [seconds for seconds, _ in pool.slow_windows[0]] == [300.0, 1000.0, 2000.0]


@pytest.mark.parametrize(
    ("probes", "successes"),
    [
        (hellos(3), 10),
        (hellos(1), 10),
        (hellos(2, interval=120.0, burst=False), 3),
        (hellos(1, interval=60.0, burst=False), 3),
        (hellos(2, interval=60.0, burst=False), 5),
    ],
)
def test_a_slow_pool_needs_a_shorter_row_of_good_runs_but_never_less_than_three(
    probes: tuple[ProbePlan, ...], successes: int
) -> None:
    assert the_pool(*probes).successes == successes


def test_a_close_window_holds_as_many_runs_as_can_come_in_it() -> None:
    pool = the_pool(*hellos(3))
    assert pool.close_gap == 5.0
    assert pool.close_samples(300.0, 15) == 15
    assert pool.close_samples(60.0, 15) == 9
    assert pool.close_samples(1.0, 15) == 2


def test_a_close_window_is_long_enough_to_hear_the_slowest_probe() -> None:
    assert the_pool(*hellos(3)).close_stretch == 18.0
    assert the_pool(*hellos(2), a_probe("slow", interval=300.0, burst=False)).close_stretch == 360.0
