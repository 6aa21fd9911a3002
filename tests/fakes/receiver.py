"""A receiver of webhooks on loopback: real sockets, answers as told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def status(code: int, text: str = "", **headers: str) -> Answer:
    """Answers with `code`; header names are given with underscores."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=code, text=text, headers=named)

    return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """One request, as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Answers with `answers` in turn, then with 204; keeps what it `got`."""

    def __init__(self, answers: Iterable[Answer] = ()) -> None:
        self._answers: Iterator[Answer] = iter(answers)
        self._news = asyncio.Condition()
        self.got: list[Got] = []
        self.url = URL()

    async def take(self, request: web.Request) -> web.StreamResponse:
        """The handler."""
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        async with self._news:
            self.got.append(
                Got(method=request.method, target=request.raw_path, headers=headers, body=body)
            )
            self._news.notify_all()
        return await next(self._answers, status(204))(request)

    async def until(self, count: int) -> None:
        """Return when `count` requests have come."""
        async with self._news:
            await self._news.wait_for(lambda: len(self.got) >= count)


@asynccontextmanager
async def receiving(*answers: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver that listens on a free port of 127.0.0.1."""
    receiver = Receiver(answers)
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", receiver.take)
    server = TestServer(app, host="127.0.0.1", scheme="https" if tls else "http")
    await server.start_server(ssl=tls)
    try:
        receiver.url = server.make_url("/hook")
        yield receiver
    finally:
        await server.close()


@asynccontextmanager
async def speaking(raw: bytes, *, endless: bytes = b"") -> AsyncIterator[URL]:
    """A server that answers every connection with `raw`, then `endless` for ever, or hangs up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(raw)
            await writer.drain()
            while endless:
                writer.write(endless)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        yield URL(f"http://127.0.0.1:{port}/hook")
    finally:
        server.close()
        await server.wait_closed()
