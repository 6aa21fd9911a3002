"""Who hears of an event: the enabled notifiers whose route wants it, each in its kind's words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from monitor.core.incident import Event, EventType, Incident, Reason
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
    ) -> None:
        """`notifiers` are all of the config; the disabled ones are left out here."""
        self._enabled = tuple(
            (kind, spec) for kind, spec in notifiers if kind.disabled(spec) is None
        )
        self._wording = wording
        self._quiet = quiet

    def envelopes(self, event: Event) -> tuple[Envelope, ...]:
        """One envelope for each notifier that has a word for it and may have to hear it.

        In the order of the config. A notifier is not told that nothing reaches it.
        """
        quiet = event.incident is not None and self._quiet(event.incident, event.at)
        return tuple(
            Envelope(notifier=spec.name, body=body, told=meant)
            for kind, spec in self._enabled
            if event.subject != f"notifier/{spec.name}"
            and (meant := meant_for(spec.route, event, quiet=quiet)) is not None
            and (body := kind.envelope(spec, event, self._wording))
        )

    def overdue(
        self, incident: Incident, told: Mapping[str, LastTold], now: datetime, describe: Describe
    ) -> Iterator[Posting]:
        """What has to be said of an incident that lasts because time has passed.

        Args:
            incident: its version of now.
            told: by notifier, the last delivery of it; absent where there is none.
            now: wall time.
            describe: makes the sentence.
        """
        quiet = self._quiet(incident, now)
        for kind, spec in self._enabled:
            last = told.get(spec.name, NEVER)
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
                envelope = Envelope(notifier=spec.name, body=body, told=last.told)
                yield Posting(event=event, envelopes=(envelope,), optional=True)


def _event_id(incident: Incident, what: EventType, slot: datetime | None) -> str:
    """The same for one occasion, so that who is told twice of it is told once."""
    if what is EventType.REMINDER and slot is not None:
        return f"{incident.id}-reminder-{int(slot.timestamp())}"
    return f"{incident.id}-late-{incident.sequence}"
