from __future__ import annotations

import pytest

from monitor.core.effects import Judged
from monitor.core.observation import Origin, Timings
from monitor.core.outcome import Outcome
from monitor.pipeline import Envelope
from monitor.storage.rows import (
    RUN_COLUMNS,
    delivery_values,
    event_values,
    incident_values,
    run_row,
    run_values,
    storable,
)
from monitor.storage.tables import deliveries, incident_events, incidents, runs
from tests.factories import (
    NOON,
    a_judged,
    a_timed_out_observation,
    a_verdict,
    an_answer,
    an_event,
    an_incident,
)


def test_a_row_of_a_run_holds_its_facts_and_the_verdict() -> None:
    judged = a_judged("api_models", Outcome.AUTH_ERROR, origin=Origin.BURST, input_tokens=7)
    values = run_values(run_row("local", judged))
    assert values["phases"].startswith('{"dns":0.0125,"connect":0.0375,')
    assert {**values, "phases": ""} == {
        "run_id": "local-api_models-1",
        "vantage": "local",
        "probe": "api_models",
        "at": NOON,
        "seconds": 0.25,
        "outcome": "auth_error",
        "counts": "bad",
        "answered": True,
        "origin": "burst",
        "reason": "every expectation was met",
        "status": 200,
        "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy",
        "cf_ray": "9e2f1a2b3c4d5e6f-FRA",
        "phases": "",
        "input_tokens": 7,
        "output_tokens": None,
    }


def test_a_run_without_an_answer_has_no_status_and_no_ids() -> None:
    judged = Judged(
        observation=a_timed_out_observation(timings=Timings(total=10.0)),
        verdict=a_verdict(Outcome.TIMEOUT, answered=False),
    )
    values = run_values(run_row("local", judged))
    assert values["status"] is values["request_id"] is values["cf_ray"] is None
    assert values["phases"] == "{}"


@pytest.mark.parametrize(
    ("text", "stored"),
    [("plain", "plain"), ("käse", "käse"), ("", ""), ("bad \udcff byte", "bad ? byte")],
    ids=["ascii", "unicode", "empty", "lone surrogate"],
)
def test_a_text_of_the_world_becomes_storable(text: str, stored: str) -> None:
    assert storable(text) == stored
    assert storable(text).encode("utf-8") == stored.encode()


def test_ids_with_wrong_bytes_become_storable() -> None:
    judged = a_judged(answer=an_answer(request_id="req_\udcff", cf_ray="\udc80-FRA"))
    values = run_values(run_row("local", judged))
    assert (values["request_id"], values["cf_ray"]) == ("req_?", "?-FRA")


def test_an_event_goes_to_each_notifier_in_the_line_of_its_incident() -> None:
    event = an_event()
    envelopes = (Envelope(notifier="oncall", body=b"1"), Envelope(notifier="chat", body=b"2"))
    rows = list(delivery_values(event, envelopes))
    assert event.incident is not None
    assert [(row["notifier"], row["body"], row["line"]) for row in rows] == [
        ("oncall", b"1", event.incident.id),
        ("chat", b"2", event.incident.id),
    ]


def test_every_row_names_columns_that_exist() -> None:
    envelope = Envelope(notifier="oncall", body=b"1")
    assert set(RUN_COLUMNS) == set(runs.c.keys()) - {"id"}
    assert set(incident_values(an_incident())) == set(incidents.c.keys())
    assert set(event_values(an_event())) == set(incident_events.c.keys())
    assert set(next(delivery_values(an_event(), [envelope]))) <= set(deliveries.c.keys())
