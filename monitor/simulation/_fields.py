"""The small types that a scenario's words become, with errors that say what was meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from monitor.spec import Spec, parse_duration

_TIME_OF_DAY = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?")


def nearest(word: str, known: Iterable[str]) -> str:
    """A remark that names the closest of `known`, or lists them all; ready to append."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else f"known are: {', '.join(names)}"


def one_of(what: str, known: Iterable[str]) -> Callable[[Any], Any]:
    """A validator that takes only the words of `known`; `what` names them in the error."""
    names = frozenset(known)

    def check(value: Any) -> Any:
        if not isinstance(value, str) or value not in names:
            msg = f"unknown {what} '{value}'; {nearest(str(value), names)}"
            raise ValueError(msg)
        return str(value)

    return check


class Word:
    """Marks a text that is one of some known words."""

    def __init__(self, what: str, known: Iterable[str]) -> None:
        """`known` are the words; `what` names them in the error."""
        self._what = what
        self._known = tuple(known)

    def __get_pydantic_core_schema__(
        self, _source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """A text that is checked."""
        check = one_of(self._what, self._known)
        return core_schema.no_info_before_validator_function(check, handler(str))

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The list of the words."""
        return {"type": "string", "enum": list(self._known)}


class OneOrMore:
    """Marks a tuple of which one may stand alone: one word is a list of one."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """What the tuple takes, and a single text."""
        return core_schema.no_info_before_validator_function(_several, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """A list, or one of its items."""
        found = handler(schema)
        return {"anyOf": [found["items"], found]}


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class Closed(Spec):
    """A part of a scenario: an unknown key is an error that names the nearest known one."""

    @model_validator(mode="before")
    @classmethod
    def _know_every_key(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        known = [field.alias or name for name, field in cls.model_fields.items()]
        for key in data:
            if key not in known:
                kind, text = "unknown_key", "unknown key '{key}'; {remark}"
                context = {"key": str(key), "remark": nearest(str(key), known)}
                raise PydanticCustomError(kind, text, context)
        return data


def parse_moment(value: Any, start: datetime | None) -> datetime:
    """UTC of a full date and time, of a time of day, or of `+4m` after `start`.

    A time of day is the first one at or after `start`.

    Raises:
        ValueError: it is no moment, has no time zone, or needs a `start` that is not known.
    """
    if isinstance(value, datetime):
        found = value
    elif not isinstance(value, str):
        msg = f"{value!r} is no moment; write 2026-04-28T17:34:00Z, 17:34 or +4m"
        raise ValueError(msg)  # noqa: TRY004  # pydantic turns ValueError into an error with a place
    elif start is not None and value.startswith("+"):
        found = start + timedelta(seconds=parse_duration(value[1:]))
    elif start is not None and _TIME_OF_DAY.fullmatch(value):
        found = datetime.combine(start.date(), _time_of_day(value), tzinfo=UTC)
        found += timedelta(days=1) if found < start else timedelta()
    else:
        found = _date_and_time(value)
    if found.tzinfo is None:
        msg = f"{value!r} has no time zone; end it with Z for UTC"
        raise ValueError(msg)
    return found.astimezone(UTC)


def _time_of_day(value: str) -> time:
    """A time of day, of one or two digits for the hour."""
    hour, _, rest = value.partition(":")
    try:
        return time.fromisoformat(f"{hour:0>2}:{rest}")
    except ValueError:
        msg = f"{value!r} is no time of day; write it like 17:34 or 17:34:30"
        raise ValueError(msg) from None


def _date_and_time(value: str) -> datetime:
    """A full date and time."""
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        msg = f"{value!r} is no moment; write 2026-04-28T17:34:00Z, 17:34 or +4m"
        raise ValueError(msg) from None


def _moment(value: Any, info: ValidationInfo) -> datetime:
    """A moment, with the scenario's start from the validation context."""
    context: Any = info.context
    return parse_moment(value, context.get("start") if isinstance(context, dict) else None)


Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "examples": ["2026-04-28T17:34:00Z", "17:34:30", "+4m"]}),
]
"""A moment, UTC: a full date and time, a time of day, or `+4m` after the scenario's start."""
