from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import ValidationError
from yarl import URL

from monitor.clock import SystemClock, VirtualClock
from monitor.notify._base import NotifierContext
from monitor.notify._heartbeat import HeartbeatSpec, Pinger
from tests.fakes.receiver import Answer, receiving, speaking, status

TOKEN = "4f7c2a51-planted-uuid"


def a_pinger(
    url: URL | str, clock: SystemClock | VirtualClock | None = None, **settings: object
) -> Pinger:
    spec = HeartbeatSpec.model_validate({"url": str(url), **settings})
    return Pinger(spec, NotifierContext(clock=clock or SystemClock(), user_agent="claude-uptime/1"))


async def test_a_ping_is_one_plain_request() -> None:
    async with receiving(status(200, "OK")) as receiver:
        assert await a_pinger(receiver.url / TOKEN).ping() is None
    (got,) = receiver.got
    assert (got.method, got.target, got.body) == ("GET", f"/hook/{TOKEN}", b"")
    assert got.headers["user-agent"] == "claude-uptime/1"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (status(500), "answered 500"),
        (status(404), "answered 404"),
        (status(302, Location="http://169.254.169.254/"), "answered 302"),
    ],
    ids=["500", "404", "a redirect is not followed"],
)
async def test_what_is_not_taken_is_tried_once_more_and_told(answer: Answer, why: str) -> None:
    async with receiving(answer, answer) as receiver:
        assert await a_pinger(receiver.url).ping() == why
        assert len(receiver.got) == 2


async def test_a_lost_packet_is_no_alarm() -> None:
    async with receiving(status(503)) as receiver:
        assert await a_pinger(receiver.url).ping() is None


async def test_a_listener_that_is_not_there_is_told_without_the_url() -> None:
    async with receiving() as receiver:
        url = receiver.url / TOKEN
    why = await a_pinger(url).ping()
    assert why is not None
    assert why.startswith("no conversation")
    assert TOKEN not in why
    assert str(url.port) not in why


async def test_a_listener_that_never_answers_is_not_waited_for() -> None:
    async def silent(_request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    clock = VirtualClock()
    async with receiving(silent, silent) as receiver, asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(a_pinger(receiver.url, clock, timeout="3s").ping())
        for number in (1, 2):
            await receiver.until(number)
            await clock.advance(3.0)
        assert await asked == "no answer within 3s"


async def test_an_endless_answer_is_not_read() -> None:
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with speaking(raw, endless=b"4\r\nlong\r\n") as url:
        assert await a_pinger(url).ping() is None


async def test_why_it_is_withheld_is_told_only_where_that_is_wanted() -> None:
    async with receiving() as receiver:
        assert await a_pinger(receiver.url).fail(("disk full",)) is None
        assert receiver.got == []
        assert await a_pinger(receiver.url, fail=True).fail(("disk full", "late")) is None
    (got,) = receiver.got
    assert (got.method, got.target, got.body) == ("POST", "/hook/fail", b"disk full\nlate")


async def test_a_name_that_leads_to_a_link_local_address_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_named: found)
    why = await a_pinger("http://hc.example.test/ping").ping()
    assert why == "its address is link-local; allow_link_local: true would permit it"


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "hc.example.com/ping/planted"},
        {"url": "ftp://hc.example.com/planted"},
        {"url": "http://[planted"},
        {"url": "http://169.254.169.254/planted"},
        {"url": "https://hc.example.com/planted", "interval": "1s"},
        {"url": "https://hc.example.com/planted", "method": "GET"},
    ],
    ids=["no scheme", "another scheme", "no url", "metadata", "too often", "an unknown key"],
)
def test_a_setting_that_cannot_be_used_is_refused_without_the_url(settings: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as caught:
        HeartbeatSpec.model_validate(settings)
    assert "planted" not in str(caught.value)


def test_without_a_url_there_is_no_heartbeat() -> None:
    assert not HeartbeatSpec().url
    assert HeartbeatSpec.model_validate(
        {"url": "http://169.254.1.1/", "allow_link_local": True}
    ).url


def test_a_ca_file_that_is_none_is_told(tmp_path: Path) -> None:
    context = NotifierContext(
        clock=SystemClock(), user_agent="x", ca_file=str(tmp_path / "absent.pem")
    )
    with pytest.raises(ValueError, match=r"absent\.pem"):
        Pinger(HeartbeatSpec.model_validate({"url": "https://hc.example.com/"}), context)
