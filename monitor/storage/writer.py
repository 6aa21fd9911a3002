"""The one task that writes: batches what is quiet, hurries with what is not, never gives up.

`add_run` and `add_change` only put things down; the task takes all that waits, writes it in one
transaction and, while the database cannot take it, keeps it in order and tries again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from monitor.clock import Clock
from monitor.pipeline import Change
from monitor.storage.batch import Batch
from monitor.storage.database import StorageError
from monitor.storage.rows import RunRow

BATCH_SECONDS: Final = 1.0
"""The longest that a quiet run waits for company."""

RETRY_FIRST_SECONDS: Final = 0.1
RETRY_MAX_SECONDS: Final = 5.0
STALL_SECONDS: Final = 10.0
"""A write that has been going on for longer means that the disk hangs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreHealth:
    """Whether what happens is being remembered.

    Attributes:
        ok: the last write succeeded and none hangs.
        error: what is wrong and what to do, in one line; None when `ok`.
        since: wall time since when it is wrong; None when `ok`.
        queued_runs: runs not written yet.
        queued_changes: changes not written yet.
        dropped_runs: quiet runs lost since the start, because too many waited or one could not be
            stored for what it was.
    """

    ok: bool
    error: str | None
    since: datetime | None
    queued_runs: int
    queued_changes: int
    dropped_runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwritten:
    """What a stop had to leave behind, and why."""

    runs: int
    changes: int
    error: str


class Commit(Protocol):
    """Writes a batch in one transaction and says how many runs it passed over."""

    async def __call__(self, batch: Batch, *, careful: bool) -> int:
        """Raise for any failure; the batch will be given again."""
        ...


class Writer:
    """A queue and the task that empties it."""

    def __init__(self, commit: Commit, clock: Clock, *, runs_max: int) -> None:
        """`runs_max` quiet runs wait at most; beyond it the oldest go."""
        self._commit = commit
        self._clock = clock
        self._runs_max = runs_max
        self._waiting = Batch()
        self._writing: Batch | None = None
        self._writing_since = (0.0, clock.now())
        self._error: StorageError | None = None
        self._failing_since: datetime | None = None
        self._dropped = 0
        self._given = 0
        self._written = 0
        self._something = asyncio.Event()
        self._hurry = asyncio.Event()
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()
        self._progress = asyncio.Condition()
        self._group = asyncio.TaskGroup()
        self._task: asyncio.Task[None] | None = None
        self.on_committed: list[Callable[[], None]] = []
        self.on_health: list[Callable[[StoreHealth], None]] = []

    # -------------------------------------------------------- what others do

    def add_run(self, row: RunRow) -> None:
        """Put a quiet run down."""
        self._given += 1
        self._waiting.runs.append(row)
        self._waiting.last = self._given
        self._dropped += self._waiting.shrink(self._runs_max)
        self._something.set()

    def add_change(self, change: Change) -> None:
        """Put a change down, to be written at once."""
        self._given += 1
        self._waiting.add(change, self._clock.now())
        self._waiting.last = self._given
        self._something.set()
        self._hurry.set()

    async def start(self) -> None:
        """Start the task. To be called once, from the task that will call `stop`."""
        await self._group.__aenter__()
        self._task = self._group.create_task(self._work(), name="store.writer")

    async def stop(self, timeout_seconds: float) -> Unwritten | None:
        """Write what waits, within `timeout_seconds`, and end the task; what could not be written.

        What is given afterwards is not written any more.
        """
        self._stopping.set()
        self._hurry.set()
        self._something.set()
        if self._task is not None:
            await self._wait(self._ended, timeout_seconds)
            self._task.cancel()
            await self._group.__aexit__(None, None, None)
            self._task = None
        left = self.health()
        if not left.queued_runs and not left.queued_changes:
            return None
        return Unwritten(
            runs=left.queued_runs,
            changes=left.queued_changes,
            error=left.error or "the time to stop ran out while writing",
        )

    async def flush(self) -> None:
        """Return once all that was given so far is written, without waiting for company.

        Raises:
            StorageError: the task ended before it was.
        """
        self._hurry.set()
        self._something.set()
        await self.settled()

    async def settled(self) -> None:
        """Return once all that was given so far is written, in its own time.

        Raises:
            StorageError: the task ended before it was.
        """
        target = self._given
        async with self._progress:
            await self._progress.wait_for(lambda: self._written >= target or self._ended.is_set())
        if self._written < target:
            message = "the store was stopped before all of it was written"
            raise StorageError(message)

    def health(self) -> StoreHealth:
        """How it goes."""
        error, since = self._trouble()
        writing = self._writing or Batch()
        return StoreHealth(
            ok=error is None,
            error=error,
            since=since,
            queued_runs=len(self._waiting.runs) + len(writing.runs),
            queued_changes=self._waiting.changes + writing.changes,
            dropped_runs=self._dropped,
        )

    def _trouble(self) -> tuple[str | None, datetime | None]:
        if self._error is not None:
            return str(self._error), self._failing_since
        started, at = self._writing_since
        took = self._clock.monotonic() - started
        if self._writing is not None and took > STALL_SECONDS:
            return f"a write has been going on for {took:.0f} s: the disk hangs", at
        return None, None

    # ------------------------------------------------------------- the task

    async def _work(self) -> None:
        try:
            while not self._stopping.is_set() or self._waiting:
                await self._something.wait()
                await self._wait(self._hurry, BATCH_SECONDS)
                self._something.clear()
                self._hurry.clear()
                await self._write_all()
        finally:
            self._ended.set()
            async with self._progress:
                self._progress.notify_all()

    async def _write_all(self) -> None:
        """Write what waits; come back when it is written."""
        delay = RETRY_FIRST_SECONDS
        careful = False
        while self._waiting:
            batch, self._waiting = self._waiting, Batch()
            error = await self._try(batch, careful=careful)
            if error is None:
                await self._succeeded(batch)
                return
            self._failed(error)
            careful = not error.transient
            await self._pause(delay)
            delay = min(2 * delay, RETRY_MAX_SECONDS)

    async def _try(self, batch: Batch, *, careful: bool) -> StorageError | None:
        """Write `batch`, or put it back before what came since."""
        self._writing = batch
        self._writing_since = (self._clock.monotonic(), self._clock.now())
        written = False
        try:
            self._dropped += await self._commit(batch, careful=careful)
            written = True
        except StorageError as error:
            return error
        except Exception as error:  # noqa: BLE001  # the writer outlives our own bugs, visibly
            message = f"a batch could not be written ({type(error).__name__})"
            return StorageError(message, transient=False)
        finally:
            self._writing = None
            if not written:
                batch.extend(self._waiting)
                self._dropped += batch.shrink(self._runs_max)
                self._waiting = batch
        return None

    async def _succeeded(self, batch: Batch) -> None:
        self._written = batch.last
        failed = self._error is not None
        self._error = self._failing_since = None
        if failed:
            self._tell_health()
        if batch.postings:
            loop = asyncio.get_running_loop()
            for callback in self.on_committed:
                # Not called from here: an error of theirs is not one of the database.
                loop.call_soon(callback)
        async with self._progress:
            self._progress.notify_all()

    def _failed(self, error: StorageError) -> None:
        first = self._error is None
        self._error = error
        if first:
            self._failing_since = self._clock.now()
            self._tell_health()

    def _tell_health(self) -> None:
        loop = asyncio.get_running_loop()
        for callback in self.on_health:
            loop.call_soon(callback, self.health())

    async def _pause(self, seconds: float) -> None:
        """Wait before the next attempt; a stop cuts the wait short once, and only once."""
        if self._stopping.is_set():
            await self._clock.sleep(seconds)
        else:
            await self._wait(self._stopping, seconds)

    async def _wait(self, event: asyncio.Event, seconds: float) -> None:
        """Wait for `event`, at most `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(seconds):
                await event.wait()
