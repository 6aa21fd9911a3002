"""What a notifier has been told of the incidents that are open.

For receivers that forget, as Alertmanager does: what was last delivered is said again while its
incident lasts. Nothing here changes the outbox.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import func, or_, select

from monitor.core.incident import EventType
from monitor.storage.database import Database
from monitor.storage.rows import DELIVERED
from monitor.storage.tables import deliveries

INCIDENTS_MAX: Final = 100
"""How many incidents one question is about; so many are never open."""


class Effective:
    """Reads the outbox of one vantage. Every call raises StorageError when the database fails."""

    def __init__(self, database: Database, vantage: str) -> None:
        """Deliveries of other vantages in the same database are left alone."""
        self._database = database
        self._vantage = vantage

    async def bodies(self, notifier: str, incident_ids: Collection[str]) -> list[bytes]:
        """The last delivered body of each of these incidents that `notifier` has been told of.

        An incident is left out as soon as its close stands in the outbox, delivered or not.
        """
        mine = (
            deliveries.c.vantage == self._vantage,
            deliveries.c.notifier == notifier,
            deliveries.c.incident_id.in_(sorted(incident_ids)[:INCIDENTS_MAX]),
        )
        newest = select(func.max(deliveries.c.id)).where(*mine).group_by(deliveries.c.incident_id)
        arrived = newest.where(deliveries.c.state == DELIVERED)
        rows = await self._database.rows(
            select(*(deliveries.c[name] for name in ("incident_id", "type", "state", "body")))
            .where(or_(deliveries.c.id.in_(newest), deliveries.c.id.in_(arrived)))
            .order_by(deliveries.c.id)
        )
        over = {row["incident_id"] for row in rows if row["type"] == EventType.CLOSED}
        # Of two rows of one incident only the older can be the delivered one.
        return [
            row["body"]
            for row in rows
            if row["state"] == DELIVERED and row["incident_id"] not in over
        ]
