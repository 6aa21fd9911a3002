"""Following a stream: one time-out, moved on with each stage, on whatever clock."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from monitor.clock import Clock, ScaledClock, SystemClock
from monitor.core.observation import Phase
from monitor.probes._follow import Follow
from monitor.probes._stream import Limits, Stage, StageLimits, stage_limits
from tests.probes.test_stream import Reader


def limits(**given: str) -> StageLimits:
    """Limits that no test meets, but for those given."""
    ample = dict.fromkeys(Limits.model_fields, "1h")
    return stage_limits(Limits.model_validate({**ample, **given}), first_token=1.0, thinking=1.0)


async def missed(follow: Follow, *phases: Phase, chunks: int = 0) -> Stage:
    """Go through `phases`, take some chunks, and wait for a limit; the stage that missed it."""

    async def work() -> None:
        async with follow.limits():
            for phase in phases:
                follow.entered(phase)
            for _ in range(chunks):
                follow.came(b"x", 0.0)
            await SystemClock().sleep(30.0)

    with pytest.raises(TimeoutError):
        await work()
    assert follow.missed
    return follow.pace.due.stage


@pytest.mark.parametrize("stage", list(Limits.model_fields))
async def test_each_stage_is_bound_by_its_own_limit(stage: str) -> None:
    phases = {
        "connect": (Phase.DNS,),
        "first_byte": (Phase.DNS, Phase.FIRST_BYTE),
        "first_event": (Phase.FIRST_BYTE, Phase.TRANSFER),
    }
    later = stage not in phases
    reader = Reader(limits=limits(**{stage: "20ms"}), stages=(Stage(stage),), events=int(later))
    follow = Follow(reader, SystemClock())
    assert await missed(follow, *phases.get(stage, (Phase.TRANSFER,)), chunks=1) == stage


async def test_a_limit_is_kept_on_the_scenarios_clock() -> None:
    clock: Clock = ScaledClock(start=datetime(2026, 4, 28, tzinfo=UTC), speed=1000)
    follow = Follow(Reader(limits=limits(connect="20s")), clock)
    assert await missed(follow) is Stage.CONNECT


async def test_a_limit_that_is_past_already_ends_the_block_at_once() -> None:
    clock = ScaledClock(start=datetime(2026, 4, 28, tzinfo=UTC), speed=1e6)
    follow = Follow(Reader(limits=limits(first_event="1ms")), clock)
    assert await missed(follow, Phase.TRANSFER) is Stage.FIRST_EVENT


async def test_a_block_in_time_misses_nothing_and_what_comes_later_moves_nothing() -> None:
    follow = Follow(Reader(limits=limits()), SystemClock())
    async with follow.limits():
        follow.entered(Phase.TRANSFER)
    follow.came(b"x", 0.0)
    assert not follow.missed


async def test_another_time_out_is_not_taken_for_a_missed_limit() -> None:
    follow = Follow(Reader(limits=limits()), SystemClock())

    async def work() -> None:
        async with follow.limits():
            raise TimeoutError

    with pytest.raises(TimeoutError):
        await work()
    assert not follow.missed
