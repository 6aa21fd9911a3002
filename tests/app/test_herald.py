from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from monitor.app.herald import Herald, Journal
from monitor.clock import VirtualClock
from monitor.core.incident import EventType, Incident, Reason, SeverityLevel
from monitor.notify._addressees import Addressees
from monitor.notify._base import Wording
from monitor.notify.webhook import KIND
from monitor.pipeline import Change, LastTold, Told
from tests.factories import NOON, TITLES, an_incident
from tests.notify.test_addressees import a_spec

API = an_incident("api", opened_at=NOON)
OPEN = LastTold(told=Told.OPEN, at=NOON, waiting=False)
CLOSED = LastTold(told=Told.CLOSED, at=NOON, waiting=False)


class Hall:
    """A herald, what is open, and what the ledger says; `quiet` mutes everything."""

    def __init__(self, **routes: Mapping[str, object]) -> None:
        self.clock = VirtualClock(NOON)
        self.changes: list[Change] = []
        self.open: list[Incident] = [API]
        self.ledger: dict[str, dict[str, LastTold]] = {}
        self.asked = 0
        self.quiet = False
        self.closing = False
        self.unwritten = False
        specs = [
            a_spec(name, f"https://{name}.example.test/", route=route)
            for name, route in routes.items()
        ]
        audience = Addressees(
            [(KIND, spec) for spec in specs],
            Wording(external_url="https://uptime.example.test"),
            lambda _incident, _at: self.quiet,
        )
        self.herald = Herald(
            audience,
            self,
            self.clock,
            lambda: tuple(self.open),
            Journal(self.changes.append, lambda: self.unwritten),
            TITLES,
        )

    async def told(self, incidents: list[str]) -> Mapping[str, Mapping[str, LastTold]]:
        """The ledger's answer; meanwhile the incident may close."""
        self.asked += 1
        if self.closing:
            self.open.clear()
        return {name: self.ledger.get(name, {}) for name in incidents}

    async def heard(self, minutes: float) -> list[tuple[str, EventType, Told]]:
        """Who hears what, as of so many minutes after noon."""
        await self.clock.advance(60.0 * minutes - self.clock.monotonic())
        self.changes.clear()
        await self.herald.look()
        return [
            (envelope.notifier, posting.event.type, envelope.told)
            for change in self.changes
            for posting in change.postings
            for envelope in posting.envelopes
        ]


async def test_a_page_goes_out_once_the_incident_has_lasted() -> None:
    hall = Hall(chat={}, page={"after": "5m"})
    hall.ledger[API.id] = {"chat": OPEN}
    assert await hall.heard(4) == []
    assert await hall.heard(5) == [("page", EventType.OPENED, Told.NOTHING)]
    hall.ledger[API.id]["page"] = OPEN
    assert await hall.heard(6) == []


async def test_a_severity_that_has_risen_is_told_as_an_opening_of_today() -> None:
    hall = Hall(page={"severity": "critical"})
    assert await hall.heard(1) == []
    hall.open = [replace(API, severity=SeverityLevel.CRITICAL, sequence=2)]
    assert await hall.heard(2) == [("page", EventType.OPENED, Told.NOTHING)]
    (posting,) = hall.changes[0].postings
    assert posting.event.id == f"{API.id}-late-2"
    assert posting.event.incident == hall.open[0]
    assert posting.optional


async def test_what_outlives_a_mute_is_announced_with_its_true_start() -> None:
    hall = Hall(chat={})
    hall.quiet = True
    assert await hall.heard(30) == []
    hall.quiet = False
    assert await hall.heard(31) == [("chat", EventType.OPENED, Told.NOTHING)]
    event = hall.changes[0].postings[0].event
    assert event.incident is not None
    assert event.incident.started_at == API.started_at
    assert "11:59" in event.summary


async def test_a_store_that_takes_nothing_makes_nobody_hear_the_same_again_and_again() -> None:
    hall = Hall(chat={})
    hall.unwritten = True  # the opening waits to be written, so the ledger does not know of it
    assert await hall.heard(1) == []
    assert await hall.heard(2) == []
    assert hall.asked == 0
    hall.unwritten = False
    assert await hall.heard(3) == [("chat", EventType.OPENED, Told.NOTHING)]


async def test_what_came_back_under_a_mute_is_told_as_a_return() -> None:
    hall = Hall(chat={})
    hall.ledger[API.id] = {"chat": CLOSED}
    assert await hall.heard(3) == [("chat", EventType.REOPENED, Told.CLOSED)]


async def test_a_reminder_is_one_event_for_all_who_want_it_then() -> None:
    hall = Hall(chat={"reminders": "1h"}, page={"reminders": "1h"}, mail={})
    hall.ledger[API.id] = {"chat": OPEN, "page": OPEN, "mail": OPEN}
    assert [row[0] for row in await hall.heard(60)] == ["chat", "page"]
    events = [posting.event for posting in hall.changes[0].postings]
    assert {event.id for event in events} == {f"{API.id}-reminder-{int(NOON.timestamp()) + 3600}"}
    assert {event.reason for event in events} == {Reason.REMINDER}
    assert await hall.heard(60.5) == await hall.heard(60.6)  # the same id, until it is on record


async def test_an_incident_that_closes_meanwhile_is_not_announced_any_more() -> None:
    """Its close is decided already, so an opening now would come after it."""
    hall = Hall(chat={})
    hall.closing = True
    assert await hall.heard(1) == []


async def test_without_an_incident_nobody_is_asked() -> None:
    hall = Hall(chat={})
    hall.open.clear()
    assert await hall.heard(1) == []
    assert hall.asked == 0
