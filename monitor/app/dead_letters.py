"""An event that was given up is worth an event: one, to everybody else who can be reached."""

from __future__ import annotations

from collections.abc import Callable

from monitor.clock import Clock
from monitor.core.incident import Event, EventType, Reason
from monitor.delivery import Delivered, Delivery, DeliverySink, GiveUp, Result, notifier_of
from monitor.pipeline import Audience, Change, Posting

MARK = "undelivered"
"""What the ids of these events hold: giving one of them up raises no other."""


class DeadLetters:
    """Passes on what becomes of deliveries, and announces the first that is given up.

    Once a notifier, until it takes something again, and once a day at most whatever it does (the id
    holds the day): the notifier itself is never told, and an announcement that cannot be delivered
    either announces nothing. So a monitor whose only notifier is dead does not talk to itself.
    """

    def __init__(
        self,
        inner: DeliverySink,
        audience: Audience,
        change: Callable[[Change], None],
        clock: Clock,
        vantage: str,
    ) -> None:
        """`inner` hears everything; `change` is the journal's."""
        self._inner = inner
        self._audience = audience
        self._change = change
        self._clock = clock
        self._vantage = vantage
        self._dead: set[str] = set()

    def delivered(self, delivery: Delivery, result: Result) -> None:
        """One attempt ended."""
        self._inner.delivered(delivery, result)
        match result:
            case Delivered():
                self._dead.discard(delivery.notifier)
            case GiveUp(reason=reason) if delivery.notifier not in self._dead:
                self._dead.add(delivery.notifier)
                if not delivery.event_id.startswith(f"{self._vantage}-{MARK}-"):
                    self._announce(delivery, reason)
            case _:
                pass

    def _announce(self, delivery: Delivery, reason: str) -> None:
        now, name = self._clock.now(), delivery.notifier
        event = Event(
            id=f"{self._vantage}-{MARK}-{name.replace('/', '-')}-{now:%Y%m%d}",
            type=EventType.MISCONFIGURED,
            at=now,
            vantage=self._vantage,
            summary=f"Events do not reach {name}: {delivery.type} was given up",
            reason=Reason.DELIVERY_FAILED,
            subject=f"notifier/{notifier_of(name)}",
            detail=(
                f"It failed with: {reason}. Check first the receiver and its settings; "
                f"`claude-uptime deliveries list --state dead --notifier {notifier_of(name)}` "
                "shows what is missing, `deliveries retry` sends it again."
            ),
        )
        envelopes = tuple(each for each in self._audience.envelopes(event) if each.notifier != name)
        self._change(Change(postings=(Posting(event=event, envelopes=envelopes),)))
