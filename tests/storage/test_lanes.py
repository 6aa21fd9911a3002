from __future__ import annotations

from monitor.delivery import Delivered, Retry
from monitor.storage.database import Database
from monitor.storage.lanes import GONE, adopt_lanes
from monitor.storage.outbox import SqlOutbox
from tests.factories import NOON
from tests.storage.conftest import Running
from tests.storage.test_outbox import API, announce, claim

ONE, OTHER, NEW = "team/slack-1", "team/json-2", "team/slack-3"


async def waiting(outbox: SqlOutbox, lane: str) -> list[str]:
    """The events that a lane takes, in order."""
    found = []
    while (delivery := await outbox.claim(lane, NOON, 60.0)) is not None:
        found.append(delivery.event_id)
        await outbox.settle(delivery, Delivered(), NOON, None)
    return found


async def test_what_waited_for_a_notifier_goes_to_each_of_its_places_in_order_and_once(
    database: Database, running: Running
) -> None:
    outbox = SqlOutbox(database, "local")
    async with running(database) as store:
        for name in ("e1", "e2", "e3"):
            announce(store, name, API, "team", "oncall")
        await store.flush()
    first = await outbox.claim("team", NOON, 60.0)
    assert first is not None
    await outbox.settle(first, Delivered(), NOON, None)
    for _ in range(2):
        await adopt_lanes(database, "local", ["oncall", ONE, OTHER])
    assert await outbox.pending("team") == (4, NOON)
    assert await waiting(outbox, ONE) == ["e2", "e3"]
    assert await waiting(outbox, OTHER) == ["e2", "e3"]
    assert await claim(outbox, "team") is None
    assert await waiting(outbox, "oncall") == ["e1", "e2", "e3"]


async def test_a_place_that_takes_nothing_holds_up_no_other(
    database: Database, running: Running
) -> None:
    outbox = SqlOutbox(database, "local")
    async with running(database) as store:
        announce(store, "e1", API, ONE, OTHER)
        announce(store, "e2", API, ONE, OTHER)
        await store.flush()
    dead = await outbox.claim(ONE, NOON, 60.0)
    assert dead is not None
    await outbox.settle(dead, Retry(reason="not taken"), NOON, NOON)
    assert await waiting(outbox, OTHER) == ["e1", "e2"]
    assert await outbox.pending("team") == (2, NOON)
    assert await outbox.pending("tea") == (0, None)
    rows = await outbox.list_deliveries(notifier="team")
    assert {row.notifier for row in rows} == {ONE, OTHER}


async def test_what_waits_for_a_url_that_was_changed_goes_to_the_new_one(
    database: Database, running: Running
) -> None:
    outbox = SqlOutbox(database, "local")
    async with running(database) as store:
        announce(store, "e1", API, ONE, OTHER)
        await store.flush()
    await adopt_lanes(database, "local", [OTHER, NEW])
    assert await waiting(outbox, NEW) == ["e1"]
    assert await waiting(outbox, OTHER) == ["e1"]


async def test_two_urls_that_became_one_are_told_once(database: Database, running: Running) -> None:
    outbox = SqlOutbox(database, "local")
    async with running(database) as store:
        announce(store, "e1", API, ONE, OTHER)
        await store.flush()
    await adopt_lanes(database, "local", [NEW])
    assert await waiting(outbox, NEW) == ["e1"]
    assert await outbox.pending("team") == (0, None)


async def test_what_waits_for_a_url_that_is_gone_is_discarded_visibly(
    database: Database, running: Running
) -> None:
    outbox = SqlOutbox(database, "local")
    async with running(database) as store:
        announce(store, "e1", API, ONE, OTHER)
        await store.flush()
    await adopt_lanes(database, "local", [OTHER])
    (row,) = await outbox.list_deliveries(notifier="team", state="discarded")
    assert (row.notifier, row.last_error) == (ONE, GONE)
    assert await waiting(outbox, OTHER) == ["e1"]
