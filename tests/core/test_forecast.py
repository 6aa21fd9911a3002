from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.core.forecast import ComponentForecast, forecast
from monitor.core.incident import Reason
from monitor.core.outcome import Depth
from monitor.core.plan import ComponentPlan, Plan, ProbePlan
from monitor.core.policy import Burst, Fast, Policy, Slow, Solo

EDGE, GATEWAY, KEY, INFERENCE = Depth


def a_probe(
    name: str,
    interval: float = 30.0,
    depth: Depth = EDGE,
    *,
    burst: bool = True,
    paid: bool = False,
    disabled: str | None = None,
) -> ProbePlan:
    return ProbePlan(
        name=name,
        kind="http",
        depth=depth,
        components=("api",),
        interval=interval,
        burst=burst,
        paid=paid,
        disabled=disabled,
    )


def of(*probes: ProbePlan, policy: Policy | None = None) -> ComponentForecast:
    plan = Plan(
        vantage="local",
        components=(ComponentPlan(name="api", title="Claude API"),),
        probes=probes,
    )
    (result,) = forecast(plan, policy or Policy())
    return result


def seconds(result: ComponentForecast, depth: Depth = EDGE) -> dict[Reason, float]:
    pool = next(pool for pool in result.pools if pool.depth is depth)
    return {opening.reason: opening.seconds for opening in pool.openings}


STEADY = Policy(burst=Burst(extra=0))
"""The rules without bursts, so that a time can be recomputed from the schedule alone."""


def test_three_probes_open_as_fast_as_the_study_measured() -> None:
    # g = 10: the first bad run after 5 s, then bursts every 5 s until the span of 10 s is met.
    result = of(*(a_probe(name) for name in "abc"))
    assert seconds(result) == {Reason.FAST: 15.0, Reason.SOLO: 95.0, Reason.SLOW: 65.0}
    assert result.opening is not None
    assert (result.opening.reason, result.opening.seconds) == (Reason.FAST, 15.0)


def test_without_bursts_the_schedule_sets_the_time() -> None:
    # g = 10: runs at 0, 10, ... 40 after the first bad one make the five of three probes.
    result = of(*(a_probe(name) for name in "abc"), policy=STEADY)
    assert seconds(result)[Reason.FAST] == pytest.approx(5 + 40)
    assert seconds(result)[Reason.SOLO] == pytest.approx(15 + 120)


def test_the_window_grows_with_the_interval_so_that_fast_can_still_fire() -> None:
    result = of(a_probe("a", 60.0), a_probe("b", 60.0), policy=STEADY)
    assert seconds(result)[Reason.FAST] == pytest.approx(15 + 150)
    fixed = replace(STEADY, fast=Fast(window_gaps=0.0))
    assert Reason.FAST not in seconds(of(a_probe("a", 60.0), a_probe("b", 60.0), policy=fixed))


def test_one_probe_alone_opens_by_solo_and_never_by_fast() -> None:
    result = of(a_probe("government", 120.0, burst=False))
    assert seconds(result) == {Reason.SOLO: 60.0 + 480.0, Reason.SLOW: 60.0 + 720.0}


def test_a_pool_holds_what_goes_at_least_so_deep() -> None:
    result = of(a_probe("hello"), a_probe("models", depth=KEY), a_probe("gate", depth=GATEWAY))
    assert [(pool.depth, pool.probes) for pool in result.pools] == [
        (EDGE, ("hello", "models", "gate")),
        (GATEWAY, ("models", "gate")),
        (KEY, ("models",)),
    ]
    assert [pool.gap for pool in result.pools] == pytest.approx([10.0, 15.0, 30.0])


def test_a_paid_probe_gives_few_extra_runs_and_keeps_the_last_for_the_end_of_the_span() -> None:
    free = of(a_probe("a", 60.0, INFERENCE))
    paid = of(a_probe("a", 60.0, INFERENCE, paid=True))
    dear = of(a_probe("a", 60.0, INFERENCE, paid=True), policy=Policy(burst=Burst(paid_extra=1)))
    assert seconds(free, INFERENCE)[Reason.SOLO] == 30.0 + 80.0
    assert seconds(paid, INFERENCE)[Reason.SOLO] == 30.0 + 80.0
    assert seconds(dear, INFERENCE)[Reason.SOLO] == 30.0 + 180.0


def test_a_burst_counts_at_most_as_much_as_what_does_not_burst() -> None:
    # Six need three runs of the steady one, at 15, 45 and 75 s after the first bad run.
    generous = Policy(fast=Fast(ratio=0.25))
    result = of(a_probe("a"), a_probe("b", burst=False), policy=generous)
    assert seconds(result)[Reason.FAST] == pytest.approx(7.5 + 75)


def test_a_burst_that_drowns_its_sibling_misses_the_share() -> None:
    result = of(a_probe("a"), a_probe("b", burst=False))
    assert Reason.FAST not in seconds(result)


def test_the_slow_rule_is_asked_with_every_second_run_bad() -> None:
    # g = 10, four episodes of two gaps.
    assert seconds(of(*(a_probe(name) for name in "abc")))[Reason.SLOW] == 5.0 + 60.0
    harsh = Policy(slow=(Slow(ratio=0.6),))
    assert Reason.SLOW not in seconds(of(a_probe("a"), policy=harsh))
    none = Policy(slow=())
    assert Reason.SLOW not in seconds(of(a_probe("a"), policy=none))


def test_the_quickest_of_the_slow_rules_is_given() -> None:
    slower_first = Policy(slow=(Slow(episodes_small=9), Slow(episodes_small=3)))
    assert seconds(of(a_probe("a"), policy=slower_first))[Reason.SLOW] == 15.0 + 120.0


def test_a_slow_span_beyond_its_window_never_opens() -> None:
    never = Policy(slow=(Slow(span=10_000.0),))
    assert Reason.SLOW not in seconds(of(a_probe("a"), policy=never))


@pytest.mark.parametrize(
    ("probes", "policy"),
    [
        ((), Policy()),
        ((a_probe("a", disabled="no key"),), Policy()),
        ((a_probe("a", 43_200.0, burst=False),), Policy()),
        (
            (a_probe("a"), a_probe("b")),
            Policy(fast=Fast(failures=10_000), solo=Solo(span=90_000.0), slow=()),
        ),
    ],
    ids=["no probe", "all disabled", "an interval too long", "thresholds out of reach"],
)
def test_a_component_that_no_rule_can_open_is_told(
    probes: tuple[ProbePlan, ...], policy: Policy
) -> None:
    assert of(*probes, policy=policy).opening is None


def test_runs_a_day_are_those_of_the_enabled_probes() -> None:
    result = of(a_probe("a"), a_probe("b", 60.0), a_probe("c", disabled="off"))
    assert result.runs_per_day == pytest.approx(2880 + 1440)


def test_each_component_sees_only_its_own_probes() -> None:
    plan = Plan(
        vantage="local",
        components=(
            ComponentPlan(name="api", title="Claude API"),
            ComponentPlan(name="console", title="Console"),
        ),
        probes=(a_probe("a"), replace(a_probe("b"), components=("console", "api"))),
    )
    api, console = forecast(plan, Policy())
    assert (api.component, api.pools[0].probes) == ("api", ("a", "b"))
    assert (console.component, console.pools[0].probes) == ("console", ("b",))
