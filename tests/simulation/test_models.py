from __future__ import annotations

import json

import pytest

from monitor.core.claude_api import EFFORTS, LIFECYCLES, LINES, THINKING_TYPES
from monitor.simulation.models import (
    ALIASES,
    CATALOGUE,
    LISTED_BY_DEFAULT,
    MODELS,
    RETIRED,
    Page,
    known_model,
    line_of,
    listed_info,
    model_document,
    page_document,
)

IDS = list(MODELS)


def test_every_line_has_a_model_that_answers_and_none_is_retired() -> None:
    assert {model.line for model in MODELS.values()} == set(LINES)
    assert RETIRED
    assert all(known_model(name) is None for name in RETIRED)
    assert all(known_model(alias) in MODELS for alias in ALIASES)
    assert line_of("claude-haiku-4-5") == line_of(RETIRED[-1]) == "haiku"
    assert line_of("claude-x") is None


@pytest.mark.parametrize(
    ("page", "shown", "more"),
    [
        (Page(limit=1), IDS[:1], True),
        (Page(limit=3, after=IDS[0]), IDS[1:4], True),
        (Page(limit=len(IDS)), IDS, False),
        (Page(limit=1000, after=IDS[-2]), IDS[-1:], False),
        (Page(limit=5, after=IDS[-1]), [], False),
        (Page(limit=2, before=IDS[4]), IDS[2:4], True),
        (Page(limit=4, before=IDS[4]), IDS[:4], False),
        (Page(limit=1, before=IDS[0]), [], False),
        (Page(limit=1000, lifecycle=("retired",)), list(RETIRED), False),
        (Page(limit=1000, lifecycle=LIFECYCLES), list(CATALOGUE), False),
    ],
)
def test_models_come_in_pages(page: Page, shown: list[str], *, more: bool) -> None:
    document = json.loads(page_document(page) or "")

    assert [model["id"] for model in document["data"]] == shown
    assert document["has_more"] is more
    assert document["first_id"] == (shown[0] if shown else None)
    assert document["last_id"] == (shown[-1] if shown else None)


@pytest.mark.parametrize("name", ["claude-3-haiku", RETIRED[0]])
def test_a_page_beside_no_model_of_the_list_is_none(name: str) -> None:
    assert page_document(Page(limit=5, after=name)) is None
    assert page_document(Page(limit=5, before=name)) is None


@pytest.mark.parametrize("ident", CATALOGUE)
def test_a_model_is_described_as_in_the_list(ident: str) -> None:
    page = json.loads(page_document(Page(limit=1000, lifecycle=LIFECYCLES)) or "")
    document = json.loads(model_document(ident))

    assert document in page["data"]
    assert (document["lifecycle"] in LISTED_BY_DEFAULT) is (ident in MODELS)
    assert (document["deprecated_at"] is None) is (document["lifecycle"] == "active")
    assert set(document["capabilities"]["thinking"]["types"]) == set(THINKING_TYPES)
    assert set(document["capabilities"]["effort"]) == {"supported", *EFFORTS}


TAKES = [
    ("claude-opus-5-5", {"adaptive"}),
    ("claude-fable-5-2", {"adaptive"}),
    ("claude-mythos-5-1", {"adaptive"}),
    ("claude-sonnet-5-5", {"adaptive", "between_tools"}),
    ("claude-haiku-5-5", {"adaptive", "disabled"}),
    ("claude-opus-5", {"adaptive", "disabled"}),
    ("claude-opus-4-8", {"adaptive", "disabled"}),
    ("claude-opus-4-6", {"adaptive", "disabled", "enabled"}),
    ("claude-haiku-4-5-20251001", {"disabled", "enabled"}),
]


@pytest.mark.parametrize(("ident", "kinds"), TAKES)
def test_the_list_says_which_thinking_each_model_takes(ident: str, kinds: set[str]) -> None:
    types = json.loads(model_document(ident))["capabilities"]["thinking"]["types"]

    assert {kind for kind, said in types.items() if said["supported"]} == kinds


def test_a_reader_of_the_list_knows_what_a_name_stands_for() -> None:
    asked, alias = listed_info("claude-opus-5-5"), listed_info("claude-haiku-4-5")

    assert asked is not None
    assert alias is not None
    assert (asked.line, asked.thinking_types) == ("opus", frozenset({"adaptive"}))
    assert alias.id == "claude-haiku-4-5-20251001"
    assert listed_info("claude-x") is None
