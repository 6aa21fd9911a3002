from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from monitor.backtest.outcome import document, incident_row, newest, stamp
from monitor.core.incident import EventType
from tests.factories import NOON, an_event, an_incident


def test_the_newest_version_of_each_incident_stands_in_the_order_of_opening() -> None:
    first, second = an_incident("api"), an_incident("console")
    closed = replace(first, closed_at=NOON)
    blind = replace(an_event(EventType.BLIND), incident=None)
    events = [
        an_event(incident=first),
        blind,
        an_event(incident=second),
        an_event(EventType.CLOSED, closed),
    ]
    assert newest(events) == [closed, second]


def test_an_incident_has_the_public_keys_and_no_other() -> None:
    opened = NOON - timedelta(minutes=9)
    row = incident_row(an_incident("api", "console", closed_at=NOON, reopens=2))
    assert row == {
        "id": an_incident("api").id,
        "components": ["api", "console"],
        "severity": "major",
        "cause": "auth_error",
        "started_at": stamp(opened - timedelta(seconds=50)),
        "opened_at": "2026-04-28T11:51:00.000Z",
        "recovered_at": None,
        "closed_at": "2026-04-28T12:00:00.000Z",
        "reopens": 2,
    }


def test_the_document_is_incidents_and_runs() -> None:
    assert document([], 5) == {"incidents": [], "runs": 5}
