"""The past at hand: summed up in turns, and still there when the store is shut."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

from monitor.app.history import CATCH_UP_SECONDS, DAYS, TURN_SECONDS, History
from monitor.clock import VirtualClock
from monitor.core.history import Times
from monitor.core.incident import State
from monitor.core.rollup import DAY, HOUR, ComponentSums, Period, ProbeSums
from monitor.storage.database import StorageError
from tests.factories import NOON

MIDNIGHT = NOON.replace(hour=0)


class Sums:
    """Sums in memory; each turn counts, and may be behind or fail."""

    def __init__(self, *turns: bool | StorageError) -> None:
        self.turns = list(turns)
        self.asked: list[tuple[Period, datetime, datetime]] = []

    async def refresh(self, now: datetime) -> bool:
        turn = self.turns.pop(0) if self.turns else False
        if isinstance(turn, StorageError):
            raise turn
        return turn

    async def of_components(
        self, period: Period, since: datetime, until: datetime
    ) -> Mapping[str, Sequence[ComponentSums]]:
        self.asked.append((period, since, until))
        times = Times(seconds=((State.OPERATIONAL, float(len(self.asked))),))
        return {"api": [ComponentSums(start=MIDNIGHT, times=times)]}

    async def of_probe(
        self, name: str, period: Period, since: datetime, until: datetime
    ) -> Sequence[ProbeSums]:
        self.asked.append((period, since, until))
        return [ProbeSums(start=since)]


def a_clock() -> VirtualClock:
    return VirtualClock(start=NOON)


async def test_ninety_days_are_at_hand_after_a_turn() -> None:
    sums = Sums()
    history = History(sums, a_clock())
    assert history.days("api") == ()
    await history.turn()
    assert sums.asked == [(Period.DAY, MIDNIGHT - (DAYS - 1) * DAY, MIDNIGHT + DAY)]
    assert [each.start for each in history.days("api")] == [MIDNIGHT]
    assert history.days("nope") == ()


async def test_turns_follow_faster_while_it_is_behind_and_a_failure_keeps_what_was_there() -> None:
    behind, done = [True, True], [False]
    sums = Sums(*behind, *done, StorageError("shut"))
    clock = a_clock()
    history = History(sums, clock)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(history.run())
        await clock.advance(0)
        await clock.advance(2 * CATCH_UP_SECONDS)
        assert len(sums.asked) == 3
        await clock.advance(TURN_SECONDS)
        assert len(sums.asked) == 3
        assert history.days("api")
        await clock.advance(TURN_SECONDS)
        assert len(sums.asked) == 4
        running.cancel()


async def test_the_hours_of_a_probe_are_asked_of_the_store() -> None:
    sums = Sums()
    found = await History(sums, a_clock()).probe("api_hello", Period.HOUR, NOON, 3 * HOUR)
    assert [each.start for each in found] == [NOON]
    assert sums.asked == [(Period.HOUR, NOON, NOON + 3 * HOUR)]
