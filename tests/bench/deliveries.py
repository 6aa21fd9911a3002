"""What deliveries that do not get through cost everybody else: probes, and other notifiers.

Probes and courier run beside each other in one loop, as in the daemon. Three notifiers have a
thousand events each to deliver: one to a port where nobody listens, one to a receiver that never
answers, one to a receiver that takes everything. The same schedule of probes runs with and without.
"""

from __future__ import annotations

import asyncio
import functools
import random
import socket
import statistics
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from monitor import logs
from monitor.clock import SystemClock
from monitor.core.incident import EventType
from monitor.core.observation import Origin
from monitor.delivery import Courier, DeliveryPolicy
from monitor.notify._base import NotifierContext
from monitor.notify.webhook import KIND, WebhookSpec
from monitor.pipeline import Change, Envelope, Posting
from monitor.scheduler import Asked, Runner
from monitor.storage.database import open_database
from monitor.storage.outbox import SqlOutbox
from monitor.storage.store import Store
from tests.factories import an_event, an_incident
from tests.fakes.notifier import FakeDeliverySink

PENDING = 1000
PROBES = 40
INTERVAL = 1.0
WARM_UP = 1.0
"""Seconds after the start that are not measured: the sweep over all probes."""

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"type":"incident.opened","timestamp":"2026-04-28T12:00:00.000Z","data":{}}' + b" " * 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The 99th percentile of lateness in milliseconds, and what the good receiver took."""

    lateness_ms: float
    taken: int
    taken_seconds: float


@dataclass(slots=True)
class Lateness:
    """A gauge that keeps every lateness."""

    found: list[float] = field(default_factory=list)

    def skipped(self, probe: str, reason: str) -> None:
        """Counts as the latest of all."""
        self.found.append(float("inf"))

    def late(self, seconds: float) -> None:
        """A run was begun so much after it was due."""
        self.found.append(seconds)

    def loop_lag(self, seconds: float) -> None:
        """Not measured here."""

    def p99(self) -> float:
        """In milliseconds."""
        ordered = sorted(self.found)
        return ordered[int(0.99 * (len(ordered) - 1))] * 1000


async def _fill(store: Store, notifiers: Iterable[str]) -> None:
    """A thousand openings for each notifier, each of an incident of its own."""
    names, now = tuple(notifiers), SystemClock().now()
    for number in range(PENDING):
        incident = an_incident("api", opened_at=now - timedelta(seconds=number + 1))
        event = an_event(EventType.OPENED, incident, at=now)
        envelopes = tuple(Envelope(notifier=name, body=BODY) for name in names)
        store.change(Change(postings=(Posting(event=event, envelopes=envelopes),)))
    await store.flush()


@dataclass(slots=True)
class Receivers:
    """One that takes everything and one that never answers."""

    taken: list[float] = field(default_factory=list)

    async def takes(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read the request, answer 204."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):  # cut off at the end
            writer.close()
            return
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()
        self.taken.append(time.perf_counter())

    async def hangs(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read for ever."""
        while await reader.read(65_536):
            pass
        writer.close()


def _nobody() -> str:
    """A URL where nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{found.getsockname()[1]}/"


async def _measure(folder: Path, seconds: float, *, pending: bool) -> Cost:
    clock, gauge, receivers = SystemClock(), Lateness(), Receivers()
    database = await open_database(f"sqlite:///{folder / 'bench.db'}")
    store = Store(database, "local", clock)
    await store.start()
    good = await asyncio.start_server(receivers.takes, "127.0.0.1", 0)
    slow = await asyncio.start_server(receivers.hangs, "127.0.0.1", 0)
    urls = {"dead": _nobody()}
    for name, server in (("slow", slow), ("good", good)):
        urls[name] = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    if pending:
        await _fill(store, urls)
    context = NotifierContext(clock=clock, user_agent="bench")
    notifiers = [
        KIND.build(
            WebhookSpec.model_validate(
                {"name": name, "kind": "webhook", "url": url, "secret": SECRET}
            ),
            context,
        )
        for name, url in urls.items()
    ]
    rng = random.Random(1)
    sink, outbox = FakeDeliverySink(), SqlOutbox(database, "local")
    courier = Courier(outbox, notifiers, clock, rng, DeliveryPolicy(), sink)

    async def ask(_name: str, _origin: Origin) -> None:
        await clock.sleep(0.05)

    async def nothing() -> None:
        return

    runner = Runner(clock, gauge, ask, nothing)
    asked = tuple(
        Asked(name=f"p{number}", interval=INTERVAL, offset=INTERVAL * number / PROBES)
        for number in range(PROBES)
    )
    runner.plan(asked, None)
    async with asyncio.TaskGroup() as tasks:
        began = time.perf_counter()
        probing = tasks.create_task(runner.serve())
        delivering = tasks.create_task(courier.run())
        await clock.sleep(WARM_UP)
        gauge.found.clear()
        await clock.sleep(seconds)
        found = gauge.p99()
        for task in (probing, delivering):
            task.cancel()
    for server in (good, slow):
        server.close()
    await store.stop()
    await database.close()
    last = receivers.taken[-1] - began if receivers.taken else 0.0
    return Cost(lateness_ms=found, taken=len(receivers.taken), taken_seconds=last)


@functools.cache
def cost(seconds: float, *, pending: bool, turn: int = 0) -> Cost:
    """Probes for so many seconds, with or without deliveries that pend; once for each turn."""
    logs.configure("critical", "json", ())
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder), seconds, pending=pending))


def lateness_rise(seconds: float) -> float:
    """Milliseconds by which the 99th percentile of lateness rises with the deliveries pending.

    The median of three pairs, one right after the other: what else the machine does is in both.
    """
    part = max(5.0, seconds / 6)
    return statistics.median(
        cost(part, pending=True, turn=turn).lateness_ms
        - cost(part, pending=False, turn=turn).lateness_ms
        for turn in range(3)
    )


def good_per_second(seconds: float) -> float:
    """Events a second that the good receiver takes beside a dead and a slow one."""
    found = cost(max(5.0, seconds / 6), pending=True)
    return found.taken / found.taken_seconds if found.taken else 0.0
