from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Executable, Table, func, select

from monitor.core.effects import Rejudged, StateChanged
from monitor.core.incident import EventType, IncidentPhase, State
from monitor.core.outcome import Outcome
from monitor.pipeline import Change, Envelope, Posting, Told
from monitor.storage.batch import Batch
from monitor.storage.commit import SLICE, commit, last_of_lines
from monitor.storage.database import Database, StorageError
from monitor.storage.rows import run_row
from monitor.storage.tables import (
    component_states,
    deliveries,
    engine_state,
    incident_events,
    incidents,
    runs,
)
from tests.factories import NOON, a_judged, a_verdict, an_event, an_incident
from tests.storage.conftest import full_disk


def a_batch(*changes: Change, run_ids: tuple[str, ...] = (), **run: Any) -> Batch:
    batch = Batch()
    batch.runs.extend(run_row("local", a_judged(run_id=run_id, **run)) for run_id in run_ids)
    for change in changes:
        batch.add(change, NOON)
    return batch


def a_posting(**event: Any) -> Posting:
    return Posting(
        event=an_event(**event),
        envelopes=(
            Envelope(notifier="oncall", body=b'{"to": "oncall"}'),
            Envelope(notifier="chat", body=b'{"to": "chat"}'),
        ),
    )


A_STATE = StateChanged(component="api", before=State.UNKNOWN, after=State.OPERATIONAL, at=NOON)


async def counts(database: Database) -> dict[str, int]:
    tables = (runs, incidents, incident_events, deliveries, component_states, engine_state)
    return {table.name: await count(database, table) for table in tables}


async def values(database: Database, question: Executable) -> list[Any]:
    """Rows as tuples."""
    return [tuple(row.values()) for row in await database.rows(question)]


async def count(database: Database, table: Table) -> int:
    (row,) = await database.rows(select(func.count().label("n")).select_from(table))
    return int(row["n"])


async def test_everything_of_a_batch_is_written(database: Database) -> None:
    change = Change(
        incidents=(an_incident(),), postings=(a_posting(),), states=(A_STATE,), snapshot=b"{}"
    )
    assert await commit(database, "local", a_batch(change, run_ids=("1", "2")), careful=False) == 0
    assert await counts(database) == {
        "runs": 2,
        "incidents": 1,
        "incident_events": 1,
        "deliveries": 2,
        "component_states": 1,
        "engine_state": 1,
    }


async def test_a_batch_written_twice_is_there_once(database: Database) -> None:
    change = Change(
        incidents=(an_incident(),), postings=(a_posting(),), states=(A_STATE,), snapshot=b"{}"
    )
    batch = a_batch(change, run_ids=("1", "2"))
    await commit(database, "local", batch, careful=False)
    before = await counts(database)
    await commit(database, "local", batch, careful=False)
    await commit(database, "local", batch, careful=True)
    assert await counts(database) == before


async def test_a_part_that_cannot_be_written_takes_all_else_with_it(database: Database) -> None:
    broken = Posting(
        event=an_event(),
        envelopes=(Envelope(notifier="oncall", body=None),),  # type: ignore[arg-type]  # the mistake
    )
    change = Change(incidents=(an_incident(),), postings=(broken,), snapshot=b"{}")
    with pytest.raises(StorageError, match="NOT NULL"):
        await commit(database, "local", a_batch(change, run_ids=("1",)), careful=False)
    assert set((await counts(database)).values()) == {0}


async def test_more_runs_than_a_statement_takes_are_written(database: Database) -> None:
    ids = tuple(str(number) for number in range(2 * SLICE + 1))
    await commit(database, "local", a_batch(run_ids=ids), careful=False)
    rows = await values(database, select(runs.c.run_id).order_by(runs.c.id))
    assert rows == [(each,) for each in ids]


async def test_runs_of_the_same_batch_are_judged_anew(database: Database) -> None:
    verdict = a_verdict(Outcome.AUTH_ERROR, "a sibling was refused too \udcff", answered=True)
    change = Change(rejudged=(Rejudged(run_ids=("1", "3", "gone"), verdict=verdict),))
    batch = a_batch(change, run_ids=("1", "2", "3"))
    await commit(database, "other", a_batch(run_ids=()), careful=False)
    await commit(database, "local", batch, careful=False)
    rows = await values(
        database, select(runs.c.outcome, runs.c.counts, runs.c.reason).order_by(runs.c.id)
    )
    judged = ("auth_error", "bad", "a sibling was refused too ?")
    assert rows == [
        judged,
        ("ok", "good", "every expectation was met"),
        judged,
    ]


async def test_a_run_of_another_vantage_keeps_its_verdict(database: Database) -> None:
    batch = a_batch()
    batch.runs.append(run_row("elsewhere", a_judged(run_id="1")))
    batch.add(Change(rejudged=(Rejudged(run_ids=("1",), verdict=a_verdict(Outcome.SLOW)),)), NOON)
    await commit(database, "local", batch, careful=False)
    rows = await values(database, select(runs.c.outcome))
    assert rows == [("ok",)]


async def test_the_newest_version_of_an_incident_replaces_the_last(database: Database) -> None:
    closed = an_incident(phase=IncidentPhase.CLOSED, sequence=2, closed_at=NOON)
    for incident in (an_incident(), closed):
        await commit(database, "local", a_batch(Change(incidents=(incident,))), careful=False)
    rows = await values(
        database, select(incidents.c.phase, incidents.c.sequence, incidents.c.closed_at)
    )
    assert rows == [("closed", 2, NOON)]


async def test_deliveries_stand_in_the_order_of_their_events(database: Database) -> None:
    first = a_posting()
    second = a_posting(kind=EventType.CLOSED, incident=an_incident(sequence=2))
    await commit(database, "local", a_batch(Change(postings=(first, second))), careful=False)
    rows = await values(
        database, select(deliveries.c.type, deliveries.c.notifier).order_by(deliveries.c.id)
    )
    assert rows == [
        ("incident.opened", "oncall"),
        ("incident.opened", "chat"),
        ("incident.closed", "oncall"),
        ("incident.closed", "chat"),
    ]


@pytest.mark.parametrize(
    "impossible",
    [{"input_tokens": 10**30}, {"seconds": float("nan")}],
    ids=["a number without end", "a time that is none"],
)
async def test_one_impossible_run_does_not_hold_up_the_others(
    database: Database, impossible: dict[str, Any]
) -> None:
    change = Change(postings=(a_posting(),))
    batch = a_batch(change, run_ids=("1", "3"))
    batch.runs.insert(1, run_row("local", a_judged(run_id="2", **impossible)))
    with pytest.raises((StorageError, OverflowError)):
        await commit(database, "local", batch, careful=False)
    assert await commit(database, "local", batch, careful=True) == 1
    rows = await values(database, select(runs.c.run_id).order_by(runs.c.id))
    assert rows == [("1",), ("3",)]
    assert await count(database, deliveries) == 2


async def test_care_does_not_take_a_full_disk_for_an_impossible_run(database: Database) -> None:
    batch = a_batch(run_ids=tuple(str(number) for number in range(1000)))
    with full_disk(database), pytest.raises(StorageError, match="the disk is full"):
        await commit(database, "local", batch, careful=True)
    assert await count(database, runs) == 0
    assert await commit(database, "local", batch, careful=True) == 0
    assert await count(database, runs) == 1000


# ---------------------------------------------------------------- who was told


def meant(kind: EventType, number: int, *, optional: bool = False, **told: Told) -> Posting:
    """An event of the one incident, for notifiers that were last told this."""
    incident = an_incident()
    return Posting(
        event=an_event(kind, incident, id=f"{incident.id}-{number}"),
        envelopes=tuple(
            Envelope(notifier=name, body=b"{}", told=last) for name, last in told.items()
        ),
        optional=optional,
    )


async def outcome(database: Database, *postings: Posting) -> list[tuple[str, str]]:
    """Notifier and type of what is in the outbox once `postings` are written, one by one."""
    for posting in postings:
        await commit(database, "local", a_batch(Change(postings=(posting,))), careful=False)
    question = select(deliveries.c.notifier, deliveries.c.type).order_by(deliveries.c.id)
    return await values(database, question)


OPENED, CLOSED, REOPENED = EventType.OPENED, EventType.CLOSED, EventType.REOPENED


async def test_a_close_goes_to_those_who_were_told(database: Database) -> None:
    assert await outcome(
        database,
        meant(OPENED, 1, chat=Told.NOTHING),
        meant(EventType.UPDATED, 2, chat=Told.OPEN, page=Told.OPEN),
        meant(CLOSED, 3, chat=Told.OPEN, page=Told.OPEN),
    ) == [("chat", "incident.opened"), ("chat", "incident.updated"), ("chat", "incident.closed")]


async def test_who_is_told_late_is_told_all_from_then_on(database: Database) -> None:
    assert await outcome(
        database,
        meant(OPENED, 1),
        meant(OPENED, 2, page=Told.NOTHING),
        meant(OPENED, 3, page=Told.NOTHING),
        meant(CLOSED, 4, page=Told.OPEN),
        meant(CLOSED, 5, page=Told.OPEN),
        meant(REOPENED, 6, page=Told.CLOSED, chat=Told.CLOSED),
    ) == [("page", "incident.opened"), ("page", "incident.closed"), ("page", "incident.reopened")]


async def test_what_is_told_within_one_batch_counts_for_what_follows_in_it(
    database: Database,
) -> None:
    batch = a_batch(
        Change(
            postings=(
                meant(OPENED, 1, chat=Told.NOTHING),
                meant(CLOSED, 2, chat=Told.OPEN),
                meant(REOPENED, 3, chat=Told.CLOSED),
            )
        )
    )
    for _ in range(2):  # twice: the same batch, as after a commit that failed half-way
        await commit(database, "local", batch, careful=False)
    assert await count(database, deliveries) == 3


async def test_an_optional_event_that_nobody_is_to_hear_is_not_kept(database: Database) -> None:
    late = meant(OPENED, 2, optional=True, chat=Told.NOTHING)
    await outcome(database, meant(OPENED, 1, chat=Told.NOTHING), late)
    assert await count(database, incident_events) == 1
    await outcome(database, meant(OPENED, 3, chat=Told.NOTHING))
    assert await count(database, incident_events) == 2


async def test_another_vantage_s_deliveries_say_nothing_of_ours(database: Database) -> None:
    opened = meant(OPENED, 1, chat=Told.NOTHING)
    await commit(database, "elsewhere", a_batch(Change(postings=(opened,))), careful=False)
    (row,) = await values(database, last_of_lines("local", [an_incident().id]))
    assert row[:3] == (an_incident().id, "chat", "incident.opened")
    assert await values(database, last_of_lines("elsewhere", [an_incident().id])) == []
