"""One batch in one transaction. Writing the same batch twice does no more than writing it once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import Select, and_, bindparam, func, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from monitor.core.effects import Rejudged
from monitor.core.incident import EventType
from monitor.delivery import notifier_of
from monitor.pipeline import Posting, Told
from monitor.storage.batch import Batch
from monitor.storage.database import Database, insert_new, insert_or_replace
from monitor.storage.rows import (
    RunRow,
    delivery_values,
    event_values,
    incident_values,
    run_values,
    state_values,
    storable,
)
from monitor.storage.tables import (
    component_states,
    deliveries,
    engine_state,
    incident_events,
    incidents,
    runs,
)

SLICE: Final = 500
"""Rows a statement: between two slices the event loop gets its turn."""

_INSERT_RUN = insert_new(runs, "vantage", "run_id")
_INSERT_EVENT = insert_new(incident_events, "id")
_INSERT_DELIVERY = insert_new(deliveries, "event_id", "notifier")
_INSERT_STATE = insert_new(component_states, "vantage", "component", "at", "after")
_REPLACE_INCIDENT = insert_or_replace(incidents, "id")
_REPLACE_STATE = insert_or_replace(engine_state, "vantage")
_REJUDGE = (
    update(runs)
    .where(and_(runs.c.vantage == bindparam("of_vantage"), runs.c.run_id == bindparam("of_run")))
    .values(
        outcome=bindparam("new_outcome"),
        counts=bindparam("new_counts"),
        reason=bindparam("new_reason"),
        answered=bindparam("new_answered"),
    )
)


async def commit(database: Database, vantage: str, batch: Batch, *, careful: bool) -> int:
    """Write `batch`: all of it, or nothing.

    `careful` writes run by run and passes over those that the database refuses for what they are,
    so that one impossible run cannot hold up all others for ever.

    Returns:
        How many runs were passed over.

    Raises:
        StorageError: nothing was written, as far as can be known.
    """
    async with database.writing(durable=bool(batch.postings or batch.incidents)) as connection:
        refused = 0
        if careful:
            refused = await _insert_one_by_one(connection, batch.runs)
        else:
            await _write(connection, _INSERT_RUN, map(run_values, batch.runs))
        await _write(connection, _REJUDGE, _new_verdicts(vantage, batch.rejudged))
        await _write(connection, _REPLACE_INCIDENT, map(incident_values, batch.incidents.values()))
        for posting in batch.postings:
            await _post(connection, vantage, posting)
        await _write(
            connection, _INSERT_STATE, (state_values(vantage, each) for each in batch.states)
        )
        if batch.snapshot is not None:
            at, body = batch.snapshot
            await connection.execute(_REPLACE_STATE, {"vantage": vantage, "at": at, "body": body})
    return refused


async def _post(connection: AsyncConnection, vantage: str, posting: Posting) -> None:
    """Write an event and a delivery for each notifier that it is meant for.

    One after the other, for each decides what its notifier was last told.
    """
    told = await _told(connection, vantage, posting)
    meant = [
        envelope
        for envelope in posting.envelopes
        if envelope.told in (Told.WHATEVER, _last(told, envelope.notifier))
    ]
    if meant or not posting.optional:
        await _write(connection, _INSERT_EVENT, [event_values(posting.event)])
        await _write(connection, _INSERT_DELIVERY, delivery_values(posting.event, meant))


async def _told(connection: AsyncConnection, vantage: str, posting: Posting) -> dict[str, Told]:
    """What each notifier was last told of the incident, by its name."""
    incident = posting.event.incident
    if incident is None or all(each.told is Told.WHATEVER for each in posting.envelopes):
        return {}
    rows = await connection.execute(last_of_lines(vantage, [incident.id]))
    return {row["notifier"]: told_by(row["type"]) for row in rows.mappings()}


def _last(told: Mapping[str, Told], lane: str) -> Told:
    """What a place was last told; what went to its notifier before it had places counts too."""
    return told.get(lane) or told.get(notifier_of(lane), Told.NOTHING)


def last_of_lines(vantage: str, lines: Sequence[str]) -> Select[*tuple[Any, ...]]:
    """The last delivery of each of these lines: `line`, `notifier`, `type`, `state`, `created_at`.

    Whatever became of it: who was to be told of an opening is told of its close.
    """
    last = (
        select(func.max(deliveries.c.id))
        .where(deliveries.c.vantage == vantage, deliveries.c.line.in_(lines))
        .group_by(deliveries.c.line, deliveries.c.notifier)
    )
    names = ("line", "notifier", "type", "state", "created_at")
    return select(*(deliveries.c[name] for name in names)).where(deliveries.c.id.in_(last))


def told_by(kind: str) -> Told:
    """What an event of this type says of its incident."""
    return Told.CLOSED if kind == EventType.CLOSED.value else Told.OPEN


async def _write(
    connection: AsyncConnection, statement: Any, rows: Iterable[Mapping[str, Any]]
) -> None:
    """Execute `statement` for all rows, a slice at a time."""
    left = iter(rows)
    while part := list(islice(left, SLICE)):
        await connection.execute(statement, part)


async def _insert_one_by_one(connection: AsyncConnection, rows: Sequence[RunRow]) -> int:
    refused = 0
    for row in rows:
        savepoint = await connection.begin_nested()
        try:
            await connection.execute(_INSERT_RUN, run_values(row))
        except OperationalError:
            # Not the run's fault. SQLite may have rolled everything back by now, so the savepoint
            # is not asked for: that would hide what happened.
            raise
        except Exception:  # noqa: BLE001  # whatever is wrong with this run, the next may be right
            await savepoint.rollback()
            refused += 1
        else:
            await savepoint.commit()
    return refused


def _new_verdicts(vantage: str, rejudged: Sequence[Rejudged]) -> Iterator[Mapping[str, Any]]:
    for each in rejudged:
        for run_id in each.run_ids:
            yield {
                "of_vantage": vantage,
                "of_run": run_id,
                "new_outcome": each.verdict.outcome.value,
                "new_counts": each.verdict.counts.value,
                "new_reason": storable(each.verdict.reason),
                "new_answered": each.verdict.answered,
            }
