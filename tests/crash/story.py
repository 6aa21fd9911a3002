"""A short outage for daemons that are killed, starved or stalled: its world, its config, its end.

Two components fail at once and come back. The test decides when, by what the database shows: a busy
machine makes the story longer, not another one. The detector's windows are cut down to fit, and a
run may take long; probes, sockets, database and outbox are the real ones. World and receiver live
in the test, so they outlast the daemon; both sides keep one line of time, because Linux's monotonic
clock is the same in every process: a daemon is told when the scenario began.
"""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook
from typing_extensions import override

from monitor.clock import ScaledClock, SystemClock
from monitor.config.schema import Config
from monitor.simulation import Scenario, World
from monitor.simulation.exchange import SimRequest, SimResponse
from monitor.simulation.scenario import parse_scenario
from monitor.simulation.server import SimulatedClaude
from tests.fakes.receiver import Answer, Got, Receiver, receiving

SPEED = 40.0
SECRET = "whsec_Q0xBVURFLVVQVElNRS1DUkFTSC1URVNUUw=="
COMPONENTS = ("api", "claude_ai")
POLL_SECONDS = 0.05
"""Machine seconds between two looks at the database."""

STORY_SECONDS_MAX = 1800.0
"""The longest that a story may take, in scenario time."""

_SCENARIO = """
name: crash
title: Two components fail when the test says so
source: Invented.
visibility: assumed
start: 2026-04-28T17:30:00Z
end: 2026-04-29T17:30:00Z
phases:
  - from: 2026-04-29T17:00:00Z
    until: 2026-04-29T17:30:00Z
    faults:
      - {fault: envoy_503, components: [api, claude_ai]}
"""
_FAILING_AT = datetime(2026, 4, 29, 17, 15, tzinfo=UTC)

_PROBES = (
    ("api_hello", "https://api.anthropic.com/api/hello", "api", {"json": {"message": "hello"}}),
    ("api_hello_too", "https://api.anthropic.com/api/hello", "api", {"status": 200}),
    ("home", "https://claude.ai/", "claude_ai", {"status": 200}),
    ("login", "https://claude.ai/login", "claude_ai", {"status": 200}),
)

_DETECTION: dict[str, Any] = {
    "fast": {
        "window": "20s",
        "failures": 4,
        "span": "5s",
        "span_unanswered": "15s",
        "window_gaps": 2,
    },
    "solo": {"failures": 5, "span": "60s"},
    "slow": [
        {"window": "5m", "ratio": "10%", "episodes": 5, "episodes_three": 5, "episodes_small": 5}
    ],
    "burst": {"gap": "5s", "extra": 2},
    "recover": {"successes": 4},
    # However slow the machine: it is a major outage until it recovers, and that changes the state.
    "severity": {"major": "30%"},
    "close": {"window": "30s", "window_clean": "30s", "min_samples": 5},
    "cadence": "6s",
    "loop_late": "15s",
}


def scenario() -> Scenario:
    """What the world plays."""
    return parse_scenario(_SCENARIO, "crash.yaml")


class Weather(World):
    """The world of the scenario, except that it fails while it is told to."""

    failing = False
    asked = 0

    @override
    def answer(self, request: SimRequest, at: datetime) -> SimResponse:
        """As on a good day, or as in the outage."""
        self.asked += 1
        return super().answer(request, _FAILING_AT if self.failing else at)


def a_config(database: str, claude: str, hook: str, **detection: Any) -> dict[str, Any]:
    """The daemon's configuration against a world at `claude` and a receiver at `hook`."""
    return {
        "web": {"listen": "127.0.0.1:0"},
        "storage": {"url": database},
        "control": {
            "targets": [
                {"name": "apple", "url": f"{claude}/captive.apple.com/"},
                {"name": "amazon", "url": f"{claude}/checkip.amazonaws.com/"},
            ],
            "interval": "30s",
        },
        "components": {name: {"title": name} for name in COMPONENTS},
        "probes": [
            {
                "name": name,
                "kind": "http",
                "url": f"{claude}/{url.partition('://')[2]}",
                "components": [component],
                "expect": expect,
                "redirects": 3,
                "interval": "8s",
                "timeout": "30s",
                "soft_deadline": "20s",
            }
            for name, url, component, expect in _PROBES
        ],
        "detection": {**_DETECTION, **detection},
        "notifiers": [{"name": "hook", "kind": "webhook", "url": hook, "secret": SECRET}],
    }


def clock_at(origin: float) -> ScaledClock:
    """The scenario's clock for a daemon that starts now; the scenario began at monotonic `origin`.

    The same in every process of this machine.
    """
    passed = (SystemClock().monotonic() - origin) * SPEED
    return ScaledClock(start=scenario().start + timedelta(seconds=passed), speed=SPEED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What stands while daemons come and go.

    Attributes:
        config: for the daemon, as JSON knows it.
        path: of the database.
        origin: monotonic time at which the scenario began.
        clock: scenario time.
        receiver: takes the webhooks.
        claude: the simulated world on its socket.
        weather: that world.
    """

    config: dict[str, Any]
    path: Path
    origin: float
    clock: ScaledClock
    receiver: Receiver
    claude: SimulatedClaude
    weather: Weather

    def parsed(self) -> Config:
        """The configuration, validated."""
        return Config.model_validate(self.config)

    @property
    def passed(self) -> float:
        """Scenario seconds since the start."""
        return (self.clock.now() - scenario().start).total_seconds()

    async def play(self) -> None:
        """The whole story: Claude is well, fails until both incidents are open, is well again.

        Returns once both are closed and nothing waits to be delivered, or when it takes too long.
        """
        await self.until(self.proven)
        self.weather.failing = True
        await self.until(self.all_open)
        self.weather.failing = False
        await self.until(self.ended)

    async def until(self, true: Callable[[], bool]) -> None:
        """Look again and again until it is `true`, or the story takes too long."""
        async for _ in self.looks():
            if true():
                return

    async def looks(self) -> AsyncIterator[None]:
        """A step for each look, until the story takes too long."""
        machine = SystemClock()
        while self.passed < STORY_SECONDS_MAX:
            yield
            await machine.sleep(POLL_SECONDS)

    def proven(self) -> bool:
        """Whether every probe has been answered well."""
        found = self.ask("SELECT count(DISTINCT probe) FROM runs WHERE outcome = 'ok'")
        return found == [(len(_PROBES),)]

    def all_open(self) -> bool:
        """Whether each component is part of an incident: of one for both, or of its own."""
        found = self.ask(
            "SELECT DISTINCT json_extract(part.value, '$.component') FROM incidents,"
            " json_each(incidents.body, '$.components') AS part"
        )
        return {component for (component,) in found or ()} == set(COMPONENTS)

    def ended(self) -> bool:
        """Whether all incidents are closed and nothing waits to be delivered."""
        found = self.ask("SELECT DISTINCT phase FROM incidents")
        waiting = self.ask("SELECT count(*) FROM deliveries WHERE state = 'pending'")
        return found == [("closed",)] and waiting == [(0,)]

    def heard(self) -> list[Arrival]:
        """All webhooks so far."""
        return arrivals(self.receiver.got)

    def ask(self, question: str) -> list[tuple[Any, ...]] | None:
        """Rows of the database as any reader sees them; None while there is none to read."""
        with (
            contextlib.suppress(sqlite3.Error),
            contextlib.closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as database,
        ):
            return database.execute(question).fetchall()
        return None


@asynccontextmanager
async def a_stage(
    path: Path, *answers: Answer, seed: int = 0, **detection: Any
) -> AsyncIterator[Stage]:
    """World and receiver on loopback; the scenario begins now."""
    async with AsyncExitStack() as stack:
        origin = SystemClock().monotonic()
        clock = clock_at(origin)
        weather = Weather(scenario(), rng=random.Random(seed))
        claude = SimulatedClaude(weather, clock)
        await claude.start()
        stack.push_async_callback(claude.stop)
        receiver = await stack.enter_async_context(receiving(*answers))
        yield Stage(
            config=a_config(f"sqlite:///{path}", claude.base_url, str(receiver.url), **detection),
            path=path,
            origin=origin,
            clock=clock,
            receiver=receiver,
            claude=claude,
            weather=weather,
        )


# ---------------------------------------------------------------- what must hold afterwards


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One webhook as it came: its id, type and incident, the bytes and whether they are signed."""

    id: str
    type: str
    incident: str
    components: tuple[str, ...]
    body: bytes
    signed: bool


def arrivals(got: list[Got]) -> list[Arrival]:
    """All webhooks in the order of their arrival."""
    return [_arrival(each) for each in got]


def _arrival(got: Got) -> Arrival:
    told = json.loads(got.body)
    data = told["data"]
    name = got.headers["webhook-id"]
    signed_at = datetime.fromtimestamp(int(got.headers["webhook-timestamp"]), UTC)
    return Arrival(
        id=name,
        type=told["type"],
        incident=data.get("id", ""),
        components=tuple(each["component"] for each in data.get("components", ())),
        body=got.body,
        signed=Webhook(SECRET).sign(name, signed_at, got.body.decode())
        in got.headers["webhook-signature"].split(),
    )


def wrongs(stage: Stage) -> list[str]:
    """Everything that is wrong with what the receiver heard and what the database holds."""
    heard = arrivals(stage.receiver.got)
    return [*_identity(heard), *_order(heard), *_incidents(heard), *_database(stage, heard)]


def _identity(heard: list[Arrival]) -> Iterator[str]:
    """One id, one body, one signature that fits."""
    for name in {each.id for each in heard}:
        if len({each.body for each in heard if each.id == name}) > 1:
            yield f"{name} came with different bodies"
    for first, second in ((a, b) for a in heard for b in heard if a.id < b.id):
        if (first.incident, first.type) == (second.incident, second.type) and first.type in _ONCE:
            yield f"{first.type} of {first.incident} came under two ids"
    yield from (f"{each.id} is signed wrongly" for each in heard if not each.signed)


_ONCE = ("incident.opened", "incident.recovering")
_STORY = ["incident.opened", "incident.recovering", "incident.closed"]
_UPDATES_MAX = 2
"""The other component joins, and the severity rises: at once, or when recovery has begun."""


def _order(heard: list[Arrival]) -> Iterator[str]:
    """Each incident is opened first and closed last; repeats aside, its events keep their order."""
    for incident in dict.fromkeys(each.incident for each in heard if each.incident):
        first = dict.fromkeys((each.id, each.type) for each in heard if each.incident == incident)
        types = [kind for _, kind in first]
        changes = [kind for kind in types if kind != "incident.updated"]
        ends = (types[:1], types[-1:]) == (_STORY[:1], _STORY[-1:])
        if changes != _STORY or not ends or len(types) > len(_STORY) + _UPDATES_MAX:
            yield f"{incident} was told as {types}"
        numbers = [int(name.rpartition("-")[2]) for name, _ in first]
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"{incident} came in the order {numbers}"


def _incidents(heard: list[Arrival]) -> Iterator[str]:
    """One incident an outage, announced and ended."""
    for component in COMPONENTS:
        found = {each.incident for each in heard if component in each.components}
        if len(found) != 1:
            yield f"{component} has the incidents {sorted(found)}"
    yield from (
        f"nobody asked for {each.type}: {each.body.decode()}" for each in heard if not each.incident
    )


def _database(stage: Stage, heard: list[Arrival]) -> Iterator[str]:
    """It is whole, and agrees with what was heard."""
    if stage.ask("PRAGMA integrity_check") != [("ok",)]:
        yield "the database is damaged"
    if stage.ask("PRAGMA foreign_key_check") != []:
        yield "a delivery has no event"
    settled = stage.ask("SELECT event_id, state FROM deliveries") or []
    yield from (f"{name} is {state}" for name, state in settled if state != "delivered")
    if {name for name, _ in settled} != {each.id for each in heard}:
        yield "the outbox and the receiver do not know the same events"
    phases = stage.ask("SELECT id, phase FROM incidents") or []
    yield from (f"{name} is still {phase}" for name, phase in phases if phase != "closed")
