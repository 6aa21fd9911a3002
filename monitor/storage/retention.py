"""Forgets: old runs, and deliveries that were settled long ago.

Incidents and their events are few and stay. In batches, each a transaction of its own, so that the
writer never waits for long; the room is used again by what comes after.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Table, and_, delete, select

from monitor.storage.database import Database
from monitor.storage.rows import PENDING
from monitor.storage.tables import deliveries, runs

KEEP_SETTLED: Final = timedelta(days=90)
"""How long a settled delivery can be looked up."""


async def prune(
    database: Database, vantage: str, keep_runs: timedelta, now: datetime, batch: int = 5000
) -> int:
    """Delete what `vantage` has no use for any more; how many rows went.

    Runs that started more than `keep_runs` before `now`, and deliveries settled more than
    `KEEP_SETTLED` before it.

    Raises:
        StorageError: what was deleted before stays deleted; the rest waits for the next time.
    """
    old_runs = and_(runs.c.vantage == vantage, runs.c.at < now - keep_runs)
    old_deliveries = and_(
        deliveries.c.vantage == vantage,
        deliveries.c.state != PENDING,
        deliveries.c.settled_at < now - KEEP_SETTLED,
    )
    gone = await _delete(database, runs, old_runs, batch)
    return gone + await _delete(database, deliveries, old_deliveries, batch)


async def _delete(
    database: Database, table: Table, condition: ColumnElement[bool], batch: int
) -> int:
    ids = select(table.c.id).where(condition).limit(batch)
    statement = delete(table).where(table.c.id.in_(ids))
    gone = 0
    while True:
        async with database.writing() as connection:
            went = (await connection.execute(statement)).rowcount
        gone += went
        if went < batch:
            return gone
