"""Time as an argument: the one place where the machine's clocks are read.

Everything that waits or looks at the time is given a :class:`Clock`.
There are three: the machine's own (:class:`SystemClock`), one that runs faster for rehearsals
(:class:`ScaledClock`), and one that a test or a backtest turns by hand (:class:`VirtualClock`).

*Monotonic* seconds order and measure; *wall* time is for people and for storage.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the daemon may know of time. All durations are seconds on this clock."""

    def monotonic(self) -> float:
        """Seconds that never go back; zero is arbitrary."""
        ...

    def now(self) -> datetime:
        """Wall time, aware, UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        ...

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        """Bound the block: raises `TimeoutError` after `seconds`; None is no bound."""
        ...

    def real(self, seconds: float) -> float:
        """How long `seconds` of this clock take on the machine, in machine seconds."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary start."""
        return time.monotonic()  # noqa: TID251  # this is the Clock

    def now(self) -> datetime:
        """Wall time, aware, UTC."""
        return datetime.now(UTC)  # noqa: TID251  # this is the Clock

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        await asyncio.sleep(max(0.0, seconds))  # noqa: TID251  # this is the Clock

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        """Bound the block by `seconds`."""
        return asyncio.timeout(seconds)

    def real(self, seconds: float) -> float:
        """One second is one second."""
        return seconds


class ScaledClock:
    """A clock on which `speed` seconds pass in one second of the machine, from a given wall time.

    Both kinds of time run on one scale, so a rehearsal at speed 60 keeps every rule in its own
    seconds: a limit of ten seconds ends after a sixth of a real one.
    """

    def __init__(self, *, start: datetime, speed: float) -> None:
        """`start` is the wall time now; `speed` is scenario seconds per machine second."""
        self._start = start
        self._speed = speed
        self._origin = time.monotonic()  # noqa: TID251  # this is the Clock

    def monotonic(self) -> float:
        """Scenario seconds since the clock was made."""
        return (time.monotonic() - self._origin) * self._speed  # noqa: TID251

    def now(self) -> datetime:
        """Scenario wall time."""
        return self._start + timedelta(seconds=self.monotonic())

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of the scenario."""
        await asyncio.sleep(max(0.0, self.real(seconds)))  # noqa: TID251

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        """Bound the block by `seconds` of the scenario."""
        return asyncio.timeout(None if seconds is None else self.real(seconds))

    def real(self, seconds: float) -> float:
        """Machine seconds that `seconds` of the scenario take."""
        return seconds / self._speed


class VirtualClock:
    """A clock that moves only when told: sleepers wake in order, nothing ever waits for real.

    `wall_offset` steps the wall clock against the monotonic one, as NTP or an operator would.
    """

    def __init__(self, start: datetime | None = None) -> None:
        """`start` is the wall time at monotonic zero; a fixed date in 2026 when not given."""
        self._start = start or datetime(2026, 4, 28, 17, 0, tzinfo=UTC)
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self.wall_offset = timedelta()

    def monotonic(self) -> float:
        """Seconds moved so far."""
        return self._elapsed

    def now(self) -> datetime:
        """Wall time: start, plus what has passed, plus the steps."""
        return self._start + timedelta(seconds=self._elapsed) + self.wall_offset

    async def sleep(self, seconds: float) -> None:
        """Return once the clock has been moved `seconds` on."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(
            self._sleepers, (self._elapsed + max(0.0, seconds), next(self._order), waiter)
        )
        await waiter

    @contextlib.asynccontextmanager
    async def timeout(self, seconds: float | None) -> AsyncIterator[None]:
        """Bound the block by virtual `seconds`."""
        if seconds is None:
            yield
            return
        async with asyncio.timeout(None) as bound:
            loop = asyncio.get_running_loop()
            waiter: asyncio.Future[None] = loop.create_future()
            waiter.add_done_callback(
                lambda future: None if future.cancelled() else bound.reschedule(loop.time())
            )
            heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), waiter))
            try:
                yield
            finally:
                waiter.cancel()

    def real(self, seconds: float) -> float:
        """Virtual time costs the machine nothing, but a caller may need a bound: the same."""
        return seconds

    async def advance(self, seconds: float) -> None:
        """Move on by `seconds`, waking sleepers in order and letting them run between."""
        target = self._elapsed + seconds
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= target:
            when, _, waiter = heapq.heappop(self._sleepers)
            self._elapsed = max(self._elapsed, when)
            if not waiter.done():
                waiter.set_result(None)
                await self._settle()
        self._elapsed = target
        await self._settle()

    async def _settle(self) -> None:
        """Let every task that can run do so."""
        for _ in range(20):
            await asyncio.sleep(0)  # noqa: TID251  # zero: a turn of the loop, no wait
