from __future__ import annotations

from datetime import datetime, timedelta

from structlog.testing import capture_logs

from monitor.app.calendar import Calendar
from monitor.config.maintenance import MaintenanceSpec
from monitor.core.plan import Window
from monitor.storage.mutes import Mute
from tests.factories import NOON, an_incident

API = an_incident("api")
BOTH = an_incident("api", "console")
DAILY = MaintenanceSpec.model_validate(
    {"cron": "30 12 * * *", "duration": "1h", "components": ["api"]}
)


def hours(number: float) -> datetime:
    return NOON + timedelta(hours=number)


def a_mute(component: str = "api") -> Mute:
    return Mute(component=component, reason="x", author="ann", starts_at=NOON, ends_at=hours(2))


def test_a_daily_window_is_found_again_on_every_day() -> None:
    calendar = Calendar([DAILY])
    assert not calendar.quiet(API, hours(0.4))
    for day in range(5):
        assert calendar.quiet(API, hours(24 * day + 0.5))
        assert not calendar.quiet(API, hours(24 * day + 1.5))


def test_a_wall_clock_that_is_set_back_finds_the_window_too() -> None:
    calendar = Calendar([DAILY])
    assert not calendar.quiet(API, hours(48))
    assert calendar.quiet(API, hours(1))


def test_windows_are_worked_out_once_an_hour() -> None:
    calendar = Calendar([DAILY])
    first = calendar.maintenance(NOON)
    assert calendar.maintenance(hours(0.9))[0] is first[0]
    assert calendar.maintenance(hours(1))[0] is not first[0]


def test_an_incident_is_quiet_only_if_all_that_it_touches_is() -> None:
    calendar = Calendar([])
    calendar.muted([a_mute()])
    assert calendar.quiet(API, NOON)
    assert not calendar.quiet(BOTH, NOON)
    calendar.announced([Window(starts=NOON, ends=hours(1), components=("console",))])
    assert calendar.quiet(BOTH, NOON)
    assert not calendar.quiet(BOTH, hours(1))


def test_a_mute_is_no_maintenance() -> None:
    """The state of the component goes on being told as it is."""
    calendar = Calendar([])
    calendar.muted([a_mute()])
    assert calendar.maintenance(NOON) == ()
    assert calendar.mutes(NOON) == (a_mute(),)
    assert calendar.mutes(hours(2)) == ()


def test_a_mute_that_comes_or_goes_is_logged_once() -> None:
    calendar = Calendar([])
    with capture_logs() as logs:
        for mutes in ([a_mute()], [a_mute()], [a_mute(), a_mute("console")], []):
            calendar.muted(mutes)
    told = sorted((line["event"], line["component"]) for line in logs)
    assert told == [
        ("component.muted", "api"),
        ("component.muted", "console"),
        ("component.unmuted", "api"),
        ("component.unmuted", "console"),
    ]
