from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.cron import moment, parse

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # sets its clocks by half an hour
KIRITIMATI = ZoneInfo("Pacific/Kiritimati")


def starts(text: str, since: str, until: str, zone: ZoneInfo = BERLIN) -> list[str]:
    """The beginnings in UTC, as `03-29 01:00`."""
    found = parse(text).starts(
        datetime.fromisoformat(since).replace(tzinfo=UTC),
        datetime.fromisoformat(until).replace(tzinfo=UTC),
        zone,
    )
    return [f"{start:%m-%d %H:%M}" for start in found]


@pytest.mark.parametrize(
    ("text", "since", "until", "found"),
    [
        pytest.param("0 2 * * SUN", "2026-06-01", "2026-06-15", ["06-07 00:00", "06-14 00:00"],
                     id="a weekday by name"),
        pytest.param("0 2 * * 0", "2026-06-01", "2026-06-08", ["06-07 00:00"], id="Sunday is 0"),
        pytest.param("0 2 * * 7", "2026-06-01", "2026-06-08", ["06-07 00:00"], id="and 7"),
        pytest.param("0 2 * * 1", "2026-06-01", "2026-06-08", ["06-01 00:00"], id="Monday is 1"),
        pytest.param("30 22 1 * *", "2026-06-01", "2026-08-01", ["06-01 20:30", "07-01 20:30"],
                     id="a day of the month"),
        pytest.param("0 2 29 feb *", "2026-01-01", "2028-12-01", ["02-29 01:00"], id="a leap day"),
        pytest.param("0 2 1 * mon", "2026-06-01", "2026-06-16",
                     ["06-01 00:00", "06-08 00:00", "06-15 00:00"], id="a day of either kind"),
        pytest.param("0 2 */10 * mon", "2026-06-01", "2026-06-30", ["06-01 00:00"],
                     id="both, where one begins with a star"),
        pytest.param("0 8-18/5 * * mon-tue", "2026-06-01", "2026-06-03",
                     ["06-01 06:00", "06-01 11:00", "06-01 16:00",
                      "06-02 06:00", "06-02 11:00", "06-02 16:00"], id="ranges and steps"),
        pytest.param("5,35 0 15/20 6 *", "2026-06-01", "2026-07-01", ["06-14 22:05", "06-14 22:35"],
                     id="lists, and a step from a number on"),
        pytest.param("0 2 * * *", "2026-06-01T00:00", "2026-06-02T00:00", ["06-01 00:00"],
                     id="from the start on, and before the end"),
    ],
)  # fmt: skip
def test_when_it_begins(text: str, since: str, until: str, found: list[str]) -> None:
    assert starts(text, since, until) == found


@pytest.mark.parametrize(
    ("text", "zone", "since", "found"),
    [
        pytest.param("0 2 * * *", BERLIN, "2026-03-28",
                     ["03-28 01:00", "03-29 01:00", "03-30 00:00"],
                     id="Berlin in spring: 02:00 is leapt over, and 03:00 is that moment"),
        pytest.param("30 2 * * *", BERLIN, "2026-03-28",
                     ["03-28 01:30", "03-29 01:00", "03-30 00:30"],
                     id="Berlin in spring: 02:30 as well"),
        pytest.param("30 2 * * *", BERLIN, "2026-10-24",
                     ["10-24 00:30", "10-25 00:30", "10-26 01:30"],
                     id="Berlin in autumn: the first 02:30 of two"),
        pytest.param("30 2 * * *", NEW_YORK, "2026-03-07",
                     ["03-07 07:30", "03-08 07:00", "03-09 06:30"],
                     id="New York in spring"),
        pytest.param("30 1 * * *", NEW_YORK, "2026-10-31",
                     ["10-31 05:30", "11-01 05:30", "11-02 06:30"],
                     id="New York in autumn: the first 01:30 of two"),
        pytest.param("15 2 * * *", LORD_HOWE, "2026-10-02",
                     ["10-02 15:45", "10-03 15:30", "10-04 15:15"],
                     id="Lord Howe in spring: half an hour is leapt over"),
        pytest.param("45 1 * * *", LORD_HOWE, "2026-04-03",
                     ["04-03 14:45", "04-04 14:45", "04-05 15:15"],
                     id="Lord Howe in autumn: the first 01:45 of two"),
        pytest.param("0 2 * * *", KIRITIMATI, "2026-03-28",
                     ["03-28 12:00", "03-29 12:00", "03-30 12:00"], id="a day ahead of UTC"),
    ],
)  # fmt: skip
def test_when_it_begins_where_the_clocks_are_set(
    text: str, zone: ZoneInfo, since: str, found: list[str]
) -> None:
    until = (datetime.fromisoformat(since) + timedelta(days=3)).isoformat()
    assert starts(text, since, until, zone) == found


@pytest.mark.parametrize(
    "zone", [BERLIN, NEW_YORK, LORD_HOWE, KIRITIMATI], ids=lambda zone: zone.key
)
@given(number=st.integers(0, 365 * 96))
def test_every_day_of_a_year_has_each_time_once(zone: ZoneInfo, number: int) -> None:
    """And what the clock shows then is that time, or the first that it shows after a leap."""
    wall = datetime(2026, 1, 1) + number * timedelta(minutes=15)  # noqa: DTZ001  # of a wall clock
    shown = moment(wall, zone).astimezone(zone).replace(tzinfo=None)
    assert timedelta() <= shown - wall <= timedelta(hours=1)
    before = (moment(wall, zone) - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None)
    assert before < wall


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 2 * *", "five fields"),
        ("@weekly", "five fields"),
        ("60 2 * * *", "minute: '60' is not from 0 to 59"),
        ("0 24 * * *", "hour: '24' is not from 0 to 23"),
        ("0 2 0 * *", "day of the month: '0' is not from 1 to 31"),
        ("0 2 * 13 *", "month: '13'"),
        ("0 2 * * sunday", "day of the week: 'sunday'"),
        ("0 2 * * -1", "day of the week: ''"),
        ("0 5-2 * * *", "ends before it begins"),
        ("0 */0 * * *", "no step from 1 to 23"),
        ("0 */x * * *", "no step"),
        ("0 2,, * * *", "hour: ''"),
        ("0 ² * * *", "hour"),
        ("0 " + "9" * 90 + " * * *", "hour"),
        ("* 2 * * *", "begins 60 times a day; 24 is the most"),
        ("0 2 31 2,4 *", "no such day"),
    ],
)  # fmt: skip
def test_what_is_no_expression_is_told_why(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("(", r"\(")):
        parse(text)
