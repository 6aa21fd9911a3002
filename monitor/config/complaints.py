"""What pydantic says of a configuration, in our words and at its place in the document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from monitor.config.checks import Finding
from monitor.config.document import Document
from monitor.config.problems import Place, did_you_mean

_WORDS = {
    "missing": "is required",
    "model_type": "must be a mapping of keys",
    "dict_type": "must be a mapping of keys",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "timezone_aware": "needs a time zone, as 2026-04-28T17:00:00Z",
}
"""Sentences for errors that say the same whatever the field."""


def findings(
    error: ValidationError, document: Document, schema: Mapping[str, Any]
) -> Iterator[Finding]:
    """One finding for each thing that is wrong.

    Args:
        error: what validation raised.
        document: what was validated, for its places.
        schema: JSON Schema of the root model, for the names that it knows.
    """
    details = error.errors(include_url=False, include_input=False)
    for detail in details:
        if not _follows(detail, details):
            yield _finding(detail, document, schema)


def _follows(detail: ErrorDetails, details: list[ErrorDetails]) -> bool:
    """Whether it says of a list that it is too short only because what is in it was refused."""
    place = detail["loc"]
    return detail["type"] == "too_short" and any(
        other["loc"][: len(place)] == place and other is not detail for other in details
    )


def _finding(detail: ErrorDetails, document: Document, schema: Mapping[str, Any]) -> Finding:
    kind, context = detail["type"], detail.get("ctx", {})
    place = _place(detail["loc"], document, schema)
    if kind == "extra_forbidden":
        known = _names(_below(schema, detail["loc"][:-1], schema), schema)
        return Finding(place, f"unknown key{did_you_mean(str(place[-1]), known)}")
    if kind == "union_tag_not_found":
        return Finding((*place, "kind"), f"is required{_kinds(schema, detail['loc'])}")
    if kind == "union_tag_invalid":
        expected = str(context.get("expected_tags", "")).replace("'", "").split(", ")
        near = did_you_mean(str(context.get("tag", "")), expected)
        return Finding((*place, "kind"), f"unknown kind{near}")
    if kind == "too_short":
        return Finding(place, f"must hold at least {context['min_length']}")
    message = _WORDS.get(kind) or detail["msg"].removeprefix("Value error, ")
    return Finding(place, message.replace("Input should", "must").replace("String should", "must"))


def _place(location: tuple[str | int, ...], document: Document, schema: Mapping[str, Any]) -> Place:
    """The place of an error.

    Pydantic also names the branches of unions, which no one wrote: what stands neither in the
    document nor, as the last part, among the keys that might stand there, is left out.
    """
    place: Place = ()
    for part in location:
        if (*place, part) in document.lines:
            place = (*place, part)
    if not location or place[-1:] == location[-1:]:
        return place
    absent = location[-1] in _names(_below(schema, location[:-1], schema), schema)
    return (*place, location[-1]) if absent else place


def _kinds(schema: Mapping[str, Any], location: tuple[str | int, ...]) -> str:
    union = _below(schema, location, schema)
    kinds = union.get("discriminator", {}).get("mapping", {})
    return f": one of {', '.join(sorted(kinds))}" if kinds else ""


def _below(
    node: Mapping[str, Any], location: tuple[str | int, ...], root: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The schema at `location`; an empty one where the way is lost."""
    node = _resolved(node, root)
    if not location:
        return node
    part, rest = location[0], location[1:]
    mapping = node.get("discriminator", {}).get("mapping", {})
    if part in mapping:
        return _below({"$ref": mapping[part]}, rest, root)
    for step in (
        node.get("properties", {}).get(part),
        node.get("items") if isinstance(part, int) else None,
        *node.get("patternProperties", {}).values(),
        node.get("additionalProperties"),
        *node.get("anyOf", ()),
    ):
        if isinstance(step, Mapping):
            taken = location if step in node.get("anyOf", ()) else rest
            found = _below(step, taken, root)
            if found:
                return found
    return {}


def _resolved(node: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = node.get("$ref")
    if reference is None:
        return node
    found: Mapping[str, Any] = root["$defs"][reference.rpartition("/")[2]]
    return found


def _names(node: Mapping[str, Any], root: Mapping[str, Any]) -> set[str]:
    """The keys that a mapping of this schema may have."""
    names = set(node.get("properties", {}))
    for branch in node.get("anyOf", ()):
        names |= _names(_resolved(branch, root), root)
    return names
