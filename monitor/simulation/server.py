"""The simulated Claude on a socket.

One listener on loopback stands for all hosts. A request names its host in the path
(`http://127.0.0.1:PORT/api.anthropic.com/api/hello`) or, as usual, in its `Host` header. Because
one listener stands for all, a refused connection cannot be told from others before the request's
head is read: it is aborted then, without a byte, and the client sees a reset.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterator
from dataclasses import replace

from aiohttp import web

from monitor.clock import Clock
from monitor.simulation.endpoints import VENDOR_HOSTS
from monitor.simulation.exchange import SimRequest, SimResponse, Transport
from monitor.simulation.world import World

HANG_SECONDS_MAX = 900.0
"""After this a hang ends with a reset: the longest that users saw, and a bound for the server."""

REQUEST_BYTES_MAX = 1024 * 1024
"""Longest request body that is taken."""

SHUTDOWN_SECONDS = 0.2
"""Machine seconds that `stop` leaves to answers under way."""

DRIP_PARTS_MAX = 64
"""A dripping body comes in at most so many parts."""

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_USAGE = b"simulated Claude: ask /<host>/<path>, for example /api.anthropic.com/api/hello\n"
_LINGER_OFF = struct.pack("ii", 1, 0)


class SimulatedClaude:
    """A world behind a real HTTP server on 127.0.0.1."""

    def __init__(self, world: World, clock: Clock) -> None:
        """Answer from `world`; moments and all waiting are those of `clock`."""
        self._world = world
        self._clock = clock
        self._runner: web.ServerRunner | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """The port it listens on; 0 while it does not."""
        return self._port

    @property
    def base_url(self) -> str:
        """What stands before `/<host>/<path>`, without a trailing slash."""
        return f"http://127.0.0.1:{self._port}"

    def url(self, real: str) -> str:
        """Where `real` (`https://host/path`) is answered here."""
        return f"{self.base_url}/{real.partition('://')[2]}"

    async def start(self, port: int = 0) -> None:
        """Listen on `port`, 0 for any free one.

        Raises:
            OSError: the port is taken.
        """
        server = web.Server(self._serve, handler_cancellation=True, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self._port = int(runner.addresses[0][1])

    async def stop(self) -> None:
        """Close the listener and every connection; hangs end at once. Again is no error."""
        runner, self._runner, self._port = self._runner, None, 0
        if runner is not None:
            await runner.cleanup()

    async def _serve(self, incoming: web.BaseRequest) -> web.StreamResponse:
        """One request."""
        body = await _body(incoming)
        if body is None:
            return web.Response(status=413, text="request too large\n")
        host, path, prefixed = _target(incoming)
        if not host:
            return web.Response(status=404, body=_USAGE, content_type="text/plain")
        request = SimRequest(
            method=incoming.method,
            host=host,
            path=path,
            headers={name.lower(): value for name, value in incoming.headers.items()},
            body=body,
        )
        response = self._world.answer(request, self._clock.now())
        if response.transport is not Transport.NONE:
            return await self._break(incoming, response)
        await self._clock.sleep(response.delay)
        if prefixed:
            headers = tuple((name, _here(name, value)) for name, value in response.headers)
            response = replace(response, headers=headers)
        if response.bytes_per_second is not None and response.body:
            return await self._drip(incoming, response)
        return web.Response(status=response.status, headers=response.headers, body=response.body)

    async def _break(self, incoming: web.BaseRequest, response: SimResponse) -> web.Response:
        """End the conversation without a byte, after the answer's delay or a hang."""
        hangs = response.transport is Transport.HANG
        await self._clock.sleep(HANG_SECONDS_MAX if hangs else response.delay)
        transport = incoming.transport
        if transport is not None:
            _reset(transport)
        return web.Response(status=500)  # never sent: there is no connection any more

    async def _drip(self, incoming: web.BaseRequest, response: SimResponse) -> web.StreamResponse:
        """Send the body in parts, as slowly as it says."""
        rate = response.bytes_per_second or 1.0
        stream = web.StreamResponse(status=response.status, headers=response.headers)
        stream.content_length = len(response.body)
        with contextlib.suppress(ConnectionError):
            await stream.prepare(incoming)
            for part in _parts(response.body):
                await self._clock.sleep(len(part) / rate)
                await stream.write(part)
            await stream.write_eof()
        return stream


async def _body(incoming: web.BaseRequest) -> bytes | None:
    """The request's body; None when it is longer than what is taken."""
    body = bytearray()
    async for part in incoming.content.iter_any():
        body += part
        if len(body) > REQUEST_BYTES_MAX:
            return None
    return bytes(body)


def _parts(body: bytes) -> Iterator[bytes]:
    """`body` in a bounded number of parts."""
    size = -(-len(body) // DRIP_PARTS_MAX)
    for start in range(0, len(body), size):
        yield body[start : start + size]


def _target(incoming: web.BaseRequest) -> tuple[str, str, bool]:
    """Host and path that are meant, and whether they came by the path; no host: none is named."""
    host = incoming.host.rpartition(":")[0] or incoming.host
    path = incoming.rel_url.raw_path_qs
    if host.lower() not in _LOOPBACK:
        return host.lower(), path, False
    first, slash, rest = path.removeprefix("/").partition("/")
    if not slash:
        first, mark, rest = first.partition("?")
        rest = mark + rest
    return (first.lower() if "." in first else ""), f"/{rest}", True


def _here(name: str, value: str) -> str:
    """A header's value; a redirect to one of the vendor's hosts becomes a path of this server."""
    scheme, _, rest = value.partition("://")
    redirects = name == "location" and scheme in ("http", "https")
    return f"/{rest}" if redirects and rest.partition("/")[0] in VENDOR_HOSTS else value


def _reset(transport: asyncio.Transport) -> None:
    """Close with a reset and not with an orderly end."""
    with contextlib.suppress(OSError):
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_OFF)
    transport.abort()
