"""What is summed and what is forgotten, on a real database."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from monitor.app.housekeeping import PRUNE_SECONDS, Housekeeping
from monitor.clock import VirtualClock
from monitor.core.rollup import HOUR, Period
from monitor.storage.database import Database, open_database
from monitor.storage.store import Store
from monitor.storage.tables import runs
from tests.factories import NOON, a_judged, a_plan

KEEP = 2 * 86_400.0
LIMIT = 30.0
"""Real seconds after which a wait has failed."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "monitor.db"


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    opened = await open_database("sqlite://")
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(start=NOON)


async def a_house(database: Database, clock: VirtualClock) -> Housekeeping:
    """With one run of an hour ago and one that is too old."""
    store = Store(database, "local", clock)
    await store.start()
    for back in (timedelta(hours=1), timedelta(seconds=KEEP + 1)):
        store.run(a_judged(run_id=f"run/{back}", at=NOON - back))
    await store.stop(5.0)
    return Housekeeping(database, store, a_plan(), KEEP, clock)


async def runs_left(database: Database) -> int:
    (row,) = await database.rows(select(func.count().label("n")).select_from(runs))
    count: int = row["n"]
    return count


async def test_old_runs_go_and_their_sums_stay(database: Database, clock: VirtualClock) -> None:
    house = await a_house(database, clock)
    while await house.history.turn():
        pass
    assert await house.prune() == 1
    assert await runs_left(database) == 1
    start = Period.HOUR.start_of(NOON - timedelta(seconds=KEEP + 1))
    (hour,) = await house.history.probe("api_hello", Period.HOUR, start, HOUR)
    assert hour.runs == 1


async def test_it_is_done_every_hour_and_again_after_a_failure(
    path: Path, clock: VirtualClock
) -> None:
    database = await open_database(f"sqlite:///{path}")
    house = await a_house(database, clock)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(house.run())
        await clock.advance(PRUNE_SECONDS - 1.0)
        assert await runs_left(database) == 2
        with capture_logs() as said:
            other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            await asyncio.to_thread(other.execute, "BEGIN EXCLUSIVE")
            async with asyncio.timeout(LIMIT):
                await clock.advance(1.0)
                while "store.prune_failed" not in {line["event"] for line in said}:
                    assert await runs_left(database) == 2
            other.close()
        async with asyncio.timeout(LIMIT):
            await clock.advance(PRUNE_SECONDS)
            while await runs_left(database) != 1:
                pass
        running.cancel()
    await database.close()
