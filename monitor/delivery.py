"""One outbox row, whole: claim, send, record; back-off and give-up.

Delivery is at least once and in order per incident and notifier. It shares no lock and no task with
probing. The Protocols below are fitted by `storage/outbox.py` and `notify/*`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to one notifier.

    Attributes:
        id: number of the outbox row.
        event_id: id of the event: the webhook's id, the same over all attempts.
        type: type of the event.
        incident_id: deliveries of one incident to one notifier keep their order; None for
            `monitor.*` events, which form one line of their own per notifier.
        notifier: name of the notifier.
        body: the bytes to send; they never change.
        attempts: attempts before this one.
        created_at: when the event was decided.
    """

    id: int
    event_id: str
    type: str
    incident_id: str | None
    notifier: str
    body: bytes
    attempts: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The receiver took it."""

    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Not now: try again, not before `after` seconds when the receiver said so."""

    reason: str
    after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """Never: the receiver or the configuration refuses for good."""

    reason: str


Result = Delivered | Retry | GiveUp


class Notifier(Protocol):
    """Sends one delivery over one channel."""

    @property
    def name(self) -> str:
        """Its name in the config."""
        ...

    async def send(self, delivery: Delivery) -> Result:
        """Try once. Never raises for the world."""
        ...


class Outbox(Protocol):
    """The durable queue."""

    async def claim(self, notifier: str, now: datetime, lease_seconds: float) -> Delivery | None:
        """Take the next due delivery of `notifier`, or None.

        Only the first unsettled row of a line (notifier and incident) may be taken, so a close
        never overtakes its open. A lease that has run out may be taken again.
        """
        ...

    async def settle(
        self, delivery: Delivery, result: Result, now: datetime, due_at: datetime | None
    ) -> None:
        """Record what became of an attempt; `due_at` is when to try again after a Retry."""
        ...

    async def next_due(self, notifier: str) -> datetime | None:
        """When the next delivery of `notifier` is due; None when nothing waits."""
        ...
