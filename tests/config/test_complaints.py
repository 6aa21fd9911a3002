"""Sentences and places are shown by tests/data/broken; here is what they cannot show."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field, ValidationError

from monitor.config.complaints import findings
from monitor.config.document import parse
from monitor.config.problems import Place
from monitor.spec import Spec


class Inner(Spec):
    kind: Literal["inner"] = "inner"
    size: int = 1


class Outer(Spec):
    maybe: Inner | None = None
    table: dict[str, Inner] = Field(default_factory=dict)
    items: tuple[Inner, ...] = Field(default=(), min_length=1)
    either: int | str = 1


def found(text: str) -> list[tuple[Place, str]]:
    document = parse(text, "c.yaml", {}, str)
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(document.data)
    schema = Outer.model_json_schema()
    return [(each.place, each.message) for each in findings(caught.value, document, schema)]


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("maybe: {sizze: 1}", ("maybe", "sizze"), "unknown key; did you mean size?"),
        ("table: {a: {sizze: 1}}", ("table", "a", "sizze"), "unknown key; did you mean size?"),
        ("items: [{sizze: 1}]", ("items", 0, "sizze"), "unknown key; did you mean size?"),
        ("items: []", ("items",), "must hold at least 1"),
        ("items: [3]", ("items", 0), "must be a mapping of keys"),
        ("maybe: 3", ("maybe",), "must be a mapping of keys"),
        ("itms: []", ("itms",), "unknown key; did you mean items?"),
    ],
)
def test_an_error_is_put_at_its_key(text: str, place: Place, message: str) -> None:
    ((where, said),) = found(text)
    assert where == place
    assert said.startswith(message)


def test_the_branches_of_a_union_are_not_part_of_the_place() -> None:
    assert {place for place, _ in found("either: [1]")} == {("either",)}


def test_a_list_emptied_by_errors_is_not_called_too_short() -> None:
    assert [place for place, _ in found("items: [{size: x}]")] == [("items", 0, "size")]


def test_where_the_schema_does_not_lead_there_is_no_name_to_suggest() -> None:
    document = parse("maybe: {sizze: 1}", "c.yaml", {}, str)
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(document.data)
    (finding,) = findings(caught.value, document, {"properties": {"maybe": {}}})
    assert finding.message == "unknown key"
