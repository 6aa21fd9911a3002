"""The day's money: what a run costs, when it runs out, and that a restart does not refill it."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.app.purse import Purse
from monitor.clock import VirtualClock
from monitor.config.load import load
from monitor.config.schema import BudgetSpec, Config
from monitor.core.effects import Judged
from monitor.core.observation import Origin
from monitor.core.plan import ProbePlan
from monitor.storage.database import open_database
from monitor.storage.store import Store
from tests.factories import a_status_view, a_verdict, an_observation

ROOT = Path(__file__).parents[2]
MILLION = 1_000_000
DAY = 86_400.0


def the_config(usd: float = 1.0) -> Config:
    """The shipped configuration with a key and so much money: 0.10 $ a million tokens sent."""
    config = load(ROOT / "config" / "claude.yaml", {"ANTHROPIC_API_KEY": "sk-ant-sim-main"})
    budget = BudgetSpec(usd_per_day=usd, reserve=0.3)
    return config.model_copy(update={"budget": budget})


def a_paid_probe(config: Config) -> ProbePlan:
    """The one that costs money."""
    return next(probe for probe in config.plan().enabled() if probe.paid)


def test_a_run_costs_what_its_tokens_cost() -> None:
    purse = Purse(the_config(), VirtualClock())
    paid = a_paid_probe(the_config())
    purse.pay(paid, an_observation(input_tokens=MILLION, output_tokens=None))
    assert purse.remaining() == pytest.approx(0.9)
    purse.pay(paid, an_observation(input_tokens=None, output_tokens=MILLION))
    assert purse.remaining() == pytest.approx(0.4)


def test_runs_that_report_no_tokens_and_probes_that_are_free_cost_nothing() -> None:
    config = the_config()
    purse = Purse(config, VirtualClock())
    purse.pay(a_paid_probe(config), an_observation())
    purse.pay(config.plan().probe("api_hello"), an_observation(input_tokens=MILLION))
    assert purse.remaining() == 1.0


async def test_scheduled_runs_leave_the_reserve_to_bursts_and_a_new_day_begins_anew() -> None:
    clock = VirtualClock()
    purse = Purse(the_config(), clock)
    paid = a_paid_probe(the_config())
    purse.pay(paid, an_observation(input_tokens=7 * MILLION))
    assert not purse.allows(paid, Origin.SCHEDULED)
    assert purse.allows(paid, Origin.BURST)
    purse.pay(paid, an_observation(input_tokens=4 * MILLION))
    assert not purse.allows(paid, Origin.BURST)
    assert purse.allows(the_config().plan().probe("api_hello"), Origin.SCHEDULED)
    assert purse.remaining() == 0.0
    await clock.advance(DAY)
    assert purse.allows(paid, Origin.SCHEDULED)
    assert purse.remaining() == 1.0


async def test_that_the_money_is_spent_is_said_once_a_day() -> None:
    clock = VirtualClock()
    config = the_config()
    purse = Purse(config, clock)
    paid, free = a_paid_probe(config), config.plan().probe("api_hello")
    for _ in range(2):
        purse.pay(paid, an_observation(input_tokens=10 * MILLION))
        with capture_logs() as lines:
            for _ in range(3):
                purse.allows(paid, Origin.SCHEDULED)
                purse.allows(free, Origin.SCHEDULED)
        assert [line["event"] for line in lines] == ["budget.spent"]
        await clock.advance(DAY)
        assert purse.allows(paid, Origin.SCHEDULED)


async def test_what_was_spent_today_is_known_after_a_restart_and_yesterdays_is_not(
    tmp_path: Path,
) -> None:
    clock = VirtualClock()
    config = the_config()
    paid = a_paid_probe(config)
    database = await open_database(f"sqlite:///{tmp_path}/uptime.db")
    try:
        store = Store(database, "local", clock)
        midnight = clock.now().replace(hour=0, minute=0)
        await store.start()
        for number, at in enumerate((midnight, midnight.replace(day=midnight.day - 1))):
            seen = an_observation(
                paid.name, run_id=f"run-{number}", at=at, input_tokens=3 * MILLION, output_tokens=0
            )
            store.run(Judged(observation=seen, verdict=a_verdict()))
        await store.stop()
        purse = Purse(config, clock)
        await purse.recall(store)
    finally:
        await database.close()
    assert purse.remaining() == pytest.approx(0.7)


def test_a_paid_probe_is_paused_once_the_share_of_the_schedule_is_spent() -> None:
    config = the_config()
    plan = config.plan()
    purse = Purse(config, VirtualClock())
    paid = a_paid_probe(config)
    assert purse.paused(paid) is None
    assert purse.pay(paid, an_observation(input_tokens=7 * MILLION)) == pytest.approx(0.7)
    why = "paused by the budget until 00:00 UTC: $0.70 of $1.00 are spent"
    assert purse.paused(paid) == why
    marked = purse.marked(a_status_view(plan))
    assert {view.paused for view in marked.probes} == {None, why}
    assert all(
        (view.paused is not None) == (plan.probe(view.name).paid and plan.probe(view.name).enabled)
        for view in marked.probes
    )


def test_the_sentence_of_a_spent_budget_says_what_is_kept_for_bursts() -> None:
    config = the_config()
    purse = Purse(config, VirtualClock())
    purse.pay(a_paid_probe(config), an_observation(input_tokens=7 * MILLION))
    assert "$0.70 of the $1.00 a day are spent, and $0.30 of it is kept" in purse.sentence()[0]
