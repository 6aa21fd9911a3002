from __future__ import annotations

import itertools
import json

import pytest

from monitor.core.burst import BurstBudget
from monitor.core.effects import RequestBurst
from monitor.core.incident import EventType
from monitor.core.outcome import Depth
from monitor.core.plan import Plan
from monitor.core.policy import Burst, Solo
from tests.core.timeline import Comes, Story, hellos, keyed, plan_of
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
    assert ask(BurstBudget(plan, Burst(), Solo()), plan) == runs


def test_the_runs_of_a_burst_are_five_seconds_apart() -> None:
    assert BurstBudget(THREE, Burst(), Solo()).ask(THREE.probe("a"), ("api",), 0.0) == RequestBurst(
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
    budget = BurstBudget(plan, Burst(), Solo())
    assert ask(budget, plan) == {"a": 18}
    assert ask(budget, plan, "a", 0.0, "api", "console") == {"a": 9, "b": 9}


def test_a_probe_that_may_not_burst_asks_for_none() -> None:
    plan = plan_of(
        a_probe("government_page", components=("government",), burst=False),
        a_probe("shared", components=("government",)),
    )
    assert ask(BurstBudget(plan, Burst(), Solo()), plan, "government_page", 0.0, "government") == {}
    only = plan_of(a_probe("government_page", components=("government",), burst=False))
    assert ask(BurstBudget(only, Burst(), Solo()), only, "government_page", 0.0, "government") == {}


def test_a_component_has_two_hundred_and_forty_extra_runs_an_hour() -> None:
    budget = BurstBudget(THREE, Burst(), Solo())
    for number in range(240):
        assert ask(budget, THREE, now=100.0 + number)
        budget.ran(THREE.probe("b"), 100.0 + number)
    assert ask(budget, THREE, now=400.0) == {}
    assert ask(budget, THREE, now=3700.0) == {}
    assert ask(budget, THREE, now=3700.1) != {}


def test_a_burst_is_no_larger_than_what_the_hour_has_left() -> None:
    budget = BurstBudget(THREE, Burst(extra_per_hour=20), Solo())
    for number in range(16):
        budget.ran(THREE.probe("b"), float(number))
    assert ask(budget, THREE, now=20.0) == {"a": 2, "b": 1, "c": 1}


def test_one_component_without_runs_left_does_not_silence_another() -> None:
    plan = plan_of(a_probe("a", components=("api", "console")), a_probe("b", components=("api",)))
    budget = BurstBudget(plan, Burst(extra_per_hour=1), Solo())
    budget.ran(plan.probe("b"), 0.0)
    assert ask(budget, plan, "a", 1.0, "api", "console") == {"a": 1}
    assert ask(budget, plan, "b", 1.0, "api") == {}
    assert ask(budget, plan, "b", 1.0, "nobody") == {}


TWO_PAID = plan_of(
    keyed("message", Depth.INFERENCE, paid=True, interval=60.0),
    keyed("stream", Depth.INFERENCE, paid=True, interval=60.0),
)
SLOW = plan_of(
    keyed("opus", Depth.INFERENCE, paid=True, interval=600.0),
    keyed("sonnet", Depth.INFERENCE, paid=True, interval=600.0),
)


def test_a_paid_probe_whose_sibling_is_bad_is_asked_once() -> None:
    budget = BurstBudget(PAID, Burst(), Solo())
    assert ask(budget, PAID) == {"a": 9, "message": 1}
    budget.ran(PAID.probe("message"), 5.0)
    assert ask(budget, PAID, now=6.0) == {"a": 9}
    assert ask(budget, PAID, now=66.1) == {"a": 9, "message": 1}, "a new burst"


def test_all_extra_runs_of_paid_probes_come_at_once_when_two_probes_are_bad() -> None:
    budget = BurstBudget(TWO_PAID, Burst(), Solo())
    assert ask(budget, TWO_PAID, "message") == {"message": 1, "stream": 1}
    budget.ran(TWO_PAID.probe("message"), 4.0)
    budget.ran(TWO_PAID.probe("stream"), 5.0)
    found = budget.ask(TWO_PAID.probe("stream"), ("api",), 5.0)
    assert found == RequestBurst(runs=(("message", 2), ("stream", 2)), gap=5.0)
    for at in (10.0, 15.0):
        budget.ran(TWO_PAID.probe("message"), at)
    assert ask(budget, TWO_PAID, "stream", now=16.0) == {"stream": 2}


def test_a_paid_probe_that_is_bad_alone_keeps_two_of_three_for_the_end_of_the_span() -> None:
    budget = BurstBudget(TWO_PAID, Burst(), Solo())
    probe = TWO_PAID.probe("message")
    ask(budget, TWO_PAID, "message")
    budget.ran(probe, 5.0)
    assert budget.ask(probe, ("api",), 5.0) == RequestBurst(
        runs=(("message", 2), ("stream", 1)), gap=5.0, paced=(("message", 30.0),)
    )
    budget.ran(probe, 35.0)
    assert budget.ask(probe, ("api",), 60.0) == RequestBurst(
        runs=(("message", 1), ("stream", 1)), gap=5.0, paced=(("message", 25.0),)
    )
    budget.ran(probe, 85.0)
    assert ask(budget, TWO_PAID, "message", now=85.0) == {"stream": 1}


def test_a_slow_paid_probe_has_as_many_extra_runs_as_its_rule_needs() -> None:
    budget = BurstBudget(SLOW, Burst(), Solo())
    ask(budget, SLOW, "opus")
    budget.ran(SLOW.probe("opus"), 5.0)
    found = budget.ask(SLOW.probe("opus"), ("api",), 5.0)
    assert found is not None
    assert dict(found.runs)["opus"] == 3
    assert dict(found.paced)["opus"] == pytest.approx(80 / 3)


@pytest.mark.parametrize(
    ("interval", "within"), [(60.0, 91.0), (600.0, 91.0)], ids=["each minute", "each ten minutes"]
)
def test_one_dead_model_is_judged_within_its_span_however_rarely_it_is_asked(
    interval: float, within: float
) -> None:
    plan = plan_of(
        *hellos(2),
        keyed("opus", Depth.INFERENCE, paid=True, interval=interval),
        keyed("haiku", Depth.INFERENCE, paid=True, interval=60.0),
    )
    begun: list[float] = []

    def world(probe: str, at: float) -> Comes:
        if probe != "opus" or at < 650.0:
            return Comes.OK
        begun.append(at)
        return Comes.FAIL

    story = Story(plan, world=world)
    story.bursts = True
    story.play(1400.0)
    assert story.at(EventType.OPENED) <= begun[0] + within
    asked = [at for at in begun if at <= story.at(EventType.OPENED)]
    assert max(after - before for before, after in itertools.pairwise(asked)) <= 31.0


def test_paid_extra_runs_are_bounded_by_the_day_too() -> None:
    budget = BurstBudget(PAID, Burst(paid_per_day=2), Solo())

    def left(now: float) -> int:
        ask(budget, PAID, "a", now)
        return ask(budget, PAID, "message", now).get("message", 0)

    assert left(0.0) == 2
    budget.ran(PAID.probe("message"), 0.0)
    budget.ran(PAID.probe("message"), 5.0)
    assert left(1000.0) == 0
    assert left(86400.0) == 0
    assert left(86400.1) == 1
    assert left(86405.1) == 2


def test_a_burst_of_nothing_is_none() -> None:
    plan = plan_of(keyed("message", Depth.INFERENCE, paid=True))
    assert (
        BurstBudget(plan, Burst(paid_extra=0), Solo()).ask(plan.probe("message"), ("api",), 0.0)
        is None
    )


@pytest.mark.parametrize("shift", [0.0, -500.0])
def test_what_was_spent_is_remembered_over_a_restart(shift: float) -> None:
    policy = Burst(extra_per_hour=2, paid_per_day=2)
    budget = BurstBudget(PAID, policy, Solo())
    ask(budget, PAID, now=1000.0)
    budget.ran(PAID.probe("message"), 1000.0)
    budget.ran(PAID.probe("a"), 1001.0)

    again = BurstBudget(PAID, policy, Solo())
    again.restore(json.loads(json.dumps(budget.snapshot())), shift)
    assert ask(again, PAID, now=1002.0 + shift) == {}
    later = ask(again, PAID, now=1000.0 + shift + 3602.0)
    assert later == {"a": 1, "message": 1}


def test_a_fresh_budget_is_restored_and_a_component_that_is_gone_is_passed_over() -> None:
    budget = BurstBudget(
        plan_of(*hellos(1, components=("console",))), Burst(extra_per_hour=1), Solo()
    )
    budget.ran(a_probe("a", components=("console", "unknown")), 0.0)
    again = BurstBudget(THREE, Burst(extra_per_hour=1), Solo())
    again.restore(budget.snapshot(), 0.0)
    assert again.snapshot() == {
        "hour": {},
        "paid": [],
        "paid_in_burst": {},
        "asked": None,
        "begun": 0.0,
        "bad": [],
    }
    assert ask(again, THREE) != {}


def test_a_memory_of_before_bursts_had_a_beginning_is_still_of_use() -> None:
    saved = BurstBudget(PAID, Burst(), Solo()).snapshot()
    del saved["begun"], saved["bad"]
    again = BurstBudget(PAID, Burst(), Solo())
    again.restore(saved, 5.0)
    assert ask(again, PAID) == {"a": 9, "message": 1}
