"""A whole daemon in this process: real sockets, a simulated Claude, a file for its database.

The clock runs at sixty times the speed, and the outage comes and goes when a test says so: nothing
here waits for a moment, only for what happens.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from typing_extensions import override

from monitor.app import Daemon
from monitor.clock import ScaledClock
from monitor.config.load import from_text
from monitor.config.schema import Config
from monitor.core.effects import Announce, Effect, Judged
from monitor.core.incident import Event, EventType
from monitor.core.observation import Origin
from monitor.core.outcome import Outcome
from monitor.demo.receiver import Receipt, Receiver
from monitor.pipeline import Sink
from monitor.simulation.exchange import SimRequest, SimResponse
from monitor.simulation.scenario import parse_scenario
from monitor.simulation.server import SimulatedClaude
from monitor.simulation.world import World

START = datetime(2026, 4, 28, 12, 0, tzinfo=UTC)
SPEED = 60.0
LIMIT = 30.0
"""Machine seconds after which what a test waits for will not come any more."""

KEY = "sk-ant-sim-planted-7f3a9c"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

_SCENARIO = """
name: {name}
title: Written for this test
source: Invented.
visibility: assumed
start: 2026-04-28T11:00:00Z
end: 2026-04-29T11:00:00Z
"""

_OUTAGE = """
phases:
  - from: 2026-04-28T11:00:00Z
    until: 2026-04-29T11:00:00Z
    faults: [{fault: %s, components: api}]
"""

CONFIG = """
vantage: test
contact: ops@example.com
web: {{listen: "127.0.0.1:{port}", external_url: "https://uptime.example"}}
storage: {{url: "sqlite:///{folder}/uptime.db"}}
credentials: {{main: {{api_key: "{key}"}}}}
control:
  targets:
    - {{name: apple, url: "https://captive.apple.com/hotspot-detect.html"}}
    - {{name: amazon, url: "https://checkip.amazonaws.com/"}}
budget: {{usd_per_day: {usd}, reserve: 30%}}
prices: {{claude-haiku-5-5: {{input: 10.0, output: 50.0}}}}
components:
  api: {{title: Claude API}}
probes:
  - name: api_hello
    kind: http
    url: https://api.anthropic.com/api/hello
    expect: {{status: 200, json: {{message: hello}}}}
    components: [api]
    interval: 30s
    soft_deadline: 30s
  - {{name: api_gate, kind: claude_json, call: models, components: [api], interval: 30s,
     soft_deadline: 30s}}
  - {{name: api_models, kind: claude_json, call: models, credential: main, components: [api],
     interval: 30s, soft_deadline: 30s}}
  - {{name: api_message, kind: claude_json, call: message, model: claude-haiku-5-5,
     credential: main, components: [api], interval: 30s, soft_deadline: 30s}}
detection:
  close: {{window: 60s, window_clean: 60s, clean_after: 60s, min_samples: 5}}
notifiers:
  - {{name: oncall, kind: webhook, url: "{hook}", secret: "{secret}"}}
"""


class SwitchedWorld(World):
    """Claude on a good day, and in an outage while `broken`."""

    def __init__(self, fault: str = "json_500") -> None:
        rng = random.Random(1)
        super().__init__(parse_scenario(_SCENARIO.format(name="healthy"), "healthy"), rng=rng)
        outage = _SCENARIO.format(name="outage") + _OUTAGE % fault
        self._outage = World(parse_scenario(outage, "outage"), rng=rng)
        self.broken = False
        self.asked = 0
        self.told: Callable[[], None] = lambda: None

    @override
    def answer(self, request: SimRequest, at: datetime) -> SimResponse:
        if request.host == "api.anthropic.com":
            self.asked += 1
            self.told()
        return self._outage.answer(request, at) if self.broken else super().answer(request, at)


class News:
    """Something to wait on: `until` a condition holds, looked at whenever there are news."""

    def __init__(self) -> None:
        self._news = asyncio.Event()

    def told(self, _what: object = None) -> None:
        """Somebody waits for this, perhaps."""
        self._news.set()

    async def next(self) -> None:
        """Return when something happens."""
        self._news.clear()
        await self._news.wait()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return once `condition` holds; TimeoutError when it does not in time."""
        async with asyncio.timeout(LIMIT):
            while not condition():
                await self.next()


class Watch(Sink):
    """Hears every effect."""

    def __init__(self, news: News) -> None:
        self._news = news
        self.judged: list[Judged] = []
        self.events: list[Event] = []

    @override
    def publish(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Judged):
                self.judged.append(effect)
            elif isinstance(effect, Announce):
                self.events.append(effect.event)
        self._news.told()

    @property
    def types(self) -> list[EventType]:
        return [event.type for event in self.events]

    def beats(self, probe: str) -> list[float]:
        """When the scheduled runs of `probe` started, in seconds of the clock."""
        return [
            judged.observation.started
            for judged in self.judged
            if judged.observation.probe == probe and judged.observation.origin is Origin.SCHEDULED
        ]

    def count(self, outcome: Outcome) -> int:
        """Runs that came to `outcome`."""
        return sum(judged.verdict.outcome is outcome for judged in self.judged)


class House:
    """All that a daemon needs around it. `daemon` starts one; there may be one after the other."""

    def __init__(self, folder: Path, world: SwitchedWorld, *, speed: float = SPEED) -> None:
        self.folder = folder
        self.world = world
        self.news = News()
        world.told = self.news.told
        self.clock = ScaledClock(start=START, speed=speed)
        self.claude = SimulatedClaude(world, self.clock)
        self.receiver = Receiver(SECRET, self.clock, self.news.told)
        self._speed = speed

    @property
    def database(self) -> Path:
        """The daemon's file."""
        return self.folder / "uptime.db"

    @property
    def receipts(self) -> list[Receipt]:
        """What the receiver of webhooks got."""
        return self.receiver.receipts

    def config(self, *, usd: float = 1000.0, port: int = 0, folder: Path | None = None) -> Config:
        """The configuration, moved to the simulated Claude."""
        text = CONFIG.format(
            port=port,
            folder=folder or self.folder,
            key=KEY,
            usd=usd,
            hook=self.receiver.url,
            secret=SECRET,
        )
        return from_text(text, "test.yaml", {}, _no_secret_files).rebased(self.claude.base_url)

    @asynccontextmanager
    async def daemon(self, config: Config | None = None) -> AsyncIterator[Living]:
        """A daemon that runs; its clock begins where the last one's stands."""
        clock = ScaledClock(start=self.clock.now(), speed=self._speed)
        watch = Watch(self.news)
        daemon = Daemon(config or self.config(), clock, random.Random(1), sinks=(watch,))
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(daemon.run(stop))
            running.add_done_callback(self.news.told)
            started = tasks.create_task(daemon.started.wait())
            async with asyncio.timeout(LIMIT):
                await asyncio.wait((started, running), return_when=asyncio.FIRST_COMPLETED)
            started.cancel()
            try:
                async with aiohttp.ClientSession(f"http://127.0.0.1:{daemon.port}") as session:
                    yield Living(daemon, watch, self.news, session)
            finally:
                stop.set()
                async with asyncio.timeout(LIMIT):
                    await asyncio.wait((running,))


class Living:
    """A running daemon and what is heard of it."""

    def __init__(
        self, daemon: Daemon, watch: Watch, news: News, session: aiohttp.ClientSession
    ) -> None:
        self.daemon = daemon
        self.watch = watch
        self._news = news
        self._session = session

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return once `condition` holds."""
        await self._news.until(condition)

    async def settled(self) -> None:
        """Return once every probe has been ok since the start."""
        wanted = {probe.name for probe in self.daemon.plan.enabled()}

        def all_ok() -> bool:
            good = (j for j in self.watch.judged if j.verdict.outcome is Outcome.OK)
            return wanted <= {judged.observation.probe for judged in good}

        await self.until(all_ok)

    async def announced(self, kind: EventType) -> Event:
        """The first event of this type, once it is decided."""
        await self.until(lambda: kind in self.watch.types)
        return next(event for event in self.watch.events if event.type is kind)

    async def get(self, path: str) -> tuple[int, str]:
        """Status and text of a page of the daemon."""
        async with self._session.get(path) as response:
            return response.status, await response.text()

    async def page(self, path: str, wanted: str) -> str:
        """The text of a page, once `wanted` stands on it."""
        async with asyncio.timeout(LIMIT):
            while wanted not in (text := (await self.get(path))[1]):
                await self._news.next()
        return text

    async def document(self, path: str) -> dict[str, Any]:
        """A JSON document of the daemon."""
        _, text = await self.get(path)
        found: dict[str, Any] = json.loads(text)
        return found

    async def metric(self, series: str) -> float:
        """The value of a series as it stands on `/metrics`, labels and all."""
        _, text = await self.get("/metrics")
        lines: Iterator[str] = (line for line in text.splitlines() if line.startswith(series + " "))
        return float(next(lines).rpartition(" ")[2])


@asynccontextmanager
async def a_house(
    folder: Path, world: SwitchedWorld | None = None, *, speed: float = SPEED
) -> AsyncIterator[House]:
    """A house whose simulated Claude and receiver of webhooks are up."""
    house = House(folder, world or SwitchedWorld(), speed=speed)
    await house.claude.start()
    try:
        await house.receiver.start()
        try:
            yield house
        finally:
            await house.receiver.stop()
    finally:
        await house.claude.stop()


def _no_secret_files(name: str) -> str:
    raise AssertionError(name)
