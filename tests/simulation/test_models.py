from __future__ import annotations

import json

import pytest

from monitor.simulation.models import (
    ALIASES,
    MODELS,
    RETIRED,
    known_model,
    model_document,
    page_document,
)

IDS = list(MODELS)


def test_every_family_has_a_model_that_answers_and_none_is_retired() -> None:
    assert {model.line for model in MODELS.values()} == {"haiku", "sonnet", "opus"}
    assert all(known_model(name) is None for name in RETIRED)
    assert all(known_model(alias) in MODELS for alias in ALIASES)


@pytest.mark.parametrize(
    ("limit", "after", "shown", "more"),
    [
        (1, None, IDS[:1], True),
        (3, IDS[0], IDS[1:4], True),
        (len(IDS), None, IDS, False),
        (1000, IDS[-2], IDS[-1:], False),
        (5, IDS[-1], [], False),
    ],
)
def test_models_come_in_pages(
    limit: int, after: str | None, shown: list[str], *, more: bool
) -> None:
    page = json.loads(page_document(limit, after) or "")

    assert [model["id"] for model in page["data"]] == shown
    assert page["has_more"] is more
    assert page["first_id"] == (shown[0] if shown else None)
    assert page["last_id"] == (shown[-1] if shown else None)


def test_a_page_behind_no_model_is_none() -> None:
    assert page_document(5, "claude-3-haiku") is None


def test_a_model_is_described_as_in_the_list() -> None:
    page = json.loads(page_document(1) or "")

    assert json.loads(model_document(IDS[0])) == page["data"][0]
