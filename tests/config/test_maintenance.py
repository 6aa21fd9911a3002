from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from monitor.config.maintenance import MaintenanceSpec, windows
from monitor.core.plan import Window


def a_spec(**settings: object) -> MaintenanceSpec:
    return MaintenanceSpec.model_validate(settings)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


ONCE = a_spec(starts="2026-12-01T02:00:00Z", ends="2026-12-01T04:00:00+01:00")
WEEKLY = a_spec(
    cron="0 2 * * SUN",
    duration="2h",
    timezone="Europe/Berlin",
    components=["console"],
    reason="patches",
)


def test_a_window_is_read_in_any_zone() -> None:
    (window,) = ONCE.windows(at("2026-01-01"), at("2026-01-02"))
    assert (window.ends - window.starts).total_seconds() == 3600
    assert window.components == ()


def test_a_window_with_a_wrong_start_is_one_error() -> None:
    with pytest.raises(ValidationError) as caught:
        a_spec(starts="soon", ends="2026-12-01T04:00:00Z")
    assert caught.value.error_count() == 1


def test_a_weekly_window_lasts_as_long_as_it_should_where_the_clocks_are_set() -> None:
    """In spring 02:00 does not exist in Berlin: the window begins with the leap, two hours long."""
    found = windows([WEEKLY], at("2026-03-23"), at("2026-04-06"))
    assert found == (
        Window(
            starts=at("2026-03-29T01:00"),
            ends=at("2026-03-29T03:00"),
            components=("console",),
            reason="patches",
        ),
        Window(
            starts=at("2026-04-05T00:00"),
            ends=at("2026-04-05T02:00"),
            components=("console",),
            reason="patches",
        ),
    )


def test_a_window_that_has_begun_is_still_one() -> None:
    (window,) = windows([WEEKLY], at("2026-06-07T01:59"), at("2026-06-07T02:00"))
    assert window.covers("console", at("2026-06-07T01:59"))
    assert not window.covers("console", at("2026-06-07T02:00"))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "starts and ends"),
        ({"starts": "2026-12-01T02:00:00Z"}, "starts and ends"),
        ({"cron": "0 2 * * *"}, "cron and duration"),
        (
            {"starts": "2026-12-01T02:00:00Z", "ends": "2026-12-02T02:00:00Z", "duration": "1h"},
            "cron and duration",
        ),
        ({"cron": "0 25 * * *", "duration": "1h"}, "hour: '25'"),
        ({"cron": "0 2 * * *", "duration": "1h", "timezone": "Mars/Olympus"}, "no time zone"),
        ({"cron": "0 2 * * *", "duration": "1h", "timezone": "../../etc/passwd"}, "no time zone"),
        ({"cron": "0 2 * * *", "duration": "8d"}, "less than or equal"),
        ({"starts": "2026-12-02T02:00:00Z", "ends": "2026-12-01T02:00:00Z"}, "ends after"),
    ],
    ids=str,
)
def test_what_is_no_window_is_told_why(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        a_spec(**settings)


def test_windows_in_words() -> None:
    assert ONCE.in_words().startswith("2026-12-01 02:00 UTC to 2026-12-01 04:00 +01:00: all")
    assert WEEKLY.in_words() == "0 2 * * SUN (Europe/Berlin) for 2h: console"
