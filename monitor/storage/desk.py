"""What an operator does to the outbox: look, ask again, strike off. Beside a running daemon.

Order comes first. An event is only sent again while nothing that came after it in its line has
arrived: an open after its close would leave a receiver with an incident that is over. With it go
those after it that were given up, so that the close follows.

Each call is one transaction that holds the write lock, so that no courier claims in between; the
daemon's own finds what is due within its longest rest (`DeliveryPolicy.idle_max`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from monitor.refusal import Refusal
from monitor.storage.database import Database
from monitor.storage.outbox import ERROR_CHARS_MAX, of_notifier
from monitor.storage.rows import DEAD, DELIVERED, DISCARDED, PENDING, storable
from monitor.storage.tables import deliveries


class DeskError(Refusal):
    """What was asked of a delivery cannot be done; one line that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requeued:
    """What was made due, and what was left alone because something after it has arrived."""

    ids: tuple[int, ...]
    skipped: tuple[int, ...] = ()


class Desk:
    """The outbox of one vantage as an operator handles it. StorageError when the database fails."""

    def __init__(self, database: Database, vantage: str) -> None:
        """Deliveries of other vantages in the same database are left alone."""
        self._database = database
        self._vantage = vantage

    async def body(self, number: int) -> bytes:
        """The bytes of a delivery.

        Raises:
            DeskError: there is no such delivery.
        """
        async with self._database.reading() as connection:
            return bytes((await self._row(connection, number))["body"])

    async def retry(self, number: int, now: datetime) -> Requeued:
        """Make a delivery due at once, and what was given up after it in its line.

        One that waits anyway only waits no longer.

        Raises:
            DeskError: it, or something after it, has arrived or is being sent just now.
        """
        async with self._database.writing(durable=True) as connection:
            row = await self._row(connection, number)
            if row["state"] == DELIVERED:
                msg = f"delivery {number} has arrived: it is not sent again"
                raise DeskError(msg)
            later = await self._from(connection, row)
            why = _hindered(row, later, now)
            if why is not None:
                raise DeskError(why)
            numbers = _to_send(row, later)
            await self._requeue(connection, numbers, now)
        return Requeued(ids=numbers)

    async def retry_all(self, notifier: str, now: datetime) -> Requeued:
        """Make due all that was given up (not what an operator discarded) for `notifier`."""
        done: list[int] = []
        skipped: list[int] = []
        async with self._database.writing(durable=True) as connection:
            rows = await self._rows(connection, of_notifier(notifier), deliveries.c.state == DEAD)
            for row in rows:
                if _hindered(row, await self._from(connection, row), now) is None:
                    done.append(row["id"])
                else:
                    skipped.append(row["id"])
            await self._requeue(connection, done, now)
        return Requeued(ids=tuple(done), skipped=tuple(skipped))

    async def discard(self, number: int, why: str, now: datetime) -> None:
        """Strike a delivery off: it is not sent (again). What waits behind it moves up.

        Raises:
            DeskError: it has arrived, or is struck off already.
        """
        async with self._database.writing(durable=True) as connection:
            row = await self._row(connection, number)
            if row["state"] in (DELIVERED, DISCARDED):
                word = "has arrived" if row["state"] == DELIVERED else "is discarded already"
                msg = f"delivery {number} {word}"
                raise DeskError(msg)
            await connection.execute(
                update(deliveries)
                .where(deliveries.c.id == number)
                .values(
                    state=DISCARDED,
                    settled_at=now,
                    touched_at=now,
                    lease_until=None,
                    last_error=storable(f"discarded: {why}"[:ERROR_CHARS_MAX]),
                )
            )

    async def _row(self, connection: AsyncConnection, number: int) -> RowMapping:
        rows = await self._rows(connection, deliveries.c.id == number)
        if not rows:
            msg = f"there is no delivery {number}; `claude-uptime deliveries list` shows them"
            raise DeskError(msg)
        return rows[0]

    async def _from(self, connection: AsyncConnection, row: RowMapping) -> Sequence[RowMapping]:
        """What comes after `row` in its line. Events about the monitor stand each alone."""
        if row["incident_id"] is None:
            return []
        return await self._rows(
            connection,
            deliveries.c.notifier == row["notifier"],
            deliveries.c.line == row["line"],
            deliveries.c.id > row["id"],
        )

    async def _rows(self, connection: AsyncConnection, *conditions: Any) -> Sequence[RowMapping]:
        question = select(deliveries).where(deliveries.c.vantage == self._vantage, *conditions)
        return (await connection.execute(question.order_by(deliveries.c.id))).mappings().all()

    async def _requeue(
        self, connection: AsyncConnection, numbers: Sequence[int], now: datetime
    ) -> None:
        await connection.execute(
            update(deliveries)
            .where(deliveries.c.id.in_(numbers))
            .values(
                state=PENDING,
                due_at=now,
                touched_at=now,
                requeued_at=now,
                settled_at=None,
                lease_until=None,
            )
        )


def _hindered(row: RowMapping, later: Sequence[RowMapping], now: datetime) -> str | None:
    """Why a delivery cannot be sent (again); None when it can."""
    for each in (row, *later):
        lease = each["lease_until"]
        if each["state"] == PENDING and lease is not None and lease > now:
            return f"delivery {each['id']} is being sent just now: ask again in a minute"
    arrived = [each["id"] for each in later if each["state"] == DELIVERED]
    if arrived:
        return (
            f"delivery {row['id']} would come too late: {arrived[-1]}, a later event of the same "
            "incident, has arrived"
        )
    return None


def _to_send(row: RowMapping, later: Sequence[RowMapping]) -> tuple[int, ...]:
    """The delivery and those after it that were given up."""
    return (row["id"], *(each["id"] for each in later if each["state"] == DEAD))
