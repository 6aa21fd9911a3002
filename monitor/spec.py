"""The base of every configured thing: closed, frozen models and the few types that text becomes.

Each adapter declares its own Spec beside its code; `config/schema.py` gathers them. Nothing here
reads a file or the environment.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, GetCoreSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, core_schema
from typing_extensions import override

DURATION_CHARS_MAX = 40
"""How long the text of a duration may be."""

DURATION_SECONDS_MAX = 10 * 365 * 86400.0
"""The longest duration that means anything here: ten years."""

_UNITS = {
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 7 * 86400.0,
    "y": 365 * 86400.0,
}
_DURATION = re.compile(
    r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?"
)
_DURATION_UNITS = ("y", "w", "d", "h", "m", "s", "ms")


class Spec(BaseModel):
    """A configured thing: unknown keys are errors, values do not change."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        arbitrary_types_allowed=False,
        use_attribute_docstrings=True,
    )


def parse_duration(value: Any) -> float:
    """Seconds of a Prometheus duration (`500ms`, `30s`, `1h30m`); `0` needs no unit.

    Raises:
        ValueError: it is no such duration.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        msg = "a duration is written like 500ms, 30s, 5m or 1d"
        raise ValueError(msg)  # noqa: TRY004  # pydantic turns ValueError into an error with a place
    if not isinstance(value, str):
        if value == 0:
            return 0.0
        msg = f"a duration needs a unit: {value:g}s?"
        raise ValueError(msg)
    text = value.strip()
    if text == "0":
        return 0.0
    match = _DURATION.fullmatch(text) if 0 < len(text) <= DURATION_CHARS_MAX else None
    if match is None:
        msg = f"{text[:DURATION_CHARS_MAX]!r} is no duration; write it like 500ms, 30s, 5m or 1d"
        raise ValueError(msg)
    seconds = sum(
        int(number) * _UNITS[unit]
        for number, unit in zip(match.groups(), _DURATION_UNITS, strict=True)
        if number
    )
    if seconds > DURATION_SECONDS_MAX:
        msg = f"{text!r} is longer than ten years"
        raise ValueError(msg)
    return seconds


def format_duration(seconds: float) -> str:
    """The shortest Prometheus duration for `seconds`: 90 becomes `1m30s`."""
    left = round(seconds * 1000)
    parts: list[str] = []
    for unit in ("d", "h", "m", "s", "ms"):
        size = round(_UNITS[unit] * 1000)
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def parse_share(value: Any) -> float:
    """A share between 0 and 1, from `40%` or `0.4`.

    Raises:
        ValueError: it is no share, or lies outside 0 to 1.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        msg = "a share is written like 40% or 0.4"
        raise ValueError(msg)  # noqa: TRY004  # pydantic turns ValueError into an error with a place
    text = str(value).strip()
    try:
        number = float(Decimal(text[:-1]) / 100) if text.endswith("%") else float(text)
    except (ValueError, InvalidOperation):
        msg = f"{text[:DURATION_CHARS_MAX]!r} is no share; write it like 40% or 0.4"
        raise ValueError(msg) from None
    if not 0 <= number <= 1:
        msg = f"a share lies between 0% and 100%, not at {text[:DURATION_CHARS_MAX]}"
        raise ValueError(msg)
    return number


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema({"type": "string", "format": "prometheus-duration", "examples": ["30s", "5m"]}),
]
"""Seconds, written as a Prometheus duration."""

Share = Annotated[
    float,
    BeforeValidator(parse_share),
    WithJsonSchema({"type": ["string", "number"], "examples": ["40%", 0.4]}),
]
"""A share between 0 and 1, written as `40%` or `0.4`."""


class Secret:
    """A text that must not be seen: it shows itself only to `reveal()`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Keep `value`, stripped of surrounding white space."""
        self._value = value.strip()

    def reveal(self) -> str:
        """The text itself. Never log, format or store what this returns."""
        return self._value

    def __bool__(self) -> bool:
        """Whether there is any text."""
        return bool(self._value)

    @override
    def __eq__(self, other: object) -> bool:
        """Secrets are equal when their texts are."""
        return isinstance(other, Secret) and self._value == other._value

    @override
    def __hash__(self) -> int:
        """Hash of the text."""
        return hash(self._value)

    @override
    def __repr__(self) -> str:
        """What may be shown: that there is one."""
        return "Secret('***')" if self._value else "Secret('')"

    __str__ = __repr__

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: Any, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Validate from text; serialise as stars."""
        return core_schema.no_info_plain_validator_function(
            cls._of,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda secret: "***" if secret else ""
            ),
        )

    @classmethod
    def _of(cls, value: Any) -> Secret:
        """A secret from text; the error does not repeat what was given."""
        if isinstance(value, Secret):
            return value
        if isinstance(value, str):
            return cls(value)
        msg = "a secret is a text"
        raise ValueError(msg)  # pydantic turns ValueError into an error with a place

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: Any) -> dict[str, Any]:
        """A string, marked as secret."""
        return {"type": "string", "format": "password", "writeOnly": True}
