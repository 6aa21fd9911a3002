from __future__ import annotations

import asyncio
import base64
import gzip
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import TypeAdapter, ValidationError
from standardwebhooks import Webhook, WebhookVerificationError
from structlog.testing import capture_logs
from typing_extensions import override

from monitor.clock import Clock, SystemClock, VirtualClock
from monitor.delivery import (
    Courier,
    Delivered,
    Delivery,
    DeliveryPolicy,
    GiveUp,
    Notifier,
    Outbox,
    Result,
    Retry,
)
from monitor.notify._base import NotifierContext
from monitor.notify._http import judge
from monitor.notify.webhook import KIND, WebhookNotifier, WebhookSpec
from monitor.spec import Secret
from tests.fakes.notifier import FakeDeliverySink
from tests.fakes.outbox import FakeOutbox
from tests.fakes.receiver import Answer, Got, receiving, speaking, status
from tests.fakes.resolver import FakeResolver
from tests.notify.certificates import certificates

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD_SECRET = "whsec_" + base64.b64encode(b"the secret before that one").decode()
BODY = '{"type":"incident.opened","data":{"summary":"Störung 🔥"}}'.encode()
AGENT = "claude-uptime/1 (+ops@example.com)"


def a_spec(url: object, **values: object) -> WebhookSpec:
    return WebhookSpec.model_validate(
        {"name": "oncall", "kind": "webhook", "url": str(url), "secret": SECRET, **values}
    )


def a_notifier(
    url: object, clock: Clock | None = None, *, context: dict[str, Any] | None = None, **values: Any
) -> Notifier:
    settings = {"clock": clock or SystemClock(), "user_agent": AGENT, **(context or {})}
    return KIND.build(a_spec(url, **values), NotifierContext(**settings))


def a_delivery(body: bytes = BODY) -> Delivery:
    return Delivery(
        id=1,
        event_id="local-20260428-173456-api.1",
        type="incident.opened",
        incident_id="local-20260428-173456-api",
        notifier="oncall",
        body=body,
        attempts=0,
        created_at=SystemClock().now(),
    )


def verify(got: Got, secret: str = SECRET) -> None:
    Webhook(secret).verify(got.body, got.headers)


# ---------------------------------------------------------------- the config


def complaint(**values: object) -> tuple[str, str]:
    """The one line that a wrong spec is answered with, and its key."""
    plain = {"name": "oncall", "kind": "webhook", "url": "https://alerts.example.test/"}
    with pytest.raises(ValidationError) as caught:
        WebhookSpec.model_validate({**plain, "secret": SECRET, **values})
    (error,) = caught.value.errors(include_input=False, include_url=False)
    assert "PLANTED" not in str(caught.value)
    return ".".join(map(str, error["loc"])), error["msg"].removeprefix("Value error, ")


MAKE = 'make one with: echo "whsec_$(openssl rand -base64 32)"'
FORM = f"a webhook secret is whsec_ and the base64 of 24 to 64 bytes; {MAKE}"
BAD_URL = "a url is written like https://alerts.example.com/hook"
LINK_LOCAL = "leads to a link-local or metadata address; allow_link_local: true would permit it"


def encoded(size: int) -> str:
    return base64.b64encode(b"PLANTED" * 10)[: size * 4 // 3].decode()


@pytest.mark.parametrize(
    ("values", "key", "message"),
    [
        ({"secret": "PLANTED"}, "secret", FORM),
        ({"secret": "whsec_"}, "secret", FORM),
        ({"secret": "whsec_PLANTED!"}, "secret", FORM),
        ({"secret": "whsec_UExBTlRFRFBMQU5URURQTEFOVEVEUEw"}, "secret", FORM),  # 23 bytes
        ({"secret": "whsec_" + "UExB" * 22}, "secret", FORM),  # 66 bytes
        ({"secret": [SECRET, "PLANTED"]}, "secret", FORM),
        ({"secret": f"PLANTED {SECRET}"}, "secret", FORM),
        ({"secret": 12}, "secret", "write one secret, or a list of them"),
        ({"url": "alerts.example.test/PLANTED"}, "url", BAD_URL),
        ({"url": "ftp://PLANTED@alerts.example.test/"}, "url", BAD_URL),
        ({"url": "https://"}, "url", BAD_URL),
        ({"url": "https://PLANTED:port/"}, "url", BAD_URL),
        ({"url": "http://[PLANTED/"}, "url", BAD_URL),
        ({"url": "http://169.254.169.254/PLANTED"}, "url", LINK_LOCAL),
        ({"url": "http://metadata.google.internal/"}, "url", LINK_LOCAL),
        ({"url": "http://[fe80::1]:80/"}, "url", LINK_LOCAL),
        (
            {"headers": {"webhook-ID": "x"}},
            "headers",
            "the header webhook-ID is set by claude-uptime",
        ),
        (
            {"headers": {"bad name": "x"}},
            "headers",
            "a header's name is made of letters, digits and dashes",
        ),
        (
            {"headers": {"x-token": "PLANTED\r\nx: y"}},
            "headers",
            "the header x-token holds a character that cannot be sent",
        ),
        (
            {"headers": {"Authorization": "PLANTED"}, "url": "https://u:PLANTED@example.test/"},
            "url",
            "holds a user, and headers an Authorization: one of them is too many",
        ),
        ({"timeout": "26s"}, "timeout", "Input should be less than or equal to 25"),
        ({"name": "On Call"}, "name", "String should match pattern '^[a-z][a-z0-9_]{0,62}$'"),
        ({"colour": "x"}, "colour", "Extra inputs are not permitted"),
    ],
)
def test_a_wrong_spec_is_one_line_with_its_key_that_shows_no_secret(
    values: dict[str, object], key: str, message: str
) -> None:
    assert complaint(**values) == (key, message)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, None),
        ({"enabled": False}, "enabled is false"),
        ({"enabled": False, "secret": ""}, "enabled is false"),
        ({"secret": ""}, f"no secret: set ALERT_WEBHOOK_SECRET, {MAKE}"),
        ({"secret": None}, f"no secret: set ALERT_WEBHOOK_SECRET, {MAKE}"),
        ({"secret": ["", ""]}, f"no secret: set ALERT_WEBHOOK_SECRET, {MAKE}"),
        ({"url": "", "secret": ""}, "no url: set ALERT_WEBHOOK_URL"),
        ({"url": " "}, "no url: set ALERT_WEBHOOK_URL"),
    ],
)
def test_a_notifier_says_why_it_sends_nothing(values: dict[str, object], why: str | None) -> None:
    assert KIND.disabled(a_spec(**{"url": "https://alerts.example.test/", **values})) == why


@pytest.mark.parametrize("size", [24, 25, 26, 64])
def test_a_secret_may_be_padded_or_not(size: int) -> None:
    text = base64.b64encode(bytes(size)).decode()
    for form in (text, text.rstrip("=")):
        assert a_spec("http://example.test/", secret=f"whsec_{form}").secret


def test_an_unset_second_secret_is_left_out() -> None:
    spec = a_spec("http://example.test/", secret=[SECRET, ""])
    assert [secret.reveal() for secret in spec.secret] == [SECRET]


def test_a_link_local_receiver_may_be_allowed() -> None:
    assert a_spec("http://169.254.0.9/", allow_link_local=True).allow_link_local


def test_a_spec_shows_no_secret() -> None:
    spec = a_spec("https://u:PLANTED@example.test/PLANTED?t=PLANTED", headers={"x-k": "PLANTED"})
    shown = repr(spec) + str(spec) + spec.model_dump_json()
    assert "PLANTED" not in shown
    assert SECRET not in shown


def test_the_json_schema_knows_one_secret_and_several() -> None:
    schema = TypeAdapter(WebhookSpec).json_schema()
    forms = schema["properties"]["secret"]["anyOf"]
    assert [form["type"] for form in forms] == ["string", "array"]


# ---------------------------------------------------------------- what an answer means


@pytest.mark.parametrize(
    ("code", "result"),
    [
        (200, Delivered(detail="answered 200")),
        (202, Delivered(detail="answered 202")),
        (299, Delivered(detail="answered 299")),
        (302, Retry(reason="answered 302: redirects are not followed; is the url right?")),
        (400, Retry(reason="answered 400")),
        (401, Retry(reason="answered 401")),
        (403, Retry(reason="answered 403")),
        (404, Retry(reason="answered 404")),
        (408, Retry(reason="answered 408")),
        (410, GiveUp(reason="answered 410")),
        (413, GiveUp(reason="answered 413")),
        (425, Retry(reason="answered 425")),
        (429, Retry(reason="answered 429")),
        (500, Retry(reason="answered 500")),
        (503, Retry(reason="answered 503")),
        (999, Retry(reason="answered 999")),
    ],
)
def test_what_a_status_means(code: int, result: Result) -> None:
    assert judge(code, "", None) == result


async def test_what_the_receiver_says_and_asks_for_is_kept() -> None:
    async with receiving(status(503, "down for\nlunch", Retry_After="90")) as receiver:
        result = await a_notifier(receiver.url).send(a_delivery())
    assert result == Retry(reason="answered 503: down for lunch", after=90.0)


async def test_a_date_to_retry_after_counts_from_now() -> None:
    clock = VirtualClock(datetime(2026, 4, 28, 17, 34, tzinfo=UTC))
    answer = status(429, Retry_After="Tue, 28 Apr 2026 17:36:00 GMT")
    async with receiving(answer) as receiver:
        result = await a_notifier(receiver.url, clock).send(a_delivery())
    assert result == Retry(reason="answered 429", after=120.0)


# ---------------------------------------------------------------- signatures


async def test_the_signature_verifies_with_the_standard_library() -> None:
    async with receiving() as receiver:
        result = await a_notifier(receiver.url).send(a_delivery())
    assert result == Delivered(detail="answered 204")
    (got,) = receiver.got
    verify(got)
    assert (got.method, got.target, got.body) == ("POST", "/hook", BODY)
    assert got.headers["webhook-id"] == "local-20260428-173456-api.1"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["user-agent"] == AGENT
    assert got.headers["content-length"] == str(len(BODY))


TAMPERED: dict[str, Callable[[Got], Got]] = {
    "body": lambda got: replace(got, body=got.body.replace(b"opened", b"closed")),
    "id": lambda got: changed(got, {"webhook-id": "local-20260428-173456-api.2"}),
    "timestamp": lambda got: changed(
        got, {"webhook-timestamp": str(int(got.headers["webhook-timestamp"]) + 1)}
    ),
    "no signature": lambda got: changed(got, {"webhook-signature": "v1,AAAA"}),
}


def changed(got: Got, headers: dict[str, str]) -> Got:
    return replace(got, headers={**got.headers, **headers})


@pytest.mark.parametrize("what", TAMPERED)
async def test_a_tampered_request_does_not_verify(what: str) -> None:
    async with receiving() as receiver:
        await a_notifier(receiver.url).send(a_delivery())
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        verify(TAMPERED[what](receiver.got[0]))


async def test_another_secret_does_not_verify() -> None:
    async with receiving() as receiver:
        await a_notifier(receiver.url).send(a_delivery())
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        verify(receiver.got[0], OLD_SECRET)


async def test_a_request_from_long_ago_does_not_verify() -> None:
    past = VirtualClock(SystemClock().now() - timedelta(minutes=6))
    async with receiving() as receiver:
        await a_notifier(receiver.url, past).send(a_delivery())
    with pytest.raises(WebhookVerificationError, match="too old"):
        verify(receiver.got[0])


async def test_while_secrets_rotate_each_of_them_verifies() -> None:
    async with receiving() as receiver:
        await a_notifier(receiver.url, secret=[SECRET, OLD_SECRET]).send(a_delivery())
    (got,) = receiver.got
    signatures = got.headers["webhook-signature"].split(" ")
    assert [signature[:3] for signature in signatures] == ["v1,", "v1,"]
    verify(got, SECRET)
    verify(got, OLD_SECRET)


# ---------------------------------------------------------------- manners


async def test_extra_headers_and_the_url_s_own_user_are_sent() -> None:
    async with receiving() as receiver:
        url = receiver.url.with_user("ops").with_password("s:cret")
        headers = {"X-Tenant": "blue", "User-Agent": "mine"}
        await a_notifier(url, headers=headers).send(a_delivery())
    (got,) = receiver.got
    assert got.headers["authorization"] == "Basic " + base64.b64encode(b"ops:s:cret").decode()
    assert (got.headers["x-tenant"], got.headers["user-agent"]) == ("blue", "mine")


async def test_a_redirect_is_not_followed() -> None:
    async with receiving() as elsewhere:
        answer = status(307, Location=str(elsewhere.url))
        async with receiving(answer) as receiver:
            result = await a_notifier(receiver.url).send(a_delivery())
    assert isinstance(result, Retry)
    assert result.reason.startswith("answered 307: redirects are not followed")
    assert (len(receiver.got), len(elsewhere.got)) == (1, 0)


async def test_every_attempt_is_a_connection_of_its_own_and_no_cookie_is_kept() -> None:
    peers: list[object] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        peers.append(request.transport and request.transport.get_extra_info("peername"))
        return web.Response(headers={"Set-Cookie": "a=b"})

    async with receiving(answer, answer) as receiver:
        notifier = a_notifier(receiver.url)
        for _ in range(2):
            await notifier.send(a_delivery())
    assert len(set(peers)) == 2
    assert not any("cookie" in got.headers for got in receiver.got)


async def test_a_name_that_leads_to_a_link_local_address_is_not_posted_to() -> None:
    context = {"executor": FakeResolver("169.254.169.254")}
    notifier = a_notifier("http://alerts.test/PLANTED", context=context)
    result = await notifier.send(a_delivery())
    assert result == Retry(
        reason="alerts.test has a link-local address; allow_link_local: true would permit it"
    )


# ---------------------------------------------------------------- a receiver that fails


async def test_a_receiver_that_is_not_there_is_tried_again() -> None:
    async with receiving() as receiver:
        url = receiver.url
    assert await a_notifier(url).send(a_delivery()) == Retry(
        reason="cannot reach the receiver: Connection refused"
    )


async def test_a_receiver_whose_name_is_unknown_is_tried_again() -> None:
    result = await a_notifier("http://alerts.invalid/PLANTED").send(a_delivery())
    assert result == Retry(reason="the receiver's name is not known")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "the receiver closed the connection without an answer"),
        (b"\x16\x03\x01 no HTTP\r\n\r\n", "no answer that can be read (ClientResponseError)"),
        (
            b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 5000 + b"\r\n",
            "no answer that can be read (ClientResponseError)",
        ),
        (
            b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n",
            "no answer that can be read (ClientResponseError)",
        ),
    ],
    ids=["hangs up", "speaks something else", "floods with headers", "sends an endless header"],
)
async def test_an_answer_that_is_none_is_tried_again(raw: bytes, reason: str) -> None:
    async with speaking(raw) as url:
        assert await a_notifier(url).send(a_delivery()) == Retry(reason=reason)


async def test_a_receiver_that_never_answers_is_left_after_the_time_out() -> None:
    done = asyncio.Event()

    async def answer(_request: web.Request) -> web.StreamResponse:
        await done.wait()
        return web.Response()

    clock = VirtualClock()
    async with receiving(answer) as receiver, asyncio.TaskGroup() as group:
        sending = group.create_task(a_notifier(receiver.url, clock).send(a_delivery()))
        await receiver.until(1)
        await clock.advance(9.9)
        assert not sending.done()
        await clock.advance(0.2)
        assert await sending == Retry(reason="no answer within 10s")
        done.set()


@pytest.mark.parametrize(
    ("head", "result"),
    [
        (b"HTTP/1.1 200 OK\r\n", Delivered(detail="answered 200")),
        (b"HTTP/1.1 500 No\r\n", Retry(reason="answered 500: " + "z" * 119 + "…")),
    ],
)
async def test_a_body_without_end_is_not_read_to_its_end(head: bytes, result: Result) -> None:
    raw = head + b"content-type: text/plain\r\n\r\n"
    async with speaking(raw, endless=b"z" * 65536) as url:
        assert await a_notifier(url).send(a_delivery()) == result


async def test_a_compressed_body_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    raw = b"HTTP/1.1 500 No\r\ncontent-encoding: gzip\r\n\r\n" + bomb
    async with speaking(raw) as url:
        result = await a_notifier(url).send(a_delivery())
    assert result == Retry(reason="answered 500")


async def test_a_failure_counts_as_told_even_when_its_text_never_comes() -> None:
    sent = asyncio.Event()
    done = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=410)
        await response.prepare(request)
        await response.write(b"gone")
        sent.set()
        await done.wait()
        return response

    clock = VirtualClock()
    async with receiving(answer) as receiver, asyncio.TaskGroup() as group:
        sending = group.create_task(a_notifier(receiver.url, clock).send(a_delivery()))
        await sent.wait()
        while not sending.done():  # a turn of the loop at a time, until the text's limit passes
            await clock.advance(0.1)
        done.set()
    assert sending.result() == GiveUp(reason="answered 410: gone")
    assert clock.monotonic() < 9


# ---------------------------------------------------------------- TLS and proxies


async def test_a_private_authority_is_trusted_when_it_is_configured(tmp_path: Path) -> None:
    server, ca_file = certificates(tmp_path)
    async with receiving(tls=server) as receiver:
        trusting = a_notifier(receiver.url, context={"ca_file": ca_file})
        assert await trusting.send(a_delivery()) == Delivered(detail="answered 204")
        result = await a_notifier(receiver.url).send(a_delivery())
    assert isinstance(result, Retry)
    assert result.reason.startswith("the receiver's certificate is refused: self")
    assert len(receiver.got) == 1


async def test_a_receiver_that_speaks_no_tls_is_tried_again() -> None:
    async with receiving() as receiver:
        result = await a_notifier(receiver.url.with_scheme("https")).send(a_delivery())
    assert result == Retry(reason="no TLS conversation with the receiver")


def test_a_wrong_file_of_authorities_is_told_when_the_sender_is_built(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot read certificates"):
        a_notifier("https://alerts.example.test/", context={"ca_file": str(tmp_path / "no.pem")})


async def test_deliveries_go_through_the_egress_proxy() -> None:
    async with receiving() as proxy:
        address = proxy.url.with_path("/").with_user("out").with_password("PLANTED")
        context = {"proxy": Secret(str(address))}
        notifier = a_notifier("http://alerts.example.test/hook", context=context)
        assert await notifier.send(a_delivery()) == Delivered(detail="answered 204")
    (got,) = proxy.got
    assert got.target == "http://alerts.example.test/hook"
    assert got.headers["proxy-authorization"].startswith("Basic ")
    verify(got)


async def test_a_proxy_that_refuses_or_is_not_there_is_told_apart_from_the_receiver() -> None:
    async with speaking(b"HTTP/1.1 407 Who are you\r\ncontent-length: 0\r\n\r\n") as proxy:
        context = {"proxy": Secret(str(proxy.with_path("/")))}
        notifier = a_notifier("https://alerts.example.test/PLANTED", context=context)
        assert await notifier.send(a_delivery()) == Retry(reason="the egress proxy answered 407")
    assert await notifier.send(a_delivery()) == Retry(reason="the egress proxy cannot be reached")


# ---------------------------------------------------------------- secrets


def echo(say: Callable[[web.Request], str]) -> Answer:
    """Answers with a part of the request, as receivers do in their error pages."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=500, text=say(request))

    return answer


async def test_a_receiver_that_echoes_the_request_gets_no_secret_into_reason_or_log() -> None:
    answers = (
        echo(lambda request: request.headers["authorization"]),
        echo(lambda request: f"{request.headers['x-key']} {request.headers['x-other']}"),
        echo(lambda request: f"no {request.raw_path}"),
        echo(lambda request: f"no {request.path} with {request.query_string}"),
        echo(lambda request: f"token {request.query['token']}"),
        echo(lambda _request: f"keys {SECRET} {SECRET[6:]}"),
        echo(lambda request: f"for {request.url.with_user('ops').with_password('PLANTED1')}"),
    )
    outbox, clock = FakeOutbox(), SystemClock()
    row = outbox.add("a.1", clock.now())
    async with receiving(*answers) as receiver:
        url = receiver.url.with_user("ops").with_password("PLANTED1").with_path("/PLANTED2")
        notifier = a_notifier(
            url.with_query(token="PLANTED 3"), headers={"x-key": "PLANTED4", "x-other": "PLANTED5"}
        )
        with capture_logs() as logs:
            await deliver(outbox, notifier, clock=clock, until=lambda: row.settled)
    assert [entry["event"] for entry in logs] == ["delivery.attempted"] * 8
    assert [entry["reason"] for entry in logs][:3] == [
        "answered 500: Basic ***",
        "answered 500: *** ***",
        "answered 500: no ***?***",
    ]
    basic = base64.b64encode(b"ops:PLANTED1").decode()
    shown = repr(logs) + repr(outbox.rows)
    assert [secret for secret in ("PLANTED", SECRET[6:], basic) if secret in shown] == []


# ---------------------------------------------------------------- with the courier


class AtOnce(random.Random):
    """Draws no wait at all."""

    @override
    def uniform(self, a: float, b: float) -> float:
        return a


async def deliver(
    outbox: Outbox, *notifiers: Notifier, clock: Clock, until: Callable[[], bool]
) -> None:
    """Run a courier until something holds."""
    settled = asyncio.Event()

    class Bell(FakeDeliverySink):
        @override
        def delivered(self, delivery: Delivery, result: Result) -> None:
            settled.set()

    courier = Courier(outbox, notifiers, clock, AtOnce(), DeliveryPolicy(), Bell())
    async with asyncio.TaskGroup() as group:
        group.create_task(courier.run())
        while not until():
            await settled.wait()
            settled.clear()
            if isinstance(clock, VirtualClock):
                await clock.advance(0)
        await courier.stop(5.0)


async def test_repeats_have_the_same_id_and_body_and_a_signature_of_their_own() -> None:
    outbox = FakeOutbox()
    clock = VirtualClock(SystemClock().now())
    row = outbox.add("a.1", clock.now(), body=BODY)
    answers = (status(503, Retry_After="20"), status(404, Retry_After="30"))
    async with receiving(*answers) as receiver, asyncio.TaskGroup() as group:
        notifier = a_notifier(receiver.url, clock)
        whole = deliver(outbox, notifier, clock=clock, until=lambda: row.settled)
        group.create_task(whole)
        for count, wait in ((1, 20), (2, 30)):
            await receiver.until(count)
            while row.lease_until is not None:  # until the answer has come back
                await clock.advance(0)
            await clock.advance(wait - 0.1)
            assert len(receiver.got) == count
            await clock.advance(0.2)
        await receiver.until(3)
    for got in receiver.got:
        verify(got)
    for same in ("webhook-id", "content-type", "content-length"):
        assert len({got.headers[same] for got in receiver.got}) == 1
    assert {got.body for got in receiver.got} == {BODY}
    for new in ("webhook-timestamp", "webhook-signature"):
        assert len({got.headers[new] for got in receiver.got}) == 3


async def test_events_of_an_incident_arrive_in_order_over_a_failing_receiver() -> None:
    outbox, clock = FakeOutbox(), SystemClock()
    for number in range(1, 6):
        outbox.add(f"a.{number}", clock.now(), incident="a")
    answers = [status(code) for code in (500, 404, 204, 429, 204, 204, 502)]
    async with receiving(*answers) as receiver:
        notifier = a_notifier(receiver.url)
        await deliver(
            outbox, notifier, clock=clock, until=lambda: all(row.settled for row in outbox.rows)
        )
    ids = [got.headers["webhook-id"] for got in receiver.got]
    assert ids == ["a.1", "a.1", "a.1", "a.2", "a.2", "a.3", "a.4", "a.4", "a.5"]


async def test_a_slow_receiver_does_not_delay_another() -> None:
    done = asyncio.Event()

    async def hang(_request: web.Request) -> web.StreamResponse:
        await done.wait()
        return web.Response()

    outbox, clock = FakeOutbox(), SystemClock()
    for number in range(1, 4):
        for name in ("slow", "quick"):
            outbox.add(f"a.{number}", clock.now(), notifier=name)
    quick_rows = [row for row in outbox.rows if row.delivery.notifier == "quick"]
    async with receiving(hang) as slow, receiving() as quick:
        notifiers = (a_notifier(slow.url, name="slow"), a_notifier(quick.url, name="quick"))

        def quick_is_through() -> bool:
            if all(row.settled for row in quick_rows):
                assert len(slow.got) <= 1
                done.set()
            return done.is_set()

        await deliver(outbox, *notifiers, clock=clock, until=quick_is_through)
    assert [got.headers["webhook-id"] for got in quick.got] == ["a.1", "a.2", "a.3"]
    assert [got.headers["webhook-id"] for got in slow.got] == ["a.1", "a.2", "a.3"]


def test_the_sender_has_the_name_of_its_spec() -> None:
    notifier = a_notifier("http://alerts.example.test/", name="archive")
    assert isinstance(notifier, WebhookNotifier)
    assert notifier.name == "archive"
