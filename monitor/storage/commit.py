"""One batch in one transaction. Writing the same batch twice does no more than writing it once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import and_, bindparam, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from monitor.core.effects import Rejudged
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
        await _write(
            connection, _INSERT_EVENT, (event_values(posting.event) for posting in batch.postings)
        )
        await _write(
            connection,
            _INSERT_DELIVERY,
            (row for posting in batch.postings for row in delivery_values(posting)),
        )
        await _write(
            connection, _INSERT_STATE, (state_values(vantage, each) for each in batch.states)
        )
        if batch.snapshot is not None:
            at, body = batch.snapshot
            await connection.execute(_REPLACE_STATE, {"vantage": vantage, "at": at, "body": body})
    return refused


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
