"""The durable queue, in a list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from typing_extensions import override

from monitor.delivery import Delivery, Outbox, Result, Retry


@dataclass(slots=True, kw_only=True)
class Row:
    """A delivery and where it stands."""

    delivery: Delivery
    due_at: datetime
    attempts: int = 0
    lease_until: datetime | None = None
    result: Result | None = None
    settled: bool = False


class FakeOutbox(Outbox):
    """Keeps the order of each line and honours leases; `failures` makes the next calls fail."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.failures: dict[str, int] = {}
        self.calls: list[str] = []

    def add(
        self,
        event_id: str,
        at: datetime,
        *,
        notifier: str = "oncall",
        incident: str | None = "local-1",
        body: bytes = b'{"type":"incident.opened"}',
    ) -> Row:
        """Put an event in, decided and due at `at`."""
        delivery = Delivery(
            id=len(self.rows) + 1,
            event_id=event_id,
            type="incident.opened",
            incident_id=incident,
            notifier=notifier,
            body=body,
            attempts=0,
            created_at=at,
        )
        self.rows.append(Row(delivery=delivery, due_at=at))
        return self.rows[-1]

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.failures.get(name, 0) > 0:
            self.failures[name] -= 1
            raise OSError(28, "No space left on device", "whsec_planted")

    def _heads(self, notifier: str) -> list[Row]:
        waiting = [
            row for row in self.rows if row.delivery.notifier == notifier and not row.settled
        ]
        lines: dict[str | None, Row] = {}
        for row in waiting:
            lines.setdefault(row.delivery.incident_id, row)
        return list(lines.values())

    @override
    async def claim(self, notifier: str, now: datetime, lease_seconds: float) -> Delivery | None:
        self._called("claim")
        for row in self._heads(notifier):
            if row.due_at <= now and (row.lease_until is None or row.lease_until <= now):
                row.lease_until = now + timedelta(seconds=lease_seconds)
                row.attempts += 1
                given = row.delivery
                return Delivery(
                    id=given.id,
                    event_id=given.event_id,
                    type=given.type,
                    incident_id=given.incident_id,
                    notifier=given.notifier,
                    body=given.body,
                    attempts=row.attempts - 1,
                    created_at=given.created_at,
                )
        return None

    @override
    async def settle(
        self, delivery: Delivery, result: Result, now: datetime, due_at: datetime | None
    ) -> None:
        self._called("settle")
        row = self.rows[delivery.id - 1]
        row.lease_until = None
        row.result = result
        if isinstance(result, Retry):
            row.due_at = due_at or now
        else:
            row.settled = True

    @override
    async def next_due(self, notifier: str) -> datetime | None:
        self._called("next_due")
        return min(
            (max(row.due_at, row.lease_until or row.due_at) for row in self._heads(notifier)),
            default=None,
        )
