"""Orders: what an operator wants of the running daemon, put down by another process.

A command line is not in the daemon's process and must not write what the daemon owns. So it puts an
order into the same file, which SQLite's write-ahead log lets a second process do, and the daemon
takes it within a second, carries it out and says what came of it.

An order is *taken* before it is carried out and *done* after that. One that nobody took can be
withdrawn; one that was taken and not done when a daemon died is taken again by the next, so whoever
carries out orders has to bear one twice. The mechanism knows no kinds: a kind is a word, and a body
of plain values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import RowMapping, insert, select, update

from monitor.storage.database import Database, open_database, open_to_read
from monitor.storage.rows import storable
from monitor.storage.tables import orders

ORDERS_MAX: Final = 20
"""Orders taken at once."""

BODY_CHARS_MAX: Final = 10_000
AUTHOR_CHARS_MAX: Final = 100
RESULT_CHARS_MAX: Final = 1_000

VALID_FOR: Final = timedelta(minutes=5)
"""An order older than this was meant for another moment: it is done without being carried out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order as it stands.

    Attributes:
        id: its number.
        kind: what is wanted, in one word.
        body: the plain values that go with it.
        author: who wants it.
        created_at: when it was put down.
        taken_at: when a daemon took it; None while none has.
        done_at: when it was done; None while it is not.
        ok: whether it was carried out; None while it is not done.
        result: what came of it, in one sentence; None while it is not done.
    """

    id: int
    kind: str
    body: Mapping[str, Any]
    author: str
    created_at: datetime
    taken_at: datetime | None = None
    done_at: datetime | None = None
    ok: bool | None = None
    result: str | None = None


class OrderBook:
    """The orders of one vantage. Every call raises `StorageError` when the database cannot."""

    def __init__(self, database: Database, vantage: str) -> None:
        """Over an open database."""
        self._database = database
        self._vantage = vantage

    async def put(self, kind: str, body: Mapping[str, Any], author: str, now: datetime) -> int:
        """Put an order down; its number.

        Raises:
            ValueError: the body is too long.
        """
        text = json.dumps(body)
        if len(text) > BODY_CHARS_MAX:
            message = f"an order has at most {BODY_CHARS_MAX} characters, not {len(text)}"
            raise ValueError(message)
        values = {
            "vantage": self._vantage,
            "kind": kind,
            "body": text,
            "author": storable(author)[:AUTHOR_CHARS_MAX],
            "created_at": now,
        }
        async with self._database.writing(durable=True) as connection:
            made = await connection.execute(insert(orders).values(values))
        (number,) = made.inserted_primary_key or (0,)
        return int(number)

    async def waiting(self) -> list[Order]:
        """Those that are not done, oldest first; some, where there are very many."""
        return await self._found(orders.c.done_at.is_(None))

    async def take(self, number: int, now: datetime) -> bool:
        """Take an order in order to carry it out; False when it was withdrawn meanwhile."""
        return await self._change(number, orders.c.done_at.is_(None), {"taken_at": now})

    async def done(self, number: int, result: str, now: datetime, *, ok: bool) -> None:
        """Say what came of an order."""
        values = {"done_at": now, "ok": ok, "result": storable(result)[:RESULT_CHARS_MAX]}
        await self._change(number, orders.c.done_at.is_(None), values)

    async def withdraw(self, number: int, now: datetime) -> bool:
        """Withdraw an order that nobody has taken; whether that was still possible."""
        values = {"done_at": now, "ok": False, "result": "withdrawn: nobody took it"}
        return await self._change(number, orders.c.taken_at.is_(None), values)

    async def find(self, number: int) -> Order | None:
        """An order as it stands now."""
        found = await self._found(orders.c.id == number)
        return found[0] if found else None

    async def _change(self, number: int, condition: Any, values: Mapping[str, Any]) -> bool:
        statement = (
            update(orders)
            .where(orders.c.vantage == self._vantage, orders.c.id == number, condition)
            .values(**values)
        )
        async with self._database.writing() as connection:
            return (await connection.execute(statement)).rowcount > 0

    async def _found(self, condition: Any) -> list[Order]:
        rows = await self._database.rows(
            select(orders)
            .where(orders.c.vantage == self._vantage, condition)
            .order_by(orders.c.id)
            .limit(ORDERS_MAX)
        )
        return [_order(row) for row in rows]


def _order(row: RowMapping) -> Order:
    return Order(
        id=row["id"],
        kind=row["kind"],
        body=json.loads(row["body"]),
        author=row["author"],
        created_at=row["created_at"],
        taken_at=row["taken_at"],
        done_at=row["done_at"],
        ok=row["ok"],
        result=row["result"],
    )


async def open_to_order(url: str) -> Database:
    """Open the database at `url` beside a daemon, in order to put orders down.

    Nothing is created and nothing migrated: it has to be there, and of this version.

    Raises:
        StorageError: it is not, or cannot be read.
    """
    await (await open_to_read(url)).close()
    return await open_database(url)
