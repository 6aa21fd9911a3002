from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from monitor.core.incident import EventType, Incident
from monitor.delivery import Delivered, Delivery, GiveUp, Outbox, Retry
from monitor.pipeline import Change, Envelope, LastTold, Posting, Told
from monitor.storage.database import Database, StorageError, open_database
from monitor.storage.outbox import ERROR_CHARS_MAX, SqlOutbox
from monitor.storage.store import Store
from tests.factories import NOON, an_event, an_incident
from tests.storage.conftest import Running

LEASE = 60.0
API = an_incident("api", opened_at=NOON)
CONSOLE = an_incident("console", opened_at=NOON)


def seconds(number: float) -> datetime:
    return NOON + timedelta(seconds=number)


def announce(
    store: Store, name: str, incident: Incident | None = None, *notifiers: str, at: datetime = NOON
) -> None:
    """Put the event `name` into the outbox; a `monitor.*` event without an incident."""
    kind = EventType.UPDATED if incident else EventType.BLIND
    event = replace(an_event(kind, incident, id=name, at=at), incident=incident)
    envelopes = tuple(
        Envelope(notifier=each, body=f"{name} for {each}".encode())
        for each in notifiers or ("oncall",)
    )
    store.change(Change(postings=(Posting(event=event, envelopes=envelopes),)))


@pytest.fixture
async def store(database: Database, running: Running) -> AsyncIterator[Store]:
    async with running(database) as started:
        yield started


@pytest.fixture
def outbox(database: Database) -> SqlOutbox:
    return SqlOutbox(database, "local")


async def claim(outbox: Outbox, notifier: str = "oncall", at: datetime = NOON) -> str | None:
    claimed = await outbox.claim(notifier, at, LEASE)
    return claimed.event_id if claimed else None


async def taken(outbox: Outbox, at: datetime = NOON) -> Delivery:
    claimed = await outbox.claim("oncall", at, LEASE)
    assert claimed is not None
    return claimed


# ---------------------------------------------------------------- claims


async def test_nothing_can_be_claimed_from_an_empty_outbox(outbox: SqlOutbox) -> None:
    assert await claim(outbox) is None
    assert await outbox.next_due("oncall") is None
    assert await outbox.pending("oncall") == (0, None)


async def test_a_claim_hands_out_the_bytes_and_all_that_belongs_to_them(
    store: Store, outbox: SqlOutbox
) -> None:
    announce(store, "e1", API)
    await store.flush()
    claimed = await taken(outbox)
    assert claimed == Delivery(
        id=claimed.id,
        event_id="e1",
        type="incident.updated",
        incident_id=API.id,
        notifier="oncall",
        body=b"e1 for oncall",
        attempts=0,
        created_at=NOON,
    )


async def test_each_notifier_has_its_own_deliveries(store: Store, outbox: SqlOutbox) -> None:
    announce(store, "e1", API, "oncall", "chat")
    await store.flush()
    assert await claim(outbox, "oncall") == "e1"
    assert await claim(outbox, "chat") == "e1"
    assert await claim(outbox, "chat") is None
    assert await claim(outbox, "nobody") is None


async def test_another_vantage_leaves_them_alone(database: Database, store: Store) -> None:
    announce(store, "e1", API)
    await store.flush()
    assert await claim(SqlOutbox(database, "elsewhere")) is None


async def test_of_an_incident_the_next_waits_until_the_one_before_is_settled(
    store: Store, outbox: SqlOutbox
) -> None:
    for name in ("open", "close"):
        announce(store, name, API)
    await store.flush()
    first = await taken(outbox)
    assert await claim(outbox) is None
    await outbox.settle(first, Retry(reason="503"), NOON, seconds(30))
    assert await claim(outbox, at=seconds(29)) is None
    again = await taken(outbox, seconds(30))
    assert (again.event_id, again.attempts) == ("open", 1)
    await outbox.settle(again, Delivered(), seconds(31), None)
    assert await claim(outbox, at=seconds(31)) == "close"


async def test_incidents_and_monitor_events_do_not_wait_for_each_other(
    store: Store, outbox: SqlOutbox
) -> None:
    for name, incident in (("a1", API), ("a2", API), ("c1", CONSOLE), ("m1", None), ("m2", None)):
        announce(store, name, incident)
    await store.flush()
    assert [await claim(outbox) for _ in range(4)] == ["a1", "c1", "m1", None]


async def test_what_was_given_up_stands_in_nobodys_way(store: Store, outbox: SqlOutbox) -> None:
    for name in ("open", "close"):
        announce(store, name, API)
    await store.flush()
    await outbox.settle(await taken(outbox), GiveUp(reason="410 gone"), seconds(1), None)
    assert await claim(outbox) == "close"
    (dead,) = await outbox.list_deliveries(state="dead")
    assert (dead.event_id, dead.last_error, dead.settled_at) == ("open", "410 gone", seconds(1))


async def test_a_delivery_whose_holder_died_is_handed_out_again(
    store: Store, outbox: SqlOutbox
) -> None:
    announce(store, "e1", API)
    await store.flush()
    first = await taken(outbox)
    assert await claim(outbox, at=seconds(LEASE - 0.001)) is None
    again = await taken(outbox, seconds(LEASE))
    assert (again.id, again.body, again.attempts) == (first.id, first.body, 1)


async def test_who_comes_back_late_may_say_delivered_but_not_retry(
    store: Store, outbox: SqlOutbox
) -> None:
    announce(store, "e1", API)
    await store.flush()
    late = await taken(outbox)
    holder = await taken(outbox, seconds(LEASE))
    await outbox.settle(late, Retry(reason="slow"), seconds(61), seconds(61))
    assert await claim(outbox, at=seconds(62)) is None
    await outbox.settle(late, Delivered(), seconds(63), None)
    await outbox.settle(holder, Retry(reason="503"), seconds(64), seconds(64))
    assert [each.state for each in await outbox.list_deliveries()] == ["delivered"]
    assert await claim(outbox, at=seconds(3600)) is None


async def test_two_claimers_never_get_the_same_delivery(
    in_file: Database, running: Running, path: Path
) -> None:
    """Also not where they share nothing but the file, like two daemons."""
    incidents = [an_incident(name, opened_at=NOON) for name in "abcdefghijkl"]
    async with running(in_file) as store:
        for incident in incidents:
            announce(store, incident.id, incident)
        await store.flush()
    other = await open_database(f"sqlite:///{path}")
    claimed: list[str] = []

    async def worker(database: Database) -> None:
        outbox = SqlOutbox(database, "local")
        while len(claimed) < len(incidents):
            with contextlib.suppress(StorageError):  # locked by the other: again
                if (name := await claim(outbox)) is not None:
                    claimed.append(name)

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for database in (in_file, other, in_file, other):
            group.create_task(worker(database))
    await other.close()
    assert sorted(claimed) == sorted(incident.id for incident in incidents)


async def test_a_clock_that_is_set_back_makes_nothing_wait(store: Store, outbox: SqlOutbox) -> None:
    """An hour back: due times and leases lie an hour ahead, but so does the last touch."""
    announce(store, "e1", API)
    announce(store, "e2", CONSOLE)
    await store.flush()
    await outbox.settle(await taken(outbox), Retry(reason="503"), NOON, seconds(30))
    assert await claim(outbox, at=seconds(1)) == "e2"
    back = NOON - timedelta(hours=1)
    assert [await claim(outbox, at=back) for _ in range(3)] == ["e1", "e2", None]
    assert await claim(outbox, at=back + timedelta(seconds=LEASE)) == "e1"


# ---------------------------------------------------------------- settling


async def test_a_retry_without_a_time_is_due_at_once(store: Store, outbox: SqlOutbox) -> None:
    announce(store, "e1", API)
    await store.flush()
    await outbox.settle(await taken(outbox), Retry(reason="503"), seconds(1), None)
    assert await outbox.next_due("oncall") == seconds(1)
    assert await claim(outbox, at=seconds(1)) == "e1"


async def test_a_reason_is_kept_within_bounds(store: Store, outbox: SqlOutbox) -> None:
    announce(store, "e1", API)
    await store.flush()
    await outbox.settle(await taken(outbox), Retry(reason="\udcff" * 1000), NOON, NOON)
    (row,) = await outbox.list_deliveries()
    assert row.last_error == "?" * ERROR_CHARS_MAX


async def test_an_event_that_is_announced_again_is_not_delivered_again(
    store: Store, outbox: SqlOutbox
) -> None:
    announce(store, "e1", API)
    await store.flush()
    await outbox.settle(await taken(outbox), Delivered(), NOON, None)
    announce(store, "e1", API)
    await store.flush()
    assert await claim(outbox) is None
    assert len(await outbox.list_deliveries()) == 1


# ---------------------------------------------------------------- questions


async def test_the_next_is_due_when_the_first_of_a_line_is_free(
    store: Store, outbox: SqlOutbox
) -> None:
    announce(store, "a1", API)
    announce(store, "a2", API)
    await store.flush()
    assert await outbox.next_due("oncall") == NOON
    first = await taken(outbox)
    assert await outbox.next_due("oncall") == seconds(LEASE)
    await outbox.settle(first, Retry(reason="503"), NOON, seconds(300))
    assert await outbox.next_due("oncall") == seconds(300)
    announce(store, "c1", CONSOLE, at=seconds(10))
    await store.flush()
    assert await outbox.next_due("oncall") == seconds(10)


async def test_the_backlog_counts_what_is_not_settled(store: Store, outbox: SqlOutbox) -> None:
    announce(store, "a1", API, at=seconds(5))
    announce(store, "m1", None, at=seconds(7))
    announce(store, "a2", API, "chat", at=seconds(1))
    await store.flush()
    assert await outbox.pending("oncall") == (2, seconds(5))
    await outbox.settle(await taken(outbox, seconds(8)), Delivered(), seconds(9), None)
    waiting, oldest = await outbox.pending("oncall")
    assert (waiting, oldest) == (1, seconds(7))


async def test_the_list_can_be_narrowed_and_is_newest_first(
    store: Store, outbox: SqlOutbox
) -> None:
    announce(store, "a1", API, "oncall", "chat")
    announce(store, "c1", CONSOLE)
    await store.flush()
    await taken(outbox)
    found = await outbox.list_deliveries()
    assert [(each.event_id, each.notifier, each.attempts) for each in found] == [
        ("c1", "oncall", 0),
        ("a1", "chat", 0),
        ("a1", "oncall", 1),
    ]
    assert [each.event_id for each in await outbox.list_deliveries(limit=1)] == ["c1"]
    narrowed = await outbox.list_deliveries(notifier="oncall", incident_id=API.id)
    assert [each.id for each in narrowed] == [found[-1].id]
    assert await outbox.list_deliveries(state="dead") == []


async def test_a_database_that_is_held_by_another_raises_and_loses_nothing(
    in_file: Database, running: Running, path: Path
) -> None:
    outbox = SqlOutbox(in_file, "local")
    async with running(in_file) as store:
        announce(store, "e1", API)
        await store.flush()
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(StorageError, match="is locked"):
                await claim(outbox)
            assert await outbox.pending("oncall") == (1, NOON)
            other.execute("ROLLBACK")
            delivery = await taken(outbox)
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(StorageError, match="is locked"):
                await outbox.settle(delivery, Delivered(), NOON, None)
            other.execute("ROLLBACK")
        await outbox.settle(delivery, Delivered(), NOON, None)
        assert await outbox.pending("oncall") == (0, None)


# ---------------------------------------------------------------- what each was told last


async def test_what_each_notifier_was_told_last_of_each_incident(
    store: Store, outbox: SqlOutbox
) -> None:
    announce(store, "e1", API, "oncall", "chat")
    announce(store, "e2", CONSOLE, "oncall", at=seconds(5))
    await store.flush()
    await outbox.settle(await taken(outbox), Delivered(), NOON, None)
    told = await outbox.told([API.id, CONSOLE.id, "unknown"])
    assert told == {
        API.id: {
            "oncall": LastTold(told=Told.OPEN, at=NOON, waiting=False),
            "chat": LastTold(told=Told.OPEN, at=NOON, waiting=True),
        },
        CONSOLE.id: {"oncall": LastTold(told=Told.OPEN, at=seconds(5), waiting=True)},
    }
