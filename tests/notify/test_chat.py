"""Chat over real sockets: apprise posts to receivers of ours."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import subprocess
import sys
import threading
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError
from structlog.testing import capture_logs

from monitor.clock import VirtualClock
from monitor.core.incident import Event, EventType, SeverityLevel
from monitor.core.outcome import Outcome
from monitor.core.words import misconfigured_sentence
from monitor.delivery import Delivered, Result, Retry
from monitor.notify.chat import BODY_CHARS_MAX, KIND, REMEMBERED_MAX, ChatNotifier, ChatSpec
from monitor.spec import Secret
from tests.conftest import ROOT
from tests.factories import an_event, an_incident
from tests.fakes.receiver import Receiver, receiving, status
from tests.notify.parcels import WORDING, a_context, parcel

INCIDENT = an_incident("api")
OPENED = an_event(EventType.OPENED, INCIDENT)
TOKEN = "plantedplantedplanted12345"


def a_spec(*urls: str, **values: object) -> ChatSpec:
    return ChatSpec.model_validate({"name": "team", "kind": "chat", "urls": list(urls), **values})


def place(receiver: Receiver, scheme: str = "json", path: str = "/hook") -> str:
    return f"{scheme}://127.0.0.1:{receiver.url.port}{path}"


async def send(notifier: Any, event: Event = OPENED) -> Result:
    result: Result = await notifier.send(parcel(KIND, a_spec(), event))
    return result


async def threads_ended() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("chat/"):
            await asyncio.to_thread(thread.join, 5)


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """What was logged, without the receiver's own access log."""
    return "".join(
        record.getMessage() for record in caplog.records if record.name != "aiohttp.access"
    )


# ---------------------------------------------------------------- the config


def test_a_url_that_apprise_cannot_use_is_told_by_its_place_and_not_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(ValidationError) as caught:
        a_spec("json://127.0.0.1/", f"nothing://{TOKEN}/")
    (error,) = caught.value.errors(include_input=False, include_url=False)
    assert error["loc"] == ("urls", 1)
    assert "apprise cannot use this URL" in error["msg"]
    assert TOKEN not in str(caught.value) + caplog.text


@pytest.mark.parametrize(
    "url",
    [
        f"slack://T1JJ3T3L2/A1BRTD4JD/{TOKEN[:24]}/#claude",
        f"https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/{TOKEN[:24]}",
        f"workflows://prod-01.example.com:443/{TOKEN}/signature5678",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
        "mailto://user:password@example.com?to=oncall@example.com",
        "opsgenie://" + "a" * 36,
        "ntfy://ntfy.example.com/claude",
    ],
    ids=lambda url: url.partition(":")[0],
)
def test_the_urls_of_the_how_to_are_known(url: str) -> None:
    assert a_spec(url).places == (Secret(url),)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"urls": "json://127.0.0.1/"}, None),
        ({"urls": ""}, "no urls: set CHAT_URL"),
        ({"urls": "json://127.0.0.1/", "enabled": False}, "enabled is false"),
    ],
)
def test_it_says_why_it_sends_nothing(values: dict[str, object], why: str | None) -> None:
    assert KIND.disabled(a_spec(**values)) == why


def test_apprise_is_not_loaded_before_a_chat_is_configured() -> None:
    code = (
        "import sys, monitor.cli, monitor.cli.run; from monitor.notify import kinds; kinds();"
        "from monitor.notify.chat import ChatSpec;"
        "ChatSpec.model_validate({'name': 'team', 'kind': 'chat', 'urls': ''});"
        "sys.exit('apprise' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)  # noqa: S603  # ours
    assert done.returncode == 0


# ---------------------------------------------------------------- what is said


@pytest.mark.parametrize(
    ("kind", "severity", "colour"),
    [
        (EventType.OPENED, SeverityLevel.CRITICAL, "failure"),
        (EventType.OPENED, SeverityLevel.MAJOR, "warning"),
        (EventType.UPDATED, SeverityLevel.CRITICAL, "failure"),
        (EventType.REOPENED, SeverityLevel.MINOR, "warning"),
        (EventType.REMINDER, SeverityLevel.MAJOR, "warning"),
        (EventType.RECOVERING, SeverityLevel.CRITICAL, "info"),
        (EventType.CLOSED, SeverityLevel.CRITICAL, "success"),
        (EventType.BLIND, None, "warning"),
        (EventType.SIGHTED, None, "success"),
        (EventType.MISCONFIGURED, None, "warning"),
    ],
)
def test_every_event_has_its_colour(
    kind: EventType, severity: SeverityLevel | None, colour: str
) -> None:
    incident = replace(INCIDENT, severity=severity) if severity else None
    event = replace(an_event(kind, subject="network"), incident=incident)
    assert json.loads(KIND.envelope(a_spec(), event, WORDING) or b"")["type"] == colour


def test_a_long_message_is_cut_and_keeps_its_link() -> None:
    wording = replace(WORDING, external_url="https://uptime.example.test/" + "y" * 900)
    detail = "z" * 5000
    event = replace(an_event(EventType.MISCONFIGURED, summary=detail, detail=detail), incident=None)
    body = json.loads(KIND.envelope(a_spec(), event, wording) or b"")["body"]
    assert len(body) == BODY_CHARS_MAX
    assert body.endswith(f"…\n{wording.external_url}/")
    endless = replace(WORDING, external_url="https://uptime.example.test/" + "y" * 1000)
    assert json.loads(KIND.envelope(a_spec(), event, endless) or b"")["body"].endswith("z…")


# ---------------------------------------------------------------- sending


async def test_a_message_arrives_as_it_was_written() -> None:
    async with receiving(status(200), status(200)) as receiver:
        notifier = KIND.build(a_spec(place(receiver)), a_context())
        assert notifier.name == "team"
        assert await send(notifier) == Delivered(detail="taken by 1 of 1")
        closed = an_event(EventType.CLOSED, INCIDENT)
        assert isinstance(await send(notifier, closed), Delivered)
    opened, over = (json.loads(got.body) for got in receiver.got)
    assert (opened["title"], opened["type"]) == ("Partial outage: Claude API", "warning")
    assert opened["message"].startswith("What: valid keys are refused (auth_error)\nSince: 11:50")
    assert opened["message"].endswith(f"\nhttps://uptime.example.test/incidents/{INCIDENT.id}")
    assert (over["title"], over["type"]) == ("Over: Claude API", "success")


HOSTILE = "400: <!channel> @everyone @here <@U123> [x](https://evil.example/) *b* <b>bold</b>"


@pytest.mark.parametrize(("scheme", "path"), [("json", "/"), ("ntfy", "/claude"), ("mmost", "/k")])
async def test_a_text_from_outside_rings_nobody_whatever_service_shows_it(
    scheme: str, path: str
) -> None:
    text = misconfigured_sentence("api_hello", Outcome.CLIENT_ERROR, HOSTILE)
    event = an_event(EventType.MISCONFIGURED, summary=text[0], detail=HOSTILE, subject="probe/x")
    async with receiving(status(200)) as receiver:
        path = f"/{TOKEN}" if scheme == "mmost" else path
        notifier = KIND.build(a_spec(place(receiver, scheme, path)), a_context())
        assert isinstance(await send(notifier, replace(event, incident=None)), Delivered)
    (got,) = receiver.got
    shown = json.dumps(json.loads(got.body), ensure_ascii=False)
    for mark in ("@everyone", "@here", "<!channel", "<@", "](", "evil.example/)", "<b>", "*b*"):
        assert mark not in shown.replace("https[:]//evil.example/)", "")


async def test_a_retry_tells_only_the_places_that_have_not_been_told() -> None:
    async with receiving(status(200)) as good, receiving(status(500), status(200)) as bad:
        notifier = KIND.build(a_spec(place(good), "", place(bad)), a_context())
        assert await send(notifier) == Retry(reason="not taken by urls[1] JSON (500)")
        assert await send(notifier) == Delivered(detail="taken by 2 of 2")
    assert (len(good.got), len(bad.got)) == (1, 2)


async def test_a_failure_shows_nothing_of_the_url_nor_does_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with receiving(status(403, "no")) as receiver:
        url = f"json://ops:{TOKEN}@127.0.0.1:{receiver.url.port}/{TOKEN}?+key={TOKEN}"
        with caplog.at_level(logging.DEBUG), capture_logs() as logs:
            notifier = KIND.build(a_spec(url), a_context())
            refused = await send(notifier)
    async with receiving() as gone:
        nowhere = KIND.build(a_spec(place(gone, path=f"/{TOKEN}")), a_context())
    with caplog.at_level(logging.DEBUG):
        absent = await send(nowhere)
    assert refused == Retry(reason="not taken by urls[0] JSON (403)")
    assert absent == Retry(reason="not taken by urls[0] JSON")
    assert (
        TOKEN not in logged(caplog) + repr(logs) + repr(a_spec(url)) + a_spec(url).model_dump_json()
    )


async def test_a_redirect_is_not_followed() -> None:
    async with receiving() as elsewhere:
        answer = status(307, Location=str(elsewhere.url))
        async with receiving(answer) as receiver:
            result = await send(KIND.build(a_spec(place(receiver)), a_context()))
    assert isinstance(result, Retry)
    assert elsewhere.got == []


async def test_a_place_that_hangs_is_left_and_nothing_is_sent_past_it() -> None:
    done = asyncio.Event()

    async def hang(_request: web.Request) -> web.StreamResponse:
        await done.wait()
        return web.Response()

    clock = VirtualClock()
    async with receiving(hang) as receiver, asyncio.TaskGroup() as group:
        notifier = KIND.build(a_spec(place(receiver)), a_context(clock=clock))
        assert isinstance(notifier, ChatNotifier)
        sending = group.create_task(send(notifier))
        await receiver.until(1)
        await clock.advance(20.1)
        assert await sending == Retry(reason="not sent within 20s")
        assert await send(notifier) == Retry(reason="an earlier message is still being sent")
        done.set()
        await threads_ended()
        # It was taken after all: the next attempt need not tell it again.
        assert await send(notifier) == Delivered(detail="taken by 1 of 1")
    assert len(receiver.got) == 1


async def test_what_a_service_raises_is_a_failure_like_any_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notifier = KIND.build(a_spec("json://127.0.0.1/"), a_context())
    assert isinstance(notifier, ChatNotifier)

    class Broken:
        service_name = "JSON"

        def notify(self, **_message: object) -> bool:
            raise RuntimeError(TOKEN)

        def __getitem__(self, _number: int) -> Broken:
            return self

    notifier._places = [Broken()]
    assert await send(notifier) == Retry(reason="not taken by urls[0] JSON")


async def test_only_so_many_half_told_events_are_remembered() -> None:
    async with receiving() as gone:
        url = place(gone)
    notifier = KIND.build(a_spec(url), a_context())
    assert isinstance(notifier, ChatNotifier)
    notifier._told = {f"event-{number}": set() for number in range(REMEMBERED_MAX)}
    assert isinstance(await send(notifier), Retry)
    assert len(notifier._told) == REMEMBERED_MAX
    assert "event-0" not in notifier._told


async def test_threads_end_with_the_message() -> None:
    async with receiving(status(200)) as receiver:
        assert isinstance(await send(KIND.build(a_spec(place(receiver)), a_context())), Delivered)
    await threads_ended()
    assert [each.name for each in threading.enumerate() if each.name.startswith("chat/")] == []


def test_a_proxy_that_apprise_will_not_use_is_said_at_the_start() -> None:
    context = a_context(proxy=Secret("http://proxy.test:3128"))
    with capture_logs() as logs:
        KIND.build(a_spec("json://127.0.0.1/"), context)
    assert [(each["event"], each["notifier"]) for each in logs] == [
        ("chat.egress_not_used", "team")
    ]


# ---------------------------------------------------------------- places


def test_each_url_is_a_place_whose_id_shows_nothing_and_stays() -> None:
    one, other = f"json://127.0.0.1/{TOKEN}", f"ntfy://ntfy.example.com/{TOKEN}"
    found = KIND.places(a_spec(one, other, one), b"salt")
    assert [part.places for part in found.values()] == [(Secret(one),), (Secret(other),)]
    ids = [re.sub(r"[0-9a-f]{8}$", "HASH", place) for place in found]
    assert ids == ["json-HASH", "ntfy-HASH"]
    assert list(KIND.places(a_spec(other, one), b"salt")) == list(found)[::-1]
    assert set(KIND.places(a_spec(one, other), b"other salt")).isdisjoint(found)
    assert TOKEN not in "".join(found)


async def test_a_place_that_is_dead_leaves_the_others_their_messages() -> None:
    """Each has a queue of its own at the outbox: see `tests/storage/test_lanes.py`."""
    async with receiving(status(200), status(200)) as up, receiving(*[status(500)] * 2) as down:
        spec = a_spec(*(f"json://127.0.0.1:{each.url.port}/" for each in (down, up)))
        senders = [
            KIND.build(part, a_context(place=place))
            for place, part in KIND.places(spec, b"salt").items()
        ]
        for kind in (EventType.OPENED, EventType.CLOSED):
            results = [await each.send(parcel(KIND, spec, an_event(kind))) for each in senders]
            assert [type(result) for result in results] == [Retry, Delivered]
    assert len(up.got) == 2
    assert {each.name.partition("/")[0] for each in senders} == {"team"}
