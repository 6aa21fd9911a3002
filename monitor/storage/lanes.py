"""Gives what waits for a place that is no longer configured to those that are.

A notifier with places has a queue for each (`team/slack-3f9a21c4`). At a start rows may be left for
the notifier as a whole, from before it had places, or for a URL that has been changed since. The
first go to every place; the others to the places that are new. With no new one they are discarded,
so that they neither wait for ever nor are sent to somebody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from monitor.delivery import notifier_of
from monitor.storage.database import Database
from monitor.storage.outbox import of_notifier
from monitor.storage.rows import DEAD, DISCARDED, PENDING
from monitor.storage.tables import deliveries

GONE = "discarded: its URL is no longer in the configuration"


async def adopt_lanes(database: Database, vantage: str, lanes: Sequence[str]) -> None:
    """Call it before anything is claimed or written; doing it twice changes nothing more.

    Raises:
        StorageError: the database fails; nothing was changed.
    """
    for name in dict.fromkeys(notifier_of(lane) for lane in lanes if "/" in lane):
        mine = [lane for lane in lanes if notifier_of(lane) == name]
        async with database.writing(durable=True) as connection:
            await _adopt(connection, vantage, name, mine)


async def _adopt(
    connection: AsyncConnection, vantage: str, name: str, lanes: Sequence[str]
) -> None:
    here = (deliveries.c.vantage == vantage, of_notifier(name))
    question = select(deliveries).where(*here, deliveries.c.notifier.not_in(lanes))
    waiting = deliveries.c.state.in_((PENDING, DEAD))
    left = (
        (await connection.execute(question.where(waiting).order_by(deliveries.c.id)))
        .mappings()
        .all()
    )
    if not left:
        return
    known = set((await connection.execute(select(deliveries.c.notifier).where(*here))).scalars())
    new = [lane for lane in lanes if lane not in known]
    pairs = select(deliveries.c.event_id, deliveries.c.notifier).where(*here)
    taken = {(event, lane) for event, lane in await connection.execute(pairs)}
    for row in left:
        heirs = lanes if row["notifier"] == name else new
        free = [lane for lane in heirs if (row["event_id"], lane) not in taken]
        taken |= {(row["event_id"], lane) for lane in free}
        await _hand_over(connection, row, free)
    structlog.get_logger("monitor").warning(
        "deliveries.moved", notifier=name, deliveries=len(left), places=list(lanes), new=new
    )


async def _hand_over(connection: AsyncConnection, row: RowMapping, lanes: Sequence[str]) -> None:
    """One row to `lanes`: the first gets it, the others a copy; without any it is discarded."""
    change = update(deliveries).where(deliveries.c.id == row["id"])
    if lanes:
        await connection.execute(change.values(notifier=lanes[0], lease_until=None))
    elif row["state"] == PENDING:
        gone = {"state": DISCARDED, "settled_at": row["touched_at"], "last_error": GONE}
        await connection.execute(change.values(gone))
    copy: dict[str, Any] = {**row, "lease_until": None}
    del copy["id"]
    for lane in lanes[1:]:
        await connection.execute(insert(deliveries).values({**copy, "notifier": lane}))
