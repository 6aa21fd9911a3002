"""Probes of a connection alone: look the name up, connect, shake hands, look at the certificate.

What it proves is little and certain: the way to the host is open, and its certificate is one that
clients trust. An expired, foreign or untrusted certificate is a `tls_error`, as it is for users.
One that ends soon is not: the run is `ok`, its sentence says so, and the metric has the date.
Nothing is asked over the connection. Through an egress proxy the tunnel is opened with CONNECT;
without TLS the proxy's word is then all there is.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import socket
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field
from yarl import URL

from monitor.core.observation import Check, Failure, Phase, Seen, TransportError
from monitor.pipeline import Progress
from monitor.probes._base import ProbeKind, ProbeSpec, RefusedError, Trail, transport_error
from monitor.probes._http import ProbeContext
from monitor.probes._lookups import ADDRESSES_MAX
from monitor.spec import Secret

HOST = r"^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45})$"
"""A name or an address."""

PROXY_HEAD_BYTES_MAX = 8192
"""How long a proxy's answer to CONNECT may be."""

_OK = 200
_DAY = 86400.0


class TcpTlsSpec(ProbeSpec):
    """A probe of a connection."""

    kind: Literal["tcp_tls"]
    host: Annotated[str, Field(pattern=HOST, max_length=253)]
    """Name or address."""
    port: int = Field(default=443, ge=1, le=65_535)
    """Port."""
    tls: bool = True
    """Whether to shake hands; without, a connection is all that is asked for."""
    min_days_left: int | None = Field(default=None, ge=0, le=3650)
    """Days that the certificate should still be valid; fewer are told in the run's sentence."""


class _Connection:
    """One run: a name, a socket, perhaps a tunnel, perhaps a handshake."""

    def __init__(self, spec: TcpTlsSpec, context: ProbeContext, trail: Trail) -> None:
        self._spec = spec
        self._context = context
        self._trail = trail
        self.certificate: Any = None

    async def run(self) -> None:
        """Connect and, with TLS, shake hands. Raises what goes wrong."""
        proxy = None if self._context.proxy is None else URL(self._context.proxy)
        host, port = self._spec.host, self._spec.port
        if proxy is not None:
            host, port = proxy.host or "", proxy.port or 80
        self._trail.enter(Phase.DNS)
        found = await self._look_up(host, port)
        self._trail.enter(Phase.CONNECT)
        connection = await self._connect(found)
        try:
            if proxy is not None:
                await self._tunnel(connection, proxy)
            if self._spec.tls:
                await self._shake_hands(connection)
        finally:
            connection.close()

    async def _look_up(self, host: str, port: int) -> list[tuple[Any, ...]]:
        """The addresses of a name, on our own threads."""
        look_up = functools.partial(
            self._context.lookup, host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        found = await asyncio.get_running_loop().run_in_executor(self._context.executor, look_up)
        addresses = list(dict.fromkeys((row[0], row[4]) for row in found))[:ADDRESSES_MAX]
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
        return addresses

    async def _connect(self, addresses: list[tuple[Any, ...]]) -> socket.socket:
        """A connection to the first address that takes one."""
        problem: OSError = OSError("no address")
        for family, address in addresses:
            connection = socket.socket(family, socket.SOCK_STREAM)
            connection.setblocking(False)  # noqa: FBT003  # the socket's own signature
            try:
                await asyncio.get_running_loop().sock_connect(connection, address)
            except OSError as refused:
                problem = refused
                connection.close()
            except BaseException:
                connection.close()
                raise
            else:
                return connection
        raise problem

    async def _tunnel(self, connection: socket.socket, proxy: URL) -> None:
        """Ask an egress proxy for the way on."""
        loop = asyncio.get_running_loop()
        host = f"[{self._spec.host}]" if ":" in self._spec.host else self._spec.host
        target = f"{host}:{self._spec.port}"
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        lines.append(f"User-Agent: {self._context.user_agent}")
        if proxy.user is not None:
            pair = f"{proxy.user}:{proxy.password or ''}".encode()
            lines.append(f"Proxy-Authorization: Basic {base64.b64encode(pair).decode()}")
        await loop.sock_sendall(connection, "\r\n".join([*lines, "", ""]).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            part = await loop.sock_recv(connection, 1024)
            head += part
            if not part or len(head) > PROXY_HEAD_BYTES_MAX:
                raise RefusedError(Failure.PROXY, "the egress proxy gave no answer to CONNECT")
        status = head.split(b" ", 2)[1:2]
        if status != [b"200"]:
            said = status[0][:3].decode("ascii", "replace") if status else "nothing"
            message = f"the egress proxy answered {said} to CONNECT"
            raise RefusedError(Failure.PROXY, message)

    async def _shake_hands(self, connection: socket.socket) -> None:
        """A handshake on what is connected; the certificate is kept."""
        self._trail.enter(Phase.TLS)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(
            asyncio.Protocol,
            sock=connection,
            ssl=self._context.tls.view(lambda: None, self._shaken),
            server_hostname=self._spec.host,
        )
        transport.abort()

    def _shaken(self, certificate: Any) -> None:
        self.certificate = certificate
        self._trail.certificate(certificate)


async def ask(
    spec: TcpTlsSpec,
    _key: Secret | None,
    context: ProbeContext,
    progress: Progress,
    seconds: float,
) -> Seen:
    """Connect once. Never raises for the world; a cancellation passes through."""
    trail = Trail(progress)
    connection = _Connection(spec, context, trail)
    error: TransportError | None = None
    try:
        async with context.clock.timeout(seconds):
            await connection.run()
    except TimeoutError:
        message = f"no connection within {seconds:g} s"
        error = TransportError(kind=Failure.TIMEOUT, phase=trail.phase, message=message)
    except (OSError, RefusedError) as problem:
        error = transport_error(problem, trail.phase, proxied=context.proxy is not None)
    timings = trail.timings()
    ends = trail.certificate_expires
    checks = (Check(name="connected", ok=True), *_certificate(spec, ends, context.clock.now))
    return Seen(timings=timings, checks=checks, error=error, certificate_expires=ends)


def _certificate(
    spec: TcpTlsSpec, ends: datetime | None, now: Callable[[], datetime]
) -> tuple[Check, ...]:
    """A certificate that ends soon works today: the check passes, and says what was seen."""
    if ends is None:
        return ()
    days = int((ends - now()).total_seconds() // _DAY)
    soon = spec.min_days_left is not None and days < spec.min_days_left
    plural = "day" if days == 1 else "days"
    detail = f"its certificate ends in {days} {plural} (wanted {spec.min_days_left})"
    return (Check(name="certificate", ok=True, detail=detail if soon else ""),)


KIND = ProbeKind(name="tcp_tls", spec=TcpTlsSpec, ask=ask)
