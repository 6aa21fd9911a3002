"""A past outage, played against the whole daemon: simulated Claude, real sockets, real webhooks.

One clock runs for all of them. The daemon does not know that it is watched: it gets the shipped
configuration with the hosts moved to loopback, keys that only the simulated Claude knows, an empty
database of its own and one webhook, whose receiver checks the signatures.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import socket
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TextIO

from monitor.app import Daemon
from monitor.backtest.library import with_simulated_keys
from monitor.backtest.outcome import document, newest, stamp
from monitor.clock import ScaledClock
from monitor.config.schema import Config
from monitor.core.effects import Announce, Effect, Judged
from monitor.core.incident import Event, Incident
from monitor.demo.narration import Narrator
from monitor.demo.receiver import Receipt, Receiver
from monitor.notify.webhook import WebhookSpec
from monitor.simulation import Scenario, World
from monitor.simulation.server import SimulatedClaude
from monitor.spec import Secret

WEB_PORT = 9595
SECRET_BYTES = 32


class Tape:
    """Everything the engine decided, kept for the end. Fits `pipeline.Sink`."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.events: list[Event] = []
        self.runs = 0

    def publish(self, effects: Sequence[Effect]) -> None:
        """Take note."""
        for effect in effects:
            if isinstance(effect, Announce):
                self.events.append(effect.event)
            elif isinstance(effect, Judged) and not effect.observation.provisional:
                self.runs += 1

    def incidents(self) -> list[Incident]:
        """The newest version of each incident, in order of their opening."""
        return newest(self.events)


class Demo:
    """One showing."""

    def __init__(
        self,
        config: Config,
        scenario: Scenario,
        *,
        speed: float,
        seed: int,
        keep: Path | None = None,
    ) -> None:
        """Prepare; `play` plays. The record stays at `keep`, which must not exist yet."""
        self._keep = keep
        self._config = config
        self._scenario = scenario
        self._speed = speed
        self._rng = random.Random(seed)  # noqa: S311  # the same seed, the same show
        self.tape = Tape()
        self.receipts: list[Receipt] = []

    async def play(
        self,
        stop: asyncio.Event,
        *,
        port: int | None = None,
        as_json: bool = False,
        painted: Callable[[TextIO], TextIO] = lambda stream: stream,
    ) -> None:
        """Play to the scenario's end, or until `stop` is set.

        Args:
            stop: ends it early.
            port: of the status page; 9595 or any free one when not given.
            as_json: print the outcome as JSON on stdout, and the narration on stderr.
            painted: gives the narration's stream its colours.

        Raises:
            StartError: a port cannot be used.
        """
        out = painted(sys.stderr if as_json else sys.stdout)
        async with AsyncExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="claude-uptime-"))
            clock = ScaledClock(start=self._scenario.start, speed=self._speed)
            narrator = Narrator(self._scenario, clock, out)
            claude = SimulatedClaude(World(self._scenario, rng=self._rng), clock)
            await claude.start()
            stack.push_async_callback(claude.stop)
            key = base64.b64encode(self._rng.randbytes(SECRET_BYTES)).decode()
            receiver = Receiver(f"whsec_{key}", clock, narrator.received)
            await receiver.start()
            stack.push_async_callback(receiver.stop)
            store = self._keep or Path(folder) / "demo.db"
            config = self._rehearsed(claude, receiver, store, port)
            daemon = Daemon(config, clock, self._rng, sinks=(self.tape, narrator))
            await self._perform(daemon, clock, narrator, stop)
            self.receipts = receiver.receipts
        narrator.summary(
            self.tape.incidents(), self.receipts, self.tape.runs, self._config.components
        )
        if as_json:
            print(json.dumps(self.outcome(), indent=2))

    async def _perform(
        self, daemon: Daemon, clock: ScaledClock, narrator: Narrator, stop: asyncio.Event
    ) -> None:
        """Run the daemon until the scenario ends."""
        ended = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(daemon.run(ended))
            await _first(tasks, daemon.started.wait(), running)
            if running.done():
                return
            narrator.opening(f"http://127.0.0.1:{daemon.port}/", self._speed)
            telling = tasks.create_task(narrator.tell())
            length = (self._scenario.end - clock.now()).total_seconds()
            played = tasks.create_task(clock.sleep(length))
            await _first(tasks, stop.wait(), played)
            played.cancel()
            telling.cancel()
            ended.set()

    def _rehearsed(
        self, claude: SimulatedClaude, receiver: Receiver, store: Path, port: int | None
    ) -> Config:
        """The configuration with everything that would leave this host replaced."""
        webhook = WebhookSpec.model_validate(
            {"name": "demo", "kind": "webhook", "url": receiver.url, "secret": receiver.secret}
        )
        web = self._config.web.model_copy(
            update={
                "listen": f"127.0.0.1:{_usable_port() if port is None else port}",
                "token": Secret(""),
            }
        )
        update: dict[str, Any] = {
            "egress": self._config.egress.model_copy(update={"proxy": None, "ca_file": None}),
            "web": web,
            "notifiers": (webhook,),
            "maintenance": (),
        }
        played = with_simulated_keys(self._config).rehearsed()
        played = played.with_probe_settings(self._scenario.probes).rebased(claude.base_url)
        return played.model_copy(update=update).stored_at(store)

    def outcome(self) -> dict[str, Any]:
        """What `backtest --json` prints, in scenario time, and what the receiver saw."""
        return {
            **document(self.tape.events, self.tape.runs),
            "deliveries": [
                {
                    "id": receipt.id,
                    "type": receipt.type,
                    "incident": receipt.incident,
                    "at": stamp(receipt.at),
                    "verified": receipt.verified,
                }
                for receipt in self.receipts
            ],
        }


async def _first(tasks: asyncio.TaskGroup, wanted: Any, other: asyncio.Task[None]) -> None:
    """Wait for `wanted` or for the end of `other`, whichever comes first."""
    waiting = tasks.create_task(wanted)
    await asyncio.wait((waiting, other), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


def _usable_port() -> int:
    """The usual port, or any when another program has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", WEB_PORT))
        except OSError:
            return 0
    return WEB_PORT
