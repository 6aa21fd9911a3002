"""The daemon's own health, and the metrics brought up to now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typing_extensions import override

from monitor.app.views import ALIVE_SECONDS, LAG_SECONDS, Punctuality, Scrape, Vitals
from monitor.clock import VirtualClock
from monitor.metrics.feed import Metrics
from monitor.pipeline import Change, Envelope, Posting
from monitor.scheduler import Pulse
from monitor.storage.database import open_database
from monitor.storage.outbox import SqlOutbox
from monitor.storage.store import Store
from tests.factories import a_plan, a_status_view, an_event
from tests.fakes.notifier import FakeNotifier


class FastClock(VirtualClock):
    """Two of its seconds are one of the machine's."""

    @override
    def real(self, seconds: float) -> float:
        return seconds / 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Vitals with a real database behind them."""

    clock: FastClock
    pulse: Pulse
    punctuality: Punctuality
    metrics: Metrics
    store: Store
    vitals: Vitals

    async def look(self) -> None:
        """Once all that was given is written."""
        await self.store.flush()
        await self.vitals.look()


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    clock = FastClock()
    database = await open_database(f"sqlite:///{tmp_path}/uptime.db")
    store = Store(database, "local", clock)
    await store.start()
    metrics = Metrics(a_plan(), version="1", notifiers=["oncall", "chat"])
    punctuality = Punctuality(metrics, clock)
    pulse = Pulse(clock, punctuality)
    notifiers = (FakeNotifier("oncall"), FakeNotifier("chat"))
    outbox = SqlOutbox(database, "local")
    vitals = Vitals(clock, pulse, punctuality, store, outbox, notifiers)
    yield Stand(
        clock=clock,
        pulse=pulse,
        punctuality=punctuality,
        metrics=metrics,
        store=store,
        vitals=vitals,
    )
    await store.stop()
    await database.close()


async def test_before_it_serves_it_is_alive_and_not_ready(stand: Stand) -> None:
    health = stand.vitals.health()
    assert (health.alive, health.serving) == (True, False)
    stand.vitals.serving = True
    assert stand.vitals.health().serving


async def test_a_loop_without_a_beat_is_not_alive(stand: Stand) -> None:
    await stand.clock.advance(2 * ALIVE_SECONDS - 0.1)
    assert stand.vitals.health().alive
    await stand.clock.advance(0.1)
    assert not stand.vitals.health().alive


async def test_a_beating_loop_is_alive(stand: Stand) -> None:
    async with asyncio.TaskGroup() as tasks:
        beating = tasks.create_task(stand.pulse.beat())
        await stand.clock.advance(4 * ALIVE_SECONDS)
        assert stand.vitals.health().alive
        beating.cancel()


async def test_the_worst_delays_of_the_last_minute_are_told_in_machine_seconds(
    stand: Stand,
) -> None:
    stand.pulse._late.append((0.0, 3.0))
    stand.punctuality.late(5.0)
    stand.punctuality.late(4.0)
    health = stand.vitals.health()
    assert (health.loop_lag, health.lateness) == (1.5, 2.5)
    await stand.clock.advance(2 * LAG_SECONDS + 0.1)
    health = stand.vitals.health()
    assert (health.loop_lag, health.lateness) == (0.0, 0.0)


async def test_what_waits_for_each_notifier_is_counted_and_timed(stand: Stand) -> None:
    event = an_event(at=stand.clock.now())
    posting = Posting(event=event, envelopes=(Envelope(notifier="oncall", body=b"{}"),))
    stand.store.change(Change(postings=(posting,)))
    await stand.look()
    await stand.clock.advance(30.0)
    health = stand.vitals.health()
    rows = [(row.notifier, row.pending, row.oldest_age) for row in health.deliveries]
    assert rows == [("oncall", 1, 30.0), ("chat", 0, 0.0)]
    assert health.store is not None
    assert health.store.ok
    backlog = [(row.notifier, row.pending, row.oldest_age) for row in stand.vitals.backlog()]
    assert backlog == rows


async def test_before_the_first_look_nothing_is_known_to_wait(stand: Stand) -> None:
    assert [row.pending for row in stand.vitals.backlog()] == [0, 0]


async def test_a_scrape_brings_the_gauges_up_to_now(stand: Stand) -> None:
    posting = Posting(event=an_event(), envelopes=(Envelope(notifier="oncall", body=b"{}"),))
    stand.store.change(Change(postings=(posting,)))
    await stand.look()
    scrape = Scrape(
        stand.metrics, lambda: a_status_view(a_plan()), stand.vitals, stand.store, lambda: 0.25
    )
    await scrape.refresh()
    text = scrape.render(openmetrics=False).decode()
    assert 'claude_uptime_deliveries_pending{notifier="oncall",vantage="local"} 1.0' in text
    assert 'claude_uptime_budget_remaining_usd{vantage="local"} 0.25' in text
    assert 'claude_uptime_network_up{vantage="local"} 1.0' in text
    assert scrape.render(openmetrics=True).endswith(b"# EOF\n")


async def test_how_the_schedule_is_kept_reaches_the_metrics(stand: Stand) -> None:
    stand.punctuality.skipped("api_hello", "late")
    stand.punctuality.late(1.0)
    stand.punctuality.loop_lag(0.5)
    text = stand.metrics.render(openmetrics=False).decode()
    skipped = 'claude_uptime_runs_skipped_total{probe="api_hello",reason="late",vantage="local"}'
    assert f"{skipped} 1.0" in text
    assert 'claude_uptime_scheduler_lateness_seconds_count{vantage="local"} 1.0' in text
    assert 'claude_uptime_event_loop_lag_seconds_count{vantage="local"} 1.0' in text
