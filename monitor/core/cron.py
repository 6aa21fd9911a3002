"""Cron expressions as calendars understand them: when a repeated window begins.

Five fields: minute, hour, day of the month, month, day of the week; each `*`, a number, a range
`1-5`, a step `*/15` or `8-18/2`, or several with commas; months and weekdays also by their English
names' first three letters. As in cron, Sunday is 0 and 7, and where both kinds of day are given a
day of either kind fits. (A library would be at hand; APScheduler counts weekdays from Monday and
wants both kinds of day to fit.)

A time of day is one of the wall clock, which is set twice a year. A moment that the clock leaps
over is the moment of the leap; one that comes twice is the first of the two. So every day that
fits has its window, and no day has it twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

STARTS_A_DAY_MAX = 24
"""Something that begins more often is no window but a state."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of an expression: its name, the numbers it may hold, and words for them."""

    name: str
    low: int
    high: int
    words: Mapping[str, int]


_FIELDS = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of the month", 1, 31, {}),
    _Field("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    _Field("day of the week", 0, 7, {name: number for number, name in enumerate(_WEEKDAYS)}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """A parsed expression: the numbers that fit each field; weekdays from 0, Sunday, to 6.

    `either`: both kinds of day are restricted, and a day of either kind fits.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    def fits(self, day: date) -> bool:
        """Whether it begins on this day."""
        of_month = day.day in self.days
        of_week = day.isoweekday() % 7 in self.weekdays
        days = (of_month or of_week) if self.either else (of_month and of_week)
        return day.month in self.months and days

    def starts(self, since: datetime, until: datetime, zone: tzinfo) -> Iterator[datetime]:
        """Its beginnings from `since` until before `until` (both aware), in UTC and in order.

        The days of `zone` are gone through one by one: keep the span to some weeks.
        """
        day = since.astimezone(zone).date() - timedelta(days=1)
        last = until.astimezone(zone).date() + timedelta(days=1)
        found: set[datetime] = set()
        while day <= last:
            if self.fits(day):
                found.update(
                    moment(datetime.combine(day, time(hour, minute)), zone)
                    for hour in self.hours
                    for minute in self.minutes
                )
            day += timedelta(days=1)
        yield from sorted(start for start in found if since <= start < until)


def moment(wall: datetime, zone: tzinfo) -> datetime:
    """When the clocks of `zone` first show `wall` (naive), or when they leap over it; in UTC."""
    early = wall.replace(tzinfo=zone, fold=0)
    late = wall.replace(tzinfo=zone, fold=1)
    before, after = early.utcoffset() or timedelta(), late.utcoffset() or timedelta()
    found = early.astimezone(UTC)
    if after <= before:  # no leap here: the same offset, or an hour that comes twice
        return found
    return _leap(found - (after - before), found, zone)


def _leap(low: datetime, high: datetime, zone: tzinfo) -> datetime:
    """The first moment after `low` (and not after `high`) with the offset that `high` has."""
    offset = high.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return high.replace(microsecond=0)


def parse(text: str) -> Cron:
    """The expression in `text`.

    Raises:
        ValueError: it is none, begins too often, or can never begin; one line.
    """
    parts = text.split()
    if len(parts) != len(_FIELDS):
        msg = "a cron expression has five fields, as 0 2 * * SUN (minute hour day month weekday)"
        raise ValueError(msg)
    values = [_values(part, field) for part, field in zip(parts, _FIELDS, strict=True)]
    minutes, hours, days, months, weekdays = values
    if len(minutes) * len(hours) > STARTS_A_DAY_MAX:
        msg = f"it begins {len(minutes) * len(hours)} times a day; {STARTS_A_DAY_MAX} is the most"
        raise ValueError(msg)
    restricted = not parts[2].startswith("*") and not parts[4].startswith("*")
    if parts[4].startswith("*") and all(min(days) > _longest(month) for month in months):
        msg = "there is no such day in any of these months"
        raise ValueError(msg)
    return Cron(
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=frozenset(number % 7 for number in weekdays),
        either=restricted,
    )


def _longest(month: int) -> int:
    """How many days a month has at most."""
    following = date(2024, month, 28) + timedelta(days=4)  # a leap year
    return (following - timedelta(days=following.day)).day


def _values(text: str, field: _Field) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        if slash and (not step.isascii() or not step.isdigit() or not 0 < int(step) <= field.high):
            msg = f"{field.name}: {part[:20]!r} has no step from 1 to {field.high}"
            raise ValueError(msg)
        first, last = _span(span, field, open_end=bool(slash))
        found.update(range(first, last + 1, int(step or 1)))
    return frozenset(found)


def _span(text: str, field: _Field, *, open_end: bool) -> tuple[int, int]:
    if text == "*":
        return field.low, field.high
    first, dash, last = text.partition("-")
    begin = _number(first, field)
    if not dash:
        return begin, field.high if open_end else begin
    end = _number(last, field)
    if end < begin:
        msg = f"{field.name}: {text[:20]!r} ends before it begins"
        raise ValueError(msg)
    return begin, end


def _number(text: str, field: _Field) -> int:
    word = field.words.get(text.lower())
    if word is not None:
        return word
    if text.isascii() and text.isdigit() and field.low <= int(text[:4]) <= field.high:
        return int(text)
    msg = f"{field.name}: {text[:20]!r} is not from {field.low} to {field.high}"
    raise ValueError(msg)
