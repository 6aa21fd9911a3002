from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from monitor.core.incident import EventType, Reason, SeverityLevel
from monitor.delivery import Delivered, GiveUp, Result, Retry
from monitor.notify.pagerduty import DEDUP_KEY_CHARS_MAX, KIND, SUMMARY_CHARS_MAX, PagerDutySpec
from tests.factories import an_event, an_incident
from tests.fakes.receiver import receiving, status
from tests.notify.parcels import WORDING, a_context, parcel

KEY = "PLANTED0123456789abcdefghijklmno"
INCIDENT = an_incident("api", "claude_code", severity=SeverityLevel.CRITICAL)


def a_spec(**values: object) -> PagerDutySpec:
    given = {"name": "pager", "kind": "pagerduty", "routing_key": KEY, **values}
    return PagerDutySpec.model_validate(given)


def document(kind: EventType, **changes: Any) -> dict[str, Any] | None:
    event = an_event(kind, INCIDENT, **changes)
    if kind.value.startswith("monitor."):
        event = replace(event, incident=None)
    body = KIND.envelope(a_spec(), event, WORDING)
    return None if body is None else json.loads(body)


# ---------------------------------------------------------------- the config


def complaint(**values: object) -> tuple[str, str]:
    with pytest.raises(ValidationError) as caught:
        a_spec(**values)
    (error,) = caught.value.errors(include_input=False, include_url=False)
    assert "PLANTED" not in str(caught.value)
    return ".".join(map(str, error["loc"])), error["msg"].removeprefix("Value error, ")


@pytest.mark.parametrize(
    ("values", "key", "message"),
    [
        ({"routing_key": "PLANTED"}, "routing_key", "a routing key is 32 letters and digits"),
        ({"routing_key": KEY[1:] + "-"}, "routing_key", "a routing key is 32 letters and digits"),
        (
            {"url": "PLANTED"},
            "url",
            "a url is written like https://events.pagerduty.com/v2/enqueue",
        ),
    ],
)
def test_a_wrong_spec_is_one_line_that_shows_no_secret(
    values: dict[str, object], key: str, message: str
) -> None:
    assert complaint(**values) == (key, message)


@pytest.mark.parametrize(
    ("values", "why"),
    [({}, None), ({"enabled": False}, "enabled is false"), ({"routing_key": ""}, "no routing_key")],
)
def test_it_says_why_it_sends_nothing(values: dict[str, object], why: str | None) -> None:
    assert KIND.disabled(a_spec(**values)) == why


def test_an_empty_url_is_the_usual_one() -> None:
    assert a_spec(url="").url.reveal() == "https://events.pagerduty.com/v2/enqueue"


# ---------------------------------------------------------------- what is said


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        (EventType.OPENED, "trigger"),
        (EventType.UPDATED, "trigger"),
        (EventType.RECOVERING, None),
        (EventType.CLOSED, "resolve"),
        (EventType.REOPENED, "trigger"),
        (EventType.REMINDER, "trigger"),
        (EventType.BLIND, "trigger"),
        (EventType.SIGHTED, "resolve"),
        (EventType.MISCONFIGURED, "trigger"),
    ],
)
def test_what_an_event_does_to_the_alert(kind: EventType, action: str | None) -> None:
    said = document(kind, subject="network")
    assert (said and said["event_action"]) == action


def test_every_event_of_an_incident_finds_the_same_alert() -> None:
    kinds = (EventType.OPENED, EventType.UPDATED, EventType.CLOSED, EventType.REOPENED)
    keys = {said["dedup_key"] for kind in kinds if (said := document(kind))}
    assert keys == {INCIDENT.id}


def test_blind_and_sighted_are_one_alert_and_each_subject_another() -> None:
    def key(kind: EventType, subject: str) -> str:
        return str((document(kind, subject=subject) or {})["dedup_key"])

    assert key(EventType.BLIND, "network") == key(EventType.SIGHTED, "network") == "local/network"
    assert key(EventType.MISCONFIGURED, "credential/main") == "local/credential/main"


@pytest.mark.parametrize(
    ("severity", "word"),
    [
        (SeverityLevel.MINOR, "warning"),
        (SeverityLevel.MAJOR, "error"),
        (SeverityLevel.CRITICAL, "critical"),
    ],
)
def test_severities_are_pagerduty_s(severity: SeverityLevel, word: str) -> None:
    event = an_event(EventType.OPENED, replace(INCIDENT, severity=severity))
    body = KIND.envelope(a_spec(), event, WORDING)
    assert json.loads(body or b"")["payload"]["severity"] == word


def test_the_payload_has_what_somebody_who_is_woken_needs() -> None:
    said = document(EventType.OPENED)
    assert said is not None
    payload = said["payload"]
    assert payload["summary"] == "Claude API: partial outage, valid keys are refused"
    assert (payload["source"], payload["group"], payload["class"]) == (
        "local",
        "claude",
        "auth_error",
    )
    assert payload["component"] == "api, claude_code"
    assert payload["timestamp"] == "2026-04-28T11:50:10.000Z"
    details = payload["custom_details"]
    assert details["message"][0] == "What: valid keys are refused (auth_error)"
    assert details["by_outcome"] == {"auth_error": 9}
    page = f"https://uptime.example.test/incidents/{INCIDENT.id}"
    assert said["client_url"] == page
    assert said["links"] == [{"href": page, "text": "What the monitor knows"}]


def test_texts_are_cut_where_pagerduty_cuts() -> None:
    event = an_event(
        EventType.OPENED, replace(INCIDENT, id="i" * 400), summary="s" * 3000, subject=None
    )
    said = json.loads(KIND.envelope(a_spec(), event, WORDING) or b"")
    assert len(said["dedup_key"]) == DEDUP_KEY_CHARS_MAX
    assert len(said["payload"]["summary"]) == SUMMARY_CHARS_MAX


def test_what_is_stored_holds_no_routing_key() -> None:
    event = an_event(EventType.OPENED, INCIDENT)
    assert KEY.encode() not in (KIND.envelope(a_spec(), event, WORDING) or b"")
    assert KEY not in repr(a_spec()) + a_spec().model_dump_json()


# ---------------------------------------------------------------- sending


@pytest.mark.parametrize(
    ("code", "said", "result"),
    [
        (202, '{"status":"success"}', Delivered(detail="answered 202")),
        (400, f"bad key {KEY}", GiveUp(reason="answered 400: bad key ***")),
        (429, "slow down", Retry(reason="answered 429: slow down", after=30.0)),
        (500, "", Retry(reason="answered 500", after=30.0)),
    ],
)
async def test_what_an_answer_means(code: int, said: str, result: Result) -> None:
    answer = status(code, said, **({} if code < 429 else {"Retry_After": "30"}))
    async with receiving(answer) as receiver:
        spec = a_spec(url=str(receiver.url.with_path("/v2/enqueue")))
        event = an_event(EventType.OPENED, INCIDENT)
        sent = await KIND.build(spec, a_context()).send(parcel(KIND, spec, event))
    assert sent == result
    (got,) = receiver.got
    assert got.target == "/v2/enqueue"
    assert json.loads(got.body)["routing_key"] == KEY
    assert json.loads(got.body)["event_action"] == "trigger"


async def test_open_and_close_arrive_as_trigger_and_resolve_of_one_alert() -> None:
    closed = replace(INCIDENT, reason=Reason.CLEAN_WINDOW, sequence=2)
    closed = replace(closed, closed_at=INCIDENT.opened_at + timedelta(minutes=9))
    async with receiving(status(202), status(202)) as receiver:
        spec = a_spec(url=str(receiver.url))
        notifier = KIND.build(spec, a_context())
        assert notifier.name == "pager"
        for event in (an_event(EventType.OPENED, INCIDENT), an_event(EventType.CLOSED, closed)):
            assert isinstance(await notifier.send(parcel(KIND, spec, event)), Delivered)
    said = [json.loads(got.body) for got in receiver.got]
    assert [each["event_action"] for each in said] == ["trigger", "resolve"]
    assert len({each["dedup_key"] for each in said}) == 1
