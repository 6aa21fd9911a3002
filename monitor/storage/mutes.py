"""Mutes: components of which nothing is announced for a while. Written by the command line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from monitor.storage.database import Database
from monitor.storage.rows import storable
from monitor.storage.tables import mutes


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """One component that is muted.

    Attributes:
        component: which.
        reason: why, in the author's words.
        author: who asked for it.
        starts_at, ends_at: from when until when; the end is not part of it.
    """

    component: str
    reason: str
    author: str
    starts_at: datetime
    ends_at: datetime


_MUTE = tuple(mutes.c[name] for name in Mute.__slots__)


class Mutes:
    """The mutes of one vantage. Every call raises StorageError when the database fails."""

    def __init__(self, database: Database, vantage: str) -> None:
        """Those of other vantages in the same database are left alone."""
        self._database = database
        self._vantage = vantage

    async def add(self, mute: Mute) -> None:
        """Mute a component, beside any mute that it has."""
        values: dict[str, Any] = {name: getattr(mute, name) for name in Mute.__slots__}
        values |= {"reason": storable(mute.reason), "author": storable(mute.author)}
        async with self._database.writing(durable=True) as connection:
            await connection.execute(insert(mutes).values(vantage=self._vantage, **values))

    async def lift(self, component: str, now: datetime) -> int:
        """End all mutes of a component that last; how many there were."""
        statement = (
            update(mutes)
            .where(mutes.c.vantage == self._vantage, mutes.c.component == component)
            .where(mutes.c.ends_at > now)
            .values(ends_at=now)
        )
        async with self._database.writing(durable=True) as connection:
            return (await connection.execute(statement)).rowcount

    async def lasting(self, now: datetime) -> tuple[Mute, ...]:
        """The mutes that have not ended, the first to end first."""
        rows = await self._database.rows(
            select(*_MUTE)
            .where(mutes.c.vantage == self._vantage, mutes.c.ends_at > now)
            .order_by(mutes.c.ends_at, mutes.c.id)
        )
        return tuple(Mute(**row) for row in rows)
