"""Server-sent events over real sockets: who hears what, and that nobody can be a burden."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from monitor.core.effects import Announce, Revise, StateChanged
from monitor.core.incident import EventType, State
from monitor.web import WebDeps, WebServer, create_app
from monitor.web.live import LISTENERS_MAX, QUEUE_MAX, REPLAY_MAX, Hub
from monitor.web.shapes import Shapes
from tests.factories import NOON, a_judged, an_event, an_incident


@pytest.fixture
def hub() -> Hub:
    return Hub(Shapes("local", "https://uptime.example"), lambda: NOON)


@pytest.fixture
async def server(deps: WebDeps, hub: Hub) -> AsyncIterator[WebServer]:
    async with WebServer(create_app(deps, hub), "127.0.0.1", 0) as started:
        yield started


def went_down(component: str = "api") -> StateChanged:
    return StateChanged(
        component=component, before=State.OPERATIONAL, after=State.MAJOR_OUTAGE, at=NOON
    )


class Ear:
    """A browser's event source, as far as a test needs one."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self) -> tuple[str, str, Any]:
        """Id, name and document of the next event; comments and `retry` are passed over."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(10):
            while True:
                line = (await self.response.content.readuntil(b"\n")).decode().rstrip("\n")
                if line and not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif not line and "data" in fields:
                    return fields["id"], fields["event"], json.loads(fields["data"])


@contextlib.asynccontextmanager
async def listening(
    client: aiohttp.ClientSession, server: WebServer, **headers: str
) -> AsyncIterator[Ear]:
    url = f"http://{server.address}/api/v1/events"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.get(url, headers=named) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        await response.content.readuntil(b": listening\n\n")
        yield Ear(response)


async def test_a_listener_hears_what_happens_as_it_happens(
    server: WebServer, hub: Hub, client: aiohttp.ClientSession
) -> None:
    incident = an_incident("api")
    async with listening(client, server) as ear:
        hub.publish(
            [
                a_judged("api_hello"),
                went_down(),
                Announce(event=an_event(EventType.OPENED, incident)),
                Revise(incident=incident),
            ]
        )
        heard = [await ear.next() for _ in range(3)]
    assert [(number, name) for number, name, _ in heard] == [
        ("1", "component.state"),
        ("2", "incident.opened"),
        ("3", "incident.revised"),
    ]
    assert heard[0][2] == {
        "component": "api",
        "before": "operational",
        "after": "major_outage",
        "at": "2026-04-28T12:00:00.000Z",
    }
    assert heard[1][2]["incident"]["id"] == incident.id
    assert heard[2][2]["incident"]["id"] == incident.id


async def test_who_comes_back_hears_what_was_missed_and_not_what_was_heard(
    server: WebServer, hub: Hub, client: aiohttp.ClientSession
) -> None:
    for component in ("api", "console", "cowork"):
        hub.publish([went_down(component)])
    async with listening(client, server, Last_Event_ID="1") as ear:
        heard = [(await ear.next())[2]["component"] for _ in range(2)]
    assert heard == ["console", "cowork"]


@pytest.mark.parametrize("strange", ["", "-1", "one", "9" * 40, "²"])
async def test_a_strange_last_id_starts_from_now(
    server: WebServer, hub: Hub, client: aiohttp.ClientSession, strange: str
) -> None:
    hub.publish([went_down("api")])
    async with listening(client, server, Last_Event_ID=strange) as ear:
        hub.publish([went_down("console")])
        assert (await ear.next())[2]["component"] == "console"


async def test_hostile_text_cannot_end_a_field(
    server: WebServer, hub: Hub, client: aiohttp.ClientSession
) -> None:
    hostile = 'x\n\nevent: incident.closed\ndata: {}\r\n\u2028\u202e\x1b[2J"'
    async with listening(client, server) as ear:
        hub.publish(
            [Announce(event=an_event(EventType.OPENED, an_incident("api"), summary=hostile))]
        )
        number, name, document = await ear.next()
    assert (number, name) == ("1", "incident.opened")
    assert document["summary"] == hostile


async def test_so_many_may_listen_and_the_next_is_told_to_come_back(
    server: WebServer, hub: Hub, client: aiohttp.ClientSession
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(LISTENERS_MAX):
            await stack.enter_async_context(listening(client, server))
        assert hub.listeners == LISTENERS_MAX
        async with client.get(f"http://{server.address}/api/v1/events") as refused:
            assert refused.status == 503
            assert refused.content_type == "application/problem+json"
            assert refused.headers["Retry-After"] == "10"


async def test_a_place_is_free_again_when_a_listener_leaves(
    server: WebServer, hub: Hub, client: aiohttp.ClientSession
) -> None:
    async with listening(client, server):
        assert hub.listeners == 1
    async with asyncio.timeout(10):
        while hub.listeners:
            hub.publish([went_down()])
            await asyncio.to_thread(lambda: None)
    assert hub.listeners == 0


async def test_one_who_does_not_read_is_let_go_and_others_hear_on(
    server: WebServer, hub: Hub, client: aiohttp.ClientSession
) -> None:
    """Its socket's buffers fill, then its queue, and there it ends: memory is bounded."""
    host, port = urlsplit(f"http://{server.address}").hostname, server.port
    _reader, writer = await asyncio.open_connection(host, port, limit=1024)
    writer.write(b"GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
    await writer.drain()
    opened = Announce(event=an_event(EventType.OPENED, an_incident("api"), summary="x" * 100_000))
    async with listening(client, server) as ear, asyncio.timeout(30):
        while hub.listeners == 1:
            await asyncio.to_thread(lambda: None)
        published = 0
        while hub.listeners == 2:
            hub.publish([opened])
            published += 1
            await ear.next()
    assert published > QUEUE_MAX
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def test_a_stop_does_not_wait_for_listeners(deps: WebDeps, hub: Hub) -> None:
    server = WebServer(create_app(deps, hub), "127.0.0.1", 0)
    await server.start()
    async with aiohttp.ClientSession() as client, listening(client, server) as ear:
        async with asyncio.timeout(5):
            await server.stop()
        with contextlib.suppress(aiohttp.ClientError):
            assert await ear.response.content.read() == b""
    assert hub.join(None) is None


def test_what_is_kept_for_those_who_come_back_is_bounded(hub: Hub) -> None:
    hub.publish([went_down()] * (REPLAY_MAX + 50))
    listener = hub.join(0)
    assert listener is not None
    assert len(listener.waiting) == QUEUE_MAX
    assert listener.waiting[-1].number == REPLAY_MAX + 50
