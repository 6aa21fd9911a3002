"""The story of an incident, line by line."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from monitor.core.incident import (
    EventType,
    Happening,
    Incident,
    Interval,
    Note,
    ProviderNote,
    Reason,
)
from monitor.core.story import story
from tests.factories import NOON, an_event, an_evidence, an_incident

MINUTE = timedelta(minutes=1)


def happened(incident: Incident, *kinds: EventType) -> list[str]:
    """What happened, in order, in short; events a minute apart from the opening on."""
    events = [
        an_event(kind, incident, at=incident.opened_at + number * MINUTE)
        for number, kind in enumerate(kinds)
    ]
    return [line.what for line in story(incident, events)]


def test_the_impact_begins_before_anybody_decides_that_it_has() -> None:
    assert happened(an_incident(), EventType.OPENED) == [
        "first_bad_run",
        "impact_began",
        "opened",
    ]


def test_the_end_of_the_impact_stands_where_it_was_and_not_where_it_was_decided() -> None:
    incident = an_incident()
    over = replace(incident, recovered_at=incident.opened_at + MINUTE / 2)
    assert happened(over, EventType.OPENED, EventType.CLOSED)[2:] == [
        "opened",
        "impact_ended",
        "closed",
    ]


def test_an_estimate_says_how_sure_it_is() -> None:
    incident = an_incident()
    between = Interval(earliest=NOON, latest=NOON + MINUTE)
    sure = replace(incident, started_between=between, recovered_at=NOON, recovered_between=between)
    texts = {line.what: line.text for line in story(sure, [])}
    assert texts["impact_began"] == (
        "the impact began, as estimated, between 12:00:00 and 12:01:00"
    )
    assert texts["impact_ended"] == "the impact ended, as estimated, between 12:00:00 and 12:01:00"


def test_what_the_vendor_said_stands_where_it_was_said() -> None:
    incident = an_incident()
    posted = incident.opened_at + MINUTE / 2
    for note, text in (
        (ProviderNote(posted_at=posted), "the vendor's page speaks of it"),
        (
            ProviderNote(posted_at=posted, incident_url="https://status.example/1"),
            "the vendor's page speaks of it: https://status.example/1",
        ),
    ):
        lines = story(replace(incident, provider=note), [])
        assert [line.text for line in lines if line.what == "provider_posted"] == [text]
    for silent in (None, ProviderNote(indicator="none")):
        assert "provider_posted" not in happened(replace(incident, provider=silent))


def test_a_decision_stands_before_what_was_told_of_it_and_carries_its_reason() -> None:
    incident = an_incident()
    note = Note(
        at=incident.opened_at,
        what=Happening.JOINED,
        reason=Reason.FAST,
        sentence="fast: 9 of 12 runs",
        component="api",
    )
    event = an_event(EventType.OPENED, incident)
    decided, told = story(replace(incident, timeline=(note,)), [event])[2:]
    assert (decided.what, decided.text, decided.component) == ("joined", note.sentence, "api")
    assert (decided.reason, decided.told) == (Reason.FAST, False)
    assert (told.text, told.reason, told.told) == (event.summary, Reason.FAST, True)


def test_an_incident_without_samples_and_an_event_without_incident_have_their_lines() -> None:
    incident = an_incident(evidence=an_evidence(samples=()))
    blind = replace(an_event(EventType.BLIND, incident), incident=None)
    assert [line.what for line in story(incident, [blind])] == ["impact_began", "blind"]
