"""The test's end of `tests.crash.child`: starts daemons, hears how they ended, leaves none."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.story import Stage

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Life:
    """One daemon: its pid, and how it ended once it has."""

    pid: int
    ended: asyncio.Future[int]

    async def stop(self) -> int:
        """Ask it to stop, and return its exit status."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        return await self.ended


@dataclass(slots=True)
class Site:
    """Starts daemons that may die."""

    process: Process
    lives: dict[int, Life] = field(default_factory=dict)
    orders: dict[int, asyncio.Future[Life]] = field(default_factory=dict)
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def start(self, stage: Stage, kill_at: str = "") -> Life:
        """A daemon on `stage`, which dies at the step `kill_at`."""
        number = next(self.numbers)
        order = {
            "order": number,
            "kill_at": kill_at,
            "config": stage.config,
            "origin": stage.origin,
            "seed": number,
            "steps": str(stage.path.with_suffix(".steps")),
            "log": str(stage.path.with_suffix(".log")),
        }
        started: asyncio.Future[Life] = asyncio.get_running_loop().create_future()
        self.orders[number] = started
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        await self.process.stdin.drain()
        return await started

    async def listen(self) -> None:
        """Hear of the daemons until cancelled."""
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            told = json.loads(line)
            if "order" in told:
                life = Life(told["pid"], asyncio.get_running_loop().create_future())
                self.lives[life.pid] = life
                self.orders.pop(told["order"]).set_result(life)
            elif "ended" in told:
                self.lives.pop(told["pid"]).ended.set_result(told["ended"])


@asynccontextmanager
async def a_site() -> AsyncIterator[Site]:
    """A place to start daemons from; those that still live at the end are killed."""
    # What is killed leaves no coverage behind, and measuring it would only slow it down.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.crash.child",
        cwd=ROOT,
        env=environment,
        stdin=PIPE,
        stdout=PIPE,
    )
    site = Site(process)
    try:
        assert process.stdout is not None
        assert b"ready" in await process.stdout.readline()
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(site.listen())
            yield site
            listening.cancel()
    finally:
        for pid in site.lives:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
