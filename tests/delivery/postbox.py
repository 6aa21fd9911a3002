"""A receiver that misbehaves as told, on real sockets, and a post office that has to cope with it.

The receiver has a script: what goes wrong at the first connection, at the second and so on; when
the script is over all goes well. It keeps what it saw and what it took. The post office is the real
thing: store, outbox in a file, courier and signed webhooks; only its clock is turned by hand. Time
passes while nothing is under way, and while what is under way does not move: so a receiver that
never answers costs a timeout of the clock, and a receiver that is down for an hour costs nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook
from typing_extensions import override

from monitor.clock import SystemClock, VirtualClock
from monitor.core.incident import EventType, Incident, IncidentPhase
from monitor.delivery import Courier, Delivery, DeliveryPolicy, Notifier, Outbox, Result
from monitor.notify._base import NotifierContext, Wording
from monitor.notify.webhook import KIND, WebhookSpec
from monitor.pipeline import Change, Envelope, Posting
from monitor.storage.database import Database, open_database
from monitor.storage.outbox import DeliveryRecord, SqlOutbox
from monitor.storage.store import Store
from tests.factories import NOON, an_event, an_incident
from tests.fakes.notifier import FakeDeliverySink

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LIMIT = 50.0
"""Machine seconds after which what a test waits for will not come any more."""

MOVES_WITHIN = 0.1
"""Machine seconds in which what is under way gets on, or stands still."""

STORY = (EventType.OPENED, EventType.UPDATED, EventType.RECOVERING, EventType.CLOSED)
API = an_incident("api", opened_at=NOON)

Misdeed = Callable[["Conversation"], Any]
"""What a receiver does to a connection (awaitable); True if it took the event."""


# ---------------------------------------------------------------- the receiver


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request that came whole: its headers, its body, and when by the receiver's clock."""

    headers: Mapping[str, str]
    body: bytes
    at: datetime

    @property
    def id(self) -> str:
        """The webhook's id."""
        return self.headers["webhook-id"]


@dataclass(slots=True)
class Conversation:
    """One connection, for a misdeed to spoil."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    mailbox: Mailbox

    async def heard(self) -> Seen:
        """The whole request, put down as seen."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in head[1:] if line)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        seen = Seen(headers=headers, body=body, at=self.mailbox.now())
        self.mailbox.seen.append(seen)
        return seen

    async def say(self, raw: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(raw)
        await self.writer.drain()

    def reset(self) -> None:
        """End the connection so that the other side finds it reset, not closed."""
        linger = struct.pack("ii", 1, 0)
        raw: socket.socket = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


@dataclass(slots=True)
class Mailbox:
    """The receiver: plays its `script`, then takes everything."""

    script: list[Misdeed]
    now: Callable[[], datetime]
    seen: list[Seen] = field(default_factory=list)
    taken: list[Seen] = field(default_factory=list)
    url: str = ""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        conversation = Conversation(reader, writer, self)
        misdeed = self.script.pop(0) if self.script else take
        try:
            if await misdeed(conversation):
                self.taken.append(self.seen[-1])
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()


async def take(conversation: Conversation) -> bool:
    """As a receiver should."""
    await conversation.heard()
    await conversation.say(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    return True


def says(status: str, *headers: str, body: bytes = b"", takes: bool = False) -> Misdeed:
    """Answers with this, whole."""

    async def misdeed(conversation: Conversation) -> bool:
        seen = await conversation.heard()
        if takes:
            conversation.mailbox.taken.append(seen)
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
        await conversation.say("\r\n".join([*lines, *headers, "", ""]).encode() + body)
        return False

    return misdeed


def utters(raw: bytes, *, endless: bytes = b"", takes: bool = False) -> Misdeed:
    """Answers with these bytes, then these for ever, or hangs up."""

    async def misdeed(conversation: Conversation) -> bool:
        await conversation.heard()
        if takes:
            conversation.mailbox.taken.append(conversation.mailbox.seen[-1])
        await conversation.say(raw)
        while endless:
            await conversation.say(endless)
        return False

    return misdeed


def resets(*, after: bytes | None = None, reads: bool = True, takes: bool = False) -> Misdeed:
    """Resets the connection: at once, after the request, or in the middle of this answer."""

    async def misdeed(conversation: Conversation) -> bool:
        if reads:
            await conversation.heard()
        if after is not None:
            await conversation.say(after)
        conversation.reset()
        return takes

    return misdeed


async def resets_within_the_request(conversation: Conversation) -> bool:
    """Reads a part of the body, then resets."""
    await conversation.reader.readuntil(b"\r\n\r\n")
    await conversation.reader.read(10)
    conversation.reset()
    return False


def stands_still(after: bytes = b"", *, reads: bool = True) -> Misdeed:
    """Says this, and then nothing, until the other side has had enough."""

    async def misdeed(conversation: Conversation) -> bool:
        if reads:
            await conversation.heard()
        if after:
            await conversation.say(after)
        while await conversation.reader.read(1000):
            pass
        return False

    return misdeed


@asynccontextmanager
async def a_mailbox(
    now: Callable[[], datetime],
    script: Sequence[Misdeed] = (),
    *,
    tls: ssl.SSLContext | None = None,
    port: int = 0,
) -> AsyncIterator[Mailbox]:
    """A receiver that listens on loopback."""
    mailbox = Mailbox(list(script), now)
    server = await asyncio.start_server(mailbox.talk, "127.0.0.1", port, ssl=tls)
    try:
        port = server.sockets[0].getsockname()[1]
        mailbox.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/hook"
        yield mailbox
    finally:
        server.close()
        await server.wait_closed()


def free_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


# ---------------------------------------------------------------- the post office


class Highest(random.Random):
    """Waits as long as it may, so that a test knows every wait."""

    @override
    def uniform(self, a: float, b: float) -> float:
        return b


@dataclass(slots=True)
class Watched:
    """A notifier that knows how many attempts are under way."""

    notifier: Notifier
    busy: int = 0
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def name(self) -> str:
        """The notifier's own."""
        return self.notifier.name

    async def send(self, delivery: Delivery) -> Result:
        """Send, and tell when it is over."""
        self.busy += 1
        try:
            return await self.notifier.send(delivery)
        finally:
            self.busy -= 1
            self.moved.set()


class Office:
    """Store, outbox and the courier of one vantage, on a clock that `until` turns."""

    def __init__(self, database: Database, clock: VirtualClock) -> None:
        self.clock = clock
        self.database = database
        self.store = Store(database, "local", clock)
        self.outbox: SqlOutbox = SqlOutbox(database, "local")
        self.sink = FakeDeliverySink()
        self.notifiers: list[Watched] = []
        self.policy = DeliveryPolicy()

    def a_webhook(self, url: str, name: str = "oncall", **settings: Any) -> WebhookSpec:
        """A webhook to `url`, added to the notifiers."""
        values = {"name": name, "kind": "webhook", "url": url, "secret": SECRET, **settings}
        ca_file = values.pop("trusts", None)
        spec = WebhookSpec.model_validate(values)
        context = NotifierContext(clock=self.clock, user_agent="claude-uptime/1", ca_file=ca_file)
        self.notifiers.append(Watched(KIND.build(spec, context)))
        return spec

    def announce(
        self, *kinds: EventType, incident: Incident = API, to: Iterable[str] = ()
    ) -> list[str]:
        """Decide events of one incident now; returns their ids."""
        ids: list[str] = []
        for number, kind in enumerate(kinds, 1):
            closed = kind is EventType.CLOSED
            phase = IncidentPhase.CLOSED if closed else IncidentPhase.OPEN
            version = replace(incident, sequence=number, phase=phase)
            event = an_event(kind, version, id=f"{incident.id}-{number}", at=self.clock.now())
            body = KIND.envelope(
                WebhookSpec.model_validate({"name": "x", "kind": "webhook"}),
                event,
                Wording(external_url="https://uptime.example.test"),
            )
            assert body is not None
            names = tuple(to) or tuple(each.name for each in self.notifiers)
            envelopes = tuple(Envelope(notifier=name, body=body) for name in names)
            self.store.change(Change(postings=(Posting(event=event, envelopes=envelopes),)))
            ids.append(event.id)
        return ids

    @asynccontextmanager
    async def at_work(self, outbox: Outbox | None = None) -> AsyncIterator[Courier]:
        """The courier while the block lasts; then it is cut off, as by a kill."""
        courier = Courier(
            outbox or self.outbox, self.notifiers, self.clock, Highest(), self.policy, self.sink
        )
        self.store.on_committed(courier.wake)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(courier.run())
            yield courier
            running.cancel()

    async def until(self, true: Callable[[], bool], step: float = 1.0) -> None:
        """Let time pass until something holds."""
        machine = SystemClock()
        async with asyncio.timeout(LIMIT):
            while not true():
                busy = [each for each in self.notifiers if each.busy]
                for each in busy:
                    each.moved.clear()
                moves = asyncio.timeout(MOVES_WITHIN if busy else 0.002)
                with contextlib.suppress(TimeoutError):
                    async with moves:
                        await (busy[0].moved.wait() if busy else machine.sleep(0.001))
                if not any(each.busy for each in busy):
                    await self.clock.advance(0 if busy else step)
                elif moves.expired():
                    await self.clock.advance(step)

    async def rows(self, **wanted: Any) -> list[DeliveryRecord]:
        """The outbox, oldest first."""
        return (await self.outbox.list_deliveries(**wanted))[::-1]

    async def settled(self, step: float = 1.0) -> None:
        """Let time pass until nothing waits to be delivered."""
        await self.store.flush()
        done = asyncio.Event()

        async def look() -> None:
            while await self.rows(state="pending"):
                await SystemClock().sleep(0.01)
            done.set()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(look())
            await self.until(done.is_set, step)


@asynccontextmanager
async def an_office(path: Path, clock: VirtualClock | None = None) -> AsyncIterator[Office]:
    """A post office over the database at `path`."""
    database = await open_database(f"sqlite:///{path}")
    office = Office(database, clock or VirtualClock(NOON))
    await office.store.start()
    try:
        yield office
    finally:
        await office.store.stop()
        await database.close()


# ---------------------------------------------------------------- what must hold afterwards


def wrongs(mailbox: Mailbox, ids: Sequence[str], secret: str = SECRET) -> list[str]:
    """Everything that is wrong with what a receiver got of the events `ids`, in this order."""
    found: list[str] = []
    first = list(dict.fromkeys(seen.id for seen in mailbox.seen))
    if first != [name for name in ids if name in first]:
        found.append(f"came in the order {first}")
    missing = [name for name in ids if name not in {seen.id for seen in mailbox.taken}]
    if missing:
        found.append(f"never taken: {missing}")
    found += [
        f"{name} came with different bytes"
        for name in first
        if len({seen.body for seen in mailbox.seen if seen.id == name}) > 1
    ]
    # Once an event has been seen, none before it comes again.
    order = [ids.index(seen.id) for seen in mailbox.seen]
    if order != sorted(order):
        found.append(f"went back: {order}")
    found += [f"{seen.id} is signed wrongly" for seen in mailbox.seen if not signed(seen, secret)]
    return found


def signed(seen: Seen, secret: str) -> bool:
    """Whether one of its signatures is this secret's, made at its own time."""
    at = datetime.fromtimestamp(int(seen.headers["webhook-timestamp"]), UTC)
    expected = Webhook(secret).sign(seen.id, at, seen.body.decode())
    return expected in seen.headers["webhook-signature"].split()
