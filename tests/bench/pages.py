"""What looking costs: the time of the page and of a scrape, and what visitors take from probes.

The site has the shipped plan with all its keys, ninety days behind it and an outage under way. The
visitors stand in threads of their own and ask over sockets, some of them as slowly as they may.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import statistics
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from monitor.cli._shared import settle_memory
from monitor.clock import SystemClock
from monitor.config.load import load
from monitor.core.observation import Origin
from monitor.core.plan import Plan
from monitor.scheduler import Asked, Runner
from tests.bench.deliveries import INTERVAL, PROBES, WARM_UP, Lateness
from tests.browser.world import Site, serving

LOOKS = 60
"""How often each is asked for its time."""

VISITORS = 4
GAP = 0.25
"""Seconds between two looks of a visitor."""

SLOW_READERS = 24
"""Connections that ask for the page or the events and do not read."""

KEYS = {"ANTHROPIC_API_KEY": "planted", "ANTHROPIC_API_KEY_2": "planted-too"}
SHIPPED = Path(__file__).resolve().parents[2] / "config" / "claude.yaml"


def shipped_plan(keys: Mapping[str, str] = MappingProxyType(KEYS)) -> Plan:
    """The plan of the shipped config with these keys, every one if not given."""
    return load(SHIPPED, keys).plan()


def fetch(url: str) -> float:
    """Milliseconds until the whole answer is there."""
    began = time.perf_counter()
    with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310  # our own loopback
        response.read()
    return (time.perf_counter() - began) * 1000


@contextlib.asynccontextmanager
async def a_site(plan: Plan | None = None) -> AsyncIterator[Site]:
    """The site in an outage, with every key if no plan is given."""
    async with serving(plan or shipped_plan()) as site:
        site.become("outage")
        settle_memory()  # as the daemon does
        yield site


async def _median(path: str, plan: Plan | None = None) -> float:
    async with a_site(plan) as site:
        times = [await asyncio.to_thread(fetch, site.url + path) for _ in range(LOOKS)]
    return statistics.median(times[LOOKS // 6 :])


def page_ms() -> float:
    """Median milliseconds of `/`."""
    return asyncio.run(_median("/"))


def metrics_ms() -> float:
    """Median milliseconds of `/metrics` as shipped, without a key."""
    return asyncio.run(_median("/metrics", shipped_plan({})))


def metrics_keyed_ms() -> float:
    """The same with every key: twice as many probes run."""
    return asyncio.run(_median("/metrics"))


@contextlib.contextmanager
def visitors(url: str) -> Iterator[None]:
    """People and scrapers who look, and some who ask and do not read."""
    stop = threading.Event()

    def look(path: str) -> None:
        with contextlib.suppress(OSError):  # the site goes while they look
            while not stop.wait(GAP):
                fetch(url + path)

    paths = ["/"] * (VISITORS - 1) + ["/metrics"]
    threads = [threading.Thread(target=look, args=(path,), daemon=True) for path in paths]
    place = urlsplit(url)
    with contextlib.ExitStack() as stack:
        for number in range(SLOW_READERS):
            line = stack.enter_context(socket.create_connection((place.hostname, place.port)))
            path = ("/", "/api/v1/events")[number % 2]
            line.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()


async def _lateness(seconds: float, *, watched: bool) -> float:
    clock, gauge = SystemClock(), Lateness()

    async def ask(_name: str, _origin: Origin) -> None:
        await clock.sleep(0.05)

    async def nothing() -> None:
        return

    runner = Runner(clock, gauge, ask, nothing)
    runner.plan(
        tuple(
            Asked(name=f"p{number}", interval=INTERVAL, offset=INTERVAL * number / PROBES)
            for number in range(PROBES)
        ),
        None,
    )
    async with a_site() as site, asyncio.TaskGroup() as tasks:
        probing = tasks.create_task(runner.serve())
        with visitors(site.url) if watched else contextlib.nullcontext():
            await clock.sleep(WARM_UP)
            gauge.found.clear()
            await clock.sleep(seconds)
            found = gauge.p99()
        probing.cancel()
    return found


@functools.cache
def lateness(seconds: float, *, watched: bool, turn: int) -> float:
    """The 99th percentile of lateness in milliseconds, with or without visitors."""
    return asyncio.run(_lateness(seconds, watched=watched))


def lateness_rise(seconds: float) -> float:
    """Milliseconds by which lateness rises with visitors: the median of three pairs."""
    part = max(5.0, seconds / 6)
    return statistics.median(
        lateness(part, watched=True, turn=turn) - lateness(part, watched=False, turn=turn)
        for turn in range(3)
    )
