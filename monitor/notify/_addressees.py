"""Who hears of an event: the enabled notifiers whose route wants it, each in its kind's words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from monitor.core.incident import Event, EventType, Incident, Reason
from monitor.delivery import lane_of
from monitor.notify._base import AnyKind, NotifierSpec, Wording
from monitor.notify._routing import NEVER, due, meant_for, reminder_slot
from monitor.pipeline import Envelope, LastTold, Posting

Quiet = Callable[[Incident, datetime], bool]
"""(incident, moment) to whether all it touches is muted or under maintenance."""

Describe = Callable[[EventType, Incident], str]
"""The sentence for an event about an incident."""


class Addressees:
    """The notifiers of a config, as the pipeline's `Audience`."""

    def __init__(
        self,
        notifiers: Iterable[tuple[AnyKind, NotifierSpec]],
        wording: Wording,
        quiet: Quiet = lambda _incident, _at: False,
        salt: bytes = b"",
    ) -> None:
        """`notifiers` are all of the config; the disabled ones are left out. `salt`: for places."""
        self._enabled = tuple(
            (kind, spec, tuple(lane_of(spec.name, place) for place in kind.places(spec, salt)))
            for kind, spec in notifiers
            if kind.disabled(spec) is None
        )
        self._wording = wording
        self._quiet = quiet

    def envelopes(self, event: Event) -> tuple[Envelope, ...]:
        """One envelope for each place of each notifier that has a word for it and may hear it.

        In the order of the config. A notifier with one place is not told that nothing reaches it;
        of several the others are.
        """
        quiet = event.incident is not None and self._quiet(event.incident, event.at)
        return tuple(
            Envelope(notifier=lane, body=body, told=meant)
            for kind, spec, lanes in self._enabled
            for lane in lanes
            if (event.subject != f"notifier/{spec.name}" or len(lanes) > 1)
            and (meant := meant_for(spec.route, event, quiet=quiet)) is not None
            and (body := kind.envelope(spec, event, self._wording))
        )

    def overdue(
        self, incident: Incident, told: Mapping[str, LastTold], now: datetime, describe: Describe
    ) -> Iterator[Posting]:
        """What has to be said of an incident that lasts because time has passed.

        Args:
            incident: its version of now.
            told: by notifier and place, the last delivery of it; absent where there is none. One to
                a notifier without a place counts for all of its places.
            now: wall time.
            describe: makes the sentence.
        """
        quiet = self._quiet(incident, now)
        every = [(kind, spec, lane) for kind, spec, lanes in self._enabled for lane in lanes]
        for kind, spec, lane in every:
            last = told.get(lane) or told.get(spec.name, NEVER)
            what = due(spec.route, incident, last, now, quiet=quiet)
            if what is None:
                continue
            event = Event(
                id=_event_id(incident, what, reminder_slot(spec.route, incident, now)),
                type=what,
                at=now,
                vantage=incident.vantage,
                summary=describe(what, incident),
                reason=Reason.REMINDER if what is EventType.REMINDER else incident.reason,
                incident=incident,
            )
            body = kind.envelope(spec, event, self._wording)
            if body:
                envelope = Envelope(notifier=lane, body=body, told=last.told)
                yield Posting(event=event, envelopes=(envelope,), optional=True)


def _event_id(incident: Incident, what: EventType, slot: datetime | None) -> str:
    """The same for one occasion, so that who is told twice of it is told once."""
    if what is EventType.REMINDER and slot is not None:
        return f"{incident.id}-reminder-{int(slot.timestamp())}"
    return f"{incident.id}-late-{incident.sequence}"
