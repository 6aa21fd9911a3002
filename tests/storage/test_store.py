from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
import sqlite3
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from monitor.clock import VirtualClock
from monitor.core.effects import Rejudged, StateChanged
from monitor.core.history import HOST, of_host
from monitor.core.incident import EventType, IncidentPhase, State
from monitor.core.observation import Origin, Phase
from monitor.core.outcome import Outcome
from monitor.pipeline import Change, Envelope, Journal, Posting
from monitor.storage.database import Database, open_database
from monitor.storage.rows import StoredRun
from monitor.storage.store import Store
from monitor.storage.tables import deliveries, runs
from monitor.storage.writer import StoreHealth
from tests.factories import NOON, a_judged, a_verdict, an_event, an_incident
from tests.storage.conftest import Running, full_disk


def a_posting(name: str, **changes: Any) -> Posting:
    return Posting(
        event=an_event(**{"id": name, **changes}),
        envelopes=(Envelope(notifier="oncall", body=name.encode()),),
    )


async def run_ids(database: Database) -> list[str]:
    """Ids of the stored runs in the order in which they were written."""
    rows = await database.rows(select(runs.c.run_id).order_by(runs.c.id))
    return [row["run_id"] for row in rows]


async def event_ids(database: Database) -> list[str]:
    """Events in the outbox, in the order in which they will be delivered."""
    rows = await database.rows(select(deliveries.c.event_id).order_by(deliveries.c.id))
    return [row["event_id"] for row in rows]


# ---------------------------------------------------------------- the journal


async def test_a_quiet_run_is_there_a_second_later(
    database: Database, running: Running, clock: VirtualClock
) -> None:
    async with running(database) as store:
        journal: Journal = store
        journal.run(a_judged(run_id="1"))
        await clock.advance(0.99)
        assert store.health().queued_runs == 1
        assert await run_ids(database) == []
        await clock.advance(0.01)
        await store.settled()
        assert await run_ids(database) == ["1"]
        assert store.health().queued_runs == 0


async def test_a_change_and_the_runs_before_it_are_there_together(
    database: Database, running: Running, clock: VirtualClock
) -> None:
    async with running(database) as store:
        store.run(a_judged(run_id="1"))
        store.run(a_judged(run_id="2"))
        store.change(
            Change(
                rejudged=(Rejudged(run_ids=("1",), verdict=a_verdict(Outcome.AUTH_ERROR)),),
                incidents=(an_incident(),),
                postings=(a_posting("e1"),),
                snapshot=b'{"v": 1}',
            )
        )
        await store.settled()
        assert clock.monotonic() == 0.0
        assert [run.outcome for run in await store.runs_since(NOON)] == ["auth_error", "ok"]
        assert await store.open_incidents() == [an_incident()]
        assert await event_ids(database) == ["e1"]
        assert await store.load_snapshot() == (clock.now(), b'{"v": 1}')


async def test_a_run_that_is_not_over_is_not_stored(database: Database, running: Running) -> None:
    async with running(database) as store:
        store.run(a_judged(run_id="1", provisional=True))
        store.run(a_judged(run_id="1", provisional=False))
        await store.flush()
        assert await run_ids(database) == ["1"]
        assert store.health().queued_runs == 0


async def test_delivery_is_woken_once_its_rows_are_there(
    database: Database, running: Running
) -> None:
    woken = asyncio.Event()
    async with running(database) as store:
        store.on_committed(woken.set)
        store.change(Change(postings=(a_posting("e1"),)))
        await woken.wait()
        assert await event_ids(database) == ["e1"]


async def test_a_stop_writes_the_last_second(path: Path, clock: VirtualClock) -> None:
    database = await open_database(f"sqlite:///{path}")
    store = Store(database, "local", clock)
    await store.start()
    store.run(a_judged(run_id="1"))
    assert await store.stop() is None
    await database.close()
    reopened = await open_database(f"sqlite:///{path}")
    assert await run_ids(reopened) == ["1"]
    await reopened.close()


# ---------------------------------------------------------------- what can be asked


async def test_nothing_is_known_at_first(database: Database, running: Running) -> None:
    async with running(database) as store:
        assert await store.load_snapshot() is None
        assert await store.runs_since(NOON - timedelta(days=99)) == []
        assert await store.open_incidents() == await store.incidents(10) == []
        assert await store.incident("x") is None
        assert await store.events_of("x") == []
        assert await store.proven_probes() == set()


async def test_a_run_comes_back_with_all_that_a_window_or_a_page_needs(
    database: Database, running: Running
) -> None:
    async with running(database) as store:
        store.run(a_judged("api_models", Outcome.SLOW, run_id="1", origin=Origin.SWEEP))
        await store.flush()
        assert await store.recent_runs("api_models", 5) == [
            StoredRun(
                run_id="1",
                probe="api_models",
                at=NOON,
                seconds=0.25,
                outcome=Outcome.SLOW,
                answered=True,
                origin=Origin.SWEEP,
                reason="every expectation was met",
                status=200,
                request_id="req_011CSHoEeqs5C35K2UUqR7Fy",
                cf_ray="9e2f1a2b3c4d5e6f-FRA",
                phases=(
                    (Phase.DNS, 0.0125),
                    (Phase.CONNECT, 0.0375),
                    (Phase.TLS, 0.05),
                    (Phase.REQUEST, 0.0025),
                    (Phase.FIRST_BYTE, 0.125),
                    (Phase.TRANSFER, 0.0225),
                ),
            )
        ]


async def test_runs_between_two_moments_come_oldest_first_in_pages(
    database: Database, running: Running
) -> None:
    """A page may end between two runs of one moment."""
    async with running(database) as store, running(database, "elsewhere") as other:
        for number, second in enumerate((30, -1, 0, 10, 10, 10, 20)):
            store.run(a_judged(run_id=str(number), at=NOON + timedelta(seconds=second)))
        other.run(a_judged(run_id="theirs", at=NOON))
        await store.flush()
        await other.flush()
        until = NOON + timedelta(seconds=30)
        for page in (1, 2, 3, 5, 100):
            pages = [
                [run.run_id for run in found]
                async for found in store.runs_between(NOON, until, page)
            ]
            assert [run for found in pages for run in found] == ["2", "3", "4", "5", "6"]
            assert all(len(found) <= page for found in pages)
        assert [found async for found in store.runs_between(until, NOON)] == []


async def test_runs_since_a_moment_come_by_their_start(
    database: Database, running: Running
) -> None:
    async with running(database) as store:
        for number, second in enumerate((30, -1, 0, 10)):
            store.run(a_judged(run_id=str(number), at=NOON + timedelta(seconds=second)))
        await store.flush()
        assert [run.run_id for run in await store.runs_since(NOON)] == ["2", "3", "0"]
        assert [run.run_id for run in await store.runs_since(NOON, limit=2)] == ["3", "0"]


async def test_recent_runs_are_those_of_one_probe_newest_first(
    database: Database, running: Running
) -> None:
    async with running(database) as store:
        for number in range(4):
            at = NOON + timedelta(seconds=number)
            store.run(a_judged("api_hello", run_id=f"a{number}", at=at))
            store.run(a_judged("console_page", run_id=f"c{number}", at=at))
        await store.flush()
        found = await store.recent_runs("api_hello", 2)
        assert [run.run_id for run in found] == ["a3", "a2"]


async def test_a_probe_is_proven_by_one_ok_run(database: Database, running: Running) -> None:
    outcomes = {
        "good_once": (Outcome.OK, Outcome.TIMEOUT),
        "slow_only": (Outcome.UNPROVEN, Outcome.SLOW),
        "never": (Outcome.UNPROVEN, Outcome.SERVER_ERROR),
    }
    async with running(database) as store, running(database, "elsewhere") as other:
        for probe, seen in outcomes.items():
            for number, outcome in enumerate(seen):
                store.run(a_judged(probe, outcome, run_id=f"{probe}-{number}"))
        other.run(a_judged("never", Outcome.OK, run_id="never-9"))
        await store.flush()
        await other.flush()
        assert await store.proven_probes() == {"good_once"}
        assert await other.proven_probes() == {"never"}


async def test_open_incidents_are_those_not_closed_oldest_first(
    database: Database, running: Running
) -> None:
    late = an_incident("api", opened_at=NOON)
    early = an_incident(
        "console", opened_at=NOON - timedelta(hours=1), phase=IncidentPhase.RECOVERING
    )
    closed = an_incident("cowork", phase=IncidentPhase.CLOSED, closed_at=NOON)
    async with running(database) as store:
        store.change(Change(incidents=(late, early, closed)))
        await store.flush()
        assert await store.open_incidents() == [early, late]
        assert await store.incident(closed.id) == closed


async def test_incidents_are_listed_newest_first_from_a_moment_back(
    database: Database, running: Running
) -> None:
    known = [an_incident(name, opened_at=NOON) for name in ("api", "console", "cowork")]
    older = an_incident("api", opened_at=NOON - timedelta(days=1))
    async with running(database) as store:
        store.change(Change(incidents=(older, *known)))
        await store.flush()
        assert await store.incidents(9) == [*known[::-1], older]
        assert await store.incidents(2) == known[:0:-1]
        assert await store.incidents(9, NOON) == [older]
        assert await store.incidents(9, older.opened_at) == []


async def test_tokens_are_added_up_by_probe(database: Database, running: Running) -> None:
    seen = (("paid", 10, 4), ("paid", 20, None), ("half", None, 1), ("free", None, None))
    async with running(database) as store:
        for number, (probe, sent, received) in enumerate(seen):
            at = NOON + timedelta(seconds=number)
            store.run(
                a_judged(
                    probe, run_id=str(number), at=at, input_tokens=sent, output_tokens=received
                )
            )
        await store.flush()
        assert await store.tokens_since(NOON) == [("half", 0, 1), ("paid", 30, 4)]
        assert await store.tokens_since(NOON + timedelta(seconds=1)) == [
            ("half", 0, 1),
            ("paid", 20, 0),
        ]
        assert await store.tokens_since(NOON + timedelta(hours=1)) == []


async def test_events_of_an_incident_come_in_their_order(
    database: Database, running: Running
) -> None:
    kinds = (EventType.OPENED, EventType.RECOVERING, EventType.CLOSED)
    told = [
        an_event(kind, an_incident(sequence=number), at=NOON + timedelta(minutes=number))
        for number, kind in enumerate(kinds, 1)
    ]
    blind = an_event(EventType.BLIND, id="blind-1", incident=None, subject="network")
    blind = dataclasses.replace(blind, incident=None)
    async with running(database) as store:
        for each in (*told, blind):
            store.change(Change(postings=(Posting(event=each, envelopes=()),)))
        await store.flush()
        assert await store.events_of(an_incident().id) == told


async def test_each_vantage_sees_its_own(database: Database, running: Running) -> None:
    async with running(database) as here, running(database, "there") as there:
        here.run(a_judged(run_id="1"))
        there.run(a_judged(run_id="1", at=NOON + timedelta(seconds=1)))
        here.change(Change(incidents=(an_incident(),), snapshot=b"here"))
        there.change(Change(snapshot=b"there"))
        await here.flush()
        await there.flush()
        assert [run.at for run in await here.runs_since(NOON)] == [NOON]
        assert await there.open_incidents() == await there.incidents(5) == []
        assert await there.incident(an_incident().id) is None
        assert [(await each.load_snapshot() or (0, b""))[1] for each in (here, there)] == [
            b"here",
            b"there",
        ]


# ---------------------------------------------------------------- when the disk says no


def told_of(store: Store) -> asyncio.Queue[StoreHealth]:
    queue: asyncio.Queue[StoreHealth] = asyncio.Queue()
    store.on_health(queue.put_nowait)
    return queue


async def test_a_locked_database_delays_everything_and_loses_nothing(
    in_file: Database, running: Running, clock: VirtualClock, path: Path
) -> None:
    async with running(in_file) as store:
        told = told_of(store)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            store.run(a_judged(run_id="1"))
            store.change(Change(postings=(a_posting("e1"),), snapshot=b"1"))
            failed = await told.get()
            assert not failed.ok
            assert failed.error is not None
            assert failed.error.startswith(f"{path} is locked by another process")
            store.run(a_judged(run_id="2"))
            store.change(Change(postings=(a_posting("e2"),), snapshot=b"2"))
            store.run(a_judged(run_id="3"))
            assert (store.health().queued_runs, store.health().queued_changes) == (3, 2)
            assert await store.runs_since(NOON) == []
            assert await store.load_snapshot() is None
            other.execute("ROLLBACK")
        await clock.advance(0.1)
        await store.settled()
        assert (await told.get()).ok
        assert await run_ids(in_file) == ["1", "2", "3"]
        assert await event_ids(in_file) == ["e1", "e2"]
        assert await store.load_snapshot() == (clock.now() - timedelta(seconds=0.1), b"2")
        assert store.health().dropped_runs == 0


async def test_a_full_disk_delays_everything_and_loses_nothing(
    database: Database, running: Running, clock: VirtualClock
) -> None:
    body = b"x" * 20_000
    async with running(database) as store:
        told = told_of(store)
        with full_disk(database):
            store.run(a_judged(run_id="1"))
            store.change(Change(postings=(a_posting("e1"),), snapshot=body))
            failed = await told.get()
            assert failed.error is not None
            assert "the disk is full: free some space" in failed.error
            store.run(a_judged(run_id="2"))
            store.change(Change(postings=(a_posting("e2"),)))
            assert await store.runs_since(NOON) == []
        await clock.advance(0.1)
        await store.settled()
        assert (await told.get()).ok
        assert await run_ids(database) == ["1", "2"]
        assert await event_ids(database) == ["e1", "e2"]
        assert (await store.load_snapshot() or (0, b""))[1] == body


async def test_a_stop_on_a_locked_database_ends_in_time_and_says_what_is_left(
    in_file: Database, clock: VirtualClock, path: Path
) -> None:
    store = Store(in_file, "local", clock)
    await store.start()
    told = told_of(store)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        store.run(a_judged(run_id="1"))
        store.change(Change(postings=(a_posting("e1"),)))
        await told.get()
        async with asyncio.TaskGroup() as group:
            stopping = group.create_task(store.stop(2.0))
            await clock.advance(2.0)
        left = stopping.result()
        other.execute("ROLLBACK")
    assert left is not None
    assert (left.runs, left.changes) == (1, 1)
    assert "is locked" in left.error


async def test_a_run_that_no_database_takes_is_counted_and_passed_over(
    database: Database, running: Running, clock: VirtualClock
) -> None:
    async with running(database) as store:
        told = told_of(store)
        store.run(a_judged(run_id="1"))
        store.run(a_judged(run_id="2", output_tokens=10**30))
        store.change(Change(postings=(a_posting("e1"),)))
        assert not (await told.get()).ok
        await clock.advance(0.1)
        await store.settled()
        assert await run_ids(database) == ["1"]
        assert await event_ids(database) == ["e1"]
        assert store.health().ok
        assert store.health().dropped_runs == 1


# ---------------------------------------------------------------- when the process dies

ROOT = Path(__file__).resolve().parents[2]

DYING = """
import asyncio, sys
from sqlalchemy import insert
from monitor.storage.database import open_database
from monitor.storage.store import Store
from monitor.clock import SystemClock
from monitor.pipeline import Change
from monitor.storage.tables import engine_state
from tests.factories import NOON, a_judged, an_incident

async def main():
    database = await open_database(sys.argv[1])
    store = Store(database, "local", SystemClock())
    await store.start()
    store.run(a_judged(run_id="1"))
    store.change(Change(incidents=(an_incident(),), snapshot=b"whole"))
    await store.flush()
    async with database.writing(durable=True) as connection:
        await connection.execute(
            insert(engine_state), [{"vantage": "half", "at": NOON, "body": b"x" * 1000000}]
        )
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_process_killed_in_mid_transaction_leaves_whole_changes_only(
    path: Path, clock: VirtualClock
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        DYING,
        f"sqlite:///{path}",
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGKILL)
    await process.communicate()
    database = await open_database(f"sqlite:///{path}")
    store = Store(database, "local", clock)
    assert (await store.load_snapshot() or (0, b""))[1] == b"whole"
    assert await store.open_incidents() == [an_incident()]
    assert [run.run_id for run in await store.runs_since(NOON)] == ["1"]
    assert await Store(database, "half", clock).load_snapshot() is None
    await database.close()


# ---------------------------------------------------------------- changes of state


def changed(after: State, minutes: int, component: str = "api") -> StateChanged:
    return StateChanged(
        component=component,
        before=State.UNKNOWN,
        after=after,
        at=NOON + timedelta(minutes=minutes),
        reason="so it was found \udcff",
    )


async def test_changes_of_state_come_with_the_one_that_the_range_began_with(
    database: Database, running: Running
) -> None:
    told = [changed(State.OPERATIONAL, 0), changed(State.MAJOR_OUTAGE, 10)]
    later = [changed(State.OPERATIONAL, 20), changed(State.UNKNOWN, 30)]
    async with running(database) as store:
        store.change(Change(states=(*told, changed(State.UNKNOWN, 15, "console"))))
        store.change(Change(states=(*later, later[0])))
        await store.flush()
        found = await store.state_changes(
            "api", NOON + timedelta(minutes=20), NOON + timedelta(minutes=30)
        )
        assert [(each.after, each.at) for each in found] == [
            (State.MAJOR_OUTAGE, told[1].at),
            (State.OPERATIONAL, later[0].at),
        ]
        assert found[0].reason == "so it was found ?"
        blind = of_host(sees=False, at=NOON + timedelta(minutes=25), reason="no network")
        store.change(Change(states=(blind,)))
        await store.flush()
        found = await store.state_changes(
            "api", NOON + timedelta(minutes=20), NOON + timedelta(minutes=31)
        )
        assert [each.component for each in found] == ["api", "api", HOST, "api"]
        early = await store.state_changes("api", NOON - timedelta(days=1), NOON)
        assert early == []
        only = await store.state_changes("government", NOON, NOON + timedelta(days=1))
        assert [each.component for each in only] == [HOST]
