"""The story of an incident in order of time: what is estimated, what was decided, what was told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from monitor.core.incident import Event, Incident, Interval, Reason

IMPACT_BEGAN = "impact_began"
FIRST_BAD_RUN = "first_bad_run"
IMPACT_ENDED = "impact_ended"
PROVIDER_POSTED = "provider_posted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the story.

    Attributes:
        at: when it happened, or is estimated to have.
        what: in one word: one of the words above, a `Happening`, or the last part of an event's
            type where something was announced.
        text: for people.
        reason: why, where it was a decision.
        component: whom it is about; None for the incident as a whole.
        told: an event went out about it.
    """

    at: datetime
    what: str
    text: str
    reason: Reason | None = None
    component: str | None = None
    told: bool = False


def story(incident: Incident, events: Iterable[Event]) -> tuple[Line, ...]:
    """All that is known of `incident`, oldest first; `events` are those about it.

    What was decided stands where it was decided, before what was told of it. When the impact began
    and ended, and what the vendor said, stand where they belong.
    """
    lines = [*_known(incident), *_decided(incident), *_told(events)]
    return tuple(sorted(lines, key=lambda line: line.at))


def _known(incident: Incident) -> Iterator[Line]:
    """What no decision tells at its moment."""
    text = f"the impact began, as estimated{_between(incident.started_between)}"
    yield Line(at=incident.started_at, what=IMPACT_BEGAN, text=text)
    if incident.evidence.samples:
        first = min(incident.evidence.samples, key=lambda sample: sample.at)
        text = f"first bad run: {first.probe}, {first.outcome}: {first.reason}"
        yield Line(at=first.at, what=FIRST_BAD_RUN, text=text)
    note = incident.provider
    if note is not None and note.posted_at is not None:
        page = f": {note.incident_url}" if note.incident_url else ""
        yield Line(
            at=note.posted_at, what=PROVIDER_POSTED, text=f"the vendor's page speaks of it{page}"
        )
    if incident.recovered_at is not None:
        text = f"the impact ended, as estimated{_between(incident.recovered_between)}"
        yield Line(at=incident.recovered_at, what=IMPACT_ENDED, text=text)


def _decided(incident: Incident) -> Iterator[Line]:
    for note in incident.timeline:
        yield Line(
            at=note.at,
            what=note.what.value,
            text=note.sentence,
            reason=note.reason,
            component=note.component,
        )


def _told(events: Iterable[Event]) -> Iterator[Line]:
    for event in events:
        yield Line(
            at=event.at,
            what=event.type.value.partition(".")[2],
            text=event.summary,
            reason=event.reason,
            told=True,
        )


def _between(interval: Interval | None) -> str:
    if interval is None:
        return ""
    return f", between {interval.earliest:%H:%M:%S} and {interval.latest:%H:%M:%S}"
