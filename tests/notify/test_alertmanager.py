from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from monitor.clock import VirtualClock
from monitor.core.incident import Event, EventType, Impact, Incident, SeverityLevel, State
from monitor.delivery import Delivered, GiveUp, Result, Retry
from monitor.notify._base import Refresher
from monitor.notify.alertmanager import (
    KIND,
    NOTICE_HOLD,
    AlertmanagerNotifier,
    AlertmanagerSpec,
    joined,
    to_post,
)
from tests.factories import NOON, an_event, an_incident
from tests.fakes.receiver import Receiver, receiving, status
from tests.notify.parcels import WORDING, a_context, parcel

INCIDENT = an_incident("api", "claude_code")
STARTED = "2026-04-28T11:50:10.000Z"


def a_spec(*urls: object, **values: object) -> AlertmanagerSpec:
    given = {"name": "alerts", "kind": "alertmanager", "urls": [str(url) for url in urls]}
    return AlertmanagerSpec.model_validate({**given, **values})


def a_notifier(*urls: object, clock: VirtualClock | None = None, **values: Any) -> Any:
    return KIND.build(a_spec(*urls, **values), a_context(**({"clock": clock} if clock else {})))


def alerts(event: Event, **values: object) -> list[dict[str, Any]]:
    body = KIND.envelope(a_spec(**values), event, WORDING)
    assert body is not None
    found: list[dict[str, Any]] = json.loads(body)
    return found


def closed(incident: Incident = INCIDENT) -> Event:
    over = replace(
        incident,
        recovered_at=incident.opened_at + timedelta(minutes=5),
        closed_at=incident.opened_at + timedelta(minutes=9),
        sequence=2,
    )
    return an_event(EventType.CLOSED, over, at=over.closed_at)


# ---------------------------------------------------------------- the config


def complaint(**values: object) -> tuple[str, str]:
    with pytest.raises(ValidationError) as caught:
        a_spec(**values)
    (error,) = caught.value.errors(include_input=False, include_url=False)
    assert "PLANTED" not in str(caught.value)
    return ".".join(map(str, error["loc"])), error["msg"].removeprefix("Value error, ")


BAD_URL = "a url is written like https://alertmanager.example.com"
TWO_WORDS = "there is a user in a url or an Authorization in headers: one is enough"


@pytest.mark.parametrize(
    ("values", "key", "message"),
    [
        ({"urls": ["http://ok.test", "PLANTED"]}, "urls.1", BAD_URL),
        (
            {"urls": "http://169.254.169.254"},
            "urls.0",
            "leads to a link-local or metadata address; allow_link_local: true would permit it",
        ),
        (
            {"urls": "http://u:PLANTED@ok.test", "bearer_token": "PLANTED"},
            "bearer_token",
            TWO_WORDS,
        ),
        (
            {"headers": {"authorization": "PLANTED"}, "bearer_token": "PLANTED"},
            "bearer_token",
            TWO_WORDS,
        ),
        ({"bearer_token": "PLANTED\u00e9"}, "bearer_token", "a bearer token is printable ASCII"),
        (
            {"repost": "40s", "hold": "1m"},
            "repost",
            "must be at most half of hold: else one lost post resolves the alert",
        ),
        ({"timeout": "13s"}, "timeout", "Input should be less than or equal to 12"),
        (
            {"labels": {"a-b": "x"}},
            "labels",
            "a label's name is made of letters, digits and underscores",
        ),
        ({"labels": {"incident": "x"}}, "labels", "the label incident is set by claude-uptime"),
        (
            {"annotations": {"summary": "x"}},
            "annotations",
            "the label summary is set by claude-uptime",
        ),
    ],
)
def test_a_wrong_spec_is_one_line_that_shows_no_secret(
    values: dict[str, object], key: str, message: str
) -> None:
    assert complaint(**values) == (key, message)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"urls": "http://am.test"}, None),
        ({"urls": ["", "http://am.test"]}, None),
        ({"urls": ""}, "no urls: set ALERTMANAGER_URL"),
        ({"urls": "http://am.test", "enabled": False}, "enabled is false"),
    ],
)
def test_it_says_why_it_sends_nothing(values: dict[str, object], why: str | None) -> None:
    assert KIND.disabled(a_spec(**values)) == why


# ---------------------------------------------------------------- what is said


@pytest.mark.parametrize(
    ("kind", "lasting"),
    [
        (EventType.OPENED, 2),
        (EventType.UPDATED, 2),
        (EventType.REOPENED, 2),
        (EventType.RECOVERING, None),
        (EventType.REMINDER, None),
        (EventType.CLOSED, 0),
        (EventType.BLIND, 0),
        (EventType.SIGHTED, 0),
        (EventType.MISCONFIGURED, 0),
    ],
)
def test_how_many_alerts_last_after_an_event(kind: EventType, lasting: int | None) -> None:
    event = an_event(kind, INCIDENT, subject="network")
    if kind.value.startswith("monitor."):
        event = replace(event, incident=None)
    body = KIND.envelope(a_spec(), event, WORDING)
    counted = None if body is None else sum("endsAt" not in each for each in json.loads(body))
    assert counted == lasting


def test_each_component_is_an_alert_and_the_incident_joins_them() -> None:
    found = [each for each in alerts(an_event(EventType.OPENED, INCIDENT)) if "endsAt" not in each]
    assert [each["labels"] for each in found] == [
        {
            "alertname": "ClaudeUptimeIncident",
            "incident": INCIDENT.id,
            "component": component,
            "vantage": "local",
            "severity": "warning",
        }
        for component in ("api", "claude_code")
    ]
    assert {each["startsAt"] for each in found} == {STARTED}
    first = found[0]
    assert first["annotations"]["summary"] == "Claude API: partial outage, valid keys are refused"
    assert first["annotations"]["description"].startswith("What: valid keys are refused")
    assert first["annotations"]["state"] == "partial_outage"
    assert first["generatorURL"] == f"https://uptime.example.test/incidents/{INCIDENT.id}"


def test_a_close_ends_the_alert_when_the_impact_ended() -> None:
    ends = {each["labels"]["severity"]: each["endsAt"] for each in alerts(closed())}
    assert ends["warning"] == "2026-04-28T11:56:00.000Z"


def test_an_alert_never_ends_before_it_starts() -> None:
    over = replace(INCIDENT, recovered_at=INCIDENT.started_at - timedelta(minutes=1))
    for each in alerts(an_event(EventType.CLOSED, over)):
        assert each["startsAt"] <= each["endsAt"]


IMPACT_BEGAN = NOON - timedelta(minutes=8)


def of_severity(severity: SeverityLevel, state: State, *components: str, **changes: Any) -> Event:
    """An incident whose impact began long before it became what it is now."""
    impacts = tuple(
        Impact(component=name, state=state, since=NOON, started_at=IMPACT_BEGAN)
        for name in components or ("api",)
    )
    incident = replace(INCIDENT, severity=severity, components=impacts, started_at=IMPACT_BEGAN)
    return an_event(EventType.UPDATED, incident, **{"at": NOON, **changes})


PARTIAL = of_severity(SeverityLevel.MAJOR, State.PARTIAL_OUTAGE)
MAJOR = of_severity(SeverityLevel.CRITICAL, State.MAJOR_OUTAGE, at=NOON + timedelta(minutes=1))


def test_an_alert_begins_with_the_impact_not_with_its_newest_state() -> None:
    (alert,) = alerts(MAJOR)
    assert alert["startsAt"] == "2026-04-28T11:52:00.000Z"


def test_an_alert_ends_with_the_impact_of_its_component_not_with_the_decision() -> None:
    ended = NOON - timedelta(seconds=90)
    impact = replace(PARTIAL.incident.components[0], recovered_at=ended)  # type: ignore[union-attr]
    over = replace(INCIDENT, components=(impact,), recovered_at=NOON, closed_at=NOON)
    (alert,) = alerts(an_event(EventType.CLOSED, over, at=NOON + timedelta(minutes=1)))
    assert alert["endsAt"] == "2026-04-28T11:58:30.000Z"


def posted_after(event: Event, *earlier: Event, **values: object) -> list[tuple[str, str, bool]]:
    """Component, severity and whether it ends, of what is posted after `earlier` was taken."""
    arrived = [json.dumps(alerts(each, **values)).encode() for each in earlier]
    found = to_post(alerts(event, **values), arrived, event.at)
    return [
        (each["labels"]["component"], each["labels"]["severity"], "endsAt" in each)
        for each in found
    ]


def test_only_what_fires_there_is_ended() -> None:
    worse = of_severity(SeverityLevel.CRITICAL, State.MAJOR_OUTAGE, "api", "console")
    shared: dict[str, object] = {"severities": dict.fromkeys(("critical", "major", "minor"), "p")}
    assert posted_after(MAJOR) == [("api", "critical", False)]
    assert posted_after(MAJOR, PARTIAL) == [("api", "warning", True), ("api", "critical", False)]
    assert posted_after(MAJOR, PARTIAL, MAJOR) == [("api", "critical", False)]
    assert posted_after(MAJOR, PARTIAL, **shared) == [("api", "p", False)]
    assert posted_after(worse, PARTIAL) == [
        ("api", "warning", True),
        ("api", "critical", False),
        ("console", "critical", False),
    ]


def test_a_close_ends_what_was_posted_and_nothing_that_was_not() -> None:
    def over(event: Event) -> Event:
        assert event.incident is not None
        incident = replace(event.incident, recovered_at=NOON, closed_at=NOON)
        return an_event(EventType.CLOSED, incident, at=NOON)

    assert posted_after(over(PARTIAL)) == []
    assert posted_after(over(PARTIAL), PARTIAL) == [("api", "warning", True)]
    assert posted_after(over(MAJOR), PARTIAL) == [("api", "warning", True)]
    assert posted_after(over(MAJOR), PARTIAL, over(PARTIAL)) == []


def test_the_earliest_start_stays_when_the_severity_rises() -> None:
    assert MAJOR.incident is not None
    later = replace(MAJOR.incident.components[0], started_at=NOON)
    moved = replace(MAJOR, incident=replace(MAJOR.incident, components=(later,)))
    found = to_post(alerts(moved), [json.dumps(alerts(PARTIAL)).encode()], moved.at)
    assert {each["startsAt"] for each in found} == {"2026-04-28T11:52:00.000Z"}
    assert [each.get("endsAt") for each in found] == ["2026-04-28T12:01:00.000Z", None]


async def test_a_close_of_which_nothing_fires_there_is_not_posted() -> None:
    async with receiving() as receiver:
        result = await send(a_notifier(receiver.url), closed())
    assert result == Delivered(detail="nothing of it fires there: nothing to resolve")
    assert receiver.got == []


def test_a_component_that_works_again_ends_its_alert() -> None:
    well = Impact(component="api", state=State.OPERATIONAL, since=INCIDENT.started_at)
    mixed = replace(INCIDENT, components=(well, INCIDENT.components[1]))
    found = alerts(an_event(EventType.UPDATED, mixed))
    lasting = [each["labels"]["component"] for each in found if "endsAt" not in each]
    assert lasting == ["claude_code"]


def test_labels_and_annotations_of_the_config_are_on_every_alert() -> None:
    more: dict[str, object] = {
        "labels": {"team": "ai"},
        "annotations": {"runbook_url": "https://wiki.test/claude"},
    }
    for each in alerts(an_event(EventType.OPENED, INCIDENT), **more):
        assert each["labels"]["team"] == "ai"
        assert each["annotations"]["runbook_url"] == "https://wiki.test/claude"


def test_a_monitor_that_sees_again_ends_the_notice_that_it_was_blind() -> None:
    def notice(kind: EventType) -> dict[str, Any]:
        event = replace(an_event(kind, at=NOON, subject="network"), incident=None)
        (found,) = alerts(event)
        return found

    blind, sighted = notice(EventType.BLIND), notice(EventType.SIGHTED)
    assert blind["labels"] == sighted["labels"]
    assert blind["labels"]["subject"] == "network"
    assert blind["endsAt"] == f"{NOON + NOTICE_HOLD:%Y-%m-%dT%H:%M:%S}.000Z"
    assert sighted["endsAt"] == f"{NOON:%Y-%m-%dT%H:%M:%S}.000Z"


def test_a_page_whose_address_is_too_long_is_left_out() -> None:
    wording = replace(WORDING, external_url="https://x/" + "y" * 1000)
    for incident in (INCIDENT, None):
        event = replace(an_event(EventType.OPENED, INCIDENT), incident=incident)
        assert b"generatorURL" not in (KIND.envelope(a_spec(), event, wording) or b"")


# ---------------------------------------------------------------- sending


async def send(notifier: Any, event: Event, *earlier: Event) -> Result:
    result: Result = await notifier.send(parcel(KIND, a_spec(), event, *earlier))
    return result


def posted(receiver: Receiver, number: int = -1) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(receiver.got[number].body)
    return found


async def test_an_alert_that_lasts_is_posted_with_an_end_that_lies_ahead() -> None:
    clock = VirtualClock(NOON)
    async with receiving(status(200)) as receiver:
        notifier = a_notifier(receiver.url.with_path("/prefix/"), clock=clock)
        result = await send(notifier, an_event(EventType.OPENED, INCIDENT))
    assert result == Delivered(detail="taken by 1 of 1")
    assert receiver.got[0].target == "/prefix/api/v2/alerts"
    ahead = [each["endsAt"] for each in posted(receiver) if each["labels"]["severity"] == "warning"]
    assert ahead == ["2026-04-28T12:05:00.000Z"] * 2


async def test_users_and_tokens_are_sent_as_they_are_meant() -> None:
    async with receiving(status(200), status(200)) as receiver:
        user = receiver.url.with_path("/").with_user("ops").with_password("s:cret")
        event = an_event(EventType.OPENED, INCIDENT)
        await send(a_notifier(user), event)
        await send(a_notifier(receiver.url, bearer_token="PLANTED"), event)
    basic = base64.b64encode(b"ops:s:cret").decode()
    said = [got.headers["authorization"] for got in receiver.got]
    assert said == [f"Basic {basic}", "Bearer PLANTED"]


async def test_every_instance_is_posted_to_and_one_that_takes_it_is_enough() -> None:
    async with receiving(status(503)) as down, receiving(status(200)) as up:
        result = await send(a_notifier(down.url, up.url), an_event(EventType.OPENED, INCIDENT))
    assert result == Delivered(detail="taken by 1 of 2")
    assert (len(down.got), len(up.got)) == (1, 1)


async def test_a_token_is_not_quoted_from_an_answer() -> None:
    async with receiving(status(401, "no token PLANTED-4711")) as receiver:
        notifier = a_notifier(receiver.url, bearer_token="PLANTED-4711")
        result = await send(notifier, an_event(EventType.OPENED, INCIDENT))
    assert result == Retry(reason="answered 401: no token ***")


@pytest.mark.parametrize(
    ("results", "whole"),
    [
        ([Retry(reason="a"), Delivered(), Delivered()], Delivered(detail="taken by 2 of 3")),
        ([Retry(reason="a", after=9.0), Retry(reason="b", after=5.0)], Retry(reason="a", after=5)),
        ([GiveUp(reason="a"), Retry(reason="b")], Retry(reason="b")),
        ([GiveUp(reason="answered 400"), GiveUp(reason="b")], GiveUp(reason="answered 400")),
    ],
)
def test_what_becomes_of_a_delivery_to_several_instances(
    results: Sequence[Result], whole: Result
) -> None:
    assert joined(results) == whole


# ---------------------------------------------------------------- saying it again


async def test_what_lasts_is_posted_again_and_what_has_ended_is_not() -> None:
    clock = VirtualClock(NOON)
    bodies = [
        KIND.envelope(a_spec(), event, WORDING) or b""
        for event in (an_event(EventType.OPENED, INCIDENT), closed(an_incident("console")))
    ]

    async def told() -> list[bytes]:
        return bodies

    async with receiving(status(200)) as receiver:
        notifier = a_notifier(receiver.url, clock=clock)
        assert isinstance(notifier, Refresher)
        assert (notifier.name, notifier.refresh_seconds) == ("alerts", 30.0)
        assert await notifier.refresh(told) == Delivered(detail="taken by 1 of 1")
    again = [(each["labels"]["component"], each["labels"]["severity"]) for each in posted(receiver)]
    assert again == [("api", "warning"), ("claude_code", "warning")]


async def test_with_nothing_open_nothing_is_posted() -> None:
    async def told() -> list[bytes]:
        return []

    async with receiving() as receiver:
        result = await a_notifier(receiver.url).refresh(told)
    assert result == Delivered(detail="nothing is open")
    assert receiver.got == []


async def test_a_repeat_never_overtakes_a_close() -> None:
    """The repeat comes while the close is on its way: it asks what is in force only after it."""
    arrived, go = asyncio.Event(), asyncio.Event()
    over: list[bool] = []

    async def slowly(_request: web.Request) -> web.StreamResponse:
        arrived.set()
        await go.wait()
        over.append(True)
        return web.Response()

    body = KIND.envelope(a_spec(), an_event(EventType.OPENED, INCIDENT), WORDING) or b""

    async def told() -> list[bytes]:
        return [] if over else [body]

    async with receiving(slowly) as receiver, asyncio.TaskGroup() as group:
        notifier: AlertmanagerNotifier = a_notifier(receiver.url)
        opened = an_event(EventType.OPENED, INCIDENT)
        sending = group.create_task(send(notifier, closed(), opened))
        await arrived.wait()
        repeating = group.create_task(notifier.refresh(told))
        go.set()
        assert isinstance(await sending, Delivered)
        assert await repeating == Delivered(detail="nothing is open")
    assert len(receiver.got) == 1
