"""Frozen dataclasses to plain JSON values and back, by their annotations.

Unknown keys are passed over, so that a row written by a newer version can be read; a missing key
takes the field's default.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """`value` as JSON knows it: dataclasses become objects, enums their values, times ISO 8601."""
    if value is None or (isinstance(value, str | int | float) and not isinstance(value, Enum)):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    if is_dataclass(value):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    msg = f"{type(value).__name__} has no plain form"
    raise TypeError(msg)


def from_plain(kind: type[T], value: Any) -> T:
    """The dataclass `kind` that `to_plain` made `value` of.

    Raises:
        ValueError, TypeError, KeyError: `value` is no such thing.
    """
    made: T = _build(kind, value)
    return made


def _build(kind: Any, value: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        options = [option for option in get_args(kind) if option is not type(None)]
        return None if value is None else _build(options[0], value)
    if origin is tuple:
        return _tuple(get_args(kind), value)
    if is_dataclass(kind):
        return _dataclass(kind, value)
    if kind is datetime:
        return datetime.fromisoformat(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    return value


def _tuple(arguments: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    if len(arguments) == 2 and arguments[1] is Ellipsis:  # noqa: PLR2004  # tuple[T, ...]
        return tuple(_build(arguments[0], item) for item in value)
    return tuple(_build(kind, item) for kind, item in zip(arguments, value, strict=True))


def _dataclass(kind: Any, value: Any) -> Any:
    hints = _hints(kind)
    known = {
        field.name: _build(hints[field.name], value[field.name])
        for field in fields(kind)
        if field.name in value
    }
    return kind(**known)


@lru_cache(maxsize=64)
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
