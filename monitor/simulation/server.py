"""The simulated Claude on a socket.

One listener on loopback stands for all hosts. A request names its host in the path
(`http://127.0.0.1:PORT/api.anthropic.com/api/hello`) or, as usual, in its `Host` header.

What a listener cannot play, it plays as the nearest thing that it can:

- It accepts every connection, so a refused one is aborted once the request's head is read, without
  a byte: the client sees a reset. A name that does not resolve is played in the same way; a host
  that nobody answers for is played as a hang.
- A bad certificate needs a conversation in TLS: `start_tls` opens a second listener, which shows
  the certificate that the scenario says for the host that the client names in its handshake. On the
  plain listener such a request is aborted, since a client that checks would send none.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web

from monitor.clock import Clock
from monitor.simulation._fault import JSON, api_error_body
from monitor.simulation.endpoints import VENDOR_HOSTS
from monitor.simulation.exchange import Certificate, SimRequest, SimResponse, Transport
from monitor.simulation.world import World

HANG_SECONDS_MAX = 900.0
"""After this a hang ends with a reset: the longest that users saw, and a bound for the server."""

REQUEST_BYTES_MAX = 1024 * 1024
"""Longest request body that is taken."""

SHUTDOWN_SECONDS = 0.2
"""Machine seconds that `stop` leaves to answers under way."""

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_USAGE = b"simulated Claude: ask /<host>/<path>, for example /api.anthropic.com/api/hello\n"
_LINGER_OFF = struct.pack("ii", 1, 0)


class SimulatedClaude:
    """A world behind a real HTTP server on 127.0.0.1."""

    def __init__(self, world: World, clock: Clock) -> None:
        """Answer from `world`; moments and all waiting are those of `clock`."""
        self._world = world
        self._clock = clock
        self._runners: list[web.ServerRunner] = []
        self._port = 0
        self._tls_port = 0

    @property
    def port(self) -> int:
        """The port it listens on; 0 while it does not."""
        return self._port

    @property
    def tls_port(self) -> int:
        """The port on which it speaks TLS; 0 while it does not."""
        return self._tls_port

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
        self._port = await self._listen(port, None)

    async def start_tls(
        self, contexts: Mapping[Certificate, ssl.SSLContext], port: int = 0
    ) -> None:
        """Listen for TLS on `port`, too; 0 for any free one.

        `contexts` hold what is shown in each case (see `tls.Certificates`). Which case it is, the
        scenario says for the host of the handshake and the path `/`: it is not yet known what will
        be asked, with which key.

        Raises:
            OSError: the port is taken.
        """

        def choose(shown: ssl.SSLObject, host: str | None, _: ssl.SSLContext) -> None:
            case = self._world.certificate(host or "", self._clock.now())
            shown.context = contexts[case]

        front = contexts[Certificate.GOOD]
        front.sni_callback = choose
        self._tls_port = await self._listen(port, front)

    async def _listen(self, port: int, context: ssl.SSLContext | None) -> int:
        """Listen on `port` and say which one it became."""
        server = web.Server(self._serve, handler_cancellation=True, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", port, backlog=1024, ssl_context=context)
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        self._runners.append(runner)
        return int(runner.addresses[0][1])

    async def stop(self) -> None:
        """Close the listeners and every connection; hangs end at once. Again is no error."""
        runners, self._runners, self._port, self._tls_port = self._runners, [], 0, 0
        for runner in runners:
            await runner.cleanup()

    async def _serve(self, incoming: web.BaseRequest) -> web.StreamResponse:
        """One request."""
        body = await _body(incoming)
        if body is None:
            # The edge takes no longer one, and answers in the API's form.
            error = api_error_body("request_too_large", "Request exceeds the maximum size", None)
            return web.Response(status=413, body=error, content_type=JSON)
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
        secure = _peer(incoming, "sslcontext") is not None
        if not response.transport.answers or (response.certificate.refused and not secure):
            return await self._break(incoming, response)
        await self._clock.sleep(response.delay)
        if prefixed:
            headers = tuple((name, _here(name, value)) for name, value in response.headers)
            response = replace(response, headers=headers)
        if response.transport is Transport.NONE and not _comes_in_parts(response):
            return web.Response(
                status=response.status, headers=response.headers, body=response.body
            )
        return await self._send(incoming, response)

    async def _break(self, incoming: web.BaseRequest, response: SimResponse) -> web.Response:
        """End the conversation without a byte, after the answer's delay or a hang."""
        hangs = response.transport in (Transport.HANG, Transport.UNREACHABLE)
        await self._clock.sleep(HANG_SECONDS_MAX if hangs else response.delay)
        _reset(incoming)
        return web.Response(status=500)  # never sent: there is no connection any more

    async def _send(self, incoming: web.BaseRequest, response: SimResponse) -> web.StreamResponse:
        """Send the head, then the body in its parts, then whatever ends it."""
        stream = web.StreamResponse(status=response.status, headers=response.headers)
        if response.transport is Transport.NONE and not response.gaps:
            stream.content_length = len(response.body)
        with contextlib.suppress(ConnectionError):
            await stream.prepare(incoming)
            for wait, part in response.parts():
                if wait:
                    await self._clock.sleep(wait)
                await stream.write(part)
            if response.transport is Transport.NONE:
                await stream.write_eof()
                return stream
            if response.transport is Transport.STALL:
                await self._clock.sleep(HANG_SECONDS_MAX)
        # In good order, not with a reset: what was sent must arrive.
        if incoming.transport is not None:
            incoming.transport.close()
        return stream


def _comes_in_parts(response: SimResponse) -> bool:
    """Whether the body takes time."""
    return bool(response.body) and bool(response.gaps or response.bytes_per_second is not None)


def _peer(incoming: web.BaseRequest, name: str) -> Any:
    """What the connection knows under `name`; None once it is gone."""
    return incoming.transport.get_extra_info(name) if incoming.transport is not None else None


async def _body(incoming: web.BaseRequest) -> bytes | None:
    """The request's body; None when it is longer than what is taken."""
    body = bytearray()
    async for part in incoming.content.iter_any():
        body += part
        if len(body) > REQUEST_BYTES_MAX:
            return None
    return bytes(body)


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


def _reset(incoming: web.BaseRequest) -> None:
    """Close with a reset and not with an orderly end."""
    transport = incoming.transport
    if transport is None:
        return
    with contextlib.suppress(OSError):
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_OFF)
    transport.abort()
