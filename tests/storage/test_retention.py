from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select, update

from monitor.clock import VirtualClock
from monitor.core.effects import StateChanged
from monitor.core.incident import EventType, State
from monitor.delivery import Delivered
from monitor.pipeline import Change, Envelope, Posting
from monitor.storage.database import Database
from monitor.storage.orders import OrderBook
from monitor.storage.outbox import SqlOutbox
from monitor.storage.retention import KEEP_SETTLED, KEEP_STATES, prune
from monitor.storage.store import Store
from monitor.storage.tables import deliveries, incident_events, runs
from tests.factories import NOON, a_judged, an_event
from tests.storage.conftest import Running

KEEP = timedelta(days=14)


async def fill(store: Store, starts: list[datetime]) -> None:
    for number, at in enumerate(starts):
        store.run(a_judged(run_id=f"run-{number}", at=at))
    await store.flush()


async def left(database: Database) -> list[str]:
    rows = await database.rows(select(runs.c.run_id).order_by(runs.c.id))
    return [row["run_id"] for row in rows]


async def test_runs_go_when_they_are_older_than_they_are_kept(
    database: Database, running: Running
) -> None:
    starts = [NOON - KEEP - timedelta(microseconds=1), NOON - KEEP, NOON]
    async with running(database) as store:
        await fill(store, starts)
    assert await prune(database, "local", KEEP, NOON) == 1
    assert await left(database) == ["run-1", "run-2"]


async def test_many_old_runs_go_in_small_batches(database: Database, running: Running) -> None:
    old = [NOON - KEEP - timedelta(hours=hour) for hour in range(1, 8)]
    async with running(database) as store:
        await fill(store, [*old, NOON])
    assert await prune(database, "local", KEEP, NOON, batch=3) == 7
    assert await left(database) == ["run-7"]
    assert await prune(database, "local", KEEP, NOON, batch=3) == 0


async def test_runs_of_another_vantage_stay(database: Database, running: Running) -> None:
    async with running(database, "elsewhere") as store:
        await fill(store, [NOON - 2 * KEEP])
    assert await prune(database, "local", KEEP, NOON) == 0
    assert await left(database) == ["run-0"]


async def test_the_writer_comes_between_two_batches(
    in_file: Database, running: Running, clock: VirtualClock
) -> None:
    """Nothing is held from one batch to the next, so a change is never kept waiting."""
    async with running(in_file) as store:
        await fill(store, [NOON - 2 * KEEP] * 20)
        store.change(Change(snapshot=b"{}"))
        assert await prune(in_file, "local", KEEP, NOON, batch=1) == 20
        await clock.advance(1.0)
        await store.settled()
        assert store.health().ok


async def test_settled_deliveries_go_in_time_and_pending_ones_never(
    database: Database, running: Running
) -> None:
    def posting(name: str) -> Change:
        event = an_event(EventType.BLIND, id=name)
        return Change(
            postings=(Posting(event=event, envelopes=(Envelope(notifier="n", body=b"1"),)),)
        )

    outbox = SqlOutbox(database, "local")
    async with running(database) as store:
        for name in ("settled", "pending"):
            store.change(posting(name))
        await store.flush()
        claimed = await outbox.claim("n", NOON, 60.0)
        assert claimed is not None
        await outbox.settle(claimed, Delivered(), NOON, None)
    assert await prune(database, "local", KEEP, NOON + KEEP_SETTLED) == 0
    assert await prune(database, "local", KEEP, NOON + KEEP_SETTLED + timedelta(seconds=1)) == 1
    assert [each.event_id for each in await outbox.list_deliveries()] == ["pending"]
    (row,) = await database.rows(select(func.count().label("n")).select_from(incident_events))
    assert row["n"] == 2
    async with database.writing() as connection:
        await connection.execute(update(deliveries).values(created_at=NOON - 1000 * KEEP))
    assert await prune(database, "local", KEEP, NOON + KEEP_SETTLED) == 0


async def test_orders_that_are_done_and_old_changes_of_state_go_in_time(
    database: Database, running: Running
) -> None:
    book = OrderBook(database, "local")
    done = await book.put("mute", {}, "alice", NOON)
    waiting = await book.put("mute", {}, "alice", NOON)
    await book.done(done, "muted", NOON, ok=True)
    changes = [
        StateChanged(component="api", before=State.UNKNOWN, after=state, at=NOON + at)
        for at, state in (
            (-timedelta(days=1), State.MAJOR_OUTAGE),
            (timedelta(), State.OPERATIONAL),
        )
    ]
    async with running(database) as store:
        store.change(Change(states=tuple(changes)))
        await store.flush()
        moment = timedelta(seconds=1)
        assert await prune(database, "local", KEEP, NOON + KEEP_SETTLED) == 0
        assert await prune(database, "local", KEEP, NOON + KEEP_SETTLED + moment) == 1
        assert [order.id for order in await book.waiting()] == [waiting]
        assert await prune(database, "local", KEEP, NOON + KEEP_STATES) == 0
        assert await prune(database, "local", KEEP, NOON + KEEP_STATES + moment) == 1
        (left,) = await store.state_changes("api", NOON, NOON + KEEP)
        assert left.after is State.OPERATIONAL  # what the time that is kept began with
