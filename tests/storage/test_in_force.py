from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from monitor.core.incident import EventType, Incident
from monitor.delivery import Delivered, GiveUp, Result, Retry
from monitor.pipeline import Change, Envelope, Posting
from monitor.storage.database import Database
from monitor.storage.in_force import INCIDENTS_MAX, Effective
from monitor.storage.outbox import SqlOutbox
from monitor.storage.store import Store
from tests.factories import NOON, an_event, an_incident
from tests.storage.conftest import Running

API = an_incident("api", opened_at=NOON)
CONSOLE = an_incident("console", opened_at=NOON)
TAKEN = Delivered()

OPENED, UPDATED, CLOSED, REOPENED = (
    EventType.OPENED,
    EventType.UPDATED,
    EventType.CLOSED,
    EventType.REOPENED,
)


@pytest.fixture
async def store(database: Database, running: Running) -> AsyncIterator[Store]:
    async with running(database) as started:
        yield started


class Story:
    """Events of incidents, and what became of their deliveries."""

    def __init__(self, database: Database, store: Store) -> None:
        self._store = store
        self._outbox = SqlOutbox(database, "local")
        self._told = Effective(database, "local")
        self._number = 0

    async def happen(
        self, kind: EventType, result: Result | None, incident: Incident = API
    ) -> bytes:
        """One event for `alerts`; its delivery stays pending when `result` is None."""
        self._number += 1
        event = replace(an_event(kind, incident, id=f"e{self._number}"), incident=incident)
        body = f"{kind} {self._number}".encode()
        envelope = Envelope(notifier="alerts", body=body)
        self._store.change(Change(postings=(Posting(event=event, envelopes=(envelope,)),)))
        await self._store.flush()
        if result is not None:
            claimed = await self._outbox.claim("alerts", NOON, 60)
            assert claimed is not None
            await self._outbox.settle(claimed, result, NOON, None)
        return body

    async def in_force(self, *incidents: Incident, notifier: str = "alerts") -> list[bytes]:
        return await self._told.bodies(notifier, [each.id for each in incidents])


@pytest.fixture
def story(database: Database, store: Store) -> Story:
    return Story(database, store)


async def test_what_was_last_delivered_of_each_open_incident_is_in_force(story: Story) -> None:
    await story.happen(OPENED, TAKEN)
    newer = await story.happen(UPDATED, TAKEN)
    other = await story.happen(OPENED, TAKEN, CONSOLE)
    assert await story.in_force(API, CONSOLE) == [newer, other]


async def test_only_the_incidents_that_were_asked_for_are_told(story: Story) -> None:
    body = await story.happen(OPENED, TAKEN)
    await story.happen(OPENED, TAKEN, CONSOLE)
    assert await story.in_force(API) == [body]
    assert await story.in_force() == []


async def test_what_is_still_on_its_way_is_not_in_force(story: Story) -> None:
    first = await story.happen(OPENED, TAKEN)
    await story.happen(UPDATED, Retry(reason="down"))
    assert await story.in_force(API) == [first]


@pytest.mark.parametrize("result", [None, Retry(reason="down")])
async def test_an_incident_whose_opening_has_not_arrived_is_not_in_force(
    story: Story, result: Result | None
) -> None:
    await story.happen(OPENED, result)
    assert await story.in_force(API) == []


@pytest.mark.parametrize("result", [None, TAKEN, Retry(reason="down"), GiveUp(reason="gone")])
async def test_nothing_is_in_force_once_a_close_is_in_the_outbox(
    story: Story, result: Result | None
) -> None:
    await story.happen(OPENED, TAKEN)
    await story.happen(CLOSED, result)
    assert await story.in_force(API) == []


async def test_a_reopened_incident_is_in_force_once_that_has_arrived(story: Story) -> None:
    await story.happen(OPENED, TAKEN)
    await story.happen(CLOSED, TAKEN)
    on_its_way = await story.happen(REOPENED, None)
    assert await story.in_force(API) == []
    outbox = story._outbox
    claimed = await outbox.claim("alerts", NOON, 60)
    assert claimed is not None
    await outbox.settle(claimed, TAKEN, NOON, None)
    assert await story.in_force(API) == [on_its_way]


async def test_another_notifier_and_another_vantage_have_their_own(
    story: Story, database: Database
) -> None:
    await story.happen(OPENED, TAKEN)
    assert await story.in_force(API, notifier="chat") == []
    assert await Effective(database, "elsewhere").bodies("alerts", [API.id]) == []


async def test_a_question_is_bounded(story: Story) -> None:
    body = await story.happen(OPENED, TAKEN)
    ids = [API.id, *(f"z{number}" for number in range(2 * INCIDENTS_MAX))]
    assert await story._told.bodies("alerts", ids) == [body]
