"""The outbox: hands out deliveries one at a time and remembers what became of them.

A *line* is what keeps its order: the deliveries of one incident (or of all `monitor.*` events) to
one notifier. Only the first pending delivery of a line can be claimed, so a close never overtakes
its open; one that was given up or discarded stands in nobody's way.

A claim is an UPDATE whose row count must be 1: of two claimers one finds that it came too late. It
is a lease, not a lock, and counts as an attempt; when its holder dies the delivery is due again.

Moments are compared by the wall clock, which may be set back. A row that was last written in the
future proves that; it is then due at once instead of an hour late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple, assert_never

from sqlalchemy import RowMapping, Select, func, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from monitor.delivery import Delivered, Delivery, GiveUp, Result, Retry
from monitor.pipeline import LastTold
from monitor.storage.commit import last_of_lines, told_by
from monitor.storage.database import Database
from monitor.storage.rows import DEAD, DELIVERED, PENDING, storable
from monitor.storage.tables import deliveries

ERROR_CHARS_MAX: Final = 300
CLAIMS_MAX: Final = 3
"""How often a claim that came too late looks again before it leaves the rest to the others."""
ARRIVED_MAX: Final = 50
"""How many earlier bodies of an incident are looked at."""

_ROW = (
    deliveries.c.id,
    deliveries.c.event_id,
    deliveries.c.type,
    deliveries.c.incident_id,
    deliveries.c.notifier,
    deliveries.c.body,
    deliveries.c.attempts,
    func.coalesce(deliveries.c.requeued_at, deliveries.c.created_at).label("created_at"),
)


class Backlog(NamedTuple):
    """What waits for a notifier: how many, and since when the oldest; None when none does."""

    waiting: int
    oldest_created_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRecord:
    """A delivery as the outbox has it.

    Attributes:
        id, event_id, type, incident_id, notifier: as in `Delivery`.
        state: `pending`, `delivered`, `dead` or `discarded`.
        attempts: attempts begun.
        created_at: when the event was decided.
        due_at: when it is to be tried (again).
        settled_at: when it left `pending`.
        last_error: what the last attempt came to, if it failed.
    """

    id: int
    event_id: str
    type: str
    incident_id: str | None
    notifier: str
    state: str
    attempts: int
    created_at: datetime
    due_at: datetime
    settled_at: datetime | None
    last_error: str | None


_RECORD = tuple(deliveries.c[name] for name in DeliveryRecord.__slots__)


class SqlOutbox:
    """The durable queue of one vantage. Every call raises StorageError when the database fails."""

    def __init__(self, database: Database, vantage: str) -> None:
        """Deliveries of other vantages in the same database are left alone."""
        self._database = database
        self._vantage = vantage

    async def claim(self, notifier: str, now: datetime, lease_seconds: float) -> Delivery | None:
        """Take the next due delivery of `notifier` for `lease_seconds`, or None."""
        for _ in range(CLAIMS_MAX):
            rows = await self._database.rows(
                self._heads(notifier, *_ROW).where(*_free(now)).order_by(deliveries.c.id).limit(1)
            )
            if not rows:
                return None
            if await self._lease(rows[0], now, lease_seconds):
                return Delivery(**rows[0], arrived=partial(self._arrived, rows[0]))
        return None

    async def _arrived(self, row: RowMapping) -> list[bytes]:
        """The delivered bodies that come before `row` in its incident; the newest are kept."""
        if row["incident_id"] is None:
            return []
        found = await self._database.rows(
            select(deliveries.c.body)
            .where(
                deliveries.c.vantage == self._vantage,
                deliveries.c.notifier == row["notifier"],
                deliveries.c.line == row["incident_id"],
                deliveries.c.state == DELIVERED,
                deliveries.c.id < row["id"],
            )
            .order_by(deliveries.c.id.desc())
            .limit(ARRIVED_MAX)
        )
        return [bytes(each["body"]) for each in reversed(found)]

    async def _lease(self, row: RowMapping, now: datetime, seconds: float) -> bool:
        """Whether the row was still free and is ours now."""
        statement = (
            update(deliveries)
            .where(deliveries.c.id == row["id"], deliveries.c.state == PENDING)
            .where(deliveries.c.attempts == row["attempts"], *_free(now))
            .values(
                attempts=row["attempts"] + 1,
                due_at=now,
                lease_until=now + timedelta(seconds=seconds),
                touched_at=now,
            )
        )
        return await self._update(statement)

    async def settle(
        self, delivery: Delivery, result: Result, now: datetime, due_at: datetime | None
    ) -> None:
        """Record what became of an attempt; `due_at` is when to try again after a Retry.

        A Retry of someone whose lease another has taken over changes nothing: the other decides.
        """
        statement = update(deliveries).where(
            deliveries.c.id == delivery.id, deliveries.c.state == PENDING
        )
        values: dict[str, Any] = {"lease_until": None, "touched_at": now}
        match result:
            case Delivered():
                values |= {"state": DELIVERED, "settled_at": now, "last_error": None}
            case GiveUp(reason=reason):
                values |= {"state": DEAD, "settled_at": now, "last_error": _bounded(reason)}
            case Retry(reason=reason):
                values |= {"due_at": due_at or now, "last_error": _bounded(reason)}
                statement = statement.where(deliveries.c.attempts == delivery.attempts + 1)
            case _:
                assert_never(result)
        await self._update(statement.values(values))

    async def next_due(self, notifier: str) -> datetime | None:
        """When the next delivery of `notifier` can be claimed; None when nothing waits.

        A delivery on its way counts from the end of its lease.
        """
        rows = await self._database.rows(
            self._heads(notifier, deliveries.c.due_at, deliveries.c.lease_until)
        )
        return min(
            (max(row["due_at"], row["lease_until"] or row["due_at"]) for row in rows), default=None
        )

    async def pending(self, notifier: str) -> Backlog:
        """How many deliveries wait at all places of `notifier`; when the oldest was decided."""
        (row,) = await self._database.rows(
            select(
                func.count().label("waiting"), func.min(deliveries.c.created_at).label("oldest")
            ).where(
                deliveries.c.vantage == self._vantage,
                of_notifier(notifier),
                deliveries.c.state == PENDING,
            )
        )
        return Backlog(row["waiting"], row["oldest"])

    async def told(self, incidents: Sequence[str]) -> dict[str, dict[str, LastTold]]:
        """The last delivery of each of these incidents to each notifier, by incident and name."""
        found: dict[str, dict[str, LastTold]] = {}
        for row in await self._database.rows(last_of_lines(self._vantage, incidents)):
            found.setdefault(row["line"], {})[row["notifier"]] = LastTold(
                told=told_by(row["type"]), at=row["created_at"], waiting=row["state"] == PENDING
            )
        return found

    async def list_deliveries(
        self,
        *,
        notifier: str | None = None,
        state: str | None = None,
        incident_id: str | None = None,
        number: int | None = None,
        limit: int = 100,
    ) -> list[DeliveryRecord]:
        """The last `limit` deliveries that fit what is given, newest first."""
        question = select(*_RECORD).where(deliveries.c.vantage == self._vantage)
        if notifier is not None:
            question = question.where(of_notifier(notifier))
        wanted = {"state": state, "incident_id": incident_id, "id": number}
        for name, value in wanted.items():
            if value is not None:
                question = question.where(deliveries.c[name] == value)
        rows = await self._database.rows(question.order_by(deliveries.c.id.desc()).limit(limit))
        return [DeliveryRecord(**row) for row in rows]

    def _waiting(self, notifier: str) -> tuple[ColumnElement[bool], ...]:
        return (
            deliveries.c.vantage == self._vantage,
            deliveries.c.notifier == notifier,
            deliveries.c.state == PENDING,
        )

    def _heads(self, notifier: str, *columns: Any) -> Select[*tuple[Any, ...]]:
        """The first pending delivery of each line."""
        first = (
            select(func.min(deliveries.c.id))
            .where(*self._waiting(notifier))
            .group_by(deliveries.c.line)
        )
        return select(*columns).where(deliveries.c.id.in_(first))

    async def _update(self, statement: Any) -> bool:
        """Whether exactly one row was changed."""
        async with self._database.writing() as connection:
            return bool((await connection.execute(statement)).rowcount == 1)


def of_notifier(name: str) -> ColumnElement[bool]:
    """Deliveries to `name`: to one place (`team/slack-3f9a21c4`), or to all of a notifier's."""
    below = deliveries.c.notifier.startswith(f"{name}/", autoescape=True)
    return or_(deliveries.c.notifier == name, below)


def _free(now: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Due, and in nobody's hands."""
    set_back = deliveries.c.touched_at > now
    return (
        or_(deliveries.c.due_at <= now, set_back),
        or_(deliveries.c.lease_until.is_(None), deliveries.c.lease_until <= now, set_back),
    )


def _bounded(reason: str) -> str:
    return storable(reason[:ERROR_CHARS_MAX])
