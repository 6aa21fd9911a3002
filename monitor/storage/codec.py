"""Incidents and events as JSON text and back. Keys that this version does not know are ignored."""

from __future__ import annotations

import json
from typing import TypeVar

from monitor.core.codec import from_plain, to_plain
from monitor.core.incident import Event, Incident
from monitor.storage.database import StorageError

_T = TypeVar("_T", Incident, Event)


def encode(value: Incident | Event) -> str:
    """`value` as compact JSON. ASCII only: any text of the world survives the way to the disk."""
    return json.dumps(to_plain(value), separators=(",", ":"))


def decode(kind: type[_T], text: str) -> _T:
    """The `kind` that `encode` made `text` of.

    Raises:
        StorageError: it is no such thing.
    """
    try:
        return from_plain(kind, json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        message = f"a stored {kind.__name__.lower()} cannot be read ({type(error).__name__})"
        raise StorageError(message, transient=False) from error
