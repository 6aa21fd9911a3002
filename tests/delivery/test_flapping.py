"""A flapping outage of an hour is no storm: from the engine to the receiver's socket."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.core.incident import Event
from monitor.notify._addressees import Addressees
from monitor.notify._base import Wording
from monitor.notify.webhook import KIND
from monitor.pipeline import Change, Posting
from tests.core.timeline import Story, Trouble, each, hellos, plan_of
from tests.delivery.postbox import Office, a_mailbox, an_office

MESSAGES_MAX = 4
HOUR = 3600.0


def flapping(down: float, well: float) -> list[Event]:
    """What is announced of an hour of this, and of the calm half-hour after it."""
    troubles = []
    at = 300.0
    while at < 300.0 + HOUR:
        troubles.append(Trouble(at, at + down))
        at += down + well
    return Story(plan_of(*hellos(3)), world=each(*troubles)).play(300.0 + HOUR + 1800.0).events


def office_hears(office: Office, events: list[Event], url: str) -> None:
    """The events as the pipeline posts them."""
    spec = office.a_webhook(url)
    audience = Addressees([(KIND, spec)], Wording(external_url="https://uptime.example.test"))
    for event in events:
        posting = Posting(event=event, envelopes=audience.envelopes(event))
        office.store.change(Change(postings=(posting,)))


@pytest.mark.parametrize("minutes", [2, 4])
async def test_an_hour_of_flapping_is_at_most_four_messages(minutes: int, tmp_path: Path) -> None:
    events = flapping(60.0 * minutes, 60.0 * minutes)
    async with an_office(tmp_path / "office.db") as office, a_mailbox(office.clock.now) as mailbox:
        office_hears(office, events, mailbox.url)
        async with office.at_work():
            await office.settled(step=5.0)
    told = [event.type.value for event in events]
    assert [seen.id for seen in mailbox.seen] == [event.id for event in events]
    assert told[0] == "incident.opened"
    assert told[-1] == "incident.closed"
    assert len(mailbox.seen) <= MESSAGES_MAX, told
