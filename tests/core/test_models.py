from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from monitor.core.models import (
    MODELS_MAX,
    ModelCatalog,
    ModelInfo,
    parse_model,
    parse_page,
    plain_id,
    unique,
)


def supported(**levels: bool) -> dict[str, Any]:
    return {name: {"supported": value} for name, value in levels.items()}


def an_entry(**changed: Any) -> dict[str, Any]:
    """A model as the vendor's list has it."""
    types = supported(adaptive=True, between_tools=False, disabled=False, enabled=False)
    levels = supported(low=True, medium=True, high=True, xhigh=True, max=False)
    return {
        "type": "model",
        "id": "claude-opus-5-5",
        "display_name": "Claude Opus 5.5",
        "created_at": "2026-09-22T00:00:00Z",
        "lifecycle": "deprecated",
        "line": "opus",
        "deprecated_at": "2026-10-01T00:00:00Z",
        "retires_at": "2026-12-24T08:00:00+08:00",
        "max_input_tokens": 1_000_000,
        "max_tokens": 128_000,
        "capabilities": {
            "batch": {"supported": True},
            "thinking": {"supported": True, "types": types},
            "effort": {"supported": True, **levels},
        },
        **changed,
    }


def read(**changed: Any) -> ModelInfo:
    model = parse_model(an_entry(**changed))
    assert model is not None
    return model


def test_a_model_is_read_with_all_that_the_list_says() -> None:
    assert read() == ModelInfo(
        id="claude-opus-5-5",
        display_name="Claude Opus 5.5",
        line="opus",
        lifecycle="deprecated",
        thinking_types=frozenset({"adaptive"}),
        efforts=frozenset({"low", "medium", "high", "xhigh"}),
        created_at=datetime(2026, 9, 22, tzinfo=UTC),
        deprecated_at=datetime(2026, 10, 1, tzinfo=UTC),
        retires_at=datetime(2026, 12, 24, tzinfo=UTC),
        max_tokens=128_000,
    )


def test_the_older_form_of_the_list_says_nothing_of_lifecycle_and_capabilities() -> None:
    entry = {"type": "model", "id": "m", "display_name": "M", "created_at": "2026-01-01T00:00:00Z"}

    model = parse_model(entry)

    assert model == ModelInfo(id="m", display_name="M", created_at=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "entry",
    [
        None,
        [],
        "claude",
        {},
        {"id": 5},
        {"id": ""},
        {"id": "a\nb"},
        {"id": "m", "type": "skill"},
    ],
)
def test_an_entry_that_is_no_model_is_left_out(entry: object) -> None:
    assert parse_model(entry) is None
    page = parse_page({"data": [entry, an_entry()]})
    assert page is not None
    assert [model.id for model in page.models] == ["claude-opus-5-5"]


def test_an_unknown_line_and_an_unknown_thinking_type_are_kept() -> None:
    capabilities = {"thinking": {"types": supported(dreaming=True, disabled=False)}}

    model = read(line="saga", capabilities=capabilities)

    assert model.line == "saga"
    assert model.thinking_types == frozenset({"dreaming"})
    assert model.efforts is None


@pytest.mark.parametrize("value", [None, 5, "", "soon", "2026-13-01T00:00:00Z", []])
def test_a_date_that_is_none_is_not_known(value: object) -> None:
    model = read(created_at=value, deprecated_at=value, retires_at=value)

    assert (model.created_at, model.deprecated_at, model.retires_at) == (None, None, None)


def test_a_date_at_the_end_of_time_is_not_known() -> None:
    assert read(retires_at="0001-01-01T00:00:00+12:00").retires_at is None
    assert read(retires_at="2026-12-01").retires_at == datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "capabilities",
    [
        None,
        [],
        "all",
        {},
        {"thinking": None, "effort": True},
        {"thinking": {"types": []}, "effort": {}},
        {"thinking": {"types": {"disabled": True}}, "effort": {"low": "yes"}},
        {"thinking": {"types": {"disabled": {"supported": "no"}}}},
    ],
)
def test_capabilities_of_another_shape_are_not_known(capabilities: object) -> None:
    model = read(capabilities=capabilities)

    assert (model.thinking_types, model.efforts) == (None, None)


def test_a_model_without_effort_takes_no_level_of_it() -> None:
    effort = {"supported": False, **supported(low=True)}

    assert read(capabilities={"effort": effort}).efforts == frozenset()


@pytest.mark.parametrize(("value", "known"), [(True, None), (0, None), ("8", None), (8, 8)])
def test_a_largest_answer_is_a_positive_number(value: object, known: int | None) -> None:
    assert read(max_tokens=value).max_tokens == known


def test_a_stage_of_life_that_nobody_knows_is_not_known() -> None:
    assert read(lifecycle="sunset", display_name=None).lifecycle is None
    assert read(display_name=None).display_name == "claude-opus-5-5"


@pytest.mark.parametrize("document", [None, [], "<html>", {}, {"data": {}}, {"error": {}}])
def test_what_is_no_page_of_a_list_is_none(document: object) -> None:
    assert parse_page(document) is None


def test_a_page_says_whether_and_where_the_list_goes_on() -> None:
    last = parse_page({"data": [], "has_more": False, "last_id": None})
    more = parse_page({"data": [an_entry()], "has_more": True, "last_id": "claude-opus-5-5"})

    assert last is not None
    assert more is not None
    assert (last.models, last.has_more, last.last_id) == ((), False, None)
    assert (more.has_more, more.last_id) == (True, "claude-opus-5-5")


def a_model(ident: str, **more: Any) -> ModelInfo:
    return ModelInfo(
        id=ident, display_name=ident, lifecycle=more.pop("lifecycle", "active"), **more
    )


CATALOG = ModelCatalog(
    models=(
        a_model("claude-haiku-5-5", line="haiku", created_at=datetime(2026, 10, 7, tzinfo=UTC)),
        a_model("claude-haiku-4-5-20251001", line="haiku"),
        a_model("claude-haiku-4-5-20250901", line="haiku"),
        a_model("claude-opus-4-20250514", line="opus", lifecycle="retired"),
        a_model("claude-next", lifecycle="active"),
    ),
    aliases={"claude-fast": "claude-haiku-5-5", "gone": "not-listed"},
)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("claude-haiku-5-5", "claude-haiku-5-5"),
        ("claude-haiku-4-5", "claude-haiku-4-5-20251001"),
        ("claude-haiku-4-5-latest", "claude-haiku-4-5-20251001"),
        ("claude-haiku-4-5-20250901", "claude-haiku-4-5-20250901"),
        ("claude-opus-4-0", "claude-opus-4-20250514"),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5-20251001"),
        ("claude-haiku-4-5@20251001", "claude-haiku-4-5-20251001"),
        ("anthropic/claude-haiku-5-5", "claude-haiku-5-5"),
        ("claude-fast", "claude-haiku-5-5"),
        ("anthropic/claude-fast", "claude-haiku-5-5"),
        ("gone", None),
        ("claude-haiku", None),
        ("claude-sonnet-5-5", None),
    ],
)
def test_a_model_is_found_by_each_of_its_names(name: str, found: str | None) -> None:
    info = CATALOG.find(name)

    assert (info.id if info else None) == found


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("claude-x", "claude-x"),
        ("global.claude-x", "claude-x"),
        ("us-gov.anthropic.claude-x-v2", "claude-x"),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/eu.anthropic.claude-x-v1:0", "claude-x"),
        ("vertex_ai/claude-x@20260101", "claude-x-20260101"),
        ("claude-x@latest", "claude-x"),
    ],
)
def test_a_platforms_name_becomes_the_vendors_own(name: str, plain: str) -> None:
    assert plain_id(name) == plain


def test_the_newest_active_model_of_a_line_is_by_date() -> None:
    old = a_model("old", line="opus", created_at=datetime(2026, 1, 1, tzinfo=UTC))
    new = a_model("new", line="opus", created_at=datetime(2026, 2, 1, tzinfo=UTC))
    going = a_model("going", line="opus", lifecycle="deprecated")
    catalog = ModelCatalog(models=(going, old, new))

    assert catalog.newest("opus") == new
    assert catalog.newest("saga") is None
    assert catalog.newest(None) is None


def test_without_dates_the_list_has_the_newest_first() -> None:
    first = a_model("first", line="opus", created_at=datetime(1970, 1, 1, tzinfo=UTC))
    second = a_model("second", line="opus", created_at=datetime(2026, 2, 1, tzinfo=UTC))

    assert ModelCatalog(models=(first, second)).newest("opus") == first


def test_the_lines_are_those_of_active_models() -> None:
    assert CATALOG.lines() == ("haiku",)


def test_a_model_that_a_changing_list_names_twice_counts_once_and_the_list_is_bounded() -> None:
    models = [
        a_model("m"),
        a_model("m", line="opus"),
        *(a_model(f"m{n}") for n in range(MODELS_MAX)),
    ]

    kept = unique(models)

    assert kept[0].line is None
    assert len(kept) == MODELS_MAX
