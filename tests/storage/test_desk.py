from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.core.incident import EventType
from monitor.delivery import Delivered, GiveUp, Retry
from monitor.pipeline import Change, Envelope, Posting
from monitor.storage.database import Database
from monitor.storage.desk import Desk, DeskError
from monitor.storage.outbox import SqlOutbox
from monitor.storage.store import Store
from tests.factories import NOON, an_event, an_incident
from tests.storage.conftest import Running

API = an_incident("api", opened_at=NOON)
LATER = NOON + timedelta(days=4)
OPENED, UPDATED, CLOSED = EventType.OPENED, EventType.UPDATED, EventType.CLOSED


@pytest.fixture
async def store(database: Database, running: Running) -> AsyncIterator[Store]:
    async with running(database) as started:
        yield started


@pytest.fixture
def outbox(database: Database) -> SqlOutbox:
    return SqlOutbox(database, "local")


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database, "local")


async def announced(store: Store, *kinds: EventType, notifier: str = "oncall") -> None:
    """Events of one incident in this order, decided at noon."""
    for number, kind in enumerate(kinds, 1):
        event = an_event(kind, API, id=f"{API.id}-{number}-{notifier}", at=NOON)
        envelope = Envelope(notifier=notifier, body=f"{kind.value}".encode())
        store.change(Change(postings=(Posting(event=event, envelopes=(envelope,)),)))
    await store.flush()


async def given_up(outbox: SqlOutbox, count: int = 1, notifier: str = "oncall") -> None:
    """The next deliveries are dead letters."""
    for _ in range(count):
        delivery = await outbox.claim(notifier, NOON, 60.0)
        assert delivery is not None
        await outbox.settle(delivery, GiveUp(reason="answered 410"), NOON, None)


async def delivered(outbox: SqlOutbox, notifier: str = "oncall") -> str:
    """The next delivery arrives; its type."""
    delivery = await outbox.claim(notifier, LATER, 60.0)
    assert delivery is not None
    await outbox.settle(delivery, Delivered(), LATER, None)
    return delivery.type


async def states(outbox: SqlOutbox) -> dict[int, str]:
    return {each.id: each.state for each in await outbox.list_deliveries()}


async def test_a_dead_open_is_sent_again_before_its_close(
    store: Store, outbox: SqlOutbox, desk: Desk
) -> None:
    await announced(store, OPENED, UPDATED, CLOSED)
    await given_up(outbox, 2)
    assert (await desk.retry(1, LATER)).ids == (1, 2)
    assert await states(outbox) == {1: "pending", 2: "pending", 3: "pending"}
    assert [await delivered(outbox) for _ in range(3)] == [OPENED, UPDATED, CLOSED]


async def test_an_open_whose_close_has_arrived_is_not_sent_again(
    store: Store, outbox: SqlOutbox, desk: Desk
) -> None:
    await announced(store, OPENED, CLOSED)
    await given_up(outbox)
    await delivered(outbox)
    with pytest.raises(DeskError, match="too late: 2, a later event"):
        await desk.retry(1, LATER)
    assert (await desk.retry_all("oncall", LATER)).skipped == (1,)
    assert await states(outbox) == {1: "dead", 2: "delivered"}


async def test_what_is_being_sent_is_not_overtaken(
    store: Store, outbox: SqlOutbox, desk: Desk
) -> None:
    await announced(store, OPENED, CLOSED)
    await given_up(outbox)
    assert await outbox.claim("oncall", LATER, 60.0)  # the close is on its way
    with pytest.raises(DeskError, match="2 is being sent just now"):
        await desk.retry(1, LATER)
    assert (await desk.retry(1, LATER + timedelta(seconds=60))).ids == (1,)  # its holder died


async def test_what_waits_for_its_turn_is_tried_at_once(
    store: Store, outbox: SqlOutbox, desk: Desk
) -> None:
    await announced(store, OPENED)
    first = await outbox.claim("oncall", NOON, 60.0)
    assert first is not None
    put_off = NOON + timedelta(hours=1)
    await outbox.settle(first, Retry(reason="answered 503"), NOON, put_off)
    assert await outbox.next_due("oncall") == put_off
    soon = NOON + timedelta(minutes=2)
    assert (await desk.retry(1, soon)).ids == (1,)
    assert await outbox.next_due("oncall") == soon


async def test_the_age_of_what_is_asked_for_again_counts_from_then(
    store: Store, outbox: SqlOutbox, desk: Desk
) -> None:
    await announced(store, OPENED)
    await given_up(outbox)
    await desk.retry(1, LATER)
    delivery = await outbox.claim("oncall", LATER, 60.0)
    assert delivery is not None
    assert delivery.created_at == LATER
    (record,) = await outbox.list_deliveries()
    assert record.created_at == NOON


async def test_all_of_a_notifier_are_asked_for_again_and_no_others(
    store: Store, outbox: SqlOutbox, desk: Desk
) -> None:
    await announced(store, OPENED, CLOSED)
    await announced(store, OPENED, notifier="chat")
    await given_up(outbox, 2)
    await given_up(outbox, notifier="chat")
    await desk.discard(2, "told by phone (ann)", LATER)
    assert (await desk.retry_all("oncall", LATER)).ids == (1,)
    assert await states(outbox) == {1: "pending", 2: "discarded", 3: "dead"}


async def test_what_is_discarded_lets_the_next_pass(
    store: Store, outbox: SqlOutbox, desk: Desk
) -> None:
    await announced(store, OPENED, CLOSED)
    await desk.discard(1, "known (ann)", LATER)
    assert await delivered(outbox) == CLOSED
    record = (await outbox.list_deliveries())[-1]
    assert (record.state, record.last_error) == ("discarded", "discarded: known (ann)")
    with pytest.raises(DeskError, match="discarded already"):
        await desk.discard(1, "again", LATER)


async def test_what_has_arrived_stays(store: Store, outbox: SqlOutbox, desk: Desk) -> None:
    await announced(store, OPENED)
    await delivered(outbox)
    with pytest.raises(DeskError, match="has arrived: it is not sent again"):
        await desk.retry(1, LATER)
    with pytest.raises(DeskError, match="has arrived"):
        await desk.discard(1, "no", LATER)


async def test_what_is_not_there_is_told(database: Database, store: Store, desk: Desk) -> None:
    await announced(store, OPENED)
    assert await desk.body(1) == b"incident.opened"
    for other in (desk.retry(9, LATER), Desk(database, "elsewhere").retry(1, LATER)):
        with pytest.raises(DeskError, match="there is no delivery"):
            await other


async def test_events_about_the_monitor_do_not_wait_for_each_other(
    store: Store, outbox: SqlOutbox, desk: Desk
) -> None:
    for number in (1, 2):
        blind = replace(an_event(EventType.BLIND, API, id=f"blind-{number}"), incident=None)
        envelope = Envelope(notifier="oncall", body=b"blind")
        store.change(Change(postings=(Posting(event=blind, envelopes=(envelope,)),)))
    await store.flush()
    await given_up(outbox)
    await delivered(outbox)
    assert (await desk.retry(1, LATER)).ids == (1,)
