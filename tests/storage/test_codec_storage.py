from __future__ import annotations

import json
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.incident import (
    Event,
    EventType,
    Evidence,
    Impact,
    Incident,
    Reason,
    Sample,
    Tally,
)
from monitor.storage.codec import decode, encode
from monitor.storage.database import StorageError
from tests.factories import an_event, an_incident

MOMENTS = st.datetimes(timezones=st.just(UTC))
SHARES = st.floats(allow_nan=False)
TALLIES = st.lists(st.builds(Tally), max_size=2).map(tuple)
SAMPLES = st.builds(Sample, at=MOMENTS, request_id=..., cf_ray=...)
EVIDENCE = st.builds(
    Evidence,
    error_ratio=SHARES,
    window_seconds=SHARES,
    by_outcome=TALLIES,
    by_depth=TALLIES,
    by_probe=TALLIES,
    samples=st.lists(SAMPLES, max_size=2).map(tuple),
)
INCIDENTS = st.builds(
    Incident,
    components=st.lists(st.builds(Impact, since=MOMENTS), max_size=3).map(tuple),
    started_at=MOMENTS,
    opened_at=MOMENTS,
    recovered_at=st.none() | MOMENTS,
    closed_at=st.none() | MOMENTS,
    reopens=...,
    sequence=...,
    evidence=EVIDENCE,
)
EVENTS = st.builds(
    Event, at=MOMENTS, incident=st.none() | INCIDENTS, subject=st.none() | st.text(), detail=...
)


@given(INCIDENTS)
def test_an_incident_comes_back_as_it_was(incident: Incident) -> None:
    assert decode(Incident, encode(incident)) == incident


@given(EVENTS)
def test_an_event_comes_back_as_it_was(event: Event) -> None:
    assert decode(Event, encode(event)) == event


def test_keys_of_a_later_version_are_passed_over() -> None:
    event = an_event()
    plain = json.loads(encode(event))
    plain["colour"] = "red"
    plain["incident"]["postmortem"] = {"url": "x"}
    plain["incident"]["evidence"]["by_region"] = []
    plain["incident"]["evidence"]["samples"][0]["http2"] = True
    assert decode(Event, json.dumps(plain)) == event


def test_keys_that_an_earlier_version_did_not_know_take_their_defaults() -> None:
    incident = an_incident()
    plain = json.loads(encode(incident))
    del plain["reopens"]
    del plain["closed_at"]
    assert decode(Incident, json.dumps(plain)) == incident


def test_bytes_that_are_no_text_survive() -> None:
    event = Event(
        id="e",
        type=EventType.BLIND,
        at=an_event().at,
        vantage="local",
        summary="a header said \udcff",
        reason=Reason.GUARD_OFF,
    )
    text = encode(event)
    assert text.isascii()
    assert decode(Event, text) == event


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"id": 1}', '{"components": [1]}'])
def test_what_is_no_incident_says_so_in_one_line(text: str) -> None:
    with pytest.raises(StorageError, match="a stored incident cannot be read"):
        decode(Incident, text)
