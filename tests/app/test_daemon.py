"""The whole daemon: what it does on good days and bad ones, over a restart and at its end."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.app import Daemon, StartError
from monitor.core.effects import Effect
from monitor.core.incident import EventType, Reason
from monitor.core.moment import Moment
from monitor.core.outcome import Counts, Outcome
from monitor.storage.database import open_database
from tests.app.house import KEY, SECRET, SwitchedWorld, Watch, a_house

pytestmark = pytest.mark.slow

STOP_SECONDS = 8.0
"""Contract: SIGTERM stops the daemon within this."""


def one_line(raised: pytest.ExceptionInfo[Exception]) -> str:
    """The text of the one error that ended the start."""
    value: BaseException = raised.value
    while isinstance(value, BaseExceptionGroup):
        (value,) = value.exceptions
    assert isinstance(value, StartError)
    assert "\n" not in str(value)
    return str(value)


def everything_in(folder: Path) -> bytes:
    """What stands in the files of the database."""
    return b"".join(path.read_bytes() for path in folder.iterdir())


# ---------------------------------------------------------------- good days


async def test_it_starts_answers_and_stops(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        async with house.daemon() as living:
            await living.settled()
            assert await living.document("/-/healthy") == {"vantage": "test", "alive": True}
            ready = await living.document("/-/ready")
            assert ready["ready"] is True
            status = await living.document("/api/v1/status")
            assert [row["component"] for row in status["components"]] == ["api"]
            assert await living.metric('claude_uptime_network_up{vantage="test"}') == 1.0
            series = 'claude_uptime_runs_total{outcome="ok",probe="api_hello",vantage="test"}'
            assert await living.metric(series) >= 1.0
            code, page = await living.get("/")
            assert (code, "Claude API" in page) == (200, True)
            begun = time.perf_counter()
        assert time.perf_counter() - begun < STOP_SECONDS
        assert living.watch.events == []
        assert house.receipts == []


# ---------------------------------------------------------------- an outage


async def test_an_outage_opens_an_incident_that_arrives_signed_and_closes_once(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path) as house:
        async with house.daemon() as living:
            await living.settled()
            house.world.broken = True
            opened = await living.announced(EventType.OPENED)
            assert opened.incident is not None
            await living.until(lambda: bool(house.receipts))
            shown = await living.document("/api/v1/incidents")
            assert opened.incident.id in str(shown)
            gauge = 'claude_uptime_incident_open{component="api",vantage="test"}'
            assert await living.metric(gauge) == 1.0
            seen = [text for _, text in [await living.get(p) for p in ("/metrics", "/")]]
            house.world.broken = False
            closed = await living.announced(EventType.CLOSED)
            await living.until(lambda: house.receipts[-1].id == closed.id)
        types = [receipt.type for receipt in house.receipts]
        assert types[0] == EventType.OPENED
        assert types[-1] == EventType.CLOSED
        assert (types.count(EventType.OPENED), types.count(EventType.CLOSED)) == (1, 1)
        assert all(receipt.verified for receipt in house.receipts)
        assert {receipt.incident for receipt in house.receipts} == {opened.incident.id}
        assert [receipt.id for receipt in house.receipts] == [e.id for e in living.watch.events]
        stored = everything_in(tmp_path)
        for secret in (KEY, SECRET.removeprefix("whsec_")):
            assert secret.encode() not in stored
            assert not any(secret in text for text in seen)


async def test_after_a_restart_an_open_incident_goes_on_without_a_word_and_closes_once(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path) as house:
        async with house.daemon() as living:
            await living.settled()
            house.world.broken = True
            opened = await living.announced(EventType.OPENED)
            assert opened.incident is not None
            await living.until(lambda: bool(house.receipts))
        async with house.daemon() as again:
            assert [one.id for one in again.daemon.status().open_incidents] == [opened.incident.id]
            await again.until(lambda: len(again.watch.beats("api_hello")) >= 4)
            third, fourth = again.watch.beats("api_hello")[2:4]
            assert fourth - third < 25.0, "an open incident is watched every 15 s, not every 30"
            assert again.watch.count(Outcome.SERVER_ERROR) >= 12
            assert not {EventType.OPENED, EventType.REOPENED} & set(again.watch.types)
            series = 'claude_uptime_incidents_opened_total{severity="critical",vantage="test"}'
            assert await again.metric(series) == 0.0
            house.world.broken = False
            closed = await again.announced(EventType.CLOSED)
            assert closed.incident is not None
            assert closed.incident.id == opened.incident.id
            await again.until(lambda: house.receipts[-1].id == closed.id)
            assert again.daemon.status().open_incidents == ()
            counted = 'claude_uptime_component_incidents_total{component="api",vantage="test"}'
            assert await again.metric(counted) == 0.0
        # A sending that the stop cut off may come again, under the same id.
        events = {receipt.id: receipt.type for receipt in house.receipts}
        types = list(events.values())
        assert (types.count(EventType.OPENED), types.count(EventType.CLOSED)) == (1, 1)


async def test_an_event_that_could_not_be_delivered_is_delivered_after_a_restart(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path) as house:
        await house.receiver.stop()
        async with house.daemon() as living:
            await living.settled()
            house.world.broken = True
            opened = await living.announced(EventType.OPENED)
        assert house.receipts == []
        await house.receiver.start()
        async with house.daemon() as again:
            await again.until(lambda: bool(house.receipts))
        assert house.receipts[0].id == opened.id


# ---------------------------------------------------------------- a shut database


@contextlib.asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Another program holds the write lock. Taken in a thread: the daemon has to let go first."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        await asyncio.to_thread(connection.execute, "BEGIN EXCLUSIVE")
        yield
    finally:
        connection.close()


async def test_a_locked_database_stops_neither_probing_nor_the_one_delivery_of_each_event(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path) as house, house.daemon() as living:
        await living.settled()
        async with locked(house.database):
            house.world.broken = True
            opened = await living.announced(EventType.OPENED)
            runs = len(living.watch.judged)
            await living.until(lambda: len(living.watch.judged) >= runs + 8)
            text = await living.page("/-/ready", "is locked by another process")
            assert "store_not_written" in text
            assert (await living.get("/-/ready"))[0] == 200
            assert await living.metric('claude_uptime_store_writable{vantage="test"}') == 0.0
            assert await living.metric('claude_uptime_store_pending{vantage="test"}') >= 8.0
            assert house.receipts == []
        await living.until(lambda: bool(house.receipts))
        assert house.receipts[0].id == opened.id
        house.world.broken = False
        closed = await living.announced(EventType.CLOSED)
        await living.until(lambda: house.receipts[-1].id == closed.id)
        assert [receipt.id for receipt in house.receipts] == [e.id for e in living.watch.events]
        assert await living.metric('claude_uptime_store_writable{vantage="test"}') == 1.0
        assert "store_not_written" not in (await living.get("/-/ready"))[1]


async def test_a_database_that_stays_locked_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        with capture_logs() as lines:
            async with contextlib.AsyncExitStack() as outer:
                async with house.daemon() as living:
                    await living.settled()
                    await outer.enter_async_context(locked(house.database))
                    begun = time.perf_counter()
                assert time.perf_counter() - begun < STOP_SECONDS
        (stopped,) = (line for line in lines if line["event"] == "daemon.stopped")
        assert "is locked by another process" in stopped["unwritten"]


async def test_an_outbox_that_cannot_be_read_is_said_and_probing_goes_on(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        with capture_logs() as lines:
            async with house.daemon() as living:
                await living.settled()

                def drop() -> None:
                    opened = sqlite3.connect(house.database, timeout=30, isolation_level=None)
                    with contextlib.closing(opened) as connection:
                        connection.execute("BEGIN IMMEDIATE")  # waits for the writer's turn to end
                        connection.execute("DROP TABLE deliveries")
                        connection.execute("COMMIT")

                # Not on the loop: the writer may need it to end its turn.
                await asyncio.to_thread(drop)
                await living.until(lambda: "store.unreadable" in [e["event"] for e in lines])
                runs = len(living.watch.judged)
                await living.until(lambda: len(living.watch.judged) >= runs + 4)
        assert "tick.failed" not in [line["event"] for line in lines]


async def test_a_bug_in_a_tick_is_logged_and_the_next_tick_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks: list[Moment] = []

    def fail(now: Moment) -> tuple[Effect, ...]:
        ticks.append(now)
        message = "a bug"
        raise RuntimeError(message)

    async with a_house(tmp_path) as house:
        with capture_logs() as lines:
            async with house.daemon() as living:
                monkeypatch.setattr(living.daemon.engine, "tick", fail)
                await living.until(lambda: len(ticks) >= 3)
        failed = [line for line in lines if line["event"] == "tick.failed"]
        assert len(failed) >= 2


async def test_a_model_that_the_list_calls_retired_is_told_by_webhook_and_metric(
    tmp_path: Path,
) -> None:
    """A reading of the list is no run: it counts nowhere, and opens nothing."""
    world = SwitchedWorld("model_retired, model: claude-haiku-5-5")
    world.broken = True
    async with a_house(tmp_path, world) as house, house.daemon() as living:
        told = await living.announced(EventType.MISCONFIGURED)
        assert told.reason is Reason.MODEL_RETIRED
        assert "claude-haiku-5-5 is retired" in told.summary
        assert "api_message" in told.summary
        await living.until(lambda: bool(house.receipts))
        assert (house.receipts[0].id, house.receipts[0].verified) == (told.id, True)

        labels = 'lifecycle="retired",line="haiku",model="claude-haiku-5-5",vantage="test"'
        assert await living.metric(f"claude_uptime_model_info{{{labels}}}") == 1.0
        series = 'claude_uptime_model_retires_timestamp_seconds{model="claude-haiku-5-5"'
        assert await living.metric(f'{series},vantage="test"}}') > 0.0

        asked = {judged.observation.probe for judged in living.watch.judged}
        await living.until(lambda: len(living.watch.beats("api_message")) >= 2)
        before = len(living.watch.judged)
        _, text = await living.get("/metrics")
        after = len(living.watch.judged)
        runs = [line for line in text.splitlines() if line.startswith("claude_uptime_runs_total{")]
        counted = sum(float(line.rpartition(" ")[2]) for line in runs)
        assert before <= counted <= after
        assert asked <= {probe.name for probe in living.daemon.plan.enabled()}
        messages = [j for j in living.watch.judged if j.observation.probe == "api_message"]
        assert {judged.verdict.outcome for judged in messages} == {Outcome.CLIENT_ERROR}
        assert EventType.OPENED not in living.watch.types

        (model,) = (await living.document("/api/v1/status"))["models"]
        assert (model["model"], model["state"]) == ("claude-haiku-5-5", "retired")


async def test_a_notifier_that_sends_nothing_is_said_at_the_start(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        config = house.config()
        (hook,) = config.notifiers
        dumb = hook.model_copy(update={"secret": ()})
        with capture_logs() as lines:
            async with house.daemon(config.model_copy(update={"notifiers": (dumb,)})):
                pass
        (line,) = (line for line in lines if line["event"] == "notifier.disabled")
        assert line["notifier"] == "oncall"
        assert "set ALERT_WEBHOOK_SECRET" in line["reason"]


# ---------------------------------------------------------------- no start


async def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with a_house(tmp_path) as house:
            with pytest.raises(ExceptionGroup) as raised:
                async with house.daemon(house.config(port=port)):
                    pass
    assert one_line(raised) == f"cannot listen on 127.0.0.1:{port}: address already in use"


async def test_a_database_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("no folder")
    async with a_house(tmp_path) as house:
        with pytest.raises(ExceptionGroup) as raised:
            async with house.daemon(house.config(folder=in_the_way)):
                pass
    assert str(in_the_way) in one_line(raised)


async def test_a_database_that_lacks_a_table_is_one_line(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        database = await open_database(f"sqlite:///{house.database}")
        await database.close()
        with contextlib.closing(sqlite3.connect(house.database)) as connection:
            connection.execute("DROP TABLE engine_state")
        with pytest.raises(ExceptionGroup) as raised:
            async with house.daemon():
                pass
    assert "engine_state" in one_line(raised)


async def test_a_file_of_authorities_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    async with a_house(tmp_path) as house:
        config = house.config()
        egress = config.egress.model_copy(update={"ca_file": str(tmp_path / "ca.pem")})
        with pytest.raises(StartError) as raised:
            async with house.daemon(config.model_copy(update={"egress": egress})):
                pass
    assert "ca.pem" in one_line(raised)


# ---------------------------------------------------------------- money


async def test_when_the_budget_is_spent_paid_runs_are_skipped_and_say_so(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        config = house.config(usd=0.000001)
        skipped = 'claude_uptime_runs_skipped_total{probe="api_message",reason="budget"'
        async with house.daemon(config) as living:
            await living.settled()

            def runs(probe: str) -> int:
                return sum(j.observation.probe == probe for j in living.watch.judged)

            await living.until(lambda: runs("api_models") >= 4)
            assert runs("api_message") == 1
            assert await living.metric(f'{skipped},vantage="test"}}') >= 2.0
            cost = 'claude_uptime_cost_usd_total{probe="api_message",vantage="test"}'
            assert await living.metric(cost) > 0.000001
            assert await living.metric('claude_uptime_budget_remaining_usd{vantage="test"}') == 0.0
            found = await living.document("/api/v1/probes/api_message")
            assert found["paused_reason"].startswith("paused by the budget until 00:00 UTC")
            assert "paused by the budget" in await living.page("/", "paused by the budget")
            assert "paused by the budget" in (await living.get("/probes/api_message"))[1]
            assert [(e.subject, e.reason) for e in living.watch.events] == [
                ("budget", Reason.BUDGET_SPENT)
            ]
        async with house.daemon(config) as again:
            await again.until(lambda: len(again.watch.judged) >= 6)
            assert await again.metric(f'{skipped},vantage="test"}}') >= 1.0
            assert "api_message" not in {j.observation.probe for j in again.watch.judged}
            assert again.watch.events == [], "it was said today, before the restart"


async def test_a_key_that_was_rate_limited_is_left_alone_for_as_long_as_it_was_told(
    tmp_path: Path,
) -> None:
    world = SwitchedWorld("rate_limit_429, keyed: true")
    async with a_house(tmp_path, world) as house, house.daemon() as living:
        await living.settled()
        world.broken = True
        skipped = 'claude_uptime_runs_skipped_total{probe="api_models",reason="rate_limit"'
        series = f'{skipped},vantage="test"}}'
        await living.until(lambda: living.watch.count(Outcome.RATE_LIMITED) > 0)
        await living.page("/metrics", series)
        before = living.watch.count(Outcome.OK)
        await living.until(lambda: living.watch.count(Outcome.OK) >= before + 6)
        assert await living.metric(series) >= 1.0


# ---------------------------------------------------------------- the stop


async def test_runs_that_do_not_end_are_cut_off_in_time_and_recorded_as_our_own_doing(
    tmp_path: Path,
) -> None:
    """At five times the speed a run of thirty seconds takes six: longer than the drain waits."""
    world = SwitchedWorld("hang")
    world.broken = True
    async with a_house(tmp_path, world, speed=5.0) as house:
        with capture_logs() as lines:
            async with house.daemon() as living:
                await living.until(lambda: world.asked >= 4)
                begun = time.perf_counter()
            took = time.perf_counter() - begun
        assert took < STOP_SECONDS
        cut = [j for j in living.watch.judged if j.verdict.outcome is Outcome.MONITOR_ERROR]
        assert {j.verdict.counts for j in cut} == {Counts.EXCLUDED}
        (stopped,) = (line for line in lines if line["event"] == "daemon.stopped")
        assert stopped["aborted_runs"] == len(cut) > 0
        with contextlib.closing(sqlite3.connect(house.database)) as connection:
            rows = connection.execute(
                "SELECT COUNT(*) FROM runs WHERE outcome = 'monitor_error'"
            ).fetchone()
        assert rows == (len(cut),)


async def test_even_a_daemon_that_is_cancelled_writes_down_what_it_saw(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        watch = Watch(house.news)
        daemon = Daemon(house.config(), house.clock, random.Random(1), sinks=(watch,))
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(daemon.run(asyncio.Event()))
            await house.news.until(lambda: len(watch.judged) >= 4)
            running.cancel()
        with contextlib.closing(sqlite3.connect(house.database)) as connection:
            rows = connection.execute("SELECT run_id FROM runs").fetchall()
    assert {run_id for (run_id,) in rows} == {j.observation.run_id for j in watch.judged}
