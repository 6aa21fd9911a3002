"""What senders are given in tests: a context, and an event on its way."""

from __future__ import annotations

from typing import Any

from monitor.clock import SystemClock
from monitor.core.incident import Event
from monitor.delivery import Delivery
from monitor.notify._base import AnyKind, NotifierContext, NotifierSpec, Wording
from tests.factories import TITLES

WORDING = Wording(external_url="https://uptime.example.test", titles=TITLES)


def a_context(**settings: Any) -> NotifierContext:
    """The machine's clock, unless another is given."""
    return NotifierContext(**{"clock": SystemClock(), "user_agent": "claude-uptime/1", **settings})


def parcel(kind: AnyKind, spec: NotifierSpec, event: Event, *earlier: Event) -> Delivery:
    """`event` as the outbox holds it for the notifier of `spec`, which has taken `earlier`."""
    body = kind.envelope(spec, event, WORDING)

    async def arrived() -> list[bytes]:
        return [kind.envelope(spec, each, WORDING) or b"" for each in earlier]

    assert body is not None
    return Delivery(
        id=1,
        event_id=event.id,
        type=event.type.value,
        incident_id=event.incident.id if event.incident else None,
        notifier=spec.name,
        body=body,
        attempts=0,
        created_at=event.at,
        arrived=arrived,
    )
