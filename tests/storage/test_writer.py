"""The writer with a commit that is told what to do, on a clock that is turned by hand."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from monitor.clock import VirtualClock
from monitor.core.incident import EventType
from monitor.pipeline import Change, Posting
from monitor.storage.batch import Batch
from monitor.storage.database import StorageError
from monitor.storage.rows import RunRow
from monitor.storage.writer import StoreHealth, Unwritten, Writer
from tests.factories import an_event

LOCKED = StorageError("x.db is locked")


class Disk:
    """Takes batches, or refuses them with the errors it was given, one an attempt."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.errors: list[Exception] = []
        self.refused = 0
        self.hangs = asyncio.Event()
        self.hangs.set()
        self.attempts: list[float] = []
        self.careful: list[bool] = []
        self.taken: list[list[str]] = []

    async def __call__(self, batch: Batch, *, careful: bool) -> int:
        self.attempts.append(self._clock.monotonic())
        self.careful.append(careful)
        await self.hangs.wait()
        if self.errors:
            raise self.errors.pop(0)
        marks = [f"change {posting.event.id}" for posting in batch.postings]
        self.taken.append([*(row[0] for row in batch.runs), *marks])
        return self.refused


def a_row(name: str) -> RunRow:
    return (name,)


def a_change(name: str) -> Change:
    return Change(postings=(Posting(event=an_event(EventType.BLIND, id=name), envelopes=()),))


@pytest.fixture
def disk(clock: VirtualClock) -> Disk:
    return Disk(clock)


@contextlib.asynccontextmanager
async def writing(disk: Disk, clock: VirtualClock, *, runs_max: int = 100) -> AsyncIterator[Writer]:
    writer = Writer(disk, clock, runs_max=runs_max)
    await writer.start()
    try:
        yield writer
    finally:
        disk.hangs.set()
        disk.errors.clear()
        await writer.stop(60.0)


# ---------------------------------------------------------------- batches


async def test_quiet_runs_wait_a_second_for_company(clock: VirtualClock, disk: Disk) -> None:
    async with writing(disk, clock) as writer:
        writer.add_run(a_row("1"))
        await clock.advance(0.9)
        writer.add_run(a_row("2"))
        assert disk.taken == []
        await clock.advance(0.1)
        assert disk.taken == [["1", "2"]]


async def test_a_second_batch_waits_for_its_own_second(clock: VirtualClock, disk: Disk) -> None:
    async with writing(disk, clock) as writer:
        for number in range(3):
            writer.add_run(a_row(str(number)))
            await clock.advance(10.0)
    assert disk.attempts == [1.0, 11.0, 21.0]


async def test_a_change_is_written_at_once_with_the_runs_before_it(
    clock: VirtualClock, disk: Disk
) -> None:
    async with writing(disk, clock) as writer:
        writer.add_run(a_row("1"))
        await clock.advance(0.5)
        writer.add_change(a_change("a"))
        await clock.advance(0.0)
        assert disk.taken == [["1", "change a"]]
        assert disk.attempts == [0.5]


async def test_what_comes_during_a_write_goes_into_the_next(
    clock: VirtualClock, disk: Disk
) -> None:
    async with writing(disk, clock) as writer:
        disk.hangs.clear()
        writer.add_change(a_change("a"))
        await clock.advance(0.0)
        writer.add_change(a_change("b"))
        disk.hangs.set()
        await writer.settled()
        assert disk.taken == [["change a"], ["change b"]]


async def test_nothing_is_written_while_nothing_happens(clock: VirtualClock, disk: Disk) -> None:
    async with writing(disk, clock) as writer:
        await writer.flush()
        await clock.advance(3600.0)
    assert disk.attempts == []


async def test_a_flush_does_not_wait_for_company(clock: VirtualClock, disk: Disk) -> None:
    async with writing(disk, clock) as writer:
        writer.add_run(a_row("1"))
        await writer.flush()
        assert disk.taken == [["1"]]
        assert clock.monotonic() == 0.0


# ---------------------------------------------------------------- failures


async def test_a_failed_write_is_tried_again_with_growing_pauses(
    clock: VirtualClock, disk: Disk
) -> None:
    disk.errors = [LOCKED] * 8
    async with writing(disk, clock) as writer:
        writer.add_change(a_change("a"))
        await clock.advance(60.0)
        gaps = [b - a for a, b in zip(disk.attempts, disk.attempts[1:], strict=False)]
        assert gaps == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0])
        assert disk.taken == [["change a"]]


async def test_after_a_success_the_pauses_start_small_again(
    clock: VirtualClock, disk: Disk
) -> None:
    async with writing(disk, clock) as writer:
        for name in ("a", "b"):
            disk.errors = [LOCKED] * 3
            disk.attempts.clear()
            writer.add_change(a_change(name))
            await clock.advance(60.0)
            assert disk.attempts[-1] - disk.attempts[0] == pytest.approx(0.7)


async def test_all_is_kept_in_order_until_it_can_be_written(
    clock: VirtualClock, disk: Disk
) -> None:
    disk.errors = [LOCKED] * 6
    async with writing(disk, clock) as writer:
        for name in "abcde":
            writer.add_run(a_row(f"run {name}"))
            writer.add_change(a_change(name))
            await clock.advance(0.5)
        await clock.advance(10.0)
        runs = [f"run {name}" for name in "abcde"]
        assert disk.taken == [[*runs, *(f"change {name}" for name in "abcde")]]


async def test_the_oldest_runs_go_when_too_many_wait_and_changes_stay(
    clock: VirtualClock, disk: Disk
) -> None:
    disk.errors = [LOCKED] * 6
    async with writing(disk, clock, runs_max=3) as writer:
        for number in range(5):
            writer.add_run(a_row(str(number)))
            writer.add_change(a_change(str(number)))
            await clock.advance(0.05)
        health = writer.health()
        assert (health.queued_runs, health.queued_changes, health.dropped_runs) == (3, 5, 2)
        await clock.advance(30.0)
        changes = [f"change {number}" for number in range(5)]
        assert disk.taken == [["2", "3", "4", *changes]]
        assert writer.health().dropped_runs == 2


async def test_what_overflows_while_a_write_hangs_is_dropped_once_it_has_failed(
    clock: VirtualClock, disk: Disk
) -> None:
    disk.errors = [LOCKED]
    async with writing(disk, clock, runs_max=2) as writer:
        disk.hangs.clear()
        writer.add_run(a_row("0"))
        writer.add_run(a_row("1"))
        await clock.advance(1.0)
        writer.add_run(a_row("2"))
        disk.hangs.set()
        await clock.advance(5.0)
        assert disk.taken == [["1", "2"]]
        assert writer.health().dropped_runs == 1


async def test_only_what_is_itself_at_fault_is_written_with_care(
    clock: VirtualClock, disk: Disk
) -> None:
    disk.errors = [LOCKED, StorageError("NOT NULL failed", transient=False)]
    disk.refused = 1
    async with writing(disk, clock) as writer:
        writer.add_run(a_row("1"))
        await clock.advance(10.0)
        assert disk.careful == [False, False, True]
        assert writer.health().dropped_runs == 1


async def test_an_error_nobody_thought_of_does_not_end_the_writer(
    clock: VirtualClock, disk: Disk
) -> None:
    disk.errors = [RuntimeError("planted-secret")]
    async with writing(disk, clock) as writer:
        writer.add_change(a_change("a"))
        await clock.advance(0.05)
        assert writer.health().error == "a batch could not be written (RuntimeError)"
        await clock.advance(1.0)
        assert disk.taken == [["change a"]]


# ---------------------------------------------------------------- health


async def test_health_says_what_is_wrong_and_since_when(clock: VirtualClock, disk: Disk) -> None:
    disk.errors = [LOCKED, StorageError("x.db cannot grow")]
    told: list[StoreHealth] = []
    start = clock.now()
    async with writing(disk, clock) as writer:
        writer.on_health.append(told.append)
        assert writer.health() == StoreHealth(
            ok=True, error=None, since=None, queued_runs=0, queued_changes=0, dropped_runs=0
        )
        writer.add_run(a_row("1"))
        await clock.advance(1.15)
        assert writer.health() == StoreHealth(
            ok=False,
            error="x.db cannot grow",
            since=start + timedelta(seconds=1),
            queued_runs=1,
            queued_changes=0,
            dropped_runs=0,
        )
        await clock.advance(10.0)
        assert writer.health().ok
        assert writer.health().queued_runs == 0
    assert [health.ok for health in told] == [False, True]


async def test_a_write_that_hangs_is_a_trouble_too(clock: VirtualClock, disk: Disk) -> None:
    async with writing(disk, clock) as writer:
        disk.hangs.clear()
        writer.add_change(a_change("a"))
        await clock.advance(9.0)
        assert writer.health().ok
        assert writer.health().queued_changes == 1
        await clock.advance(3.0)
        health = writer.health()
        assert health.error == "a write has been going on for 12 s: the disk hangs"
        assert health.since == clock.now() - timedelta(seconds=12)


async def test_delivery_is_woken_after_commits_with_postings_only(
    clock: VirtualClock, disk: Disk
) -> None:
    calls: list[float] = []
    async with writing(disk, clock) as writer:
        writer.on_committed.append(lambda: calls.append(clock.monotonic()))
        writer.add_run(a_row("1"))
        writer.add_change(Change())
        await writer.flush()
        assert calls == []
        disk.errors = [LOCKED]
        writer.add_change(a_change("a"))
        await clock.advance(0.05)
        assert calls == []
        await clock.advance(1.0)
        assert calls == [pytest.approx(0.1)]


# ---------------------------------------------------------------- the end


async def test_a_stop_writes_what_waits_at_once(clock: VirtualClock, disk: Disk) -> None:
    writer = Writer(disk, clock, runs_max=10)
    await writer.start()
    writer.add_run(a_row("1"))
    assert await writer.stop(5.0) is None
    assert disk.taken == [["1"]]
    assert clock.monotonic() == 0.0


async def test_a_stop_cuts_a_pause_short(clock: VirtualClock, disk: Disk) -> None:
    disk.errors = [LOCKED] * 6
    writer = Writer(disk, clock, runs_max=10)
    await writer.start()
    writer.add_change(a_change("a"))
    await clock.advance(3.2)
    assert len(disk.errors) == 0
    assert await writer.stop(5.0) is None
    assert disk.taken == [["change a"]]
    assert clock.monotonic() == 3.2


async def test_a_stop_says_what_it_could_not_write(clock: VirtualClock, disk: Disk) -> None:
    disk.errors = [LOCKED] * 100
    writer = Writer(disk, clock, runs_max=10)
    await writer.start()
    writer.add_run(a_row("1"))
    writer.add_change(a_change("a"))
    async with asyncio.TaskGroup() as group:
        stopping = group.create_task(writer.stop(5.0))
        await clock.advance(5.0)
    assert stopping.result() == Unwritten(runs=1, changes=1, error="x.db is locked")
    assert len(disk.attempts) < 12


async def test_a_stop_leaves_a_disk_that_hangs(clock: VirtualClock, disk: Disk) -> None:
    writer = Writer(disk, clock, runs_max=10)
    await writer.start()
    disk.hangs.clear()
    writer.add_change(a_change("a"))
    await clock.advance(1.0)
    async with asyncio.TaskGroup() as group:
        stopping = group.create_task(writer.stop(5.0))
        await clock.advance(5.0)
    left = Unwritten(runs=0, changes=1, error="the time to stop ran out while writing")
    assert stopping.result() == left


async def test_who_waits_for_a_write_is_told_when_it_will_never_come(
    clock: VirtualClock, disk: Disk
) -> None:
    disk.errors = [LOCKED] * 100
    writer = Writer(disk, clock, runs_max=10)
    await writer.start()
    writer.add_change(a_change("a"))

    async def wait() -> None:
        with pytest.raises(StorageError, match="stopped before"):
            await writer.flush()

    async with asyncio.TaskGroup() as group:
        group.create_task(wait())
        group.create_task(writer.stop(1.0))
        await clock.advance(1.0)


async def test_a_writer_that_never_started_says_what_it_holds(
    clock: VirtualClock, disk: Disk
) -> None:
    writer = Writer(disk, clock, runs_max=10)
    writer.add_run(a_row("1"))
    left = await writer.stop(1.0)
    assert left is not None
    assert (left.runs, left.changes) == (1, 0)
