"""Which notifier hears of what, and when: the decisions, pure.

An incident groups what belongs together; a route only says who hears of it. Two functions decide,
and both rest on what the outbox says a notifier was last told (`Told`), never on memory:

* `meant_for`: for whom an event is meant at the moment when it is decided.
* `due`: what a notifier has to hear of an incident that lasts, because time has passed: it has
  lasted long enough to page, it has become bad enough, a window of maintenance or a mute has ended
  (`incident.opened`, or `incident.reopened` to who was told a close), or it is time for a reminder.

So every notifier hears a story that is whole: opened, then (closed, reopened) any number of times,
then closed; whoever was not told of an opening hears nothing of the close.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

from pydantic import Field, field_validator

from monitor.core.incident import Event, EventType, Incident, IncidentPhase, SeverityLevel
from monitor.pipeline import LastTold, Told
from monitor.spec import Duration, Spec

TOGETHER = (EventType.OPENED, EventType.REOPENED, EventType.CLOSED)
"""Events of which a notifier hears all or none: a close without its open tells nobody anything."""

REMINDERS_MIN = 60.0
"""Seconds: a reminder that comes more often is noise."""


class RouteSpec(Spec):
    """What a notifier hears of; everything, at once, when nothing is said."""

    components: tuple[str, ...] = Field(default=(), max_length=50)
    """Incidents that touch one of these; all when not given."""
    severity: SeverityLevel = SeverityLevel.MINOR
    """Incidents at least this bad; one that becomes so later is told then."""
    events: tuple[EventType, ...] | None = Field(default=None, max_length=20)
    """Types of events; all when not given. Opened, reopened and closed go together."""
    after: Duration = Field(default=0.0, ge=0, le=86_400)
    """How long an incident must have lasted before it is told; its end then goes to the told."""
    reminders: Duration = Field(default=0.0, ge=0, le=7 * 86_400)
    """How often to be reminded of an incident that lasts; 0 for never."""

    @field_validator("events")
    @classmethod
    def _tells_whole_stories(
        cls, events: tuple[EventType, ...] | None
    ) -> tuple[EventType, ...] | None:
        wanted = [kind for kind in events or () if kind.value.startswith("incident.")]
        if wanted and (absent := [kind.value for kind in TOGETHER if kind not in wanted]):
            msg = f"who hears of incidents hears of their begin and end: add {', '.join(absent)}"
            raise ValueError(msg)
        return events

    @field_validator("reminders")
    @classmethod
    def _leaves_some_quiet(cls, reminders: float) -> float:
        if 0 < reminders < REMINDERS_MIN:
            msg = "reminders come at most once a minute; 0 switches them off"
            raise ValueError(msg)
        return reminders

    def wants(self, kind: EventType) -> bool:
        """Whether events of this type are sent at all; `reminders` alone chooses reminders."""
        if kind is EventType.REMINDER:
            return self.reminders > 0
        return self.events is None or kind in self.events

    def concerns(self, incident: Incident) -> bool:
        """Whether the incident is of its components and bad enough."""
        touched = not self.components or bool(set(self.components) & set(incident.names))
        return touched and _RANK[incident.severity] >= _RANK[self.severity]

    def since(self, incident: Incident) -> datetime:
        """From when on the incident has lasted long enough; what comes back has lasted."""
        return incident.opened_at + timedelta(seconds=self.after)


_RANK = {level: rank for rank, level in enumerate(SeverityLevel)}


def meant_for(route: RouteSpec, event: Event, *, quiet: bool) -> Told | None:
    """What a notifier must have been told last for `event` to be sent to it; None: it is not sent.

    `quiet`: every component of the incident is muted or under maintenance. That holds back all but
    the close of something announced.
    """
    incident = event.incident
    if not route.wants(event.type):
        return None
    if incident is None:
        return Told.WHATEVER
    if quiet and event.type is not EventType.CLOSED:
        return None
    told = _TO_WHOM.get(event.type, Told.OPEN)
    soon = event.at < route.since(incident) or not route.concerns(incident)
    return None if soon and told is Told.NOTHING else told


_TO_WHOM = {EventType.OPENED: Told.NOTHING, EventType.REOPENED: Told.CLOSED}

NEVER = LastTold(told=Told.NOTHING, at=datetime.min, waiting=False)  # noqa: DTZ901  # compared never


def due(
    route: RouteSpec, incident: Incident, last: LastTold, now: datetime, *, quiet: bool
) -> EventType | None:
    """What a notifier has to hear now of an incident that lasts; None: nothing.

    A recovering incident is not told to anyone new: it may be over.
    """
    if quiet or incident.phase is not IncidentPhase.OPEN:
        return None
    match last.told:
        case Told.NOTHING:
            told = route.wants(EventType.OPENED) and route.concerns(incident)
            return EventType.OPENED if told and now >= route.since(incident) else None
        case Told.CLOSED:
            return EventType.REOPENED if route.wants(EventType.REOPENED) else None
        case Told.OPEN:
            slot = reminder_slot(route, incident, now)
            half = timedelta(seconds=route.reminders / 2)
            fits = slot is not None and not last.waiting and slot - last.at >= half
            return EventType.REMINDER if fits else None
        case Told.WHATEVER:
            return None
        case _:
            assert_never(last.told)


def reminder_slot(route: RouteSpec, incident: Incident, now: datetime) -> datetime | None:
    """The moment of the last reminder that is due: every `reminders` from the opening on."""
    if route.reminders <= 0:
        return None
    passed = int((now - incident.opened_at).total_seconds() // route.reminders)
    if passed < 1:
        return None
    return incident.opened_at + timedelta(seconds=passed * route.reminders)
