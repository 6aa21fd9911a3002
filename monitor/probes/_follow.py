"""Follows a stream over sockets: one time-out, set anew for whichever limit comes next."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from monitor.clock import Clock
from monitor.core.observation import Phase
from monitor.probes._stream import Pace, StreamReader


class Follow:
    """Hands what comes to a reader, and moves the run's limit on from stage to stage."""

    def __init__(self, reader: StreamReader, clock: Clock) -> None:
        """The run begins now, on `clock`."""
        self.reader = reader
        self.pace = Pace(reader.limits)
        self.missed = False
        self._clock = clock
        self._began = clock.monotonic()
        self._bound: asyncio.Timeout | None = None

    @contextlib.asynccontextmanager
    async def limits(self) -> AsyncIterator[None]:
        """Bound the block by whichever limit is due: TimeoutError, and `missed` is true."""
        async with asyncio.timeout(None) as bound:
            self._bound = bound
            self._set()
            try:
                yield
            finally:
                self._bound = None
                self.missed = bound.expired()

    def entered(self, phase: Phase) -> None:
        """A phase begins."""
        self.pace.entered(phase)
        self._set()

    def came(self, chunk: bytes, at: float) -> None:
        """A part of the body came, `at` machine seconds after the start."""
        self.reader.feed(chunk, at)
        self.pace.came(self.reader, self._clock.monotonic() - self._began)
        self._set()

    def _set(self) -> None:
        if self._bound is not None and not self._bound.expired():
            left = self._began + self.pace.due.at - self._clock.monotonic()
            moment = asyncio.get_running_loop().time() + self._clock.real(max(0.0, left))
            self._bound.reschedule(moment)
