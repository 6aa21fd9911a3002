"""Servers on loopback that behave as told, certificates, and a context to ask with."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from monitor import probes
from monitor.clock import Clock, SystemClock
from monitor.core.observation import Failure, Phase, TransportError
from monitor.pipeline import Progress
from monitor.probes._base import HttpReply, HttpRequest
from monitor.probes._http import Asked, ProbeContext, ask

AGENT = probes.user_agent("0.1.0", "ops@example.com")
SECONDS = 5.0
"""A limit that no healthy run on loopback comes near."""

SHORT = 0.25
"""A limit for runs that are to meet it."""

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def hello(
    body: bytes = b'{"message": "hello"}',
    *,
    status: str = "200 OK",
    headers: Iterable[str] = (),
) -> bytes:
    """An HTTP answer, byte by byte."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def saying(*parts: bytes, close: bool = True) -> Handler:
    """A handler that reads a request's head and answers with `parts`."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
        if not close:
            await asyncio.Event().wait()

    return handle


def pausing(writer: asyncio.StreamWriter) -> asyncio.ReadTransport:
    """The transport of `writer` as one that can stop reading."""
    transport: Any = writer.transport
    paused: asyncio.ReadTransport = transport
    return paused


async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Accept and never answer."""
    await asyncio.Event().wait()


class Recorder:
    """A handler that keeps the heads of the requests it got, and answers them."""

    def __init__(self, *answers: bytes) -> None:
        self.heads: list[str] = []
        self.answers = list(answers) or [hello()]

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head.decode())
        writer.write(self.answers[min(len(self.heads), len(self.answers)) - 1])
        await writer.drain()


@contextlib.asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on loopback; gives its port. Whatever is still talking at the end is cut off."""
    talks: set[asyncio.Task[Any]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        try:
            await handler(reader, writer)
            writer.close()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.transport.abort()
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            talks.discard(task)

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        left = tuple(talks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await server.wait_closed()


class Certificates:
    """A private CA in a folder, and the server contexts it certifies."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a private CA")])
        self._count = 0
        now = datetime.now(UTC)  # noqa: TID251  # certificates are judged by the machine's clock
        self.expires = (now + timedelta(days=30)).replace(microsecond=0)
        self.ca_file = folder / "ca.pem"
        authority = self._builder(self._name, self.expires).public_key(self._key.public_key())
        authority = authority.add_extension(x509.BasicConstraints(True, 0), critical=True)  # noqa: FBT003
        signed = authority.sign(self._key, hashes.SHA256())
        self.ca_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject: x509.Name, ends: datetime) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .serial_number(x509.random_serial_number())
            .not_valid_before(ends - timedelta(days=365))
            .not_valid_after(ends)
        )

    def server(self, host: str = "localhost", *, expired: bool = False) -> ssl.SSLContext:
        """A server context whose certificate is for `host`."""
        self._count += 1
        key = ec.generate_private_key(ec.SECP256R1())
        ends = self.expires - timedelta(days=60) if expired else self.expires
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
        signed = (
            self._builder(subject, ends)
            .public_key(key.public_key())
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        pem = self._folder / f"server-{self._count}.pem"
        pem.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + signed.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        return context


def to_loopback(_host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
    """A look-up that finds every name here."""
    return [(2, 1, 6, "", ("127.0.0.1", port))]


@contextlib.contextmanager
def asking(
    clock: Clock | None = None,
    *,
    ca_file: Path | None = None,
    proxy: str | None = None,
    lookup: Callable[..., Any] = to_loopback,
) -> Iterator[ProbeContext]:
    """A context to ask with."""
    threads = probes.LookupThreads(4)
    made = probes.context(clock or SystemClock(), AGENT, threads, proxy=proxy, ca_file=ca_file)
    yield ProbeContext(
        clock=made.clock,
        user_agent=made.user_agent,
        executor=made.executor,
        tls=made.tls,
        proxy=made.proxy,
        lookup=lookup,
    )
    threads.shutdown()


async def get(url: str, context: ProbeContext, seconds: float = SECONDS, **request: Any) -> Asked:
    """Ask for `url` once."""
    asked = HttpRequest(method=request.pop("method", "GET"), url=url, **request)
    return await ask(asked, context, Progress(), seconds)


def reply_of(asked: Asked) -> HttpReply:
    """The reply, of a run that went well."""
    assert asked.error is None, asked.error
    assert asked.reply is not None
    return asked.reply


def error_of(asked: Asked, kind: Failure, phase: Phase) -> TransportError:
    """The error, of a run that failed like this."""
    assert asked.error is not None, asked.reply
    assert (asked.error.kind, asked.error.phase) == (kind, phase), asked.error
    assert 0 < len(asked.error.message) <= 200
    return asked.error
