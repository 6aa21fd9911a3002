"""The simulated Claude over real sockets."""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp
import pytest
from typing_extensions import override

from monitor.clock import ScaledClock, VirtualClock
from monitor.simulation.messages import LAST_TOKEN_SECONDS
from monitor.simulation.scenario import Scenario
from monitor.simulation.server import HANG_SECONDS_MAX, REQUEST_BYTES_MAX, SimulatedClaude
from tests.simulation.worlds import KEYED, a_scenario, a_world

API = "api.anthropic.com"
LIMIT = 10.0


class NotingClock(VirtualClock):
    """Notes every sleep and returns at once, or stays asleep when it is as long as a hang."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario.start)
        self.slept: list[float] = []
        self.hanging = asyncio.Event()
        self.woken = asyncio.Event()

    @override
    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if seconds >= HANG_SECONDS_MAX:
            self.hanging.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.woken.set()


@asynccontextmanager
async def served(*faults: str) -> AsyncIterator[tuple[SimulatedClaude, NotingClock]]:
    """A server under `faults`; fails when it leaves a task behind."""
    scenario = a_scenario(*faults)
    clock = NotingClock(scenario)
    before = asyncio.all_tasks()
    server = SimulatedClaude(a_world(scenario), clock)
    await server.start()
    try:
        async with asyncio.timeout(LIMIT):
            yield server, clock
    finally:
        async with asyncio.timeout(LIMIT):
            await server.stop()
    assert asyncio.all_tasks() <= before


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


async def spoken(
    server: SimulatedClaude, text: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection over which `text` was sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(text.encode())
    await writer.drain()
    return reader, writer


def head(path: str, host: str = "127.0.0.1") -> str:
    """A request without a body, as bytes on the wire."""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"


async def test_a_host_is_named_in_the_path(client: aiohttp.ClientSession) -> None:
    async with served() as (server, clock):
        url = server.url("https://api.anthropic.com/v1/models?limit=1")
        assert url == f"http://127.0.0.1:{server.port}/api.anthropic.com/v1/models?limit=1"

        async with client.get(url, headers=KEYED) as answer:
            document = await answer.json()

        assert answer.status == 200
        assert len(document["data"]) == 1
        assert answer.headers["server"] == "cloudflare"
        assert answer.headers["request-id"].startswith("req_")
        assert len(answer.headers.getall("date")) == 1
        assert answer.headers["date"] == "Fri, 01 May 2026 12:00:00 GMT"
        assert len(clock.slept) == 1


@pytest.mark.parametrize(
    ("path", "host"),
    [
        ("/api/hello", API),
        ("/api/hello", "API.anthropic.com:443"),
        ("http://api.anthropic.com/api/hello", API),
        ("/api.anthropic.com/api/hello", "localhost:1"),
        ("/API.anthropic.com/api/hello", "127.0.0.1"),
    ],
    ids=["header", "port", "proxy", "localhost", "loopback"],
)
async def test_a_host_is_named_in_a_header_or_as_to_a_proxy(path: str, host: str) -> None:
    async with served() as (server, _):
        reader, writer = await spoken(server, head(path, host))
        answer = await reader.read()
        writer.close()

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b'{"message": "hello"}')


@pytest.mark.parametrize("path", ["/", "/healthz", "/?x=1"])
async def test_without_a_host_it_says_how_to_name_one(
    client: aiohttp.ClientSession, path: str
) -> None:
    async with served() as (server, _), client.get(server.base_url + path) as answer:
        assert answer.status == 404
        assert "/<host>/<path>" in await answer.text()


async def test_a_bare_host_is_its_front_page(client: aiohttp.ClientSession) -> None:
    async with (
        served() as (server, _),
        client.get(f"{server.base_url}/claude.ai?utm=1") as answer,
    ):
        assert answer.status == 200
        assert "<title>Claude</title>" in await answer.text()


async def test_head_no_content_and_not_modified_have_no_body(
    client: aiohttp.ClientSession,
) -> None:
    async with served() as (server, _):
        async with client.head(server.url(f"https://{API}/api/hello")) as answer:
            assert (answer.status, await answer.read()) == (200, b"")
        async with client.get(server.url("https://www.gstatic.com/generate_204")) as answer:
            assert (answer.status, await answer.read()) == (204, b"")
        feed = server.url("https://status.claude.com/history.atom")
        async with client.get(feed) as answer:
            etag = answer.headers["etag"]
        async with client.get(feed, headers={"If-None-Match": etag}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")


async def test_a_redirect_stays_on_this_server(client: aiohttp.ClientSession) -> None:
    async with served() as (server, _):
        url = server.url("https://status.anthropic.com/api/v2/status.json")
        async with client.get(url) as answer:
            assert answer.url.path == "/status.claude.com/api/v2/status.json"
            assert (await answer.json())["status"]["indicator"] == "none"


async def test_a_redirect_by_host_header_is_the_vendors_own() -> None:
    async with served() as (server, _):
        reader, writer = await spoken(server, head("/history.atom", "status.anthropic.com"))
        answer = await reader.read()
        writer.close()

    assert b"location: https://status.claude.com/history.atom\r\n" in answer.lower()


async def test_a_posted_body_arrives_and_a_huge_one_is_refused(
    client: aiohttp.ClientSession,
) -> None:
    async with served() as (server, _):
        url = server.url(f"https://{API}/v1/messages")
        said = [{"role": "user", "content": "ping"}]
        body = {"model": "claude-opus-5", "max_tokens": 1, "messages": said}
        async with client.post(url, json=body, headers=KEYED) as answer:
            assert (await answer.json())["type"] == "message"
        async with client.post(url, data=io.BytesIO(b" " * (REQUEST_BYTES_MAX + 1))) as answer:
            assert answer.status == 413


async def test_a_fault_comes_over_the_wire_byte_for_byte(client: aiohttp.ClientSession) -> None:
    async with (
        served("fault: overloaded_529, components: api") as (server, _),
        client.get(server.url(f"https://{API}/api/hello")) as answer,
    ):
        ident = answer.headers["request-id"]
        assert answer.status == 529
        assert await answer.text() == (
            '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},'
            f'"request_id":"{ident}"}}'
        )


async def test_slowness_is_slept_in_scenario_seconds(client: aiohttp.ClientSession) -> None:
    async with served("fault: slow, components: api, delay: 90s") as (server, clock):
        async with client.get(server.url(f"https://{API}/api/hello")) as answer:
            assert answer.status == 200

        assert 90.0 < clock.slept[0] < 91.0


async def test_a_reset_ends_the_conversation_without_a_byte() -> None:
    async with served("fault: reset, components: api") as (server, clock):
        reader, _writer = await spoken(server, head(f"/{API}/api/hello"))

        with pytest.raises(ConnectionResetError):
            await reader.read()

        assert len(clock.slept) == 1


async def test_a_refusal_is_an_abort_at_once() -> None:
    async with served("fault: refused, hosts: '*'") as (server, clock):
        reader, _writer = await spoken(server, head(f"/{API}/api/hello"))

        with pytest.raises(ConnectionResetError):
            await reader.read()

        assert clock.slept == [0.0]


async def test_a_hang_ends_when_the_client_leaves() -> None:
    async with served("fault: hang, components: api") as (server, clock):
        reader, writer = await spoken(server, head(f"/{API}/api/hello"))
        await clock.hanging.wait()
        assert not clock.woken.is_set()

        writer.close()
        await clock.woken.wait()

        assert await reader.read() == b""


async def test_a_hang_ends_with_a_reset_at_its_limit() -> None:
    scenario = a_scenario("fault: hang, components: api")
    clock = ScaledClock(start=scenario.start, speed=HANG_SECONDS_MAX * 100)
    server = SimulatedClaude(a_world(scenario), clock)
    await server.start()
    reader, _writer = await spoken(server, head(f"/{API}/api/hello"))

    with pytest.raises(ConnectionResetError):
        await reader.read()

    await server.stop()


async def test_a_stop_ends_hangs_and_gives_the_port_back() -> None:
    async with served("fault: hang, components: api") as (server, clock):
        port = server.port
        reader, writer = await spoken(server, head(f"/{API}/api/hello"))
        await clock.hanging.wait()

        await server.stop()

        assert clock.woken.is_set()
        assert await reader.read() == b""
        writer.close()
        assert server.port == 0
        await server.start(port)
        assert server.port == port


async def test_a_port_in_use_is_an_error_that_leaves_nothing_behind() -> None:
    before = asyncio.all_tasks()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        scenario = a_scenario()
        server = SimulatedClaude(a_world(scenario), NotingClock(scenario))

        with pytest.raises(OSError, match="in use"):
            await server.start(taken.getsockname()[1])

    await server.stop()
    assert asyncio.all_tasks() <= before


async def test_a_drip_takes_its_time_and_brings_the_whole_body(
    client: aiohttp.ClientSession,
) -> None:
    async with served("fault: drip, components: api, rate: 4") as (server, clock):
        async with client.get(server.url(f"https://{API}/api/hello")) as answer:
            assert answer.headers["content-length"] == "20"
            assert await answer.read() == b'{"message": "hello"}'

        assert sum(clock.slept[1:]) == pytest.approx(20 / 4)
        assert len(clock.slept) == 21


async def test_a_drip_of_a_long_body_has_a_bounded_number_of_parts(
    client: aiohttp.ClientSession,
) -> None:
    async with served("fault: drip, services: status, rate: 100") as (server, clock):
        url = server.url("https://status.claude.com/api/v2/summary.json")
        async with client.get(url) as answer:
            size = len(await answer.read())

        assert size > 1000
        assert len(clock.slept) <= 65
        assert sum(clock.slept[1:]) == pytest.approx(size / 100)


async def test_a_client_may_leave_in_the_middle_of_a_drip(client: aiohttp.ClientSession) -> None:
    scenario = a_scenario("fault: drip, components: api, rate: 1")
    server = SimulatedClaude(a_world(scenario), ScaledClock(start=scenario.start, speed=10))
    before = asyncio.all_tasks()
    await server.start()
    reader, writer = await spoken(server, head(f"/{API}/api/hello"))

    await reader.readuntil(b"\r\n\r\n{")
    writer.transport.abort()

    await server.stop()
    assert asyncio.all_tasks() <= before


async def test_the_scenario_plays_by_the_clock(client: aiohttp.ClientSession) -> None:
    async with served("fault: json_500, components: api") as (server, clock):
        url = server.url(f"https://{API}/api/hello")
        async with client.get(url) as answer:
            assert answer.status == 500
        clock.wall_offset = timedelta(hours=1)
        async with client.get(url) as answer:
            assert answer.status == 200


async def test_many_clients_at_once_are_all_answered() -> None:
    async with served() as (server, _):
        connector = aiohttp.TCPConnector(force_close=True, limit=100)
        async with aiohttp.ClientSession(connector=connector) as session:

            async def ask() -> int:
                async with session.get(server.url(f"https://{API}/api/hello")) as answer:
                    await answer.read()
                    return answer.status

            async with asyncio.TaskGroup() as group:
                asks = [group.create_task(ask()) for _ in range(300)]

    assert {ask.result() for ask in asks} == {200}


STREAM = {
    "model": "claude-opus-5",
    "max_tokens": 16,
    "stream": True,
    "messages": [{"role": "user", "content": "ping"}],
}


async def drained(answer: aiohttp.ClientResponse, read: bytearray) -> None:
    """Read a body to its end, keeping what comes."""
    async for part in answer.content.iter_any():
        read += part


async def test_a_stream_comes_in_parts_with_its_silences(client: aiohttp.ClientSession) -> None:
    async with served("fault: slow_first_token, services: messages, delay: 40s") as (server, clock):
        url = server.url(f"https://{API}/v1/messages")
        async with client.post(url, json=STREAM, headers=KEYED) as answer:
            assert answer.headers["transfer-encoding"] == "chunked"
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert (await answer.read()).endswith(b'{"type":"message_stop"}\n\n')

        assert clock.slept[1:] == [40.0, LAST_TOKEN_SECONDS]


@pytest.mark.parametrize(
    ("fault", "begun"),
    [("truncated", b'{"message"'), ("stream_reset", b"event: message_start")],
)
async def test_a_body_that_is_cut_is_incomplete(
    client: aiohttp.ClientSession, fault: str, begun: bytes
) -> None:
    async with served(f"fault: {fault}, components: api") as (server, _):
        asked = STREAM if fault.startswith("stream") else None
        url = server.url(f"https://{API}/{'v1/messages' if asked else 'api/hello'}")
        method = "POST" if asked else "GET"
        async with client.request(method, url, json=asked, headers=KEYED) as answer:
            assert answer.status == 200
            read = bytearray()
            with pytest.raises(aiohttp.ClientPayloadError):
                await drained(answer, read)

        assert read.startswith(begun)


@pytest.mark.parametrize("fault", ["hang_after_headers", "stream_hang", "stream_pings"])
async def test_a_stream_may_fall_silent_until_the_client_leaves(
    client: aiohttp.ClientSession, fault: str
) -> None:
    async with served(f"fault: {fault}, services: messages") as (server, clock):
        url = server.url(f"https://{API}/v1/messages")
        async with client.post(url, json=STREAM, headers=KEYED) as answer:
            assert answer.status == 200
            await clock.hanging.wait()

        await clock.woken.wait()


async def test_nobody_there_is_a_hang_and_no_name_is_an_abort() -> None:
    async with served("fault: unreachable, hosts: claude.ai", "fault: dns_failure, hosts: '*'") as (
        server,
        clock,
    ):
        reader, writer = await spoken(server, head("/claude.ai/"))
        await clock.hanging.wait()
        writer.close()
        await clock.woken.wait()
        assert await reader.read() == b""

        reader, _writer = await spoken(server, head(f"/{API}/api/hello"))
        with pytest.raises(ConnectionResetError):
            await reader.read()


async def test_a_bad_certificate_is_an_abort_where_there_is_no_tls() -> None:
    async with served("fault: tls_expired, components: api", "fault: tls_expiring, hosts: '*'") as (
        server,
        _,
    ):
        reader, _writer = await spoken(server, head(f"/{API}/api/hello"))
        with pytest.raises(ConnectionResetError):
            await reader.read()

        reader, writer = await spoken(server, head("/claude.ai/"))
        assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()


async def test_a_huge_request_is_refused_in_the_apis_own_form(
    client: aiohttp.ClientSession,
) -> None:
    async with served() as (server, _):
        url = server.url(f"https://{API}/v1/messages")
        async with client.post(url, data=io.BytesIO(b" " * (REQUEST_BYTES_MAX + 1))) as answer:
            assert answer.status == 413
            assert (await answer.json())["error"]["type"] == "request_too_large"
