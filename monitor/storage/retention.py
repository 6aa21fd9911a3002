"""Forgets: old runs, deliveries and orders that were settled long ago, old changes of state.

Incidents and their events are few and stay. In batches, each a transaction of its own, so that the
writer never waits for long; the room is used again by what comes after.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Table, and_, delete, func, select

from monitor.storage.database import Database
from monitor.storage.rows import PENDING
from monitor.storage.tables import component_states, deliveries, orders, runs

KEEP_SETTLED: Final = timedelta(days=90)
"""How long a settled delivery, and an order that is done, can be looked up."""

KEEP_STATES: Final = timedelta(days=400)
"""How long changes of state are kept: they are few, and a year of them is asked for."""


async def prune(
    database: Database, vantage: str, keep_runs: timedelta, now: datetime, batch: int = 5000
) -> int:
    """Delete what `vantage` has no use for any more; how many rows went.

    Runs that started more than `keep_runs` before `now`, deliveries settled and orders done more
    than `KEEP_SETTLED` before it, changes of state more than `KEEP_STATES` before it.

    Raises:
        StorageError: what was deleted before stays deleted; the rest waits for the next time.
    """
    old_runs = and_(runs.c.vantage == vantage, runs.c.at < now - keep_runs)
    old_deliveries = and_(
        deliveries.c.vantage == vantage,
        deliveries.c.state != PENDING,
        deliveries.c.settled_at < now - KEEP_SETTLED,
    )
    old_orders = and_(orders.c.vantage == vantage, orders.c.done_at < now - KEEP_SETTLED)
    states = component_states
    old_states = and_(states.c.vantage == vantage, states.c.at < now - KEEP_STATES)
    # The last of each stays: it is the state that the time we keep began with.
    last = select(func.max(states.c.id)).where(old_states).group_by(states.c.component)
    old_states = and_(old_states, states.c.id.not_in(last))
    gone = 0
    for table, condition in (
        (runs, old_runs),
        (deliveries, old_deliveries),
        (orders, old_orders),
        (states, old_states),
    ):
        gone += await _delete(database, table, condition, batch)
    return gone


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
