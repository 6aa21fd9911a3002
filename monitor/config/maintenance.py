"""Planned work: windows that come once, and windows that come again and again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AwareDatetime, Field, field_validator, model_validator
from pydantic_core.core_schema import ValidationInfo

from monitor.core import cron
from monitor.core.plan import Window
from monitor.spec import Duration, Spec, format_duration

DURATION_MAX = 7 * 86_400.0
"""Seconds: longer than a week is no window."""


class MaintenanceSpec(Spec):
    """A window of planned work, in which nothing is announced: once, or by cron."""

    starts: AwareDatetime | None = None
    """Begin, as 2026-04-28T17:00:00Z."""
    ends: AwareDatetime | None = None
    """End; not part of it."""
    cron: str | None = Field(default=None, max_length=100)
    """When it begins, again and again: `0 2 * * SUN` (minute hour day month weekday)."""
    duration: Annotated[Duration, Field(gt=0, le=DURATION_MAX)] | None = None
    """How long it then lasts, at most a week."""
    timezone: str = Field(default="UTC", max_length=64)
    """Whose clock the cron expression means, as Europe/Berlin."""
    components: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")], ...] = ()
    """Which components; all when not given."""
    reason: str = Field(default="", max_length=200)
    """What is done."""

    @field_validator("ends")
    @classmethod
    def _ends_after_it_starts(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        starts = info.data.get("starts")
        if starts is not None and value is not None and value <= starts:
            msg = "a maintenance window ends after it starts"
            raise ValueError(msg)
        return value

    @field_validator("cron")
    @classmethod
    def _is_an_expression(cls, value: str | None) -> str | None:
        if value is not None:
            cron.parse(value)
        return value

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            msg = f"{value!r} is no time zone; write it like Europe/Berlin"
            raise ValueError(msg) from None
        return value

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        once = (self.starts is not None, self.ends is not None)
        again = (self.cron is not None, self.duration is not None)
        if (once, again) not in (((True, True), (False, False)), ((False, False), (True, True))):
            msg = "a window has starts and ends (once), or cron and duration (again and again)"
            raise ValueError(msg)
        return self

    def windows(self, since: datetime, until: datetime) -> Iterator[Window]:
        """Its windows; of those that come again, what touches the time from `since` to `until`."""
        if self.starts is not None and self.ends is not None:
            yield self._window(self.starts, self.ends)
        if self.cron is not None and self.duration is not None:
            lasts = timedelta(seconds=self.duration)
            begins = cron.parse(self.cron).starts(since - lasts, until, ZoneInfo(self.timezone))
            yield from (self._window(start, start + lasts) for start in begins)

    def _window(self, starts: datetime, ends: datetime) -> Window:
        return Window(starts=starts, ends=ends, components=self.components, reason=self.reason)

    def in_words(self) -> str:
        """When it is, for people."""
        what = ", ".join(self.components) or "all components"
        if self.starts is not None and self.ends is not None:
            return f"{self.starts:%Y-%m-%d %H:%M %Z} to {self.ends:%Y-%m-%d %H:%M %Z}: {what}"
        lasts = format_duration(self.duration or 0.0)
        return f"{self.cron} ({self.timezone}) for {lasts}: {what}"


def windows(
    specs: Iterable[MaintenanceSpec], since: datetime, until: datetime
) -> tuple[Window, ...]:
    """The windows of a configuration that matter from `since` until `until`."""
    return tuple(window for spec in specs for window in spec.windows(since, until))
