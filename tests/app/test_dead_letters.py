from __future__ import annotations

import pytest

from monitor.app.dead_letters import DeadLetters
from monitor.clock import VirtualClock
from monitor.core.incident import Event, EventType, Reason
from monitor.delivery import Delivered, GiveUp, Result, Retry
from monitor.notify._addressees import Addressees
from monitor.notify._base import Wording
from monitor.notify.webhook import KIND
from monitor.pipeline import Change
from tests.factories import a_delivery
from tests.fakes.notifier import FakeDeliverySink
from tests.notify.test_addressees import a_spec

GONE = GiveUp(reason="given up after 3d; last: answered 500")


class Office:
    """The announcements of a `DeadLetters` over these notifiers."""

    def __init__(self, *names: str) -> None:
        self.clock = VirtualClock()
        self.inner = FakeDeliverySink()
        self.changes: list[Change] = []
        audience = Addressees(
            [(KIND, a_spec(name, f"https://{name}.example.test/")) for name in names],
            Wording(external_url="https://uptime.example.test"),
        )
        self.letters = DeadLetters(
            self.inner, audience, self.changes.append, self.clock, vantage="local"
        )

    def ended(self, result: Result, notifier: str = "oncall", **changes: object) -> None:
        self.letters.delivered(a_delivery(notifier, **changes), result)

    @property
    def events(self) -> list[Event]:
        return [posting.event for change in self.changes for posting in change.postings]

    @property
    def told(self) -> list[list[str]]:
        return [
            [envelope.notifier for envelope in posting.envelopes]
            for change in self.changes
            for posting in change.postings
        ]


def test_a_dead_letter_is_told_to_everybody_else() -> None:
    office = Office("oncall", "chat", "mail")
    office.ended(GONE)
    (event,) = office.events
    assert (event.type, event.reason) == (EventType.MISCONFIGURED, Reason.DELIVERY_FAILED)
    assert event.subject == "notifier/oncall"
    assert "answered 500" in event.detail
    assert "deliveries list --state dead --notifier oncall" in event.detail
    assert office.told == [["chat", "mail"]]
    assert office.inner.heard == [("oncall", GiveUp)]


def test_many_dead_letters_are_one_event_until_something_arrives() -> None:
    office = Office("oncall", "chat")
    for result in (GONE, GONE, Retry(reason="500"), GONE):
        office.ended(result)
    assert len(office.events) == 1
    office.ended(Delivered())
    office.ended(GONE)
    assert len(office.events) == 2


def test_a_notifier_that_takes_some_and_refuses_others_is_told_of_once_a_day() -> None:
    """By the id: the store keeps the first."""
    office = Office("oncall", "chat")
    for _ in range(5):
        office.ended(GONE)
        office.ended(Delivered())
    assert len({event.id for event in office.events}) == 1


def test_nobody_talks_to_himself() -> None:
    office = Office("oncall")
    office.ended(GONE)
    assert office.told == [[]]


def test_two_dead_notifiers_do_not_go_on_for_ever() -> None:
    office = Office("oncall", "chat")
    office.ended(GONE, "oncall")
    (event,) = office.events
    office.ended(GONE, "chat", event_id=event.id, incident_id=None)
    assert len(office.events) == 1


@pytest.mark.parametrize("result", [Delivered(), Retry(reason="500")], ids=["taken", "later"])
def test_what_may_still_arrive_is_no_dead_letter(result: Result) -> None:
    office = Office("oncall", "chat")
    office.ended(result)
    assert office.events == []
