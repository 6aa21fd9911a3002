from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from monitor.clock import Clock, ScaledClock, SystemClock, VirtualClock

START = datetime(2026, 4, 28, 17, 34, tzinfo=UTC)


def test_the_virtual_clock_moves_only_when_told() -> None:
    clock = VirtualClock(START)
    assert (clock.monotonic(), clock.now()) == (0.0, START)
    assert clock.real(5.0) == 5.0


async def test_sleepers_wake_in_order_and_at_their_time() -> None:
    clock = VirtualClock(START)
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.monotonic()))

    async with asyncio.TaskGroup() as group:
        for name, seconds in (("late", 30.0), ("soon", 5.0), ("now", 0.0), ("past", -1.0)):
            group.create_task(sleeper(name, seconds))
        await clock.advance(10.0)
        assert woken == [("now", 0.0), ("past", 0.0), ("soon", 5.0)]
        await clock.advance(20.0)
    assert woken[-1] == ("late", 30.0)
    assert clock.now() == START + timedelta(seconds=30)


async def test_a_sleeper_may_sleep_again_within_one_advance() -> None:
    clock = VirtualClock()
    beats: list[float] = []

    async def metronome() -> None:
        for _ in range(3):
            await clock.sleep(10.0)
            beats.append(clock.monotonic())

    async with asyncio.TaskGroup() as group:
        group.create_task(metronome())
        await clock.advance(100.0)
    assert beats == [10.0, 20.0, 30.0]
    assert clock.monotonic() == 100.0


async def test_a_cancelled_sleeper_is_passed_over() -> None:
    clock = VirtualClock()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(clock.sleep(10.0))
        await clock.advance(1.0)
        task.cancel()
        await clock.advance(100.0)
    assert task.cancelled()


def test_a_step_of_the_wall_clock_leaves_the_monotonic_one_alone() -> None:
    clock = VirtualClock(START)
    clock.wall_offset = timedelta(hours=-1)
    assert clock.now() == START - timedelta(hours=1)
    assert clock.monotonic() == 0.0


async def test_a_virtual_bound_is_passed_in_virtual_time() -> None:
    clock = VirtualClock()
    passed: list[float] = []

    async def bounded() -> None:
        try:
            async with clock.timeout(10.0):
                await clock.sleep(60.0)
        except TimeoutError:
            passed.append(clock.monotonic())

    async with asyncio.TaskGroup() as group:
        group.create_task(bounded())
        await clock.advance(9.0)
        assert passed == []
        await clock.advance(2.0)
    assert passed == [10.0]


async def test_what_ends_within_its_bound_is_left_alone() -> None:
    clock = VirtualClock()

    async def bounded() -> str:
        async with clock.timeout(10.0):
            await clock.sleep(5.0)
        async with clock.timeout(None):
            await clock.sleep(50.0)
        return "done"

    async with asyncio.TaskGroup() as group:
        task = group.create_task(bounded())
        await clock.advance(100.0)
    assert task.result() == "done"


async def test_the_scaled_clock_keeps_every_time_on_one_scale() -> None:
    clock = ScaledClock(start=START, speed=1000.0)
    began = clock.monotonic()
    await clock.sleep(5.0)
    passed = clock.monotonic() - began
    assert passed >= 5.0
    assert clock.now() - START >= timedelta(seconds=5)
    assert clock.real(60.0) == pytest.approx(0.06)
    async with clock.timeout(None):
        pass
    with pytest.raises(TimeoutError):
        async with clock.timeout(1.0):
            await asyncio.Event().wait()


async def test_the_system_clock_reads_the_machine() -> None:
    clock: Clock = SystemClock()
    began = clock.monotonic()
    await clock.sleep(-1.0)
    assert clock.monotonic() >= began
    assert clock.now().tzinfo is UTC
    assert clock.real(3.0) == 3.0
    with pytest.raises(TimeoutError):
        async with clock.timeout(0.0):
            await asyncio.Event().wait()
