from __future__ import annotations

import json

import pytest

from monitor.core.burst import BurstBudget
from monitor.core.effects import RequestBurst
from monitor.core.outcome import Depth
from monitor.core.plan import Plan
from monitor.core.policy import Burst
from tests.core.timeline import hellos, keyed, plan_of
from tests.factories import a_probe

THREE = plan_of(*hellos(3))
PAID = plan_of(a_probe("a"), keyed("message", Depth.INFERENCE, paid=True))


def ask(
    budget: BurstBudget, plan: Plan, probe: str = "a", now: float = 0.0, *components: str
) -> dict[str, int]:
    found = budget.ask(plan.probe(probe), components or ("api",), now)
    return {} if found is None else dict(found.runs)


@pytest.mark.parametrize(
    ("plan", "runs"),
    [
        (plan_of(*hellos(1)), {"a": 18}),
        (THREE, {"a": 6, "b": 6, "c": 6}),
        (plan_of(*hellos(4)), dict.fromkeys("abcd", 5)),
    ],
    ids=["one probe", "three", "four, rounded up"],
)
def test_eighteen_extra_runs_are_spread_over_a_probe_and_its_siblings(
    plan: Plan, runs: dict[str, int]
) -> None:
    assert ask(BurstBudget(plan, Burst()), plan) == runs


def test_the_runs_of_a_burst_are_five_seconds_apart() -> None:
    assert BurstBudget(THREE, Burst()).ask(THREE.probe("a"), ("api",), 0.0) == RequestBurst(
        runs=(("a", 6), ("b", 6), ("c", 6)), gap=5.0
    )


def test_only_probes_of_the_asking_components_that_run_and_may_burst_are_asked() -> None:
    plan = plan_of(
        a_probe("a", components=("api", "console")),
        a_probe("b", components=("console",)),
        a_probe("other", components=("cowork",)),
        a_probe("off", disabled="no key"),
        a_probe("gentle", burst=False),
    )
    budget = BurstBudget(plan, Burst())
    assert ask(budget, plan) == {"a": 18}
    assert ask(budget, plan, "a", 0.0, "api", "console") == {"a": 9, "b": 9}


def test_a_probe_that_may_not_burst_asks_for_none() -> None:
    plan = plan_of(
        a_probe("government_page", components=("government",), burst=False),
        a_probe("shared", components=("government",)),
    )
    assert ask(BurstBudget(plan, Burst()), plan, "government_page", 0.0, "government") == {}
    only = plan_of(a_probe("government_page", components=("government",), burst=False))
    assert ask(BurstBudget(only, Burst()), only, "government_page", 0.0, "government") == {}


def test_a_component_has_two_hundred_and_forty_extra_runs_an_hour() -> None:
    budget = BurstBudget(THREE, Burst())
    for number in range(240):
        assert ask(budget, THREE, now=100.0 + number)
        budget.ran(THREE.probe("b"), 100.0 + number)
    assert ask(budget, THREE, now=400.0) == {}
    assert ask(budget, THREE, now=3700.0) == {}
    assert ask(budget, THREE, now=3700.1) != {}


def test_a_burst_is_no_larger_than_what_the_hour_has_left() -> None:
    budget = BurstBudget(THREE, Burst(extra_per_hour=20))
    for number in range(16):
        budget.ran(THREE.probe("b"), float(number))
    assert ask(budget, THREE, now=20.0) == {"a": 2, "b": 1, "c": 1}


def test_one_component_without_runs_left_does_not_silence_another() -> None:
    plan = plan_of(a_probe("a", components=("api", "console")), a_probe("b", components=("api",)))
    budget = BurstBudget(plan, Burst(extra_per_hour=1))
    budget.ran(plan.probe("b"), 0.0)
    assert ask(budget, plan, "a", 1.0, "api", "console") == {"a": 1}
    assert ask(budget, plan, "b", 1.0, "api") == {}
    assert ask(budget, plan, "b", 1.0, "nobody") == {}


def test_a_paid_probe_is_asked_three_times_in_a_burst() -> None:
    budget = BurstBudget(PAID, Burst())
    assert ask(budget, PAID) == {"a": 9, "message": 3}
    budget.ran(PAID.probe("message"), 5.0)
    assert ask(budget, PAID, now=6.0) == {"a": 9, "message": 2}
    for at in (10.0, 15.0):
        budget.ran(PAID.probe("message"), at)
    assert ask(budget, PAID, now=60.0) == {"a": 9}
    assert ask(budget, PAID, now=120.0) == {"a": 9}
    assert ask(budget, PAID, now=180.1) == {"a": 9, "message": 3}, "a new burst"


def test_paid_extra_runs_are_bounded_by_the_day_too() -> None:
    budget = BurstBudget(PAID, Burst(paid_per_day=2))
    assert ask(budget, PAID)["message"] == 2
    budget.ran(PAID.probe("message"), 0.0)
    budget.ran(PAID.probe("message"), 5.0)
    assert "message" not in ask(budget, PAID, now=1000.0)
    assert "message" not in ask(budget, PAID, now=86400.0)
    assert ask(budget, PAID, now=86400.1)["message"] == 1
    assert ask(budget, PAID, now=86405.1)["message"] == 2


def test_a_burst_of_nothing_is_none() -> None:
    plan = plan_of(keyed("message", Depth.INFERENCE, paid=True))
    assert BurstBudget(plan, Burst(paid_extra=0)).ask(plan.probe("message"), ("api",), 0.0) is None


@pytest.mark.parametrize("shift", [0.0, -500.0])
def test_what_was_spent_is_remembered_over_a_restart(shift: float) -> None:
    policy = Burst(extra_per_hour=2, paid_per_day=2)
    budget = BurstBudget(PAID, policy)
    ask(budget, PAID, now=1000.0)
    budget.ran(PAID.probe("message"), 1000.0)
    budget.ran(PAID.probe("a"), 1001.0)

    again = BurstBudget(PAID, policy)
    again.restore(json.loads(json.dumps(budget.snapshot())), shift)
    assert ask(again, PAID, now=1002.0 + shift) == {}
    later = ask(again, PAID, now=1000.0 + shift + 3602.0)
    assert later == {"a": 1, "message": 1}


def test_a_fresh_budget_is_restored_and_a_component_that_is_gone_is_passed_over() -> None:
    budget = BurstBudget(plan_of(*hellos(1, components=("console",))), Burst(extra_per_hour=1))
    budget.ran(a_probe("a", components=("console", "unknown")), 0.0)
    again = BurstBudget(THREE, Burst(extra_per_hour=1))
    again.restore(budget.snapshot(), 0.0)
    assert again.snapshot() == {"hour": {}, "paid": [], "paid_in_burst": {}, "asked": None}
    assert ask(again, THREE) != {}
