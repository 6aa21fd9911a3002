from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from monitor.clock import VirtualClock
from monitor.core.effects import Announce, Revise
from monitor.core.incident import EventType, Incident, ProviderNote, SeverityLevel
from monitor.demo.narration import WIDTH, WORDS, Narrator
from monitor.demo.receiver import Receipt
from monitor.simulation import Scenario, load_scenario
from tests.e2e.processes import ROOT
from tests.factories import NOON, an_event, an_incident

COMPONENTS = ("claude_ai", "console", "api", "claude_code", "cowork", "government")


@pytest.fixture
def scenario() -> Scenario:
    return load_scenario("2026-04-28", ROOT / "config" / "scenarios")


class Told:
    """A narrator and what it wrote."""

    def __init__(self, scenario: Scenario) -> None:
        self.out = io.StringIO()
        self.clock = VirtualClock(scenario.start)
        self.narrator = Narrator(scenario, self.clock, self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.getvalue().splitlines()


def receipt(*, verified: bool = True, at: datetime | None = None) -> Receipt:
    when = at or VirtualClock().now()
    return Receipt(id="1", type="incident.opened", incident="x", at=when, verified=verified)


def incident(scenario: Scenario, *components: str, closed: bool = True) -> Incident:
    assert scenario.impact is not None
    return an_incident(
        *components,
        opened_at=scenario.impact.start + timedelta(seconds=35),
        closed_at=scenario.impact.end + timedelta(seconds=109) if closed else None,
        severity=SeverityLevel.CRITICAL,
    )


def test_the_opening_says_what_is_about_to_be_seen(scenario: Scenario) -> None:
    told = Told(scenario)
    told.narrator.opening("http://127.0.0.1:9595/", 60.0)
    assert told.lines[0] == scenario.title
    assert told.lines[2] == "110 minutes of 28 April 2026, told in 1m50s."
    assert told.lines[3] == "The status page is open at http://127.0.0.1:9595/"
    assert told.lines[-1] == "17:30:00  world    all is well; the monitor starts"


async def test_the_truth_and_the_vendors_posts_come_at_their_times(scenario: Scenario) -> None:
    told = Told(scenario)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(told.narrator.tell())
        await told.clock.advance(239)
        assert told.lines == []
        await told.clock.advance(1)
        assert told.lines == ["17:34:00  world    THE IMPACT BEGINS"]
        await told.clock.advance(475)
        assert told.lines[1].startswith("17:41:55  vendor   INVESTIGATING Users cannot reach")
        await told.clock.advance(7200)
    heads = [line[:17].split() for line in told.lines if line[0] != " "]
    assert [who for _, who in heads] == [
        *("world", "vendor", "vendor", "vendor", "world", "vendor", "vendor"),
    ]
    assert max(map(len, told.lines)) <= WIDTH


@pytest.mark.parametrize("kind", EventType)
def test_every_event_has_a_word(kind: EventType, scenario: Scenario) -> None:
    told = Told(scenario)
    told.narrator.publish([Announce(event=an_event(kind, at=NOON, summary="It happened."))])
    assert told.lines == [f"12:00:00  monitor  {WORDS[kind]} It happened."]


def test_a_long_sentence_is_folded_under_its_beginning(scenario: Scenario) -> None:
    told = Told(scenario)
    told.narrator.publish([Announce(event=an_event(EventType.OPENED, summary="word " * 40))])
    assert len(told.lines) > 2
    assert max(map(len, told.lines)) <= WIDTH
    assert {line[:19] for line in told.lines[1:]} == {" " * 19}


def test_only_a_webhook_that_does_not_verify_is_worth_a_line(scenario: Scenario) -> None:
    told = Told(scenario)
    told.narrator.received(receipt())
    assert told.lines == []
    told.narrator.received(receipt(verified=False))
    assert told.lines == ["17:00:00  webhook  incident.opened arrived with a WRONG SIGNATURE"]


def test_the_summary_sets_our_times_beside_the_vendors(scenario: Scenario) -> None:
    told = Told(scenario)
    seen = [incident(scenario, "claude_ai"), incident(scenario, "api", closed=False)]
    told.narrator.summary(seen, [receipt(), receipt(verified=False)], 1, COMPONENTS)
    text = "\n".join(told.lines)
    assert "1 run, 2 incidents, 2 webhooks delivered, 1 with a valid signature." in text
    table = [line.split() for line in told.lines if line.startswith(("claude_ai ", "api "))]
    assert table == [
        ["claude_ai", "17:34:35", "35s", "7m55s", "18:53:49", "1m49s", "critical"],
        ["api", "17:34:35", "35s", "17m36s", "still", "open", "critical"],
    ]
    assert "quiet: claude_code, console, cowork, government" in told.lines
    assert told.lines.index("Assumed in this scenario, because no source says it:") > 5
    assert max(map(len, told.lines)) <= WIDTH


def test_a_quiet_day_has_no_table(scenario: Scenario) -> None:
    calm = load_scenario("healthy", ROOT / "config" / "scenarios")
    told = Told(calm)
    told.narrator.summary([], [], 700, COMPONENTS)
    assert told.lines[1] == (
        "700 runs, 0 incidents, 0 webhooks delivered, 0 with a valid signature."
    )
    assert told.lines[3] == "quiet: api, claude_ai, claude_code, console, cowork, government"
    assert not [line for line in told.lines if "opened" in line]


@pytest.mark.parametrize(
    ("lead", "said"),
    [(459.2, "api: the vendor posted 7m39s after us"), (-60.0, "posted 1m before us")],
)
def test_who_was_first_is_told_once_when_it_is_known(
    lead: float, said: str, scenario: Scenario
) -> None:
    told = Told(scenario)
    note = ProviderNote(indicator="major", posted_at=NOON, lead_seconds=lead)
    unknown = replace(an_incident(), provider=ProviderNote(indicator="none"))
    known = replace(an_incident(), provider=note)
    told.narrator.publish([Revise(incident=unknown)])
    assert told.lines == []
    told.narrator.publish([Revise(incident=known), Revise(incident=known)])
    told.narrator.publish([Announce(event=an_event(EventType.CLOSED, known, at=NOON, summary="x"))])
    assert said in told.lines[0]
    assert len(told.lines) == 2
