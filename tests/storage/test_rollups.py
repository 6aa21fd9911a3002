"""Sums of hours and days, over a real database: the same however often they are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select

from monitor.core.effects import Rejudged, StateChanged
from monitor.core.incident import State
from monitor.core.outcome import Counts, Outcome, Verdict
from monitor.core.rollup import DAY, HOUR, Period
from monitor.pipeline import Change
from monitor.storage.database import Database
from monitor.storage.rollups import HOURS_MAX, KEEP_HOURS, Rollups
from monitor.storage.store import Store
from monitor.storage.tables import rollups
from tests.factories import NOON, a_judged
from tests.storage.conftest import Running

MIDNIGHT = NOON.replace(hour=0)


@dataclass
class Changes:
    """The changes of states, in memory."""

    all: list[StateChanged] = field(default_factory=list)

    def add(self, at: datetime, after: State) -> None:
        before = self.all[-1].after if self.all else State.UNKNOWN
        self.all.append(StateChanged(component="api", before=before, after=after, at=at))

    async def state_changes(
        self, component: str, since: datetime, until: datetime
    ) -> Sequence[StateChanged]:
        assert component == "api"
        before = [change for change in self.all if change.at <= since][-1:]
        return before + [change for change in self.all if since < change.at < until]


def sums_of(database: Database, changes: Changes | None = None) -> Rollups:
    return Rollups(database, "local", ("api",), changes or Changes())


async def fill(store: Store, *starts: datetime, outcome: Outcome = Outcome.OK) -> None:
    for at in starts:
        store.run(a_judged(run_id=f"run/{at.isoformat()}", at=at, outcome=outcome))
    await store.flush()


async def test_an_hour_of_runs_becomes_an_hour_and_a_day(
    database: Database, running: Running
) -> None:
    async with running(database) as store:
        await fill(store, NOON, NOON + timedelta(minutes=30), NOON + HOUR)
        await fill(store, NOON + timedelta(minutes=10), outcome=Outcome.SERVER_ERROR)
    of = sums_of(database)
    await of.refresh(NOON + 2 * HOUR)
    hours = await of.of_probe("api_hello", Period.HOUR, MIDNIGHT, MIDNIGHT + DAY)
    assert [(each.start, each.runs, each.good_share) for each in hours] == [
        (NOON, 3, 2 / 3),
        (NOON + HOUR, 1, 1.0),
    ]
    (day,) = await of.of_probe("api_hello", Period.DAY, MIDNIGHT, MIDNIGHT + DAY)
    assert (day.start, day.runs, day.counted(Counts.BAD)) == (MIDNIGHT, 4, 1)
    assert day.percentile(0.5) is not None


async def test_summing_again_changes_nothing(database: Database, running: Running) -> None:
    async with running(database) as store:
        await fill(store, NOON, NOON + HOUR)
    of = sums_of(database)
    now = NOON + 2 * HOUR
    await of.refresh(now)
    first = await database.rows(select(rollups).order_by(rollups.c.name, rollups.c.start))
    await of.refresh(now)
    assert await database.rows(select(rollups).order_by(rollups.c.name, rollups.c.start)) == first


async def test_a_run_that_is_judged_again_is_summed_again(
    database: Database, running: Running
) -> None:
    of = sums_of(database)
    async with running(database) as store:
        await fill(store, NOON, outcome=Outcome.CREDENTIAL_REJECTED)
        await of.refresh(NOON + timedelta(minutes=59))
        verdict = Verdict(outcome=Outcome.AUTH_ERROR, reason="another key too", answered=True)
        again = Rejudged(run_ids=(f"run/{NOON.isoformat()}",), verdict=verdict)
        store.change(Change(rejudged=(again,)))
        await store.flush()
    await of.refresh(NOON + HOUR + timedelta(minutes=5))
    (hour,) = await of.of_probe("api_hello", Period.HOUR, NOON, NOON + HOUR)
    assert hour.outcomes == ((Outcome.AUTH_ERROR, 1),)


async def test_a_component_has_its_time_in_each_state(database: Database, running: Running) -> None:
    changes = Changes()
    changes.add(NOON + timedelta(minutes=6), State.OPERATIONAL)
    changes.add(NOON + timedelta(minutes=30), State.MAJOR_OUTAGE)
    changes.add(NOON + timedelta(minutes=90), State.OPERATIONAL)
    async with running(database) as store:
        await fill(store, NOON)
    of = sums_of(database, changes)
    await of.refresh(NOON + 2 * HOUR)
    hours = (await of.of_components(Period.HOUR, NOON, NOON + 2 * HOUR))["api"]
    assert [dict(each.times.seconds) for each in hours] == [
        {State.OPERATIONAL: 1440.0, State.MAJOR_OUTAGE: 1800.0, State.UNKNOWN: 360.0},
        {State.OPERATIONAL: 1800.0, State.MAJOR_OUTAGE: 1800.0},
    ]
    (day,) = (await of.of_components(Period.DAY, MIDNIGHT, MIDNIGHT + DAY))["api"]
    assert day.times.of(State.MAJOR_OUTAGE) == 3600.0


async def test_the_current_hour_is_summed_as_far_as_it_has_come(
    database: Database, running: Running
) -> None:
    changes = Changes()
    changes.add(NOON, State.OPERATIONAL)
    async with running(database) as store:
        await fill(store, NOON)
    of = sums_of(database, changes)
    await of.refresh(NOON + timedelta(minutes=15))
    (hour,) = (await of.of_components(Period.HOUR, NOON, NOON + HOUR))["api"]
    assert hour.times.total == 900.0


async def test_a_long_time_without_sums_takes_several_turns(
    database: Database, running: Running
) -> None:
    async with running(database) as store:
        await fill(store, NOON)
    of = sums_of(database)
    now = NOON + (HOURS_MAX + 20) * HOUR
    assert await of.refresh(now)
    assert len((await of.of_components(Period.HOUR, NOON, now))["api"]) == HOURS_MAX
    assert not await of.refresh(now)
    assert len((await of.of_components(Period.HOUR, NOON, now))["api"]) == HOURS_MAX + 20


async def test_without_a_run_there_is_only_the_current_hour(database: Database) -> None:
    of = sums_of(database)
    assert not await of.refresh(NOON)
    hours = (await of.of_components(Period.HOUR, NOON - DAY, NOON + DAY))["api"]
    assert [each.start for each in hours] == [NOON]


async def test_a_clock_that_was_set_back_sums_from_where_it_stands(
    database: Database, running: Running
) -> None:
    of = sums_of(database)
    await of.refresh(NOON + 5 * HOUR)
    async with running(database) as store:
        await fill(store, NOON)
    await of.refresh(NOON + timedelta(minutes=1))
    assert await of.of_probe("api_hello", Period.HOUR, NOON, NOON + HOUR)


async def test_old_hours_go_and_days_stay(database: Database, running: Running) -> None:
    async with running(database) as store:
        await fill(store, NOON)
    of = sums_of(database)
    await of.refresh(NOON + 3 * HOUR)
    assert await of.prune(NOON + KEEP_HOURS) == 0
    assert await of.prune(NOON + KEEP_HOURS + 2 * HOUR) == 3
    rows = await database.rows(
        select(rollups.c.period, func.count().label("n")).group_by(rollups.c.period)
    )
    assert {row["period"]: row["n"] for row in rows} == {"day": 2, "hour": 2}


async def test_another_vantage_is_another_matter(database: Database, running: Running) -> None:
    async with running(database, "elsewhere") as store:
        await fill(store, NOON - 30 * HOUR)
    of = sums_of(database)
    await of.refresh(NOON)
    assert not await of.of_probe("api_hello", Period.HOUR, NOON - DAY, NOON + DAY)
