"""Asking over HTTP: one fresh connection a run, its phases measured, every limit held.

A run must measure what a new user would meet, once. So there is no pool, no keep-alive, no cookie
and no retry: the client's own second try on a broken connection is taken from it (`only_once`).
The phases are disjoint because one stopwatch runs through all of them: whoever knows that the next
phase begins (the resolver, the socket factory, the TLS object, the client's trace hooks) says so,
and the time up to then belongs to the phase before. Over redirects each phase adds up.

`ask` never raises for the world: what the other side, the network or a limit does becomes a
`TransportError`. What no row of the table in `_base` knows is our own bug and is logged as one.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import aiohttp
from yarl import URL

from monitor.clock import Clock
from monitor.core.observation import Failure, Phase, Timings, TransportError
from monitor.core.plan import ProbePlan
from monitor.core.thinking import Takes
from monitor.pipeline import Progress
from monitor.probes._base import (
    HEADER_BYTES_MAX,
    HttpReply,
    HttpRequest,
    OnlyOnceError,
    RefusedError,
    Trail,
    hide,
    hide_in,
    report_bug,
    transport_error,
)
from monitor.probes._follow import Follow
from monitor.probes._lookups import Resolver
from monitor.probes._stream import StreamReader, unless_ended
from monitor.probes._urls import check_proxy, check_url

HEADERS_MAX = 100
"""How many headers an answer may have."""

READ_BYTES = 64 * 1024
"""How much is read from a socket, or inflated, before the reader has to catch up."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class TlsViews(Protocol):
    """The CAs that are trusted, and timed connections that trust them. See `_tls.Tls`."""

    def view(self, begun: Callable[[], None], done: Callable[[Any], None]) -> ssl.SSLContext:
        """A context for one run, which calls these when a handshake begins and when it ends."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeContext:
    """What all runs share. `monitor.probes.context` makes one.

    Attributes:
        clock: times the runs and their limits; phases are measured in the machine's seconds.
        user_agent: see `monitor.probes.user_agent`.
        executor: threads for name look-ups, as many as runs may be in flight.
        tls: whom to trust.
        proxy: the egress proxy, `http://[user:password@]host:port`; None asks directly.
        lookup: `socket.getaddrinfo`, or what stands in for it.
        takes: (a probe) to what the vendor's list of models, read with its key, says that its model
            takes; None where it does not say.
        header_bytes_max: how long all headers of an answer may be.
        ca_file: PEM file of CAs to trust besides the system's, for a program that connects itself.
        cli_turn: held by the run of the Claude Code CLI under way: there is one at a time.
    """

    clock: Clock
    user_agent: str
    executor: Executor
    tls: TlsViews
    proxy: str | None = field(default=None, repr=False)
    lookup: Callable[..., Iterable[tuple[Any, ...]]] = socket.getaddrinfo
    takes: Callable[[ProbePlan], Takes | None] = lambda _probe: None
    header_bytes_max: int = HEADER_BYTES_MAX
    ca_file: Path | None = None
    cli_turn: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    def __post_init__(self) -> None:
        """Check the proxy; ValueError when it names none."""
        if self.proxy is not None:
            check_proxy(self.proxy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What came of asking.

    Attributes:
        timings: phases and total, in the machine's seconds.
        reply: the answer; with an `error` beside it, as much of it as came.
        error: why no whole answer came, or None.
        certificate_expires: the earliest end of validity among the certificates met.
    """

    timings: Timings
    reply: HttpReply | None = None
    error: TransportError | None = None
    certificate_expires: datetime | None = None


async def only_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Client middleware: what broke stays broken.

    The client sends an idempotent request again when its connection breaks, even a fresh one;
    a monitor that does so hides every other reset. It does not retry an exception it does not know.
    """
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as problem:
        raise OnlyOnceError(problem) from problem


def _is_address(host: str | None) -> bool:
    """Whether `host` needs no look-up."""
    try:
        ipaddress.ip_address(host or "")
    except ValueError:
        return False
    return True


class _Exchange:
    """One conversation: the request, its redirects, and as much of the answer as came."""

    def __init__(
        self,
        request: HttpRequest,
        context: ProbeContext,
        trail: Trail,
        follow: Follow | None = None,
    ) -> None:
        self._request = request
        self._follow = follow
        self._context = context
        self._trail = trail
        self._url = URL(request.url)
        self._head: HttpReply | None = None
        self._body = bytearray()
        self._truncated = True

    @property
    def reply(self) -> HttpReply | None:
        """The answer so far."""
        if self._head is None:
            return None
        return replace(self._head, body=bytes(self._body), truncated=self._truncated)

    async def run(self) -> None:
        """Ask, follow, read. Raises what goes wrong."""
        headers = dict(self._request.headers)
        async with self._session() as session:
            left = self._request.redirects_max
            while True:
                response = await self._hop(session, headers)
                try:
                    target = self._target(response)
                    if target is None:
                        await self._read(response)
                        return
                finally:
                    response.close()
                if left == 0:
                    msg = f"more than {self._request.redirects_max} redirects"
                    raise RefusedError(Failure.REDIRECTS, msg)
                left -= 1
                if target.origin() != self._url.origin():
                    headers = {k: v for k, v in headers.items() if k.lower() == "accept"}
                self._url = target

    async def _hop(
        self, session: aiohttp.ClientSession, headers: dict[str, str]
    ) -> aiohttp.ClientResponse:
        """Ask `self._url`, over a connection of its own, and take note of the answer's head."""
        agent = {"User-Agent": self._context.user_agent}
        body = self._request.body
        length = {} if body is None else {"Content-Length": str(len(body))}
        secure = self._url.scheme == "https"
        response = await session.request(
            self._request.method,
            self._url,
            headers={"Accept-Encoding": "gzip, deflate", **headers, **agent, **length},
            data=None if body is None else self._upload(body),
            allow_redirects=False,
            proxy=self._context.proxy,
            proxy_headers=agent if self._context.proxy else None,
            ssl=self._context.tls.view(self._handshake, self._shaken) if secure else True,
        )
        self._trail.enter(Phase.TRANSFER)
        try:
            self._take_head(response)
        except BaseException:
            response.close()
            raise
        return response

    def _take_head(self, response: aiohttp.ClientResponse) -> None:
        """Keep status and headers, within their limits."""
        if sum(len(name) + len(value) for name, value in response.raw_headers) > (
            self._context.header_bytes_max
        ):
            msg = f"the headers are longer than {self._context.header_bytes_max} bytes"
            raise RefusedError(Failure.TOO_LARGE, msg)
        self._head = HttpReply(
            status=response.status,
            headers=tuple(
                (name.decode("utf-8", "replace").lower(), value.decode("utf-8", "replace"))
                for name, value in response.raw_headers
            ),
            body=b"",
            url=str(self._url),
        )

    def _target(self, response: aiohttp.ClientResponse) -> URL | None:
        """Where a redirect leads; None when the answer is none that we follow."""
        location = response.headers.get("Location")
        follows = self._request.redirects_max > 0 and self._request.method != "POST"
        if not follows or response.status not in _REDIRECTS or location is None:
            return None
        try:
            target = self._url.join(URL(location))
            check_url(str(target))
        except ValueError:
            raise RefusedError(Failure.REDIRECTS, "a redirect leads to no URL") from None
        if self._url.scheme == "https" and target.scheme != "https":
            raise RefusedError(Failure.REDIRECTS, "a redirect leads from https to http")
        return target

    async def _read(self, response: aiohttp.ClientResponse) -> None:
        """Read the body, as far as its limit; a stream that is followed, to its end."""
        limit = self._request.body_bytes_max
        follow = self._follow
        if follow is None or self._head is None or not follow.reader.takes(self._head):
            follow = None
        over = False
        async for chunk in response.content.iter_any():
            room = limit - len(self._body)
            over = over or len(chunk) > room
            self._body += chunk[:room]
            if follow is not None:
                follow.came(chunk, self._trail.elapsed())
            elif over:
                return
        self._truncated = over

    async def _upload(self, body: bytes) -> AsyncIterator[bytes]:
        """The body; what comes after it begins once the socket has taken all of it."""
        yield body
        self._sent()

    def _sent(self) -> None:
        """The request is out, unless an early answer overtook its body."""
        if self._trail.phase is Phase.REQUEST:
            self._trail.enter(Phase.FIRST_BYTE)

    def _found(self) -> None:
        """The name has addresses."""
        self._trail.enter(Phase.CONNECT)

    def _handshake(self) -> None:
        """A step of the handshake begins."""
        self._trail.enter(Phase.TLS)

    def _shaken(self, certificate: Any) -> None:
        """The handshake is done."""
        self._trail.enter(Phase.REQUEST)
        self._trail.certificate(certificate)

    def _socket(self, address: tuple[Any, ...]) -> socket.socket:
        """A socket for one attempt; the next address is tried after a failed handshake too."""
        self._trail.enter(Phase.CONNECT)
        return socket.socket(family=address[0], type=address[1], proto=address[2])

    def _session(self) -> aiohttp.ClientSession:
        """A client for this run alone."""
        limit = self._context.header_bytes_max
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                force_close=True,
                limit=1,
                use_dns_cache=False,
                resolver=Resolver(self._context.lookup, self._context.executor, self._found),
                socket_factory=self._socket,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            trust_env=False,
            trace_configs=[self._hooks()],
            middlewares=(only_once,),
            read_bufsize=READ_BYTES,
            max_line_size=limit,
            max_field_size=limit,
            max_headers=HEADERS_MAX,
        )

    def _hooks(self) -> aiohttp.TraceConfig:
        """What the client tells us on its way."""
        proxy = None if self._context.proxy is None else URL(self._context.proxy)

        async def connecting(*_: Any) -> None:
            host = (proxy or self._url).host
            self._trail.enter(Phase.CONNECT if _is_address(host) else Phase.DNS)

        async def connected(*_: Any) -> None:
            self._trail.enter(Phase.REQUEST)

        async def headers_sent(*_: Any) -> None:
            if self._request.body is None:
                self._sent()

        hooks = aiohttp.TraceConfig()
        hooks.on_connection_create_start.append(connecting)
        hooks.on_connection_create_end.append(connected)
        hooks.on_request_headers_sent.append(headers_sent)
        return hooks


async def ask(
    request: HttpRequest,
    context: ProbeContext,
    progress: Progress,
    seconds: float,
    reader: StreamReader | None = None,
) -> Asked:
    """Ask once. Never raises for the world; a cancellation passes through.

    Args:
        request: what to ask.
        context: what all runs share.
        progress: told of each phase as it begins.
        seconds: how long, on the context's clock, for everything.
        reader: follows a stream as it comes, within limits of its own.
    """
    follow = None if reader is None else Follow(reader, context.clock)
    trail = Trail(progress) if follow is None else Trail(progress, entered=follow.entered)
    exchange = _Exchange(request, context, trail, follow)
    error: TransportError | None = None
    try:
        async with (
            context.clock.timeout(seconds),
            contextlib.nullcontext() if follow is None else follow.limits(),
        ):
            await exchange.run()
    except TimeoutError:
        if follow is not None and follow.missed:
            error = follow.pace.missed(trail.phase)
        else:
            words = f"no whole answer within {seconds:g} s; {_WAITED_FOR[trail.phase]}"
            error = TransportError(kind=Failure.TIMEOUT, phase=trail.phase, message=words)
    except Exception as problem:  # noqa: BLE001  # the table sorts them; what it does not know is logged
        error = transport_error(problem, trail.phase, proxied=context.proxy is not None)
        if error.kind is Failure.INTERNAL:
            report_bug(problem, request.secrets)
    timings = trail.timings()
    error = unless_ended(error, reader)
    if error is not None:
        error = replace(error, message=hide(error.message, request.secrets))
    return Asked(
        timings=timings,
        reply=hide_in(exchange.reply, request.secrets),
        error=error,
        certificate_expires=trail.certificate_expires,
    )


_WAITED_FOR = {
    Phase.DNS: "it was looking up the name",
    Phase.CONNECT: "it was connecting",
    Phase.TLS: "it was in the TLS handshake",
    Phase.REQUEST: "it was sending the request",
    Phase.FIRST_BYTE: "it was waiting for the first byte",
    Phase.TRANSFER: "it was reading the body",
}
