from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from pydantic import ValidationError

from monitor.core.incident import Event, EventType, Incident, IncidentPhase, SeverityLevel
from monitor.notify._routing import NEVER, RouteSpec, due, meant_for, reminder_slot
from monitor.pipeline import LastTold, Told
from tests.factories import NOON, an_event, an_incident

MINOR, MAJOR, CRITICAL = SeverityLevel
API = an_incident("api", opened_at=NOON)
BOTH = an_incident("api", "console", opened_at=NOON)
WORSE = replace(API, severity=CRITICAL)


def a_route(**settings: object) -> RouteSpec:
    return RouteSpec.model_validate(settings)


def minutes(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


PAGE = a_route(after="5m")
CRITICALS = a_route(severity="critical")
CONSOLE = a_route(components=["console"])
BARE = a_route(events=["incident.opened", "incident.reopened", "incident.closed"])
SELF = a_route(events=["monitor.blind"])


# ---------------------------------------------------------------- as it is decided


@pytest.mark.parametrize(
    ("route", "event", "quiet", "told"),
    [
        pytest.param(a_route(), EventType.OPENED, False, Told.NOTHING, id="all hear of an opening"),
        pytest.param(a_route(), EventType.OPENED, True, None, id="not while it is muted"),
        pytest.param(a_route(), EventType.UPDATED, False, Told.OPEN, id="news for who was told"),
        pytest.param(a_route(), EventType.UPDATED, True, None, id="no news while it is muted"),
        pytest.param(a_route(), EventType.RECOVERING, False, Told.OPEN, id="recovering, the same"),
        pytest.param(a_route(), EventType.CLOSED, False, Told.OPEN, id="the close for the told"),
        pytest.param(a_route(), EventType.CLOSED, True, Told.OPEN, id="the close even when muted"),
        pytest.param(a_route(), EventType.REOPENED, False, Told.CLOSED, id="again, for the told"),
        pytest.param(a_route(), EventType.REOPENED, True, None, id="not again while muted"),
        pytest.param(a_route(), EventType.REMINDER, False, None, id="no reminders by default"),
        pytest.param(a_route(reminders="4h"), EventType.REMINDER, False, Told.OPEN, id="reminded"),
        pytest.param(PAGE, EventType.OPENED, False, None, id="too young to page"),
        pytest.param(PAGE, EventType.CLOSED, False, Told.OPEN, id="a page is closed at once"),
        pytest.param(
            PAGE, EventType.REOPENED, False, Told.CLOSED, id="a page is re-opened at once"
        ),
        pytest.param(CRITICALS, EventType.OPENED, False, None, id="not bad enough"),
        pytest.param(CRITICALS, EventType.UPDATED, False, Told.OPEN, id="but told, it stays told"),
        pytest.param(CONSOLE, EventType.OPENED, False, None, id="another component"),
        pytest.param(CONSOLE, EventType.CLOSED, False, Told.OPEN, id="its close, if it was told"),
        pytest.param(BARE, EventType.UPDATED, False, None, id="a type that nobody asked for"),
        pytest.param(BARE, EventType.CLOSED, False, Told.OPEN, id="a type that was asked for"),
        pytest.param(SELF, EventType.OPENED, False, None, id="only the monitor itself"),
    ],
)
def test_for_whom_an_event_is_meant(
    route: RouteSpec, event: EventType, *, quiet: bool, told: Told | None
) -> None:
    assert meant_for(route, an_event(event, API), quiet=quiet) is told


@pytest.mark.parametrize(
    ("route", "told"),
    [(a_route(), Told.WHATEVER), (SELF, Told.WHATEVER), (BARE, None), (PAGE, Told.WHATEVER)],
    ids=["everything", "that type", "other types", "however soon"],
)
def test_what_the_monitor_says_of_itself_is_chosen_by_type_alone(
    route: RouteSpec, told: Told | None
) -> None:
    event = replace(an_event(EventType.BLIND), incident=None, subject="network")
    assert meant_for(route, event, quiet=False) is told


def test_an_opening_that_is_bad_and_old_enough_is_told_at_once() -> None:
    def opened(incident: Incident) -> Event:
        return an_event(EventType.OPENED, incident)

    assert meant_for(CRITICALS, opened(WORSE), quiet=False) is Told.NOTHING
    assert meant_for(CONSOLE, opened(BOTH), quiet=False) is Told.NOTHING
    late = replace(opened(API), at=minutes(5))
    assert meant_for(PAGE, late, quiet=False) is Told.NOTHING


# ---------------------------------------------------------------- as time passes

OPEN = LastTold(told=Told.OPEN, at=NOON, waiting=False)
CLOSED = LastTold(told=Told.CLOSED, at=NOON, waiting=False)
HOURLY = a_route(reminders="1h")


@pytest.mark.parametrize(
    ("route", "incident", "last", "at", "quiet", "what"),
    [
        pytest.param(PAGE, API, NEVER, 4.9, False, None, id="not old enough"),
        pytest.param(PAGE, API, NEVER, 5, False, EventType.OPENED, id="old enough"),
        pytest.param(PAGE, API, NEVER, 50, True, None, id="old enough, and muted"),
        pytest.param(PAGE, API, OPEN, 50, False, None, id="told already"),
        pytest.param(a_route(), API, NEVER, 50, False, EventType.OPENED, id="a mute has ended"),
        pytest.param(a_route(), API, CLOSED, 50, False, EventType.REOPENED, id="told the close"),
        pytest.param(CRITICALS, API, NEVER, 50, False, None, id="not bad enough"),
        pytest.param(CRITICALS, WORSE, NEVER, 1, False, EventType.OPENED, id="bad enough now"),
        pytest.param(CONSOLE, API, NEVER, 50, False, None, id="another component"),
        pytest.param(CONSOLE, BOTH, NEVER, 50, False, EventType.OPENED, id="it has joined"),
        pytest.param(SELF, API, NEVER, 50, False, None, id="does not hear of incidents"),
        pytest.param(SELF, API, CLOSED, 50, False, None, id="nor of one that comes back"),
        pytest.param(HOURLY, API, OPEN, 59, False, None, id="no reminder yet"),
        pytest.param(HOURLY, API, OPEN, 60, False, EventType.REMINDER, id="a reminder"),
        pytest.param(HOURLY, API, OPEN, 60, True, None, id="no reminder while muted"),
        pytest.param(a_route(), API, OPEN, 600, False, None, id="nobody asked for reminders"),
        pytest.param(
            HOURLY,
            API,
            replace(OPEN, at=minutes(31)),
            60,
            False,
            None,
            id="something was just said",
        ),
        pytest.param(HOURLY, API, replace(OPEN, at=minutes(61)), 119, False, None, id="one a slot"),
        pytest.param(
            HOURLY,
            API,
            replace(OPEN, at=minutes(61)),
            121,
            False,
            EventType.REMINDER,
            id="the next",
        ),
        pytest.param(
            HOURLY, API, replace(OPEN, waiting=True), 60, False, None, id="the last has not arrived"
        ),
        pytest.param(
            a_route(),
            replace(API, phase=IncidentPhase.RECOVERING),
            NEVER,
            50,
            False,
            None,
            id="it may be over",
        ),
        pytest.param(
            a_route(),
            API,
            LastTold(told=Told.WHATEVER, at=NOON, waiting=False),
            50,
            False,
            None,
            id="no incident",
        ),
    ],
)
def test_what_a_notifier_has_to_hear_because_time_has_passed(
    route: RouteSpec,
    incident: Incident,
    last: LastTold,
    at: float,
    *,
    quiet: bool,
    what: EventType | None,
) -> None:
    assert due(route, incident, last, minutes(at), quiet=quiet) is what


def test_reminders_come_on_a_grid_that_begins_with_the_opening() -> None:
    assert reminder_slot(HOURLY, API, minutes(119)) == minutes(60)
    assert reminder_slot(HOURLY, API, minutes(120)) == minutes(120)
    assert reminder_slot(HOURLY, API, minutes(-120)) is None  # the wall clock was set back


# ---------------------------------------------------------------- the settings


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"events": ["incident.opened"]}, "add incident.reopened, incident.closed"),
        ({"events": ["incident.updated"]}, "begin and end: add incident.opened"),
        ({"events": ["incident.open"]}, "Input should be"),
        ({"severity": "bad"}, "Input should be"),
        ({"reminders": "30s"}, "at most once a minute"),
        ({"after": "2d"}, "less than or equal"),
        ({"group_by": "x"}, "Extra inputs"),
    ],
    ids=str,
)
def test_a_route_that_tells_half_a_story_is_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        a_route(**settings)
