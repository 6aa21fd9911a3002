"""What a restart knows: the windows of an engine that never stopped, whatever was under way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine as SqlEngine

from monitor.app.memory import WINDOW_SECONDS, recall
from monitor.clock import VirtualClock
from monitor.core.effects import Announce, Effect, Judged, Rejudged
from monitor.core.engine import Engine
from monitor.core.incident import Event, EventType
from monitor.core.moment import Moment
from monitor.core.observation import Observation
from monitor.core.policy import Policy
from monitor.pipeline import Change
from monitor.storage.database import Database, open_database
from monitor.storage.store import Store
from tests.core.timeline import Comes, a_run, hellos, plan_of
from tests.factories import NOON

PLAN = plan_of(*hellos(3))
MONO = 50_000.0
BEFORE = timedelta(seconds=MONO)


class Life:
    """An engine, and the store that its shell writes."""

    def __init__(self, store: Store, clock: VirtualClock) -> None:
        self.engine = Engine(PLAN, Policy())
        self.store = store
        self.clock = clock

    def now(self) -> Moment:
        return Moment(mono=self.clock.monotonic(), wall=self.clock.now())

    async def feed(self, observation: Observation) -> tuple[Effect, ...]:
        """A run that ends now, or a soft deadline that passes now."""
        await self.clock.advance(max(0.0, observation.ended - self.clock.monotonic()))
        effects = self.engine.feed(observation, self.now())
        for effect in effects:
            if isinstance(effect, Judged):
                self.store.run(effect)
        events = [e.event for e in effects if isinstance(e, Announce)]
        again = tuple(e for e in effects if isinstance(e, Rejudged))
        if events or again:
            incidents = tuple(e.incident for e in events if e.incident)
            self.store.change(
                Change(
                    incidents=incidents, rejudged=again, snapshot=self.engine.snapshot(self.now())
                )
            )
        return effects

    def save(self) -> None:
        """The snapshot of every half minute."""
        self.store.change(Change(snapshot=self.engine.snapshot(self.now())))

    def known(self) -> dict[str, list[tuple[str, bool, float]]]:
        return known(self.engine, self.clock)


def known(engine: Engine, clock: VirtualClock) -> dict[str, list[tuple[str, bool, float]]]:
    """The windows as the rules see them: each run's id, whether it was bad, and its age."""
    return {
        probe: [(e.run_id, e.bad, round(clock.monotonic() - e.started, 3)) for e in found]
        for probe, found in engine._windows.snapshot().items()
    }


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_database(f"sqlite:///{tmp_path / 'restart.db'}")
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> VirtualClock:
    made = VirtualClock(NOON - BEFORE)
    made._elapsed = MONO
    return made


@pytest.fixture
async def life(database: Database, clock: VirtualClock) -> AsyncIterator[Life]:
    store = Store(database, "local", clock)
    await store.start()
    yield Life(store, clock)
    await store.stop()


async def reborn(
    life: Life, after: float = 4.0, stepped: float = 0.0
) -> tuple[Engine, VirtualClock]:
    """What a new process knows `after` seconds; its monotonic clock begins anew."""
    await life.store.flush()
    clock = VirtualClock(life.clock.now() + timedelta(seconds=after + stepped))
    clock._elapsed = 0.0
    return await recall(life.store, PLAN, Policy(), clock), clock


def fine(*runs: tuple[str, float]) -> Sequence[Observation]:
    return [a_run(probe, at) for probe, at in runs]


async def play(life: Life, runs: Sequence[Observation]) -> None:
    for run in runs:
        await life.feed(run)


async def same(life: Life, after: float = 4.0) -> None:
    """The reborn engine has the windows of the one that lived on."""
    engine, clock = await reborn(life, after)
    await life.clock.advance(after)
    assert known(engine, clock) == life.known()


async def test_without_a_snapshot_the_stored_runs_are_the_windows(life: Life) -> None:
    await play(life, fine(("a", 0), ("b", 10), ("c", 20), ("a", 30)))
    await life.feed(a_run("b", 40, Comes.FAIL))
    await same(life)


async def test_runs_after_the_snapshot_are_added_to_it(life: Life) -> None:
    await play(life, fine(("a", 0), ("b", 10)))
    life.save()
    await play(life, [a_run("c", 20, Comes.FAIL), a_run("a", 30)])
    await same(life)


async def test_a_run_under_way_when_the_snapshot_was_taken_is_not_lost(life: Life) -> None:
    """It began before the snapshot, so it is older than it, and ended after."""
    await play(life, fine(("a", 0), ("b", 10)))
    hung = a_run("c", 12, Comes.HANG)
    await life.clock.advance(15 - (life.clock.monotonic() - MONO))
    life.save()
    await life.feed(hung)
    await same(life)


async def test_a_run_that_ended_well_after_its_soft_deadline_is_good_and_counted_once(
    life: Life,
) -> None:
    await play(life, fine(("a", 0), ("b", 5)))
    await life.feed(a_run("c", 6, provisional=True))
    life.save()
    good = replace(a_run("c", 6), ended=MONO + 18.0)
    await life.feed(good)
    assert [bad for _, bad, _ in life.known()["c"]] == [False]
    await same(life)


async def test_a_run_that_turned_out_to_say_nothing_is_taken_back(life: Life) -> None:
    await play(life, fine(("a", 0), ("b", 5), ("c", 5.5)))
    await life.feed(a_run("c", 6, provisional=True))
    life.save()
    await life.feed(replace(a_run("c", 6, Comes.LIMITED), ended=MONO + 18.0))
    assert len(life.known()["c"]) == 1
    await same(life)


async def test_a_run_that_the_crash_cut_off_stays_unanswered(life: Life) -> None:
    await play(life, fine(("a", 0), ("b", 5), ("c", 5.5)))
    await life.feed(a_run("c", 6, provisional=True))
    life.save()
    await same(life)


async def test_an_open_incident_goes_on_under_its_id_and_closes(life: Life) -> None:
    await play(life, fine(("a", 0), ("b", 1), ("c", 2)))
    events: list[Announce] = []
    for number in range(12):
        effects = await life.feed(a_run("abc"[number % 3], 30.0 + 5 * number, Comes.FAIL))
        events += [e for e in effects if isinstance(e, Announce)]
    assert events[0].event.type is EventType.OPENED
    assert events[0].event.incident is not None
    engine, clock = await reborn(life, after=20.0)
    (incident,) = engine.open_incidents()
    assert incident.id == events[0].event.incident.id
    closed = await _well_again(engine, clock)
    assert [e.type for e in closed] == [EventType.RECOVERING, EventType.CLOSED]
    assert {e.incident.id for e in closed if e.incident} == {incident.id}


@pytest.mark.parametrize("hours", [-1, 1], ids=["set back", "set forward"])
async def test_a_wall_clock_that_was_set_while_it_was_down_is_no_obstacle(
    life: Life, hours: int
) -> None:
    """Set back, everything stored comes from the future: it must not look failing for an hour."""
    await play(life, fine(("a", 0), ("b", 1), ("c", 2)))
    for number in range(12):
        await life.feed(a_run("abc"[number % 3], 30.0 + 5 * number, Comes.FAIL))
    engine, clock = await reborn(life, after=20.0, stepped=hours * 3600.0)
    (incident,) = engine.open_incidents()
    closed = await _well_again(engine, clock)
    assert [e.type for e in closed] == [EventType.RECOVERING, EventType.CLOSED]
    assert closed[-1].incident is not None
    assert closed[-1].incident.id == incident.id


async def _well_again(engine: Engine, clock: VirtualClock) -> list[Event]:
    """Eight minutes in which every probe answers each 15 s."""
    told: list[Event] = []
    for second in range(480):
        await clock.advance(1.0)
        now = Moment(mono=clock.monotonic(), wall=clock.now())
        effects = list(engine.tick(now))
        if second % 5 == 0:
            run = a_run("abc"[second // 5 % 3], 0.0, run_id=f"later/{second}")
            moved = replace(run, at=now.wall, started=now.mono - 0.2, ended=now.mono)
            effects += engine.feed(moved, now)
        told += [e.event for e in effects if isinstance(e, Announce)]
    return told


async def test_a_restart_reads_an_hour_at_most_however_much_is_stored(
    life: Life, clock: VirtualClock, database: Database
) -> None:
    """Two days of runs are stored; what a start reads is bounded by its window."""
    for number in range(2 * 24 * 60):
        observation = a_run("abc"[number % 3], 60.0 * number)
        for effect in life.engine.feed(observation, life.now()):
            if isinstance(effect, Judged):
                life.store.run(effect)
    await clock.advance(60.0 * 2 * 24 * 60)
    await life.store.flush()
    fetched: list[int] = []

    def count(_connection: object, cursor: object, *_: object) -> None:
        fetched.append(len(getattr(cursor, "_rows", ())))

    event.listen(SqlEngine, "after_cursor_execute", count)
    try:
        await recall(life.store, PLAN, Policy(), clock)
    finally:
        event.remove(SqlEngine, "after_cursor_execute", count)
    assert 0 < sum(fetched) <= WINDOW_SECONDS / 60.0 + len(PLAN.probes) + 1
