"""The words that describe JSON: what they let through and what they do not."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from monitor.core.incident import State
from monitor.web.openapi_parts import COUNT, TEXT, Schema, closed, many, maybe, named, one_of, ref


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (closed({"a": TEXT}), [{"a": "x"}], [{}, {"a": 1}, {"a": "x", "b": "y"}]),
        (maybe(COUNT), [None, 0, 7], [-1, "7"]),
        (many(TEXT), [[], ["x"]], ["x", [1]]),
        (named(COUNT), [{}, {"a": 1}], [{"a": "x"}, []]),
        (one_of(State), ["operational", "unknown"], ["fine", None]),
    ],
    ids=["closed", "maybe", "many", "named", "one_of"],
)
def test_a_word_lets_through_what_it_says(schema: Schema, good: list[Any], bad: list[Any]) -> None:
    validator = Draft202012Validator(schema)
    assert all(validator.is_valid(value) for value in good)
    assert not any(validator.is_valid(value) for value in bad)


def test_a_reference_stays_within_the_document() -> None:
    assert ref("Run") == {"$ref": "#/components/schemas/Run"}
