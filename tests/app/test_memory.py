"""What the engine knows after a restart: its snapshot, and the runs that came after it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.app.memory import WINDOW_SECONDS, entries, recall
from monitor.clock import VirtualClock
from monitor.core.effects import Judged
from monitor.core.engine import Engine
from monitor.core.moment import Moment
from monitor.core.outcome import Outcome
from monitor.core.plan import Plan
from monitor.core.policy import Policy
from monitor.core.window import Entry
from monitor.pipeline import Change
from monitor.storage.database import open_database
from monitor.storage.store import Store
from tests.core.timeline import hellos, plan_of
from tests.factories import a_verdict, an_answer, an_observation

PLAN: Plan = plan_of(*hellos())


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def store(tmp_path: Path, clock: VirtualClock) -> AsyncIterator[Store]:
    """A store that writes."""
    database = await open_database(f"sqlite:///{tmp_path}/uptime.db")
    store = Store(database, "local", clock)
    await store.start()
    yield store
    await store.stop()
    await database.close()


def a_run(clock: VirtualClock, ago: float, outcome: Outcome = Outcome.SERVER_ERROR) -> Judged:
    """A run of probe `a` so many seconds ago by the wall clock."""
    seen = an_observation(
        "a", run_id=f"a/{ago:g}", at=clock.now() - timedelta(seconds=ago), answer=an_answer(500)
    )
    return Judged(observation=seen, verdict=a_verdict(outcome))


def known(engine: Engine) -> list[Entry]:
    """What the engine has in its window of probe `a`."""
    return engine._windows.of("a")


async def test_without_a_snapshot_the_stored_runs_fill_the_windows(
    store: Store, clock: VirtualClock
) -> None:
    await clock.advance(10_000.0)
    store.run(a_run(clock, WINDOW_SECONDS + 1.0))
    store.run(a_run(clock, 120.0))
    store.run(a_run(clock, 60.0, Outcome.OK))
    store.run(a_run(clock, 30.0, Outcome.NO_NETWORK))
    await store.flush()
    engine = await recall(store, PLAN, Policy(), clock)
    assert [(entry.run_id, entry.started, entry.bad) for entry in known(engine)] == [
        ("a/120", 9880.0, True),
        ("a/60", 9940.0, False),
    ]
    assert engine._judge.proven == {"a"}
    assert engine.open_incidents() == ()


async def test_the_snapshot_is_taken_over_and_only_later_runs_are_added(
    store: Store, clock: VirtualClock
) -> None:
    """The new daemon's monotonic clock began somewhere else: ages count, not moments."""
    await clock.advance(500.0)
    before = Engine(PLAN, Policy())
    for ago in (200.0, 100.0):
        run = a_run(clock, ago)
        at = clock.monotonic() - ago
        before.take(
            replace(run, observation=replace(run.observation, started=at, ended=at)), _now(clock)
        )
        store.run(run)
    store.change(Change(snapshot=before.snapshot(_now(clock))))
    await clock.advance(10.0)
    store.run(a_run(clock, 5.0))
    await store.flush()
    later = VirtualClock(start=clock.now())
    engine = await recall(store, PLAN, Policy(), later)
    assert [(entry.run_id, entry.started) for entry in known(engine)] == [
        ("a/200", -210.0),
        ("a/100", -110.0),
        ("a/5", -5.0),
    ]


@pytest.mark.parametrize(
    "snapshot", [b"{}", b"not JSON", b'{"version": 999}'], ids=["empty", "damaged", "newer"]
)
async def test_a_snapshot_that_is_of_no_use_is_said_and_the_stored_runs_are_used(
    store: Store, clock: VirtualClock, snapshot: bytes
) -> None:
    await clock.advance(10_000.0)
    store.run(a_run(clock, 60.0))
    store.change(Change(snapshot=snapshot))
    await store.flush()
    with capture_logs() as lines:
        engine = await recall(store, PLAN, Policy(), clock)
    assert [line["event"] for line in lines] == ["engine.snapshot_unusable"]
    assert [entry.run_id for entry in known(engine)] == ["a/60"]


async def test_nothing_stored_is_an_engine_that_knows_nothing(
    store: Store, clock: VirtualClock
) -> None:
    engine = await recall(store, PLAN, Policy(), clock)
    assert known(engine) == []
    assert engine._judge.proven == set()


async def test_an_entry_carries_all_that_a_rule_or_an_incident_shows(
    store: Store, clock: VirtualClock
) -> None:
    await clock.advance(100.0)
    store.run(a_run(clock, 40.0))
    await store.flush()
    (entry,) = entries(await store.runs_since(clock.now() - timedelta(seconds=60)), _now(clock))
    assert entry == Entry(
        run_id="a/40",
        probe="a",
        at=clock.now() - timedelta(seconds=40),
        started=60.0,
        bad=True,
        answered=True,
        outcome=Outcome.SERVER_ERROR,
        reason="every expectation was met",
        request_id="req_011CSHoEeqs5C35K2UUqR7Fy",
        cf_ray="9e2f1a2b3c4d5e6f-FRA",
    )


def _now(clock: VirtualClock) -> Moment:
    return Moment(mono=clock.monotonic(), wall=clock.now())
