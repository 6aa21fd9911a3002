"""Words to describe JSON with, and the parts that several of our documents have in common."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from monitor.core.incident import State

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time"}
LINK: Schema = {"type": "string", "format": "uri-reference"}
RATIO: Schema = {"type": "number", "minimum": 0, "maximum": 1}


def maybe(schema: Schema) -> Schema:
    """`schema`, or null where it is not known."""
    return {"anyOf": [schema, {"type": "null"}]}


def one_of(words: type[StrEnum]) -> Schema:
    """A word of a closed list."""
    return {"type": "string", "enum": [word.value for word in words]}


def many(schema: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": schema}


def named(schema: Schema) -> Schema:
    """An object of values by name."""
    return {"type": "object", "additionalProperties": schema}


def closed(members: Mapping[str, Schema]) -> Schema:
    """An object with exactly these members."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(members),
        "properties": dict(members),
    }


def ref(name: str) -> Schema:
    """A schema of this document."""
    return {"$ref": f"#/components/schemas/{name}"}


INTERVAL = maybe(closed({"earliest": TIME, "latest": TIME}))
ROUTES = many(closed({"name": TEXT, "state": one_of(State)}))
NOTE = closed(
    {
        "indicator": maybe(TEXT),
        "incident_url": maybe(LINK),
        "posted_at": maybe(TIME),
        "lead_seconds": maybe(NUMBER),
    }
)
READ = {"read_at": maybe(TIME), "age_seconds": maybe(NUMBER)}
VENDOR_INCIDENTS = many(
    closed(
        {
            "id": TEXT,
            "title": TEXT,
            "url": maybe(LINK),
            "status": TEXT,
            "impact": maybe(TEXT),
            "posted_at": TIME,
            "updated_at": TIME,
            "components": many(TEXT),
        }
    )
)
PROVIDER = {
    **READ,
    "url": maybe(LINK),
    "indicator": maybe(TEXT),
    "components": named(one_of(State)),
    "incidents": VENDOR_INCIDENTS,
    "maintenances": many(
        closed(
            {
                "id": TEXT,
                "title": TEXT,
                "status": TEXT,
                "starts": TIME,
                "ends": TIME,
                "components": many(TEXT),
            }
        )
    ),
    "unknown_components": many(TEXT),
    "error": maybe(TEXT),
}
WORD = closed({"state": one_of(State), **READ, "incidents": VENDOR_INCIDENTS})
TALLIES = named(closed({"runs": COUNT, "bad": COUNT}))
SELF_AND_API = closed({"self": LINK, "api": LINK})
