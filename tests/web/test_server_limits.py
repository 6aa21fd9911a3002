"""The server itself: its limits, its headers, its start and its end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import replace

import aiohttp
import pytest

from monitor.web import WebDeps, WebError, WebServer, create_app
from monitor.web.server import CONNECTIONS_MAX
from tests.web.conftest import Start
from tests.web.fakes import FakePast

PATHS = ["/", "/metrics", "/-/healthy", "/-/ready", "/api/v1/status", "/nope", "/api/v1/nope"]


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_is_guarded_and_names_no_software(
    start: Start, client: aiohttp.ClientSession, path: str
) -> None:
    async with client.get(f"{await start()}{path}") as response:
        headers = response.headers
    assert "Server" not in headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    kept = path == "/api/v1/status"  # with an ETag: kept, and asked about
    assert headers["Cache-Control"] == ("no-cache" if kept else "no-store")
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", PATHS[:5])
async def test_everything_is_read_only(
    start: Start, client: aiohttp.ClientSession, method: str, path: str
) -> None:
    async with client.request(method, f"{await start()}{path}") as response:
        assert response.status == 405
        assert response.content_type == "application/problem+json"
        assert response.headers["Allow"] == "GET,HEAD"
        problem = await response.json(content_type=None)
    assert problem["detail"] == f"{method} is not possible here: everything is read-only"


@pytest.mark.parametrize("path", PATHS[:5])
async def test_head_is_get_without_a_body(
    start: Start, client: aiohttp.ClientSession, path: str
) -> None:
    async with client.head(f"{await start()}{path}") as response:
        assert response.status == 200
        assert await response.read() == b""
        assert int(response.headers["Content-Length"]) > 0


async def send(url: str, raw: bytes) -> bytes:
    """What the server says to these bytes before it closes the connection."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(raw)
    await writer.drain()
    try:
        return await reader.read(65536)
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", id="a long line"),
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"x" * 20000 + b"\r\n\r\n", id="a long header"),
        pytest.param(
            b"GET / HTTP/1.1\r\n"
            + b"".join(b"X-%d: y\r\n" % number for number in range(500))
            + b"\r\n",
            id="many headers",
        ),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", id="TLS"),
        pytest.param(b"not http at all\r\n\r\n", id="noise"),
    ],
)
async def test_a_malformed_request_is_refused_and_the_server_goes_on(
    start: Start, client: aiohttp.ClientSession, raw: bytes
) -> None:
    url = await start()
    assert (await send(url, raw)).startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
    async with client.get(f"{url}/-/healthy") as response:
        assert response.status == 200


async def test_of_too_many_connections_the_oldest_goes(
    start: Start, client: aiohttp.ClientSession
) -> None:
    """Those who hold connections open cannot lock a scrape out: the newest is always served."""
    url = await start()
    host, port = url.removeprefix("http://").split(":")
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as stack:
        idle = [
            stack.enter_context(socket.create_connection((host, int(port))))
            for _ in range(CONNECTIONS_MAX)
        ]
        for held in idle:
            held.setblocking(False)  # noqa: FBT003  # the signature of sockets
        async with client.get(f"{url}/-/healthy") as response:
            assert response.status == 200
        async with asyncio.timeout(5):
            assert await loop.sock_recv(idle[0], 1) == b""
            await loop.sock_sendall(idle[-1], b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await loop.sock_recv(idle[-1], 4096)).startswith(b"HTTP/1.1 200")


async def test_a_handler_that_takes_too_long_is_given_up(
    start: Start, client: aiohttp.ClientSession, past: FakePast
) -> None:
    past.broken = TimeoutError()
    async with client.get(f"{await start()}/api/v1/incidents") as response:
        assert response.status == 503
        assert response.content_type == "application/problem+json"


async def test_a_port_in_use_is_one_line_that_names_the_address(deps: WebDeps) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = WebServer(create_app(deps), "127.0.0.1", port)
        with pytest.raises(WebError) as raised:
            await server.start()
    assert str(raised.value) == f"cannot listen on 127.0.0.1:{port}: address already in use"
    await server.stop()


@pytest.mark.parametrize(
    ("host", "port", "message"),
    [
        ("127.0.0.1", 99999, "cannot listen on 127.0.0.1:99999: a port lies between 0 and 65535"),
        ("192.0.2.1", 0, "cannot listen on 192.0.2.1:0: cannot assign requested address"),
    ],
)
async def test_an_address_that_cannot_be_is_one_line_too(
    deps: WebDeps, host: str, port: int, message: str
) -> None:
    with pytest.raises(WebError) as raised:
        await WebServer(create_app(deps), host, port).start()
    assert str(raised.value) == message


async def test_a_server_is_a_context_and_may_be_stopped_twice(
    deps: WebDeps, client: aiohttp.ClientSession
) -> None:
    async with WebServer(create_app(deps), "127.0.0.1", 0) as server:
        assert server.port > 0
        assert server.address == f"127.0.0.1:{server.port}"
        async with client.get(f"http://{server.address}/-/ready") as response:
            assert response.status == 200
        url = f"http://{server.address}/-/ready"
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.get(url)
    await server.stop()


async def test_an_address_of_ip_version_6_is_bracketed(deps: WebDeps) -> None:
    server = WebServer(create_app(deps), "::1", 9595)
    assert server.address == "[::1]:9595"


async def test_two_apps_share_nothing(deps: WebDeps, client: aiohttp.ClientSession) -> None:
    other = replace(deps, version="9.9.9")
    async with (
        WebServer(create_app(deps), "127.0.0.1", 0) as first,
        WebServer(create_app(other), "127.0.0.1", 0) as second,
    ):
        async with client.get(f"http://{first.address}/") as response:
            assert "9.9.9" not in await response.text()
        async with client.get(f"http://{second.address}/") as response:
            assert "claude-uptime 9.9.9" in await response.text()
