"""What a question says of thinking and effort, by what the list of models says of its model."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from monitor.core.thinking import Said, Thinking, refused_key, said

ALL = frozenset({"low", "medium", "high", "xhigh", "max"})


@dataclass(frozen=True)
class Model:
    """What the list says of a model."""

    thinking_types: frozenset[str] | None
    efforts: frozenset[str] | None = ALL


FABLE = Model(frozenset({"adaptive"}))
OPUS_5_5 = FABLE
SONNET_5_5 = Model(frozenset({"adaptive", "between_tools"}))
HAIKU_5_5 = Model(frozenset({"adaptive", "disabled"}))
OPUS_4_8 = Model(frozenset({"adaptive", "disabled"}))
HAIKU_4_5 = Model(frozenset({"disabled", "enabled"}), frozenset())
WITHOUT_XHIGH = Model(frozenset({"adaptive", "disabled"}), frozenset({"low", "high"}))
UNTOLD = Model(None, None)


@pytest.mark.parametrize(
    ("model", "thinking", "effort"),
    [
        pytest.param(FABLE, None, "low", id="always thinks"),
        pytest.param(SONNET_5_5, "between_tools", "low", id="takes between_tools alone"),
        pytest.param(HAIKU_5_5, "disabled", "low", id="can be switched off"),
        pytest.param(HAIKU_4_5, "disabled", None, id="knows no effort"),
        pytest.param(UNTOLD, None, None, id="the list has no capabilities"),
        pytest.param(None, None, None, id="the list is not known"),
        pytest.param(Model(frozenset(), None), None, None, id="takes nothing"),
        pytest.param(Model(None), None, "low", id="only effort is told"),
    ],
)
def test_auto_says_the_cheapest_that_the_model_takes(
    model: Model | None, thinking: str | None, effort: str | None
) -> None:
    assert said(Thinking.AUTO, "low", model) == Said(thinking=thinking, effort=effort)


@pytest.mark.parametrize("effort", ["xhigh", "max"])
@pytest.mark.parametrize("model", [SONNET_5_5, HAIKU_5_5, FABLE])
def test_auto_switches_nothing_off_with_an_effort_that_needs_thinking(
    effort: str, model: Model
) -> None:
    assert said(Thinking.AUTO, effort, model) == Said(thinking=None, effort=effort)


def test_an_effort_that_the_model_does_not_know_is_not_sent() -> None:
    assert said(Thinking.AUTO, "medium", WITHOUT_XHIGH) == Said(thinking="disabled")


@pytest.mark.parametrize("model", [None, UNTOLD, FABLE, SONNET_5_5, HAIKU_5_5, HAIKU_4_5])
@pytest.mark.parametrize(
    ("wish", "thinking"),
    [
        (Thinking.DEFAULT, None),
        (Thinking.OFF, "disabled"),
        (Thinking.BETWEEN_TOOLS, "between_tools"),
    ],
)
def test_what_is_asked_for_by_name_is_said_whatever_the_model(
    wish: Thinking, thinking: str | None, model: Model | None
) -> None:
    assert said(wish, "low", model).thinking == thinking


@pytest.mark.parametrize(
    ("message", "key"),
    [
        (
            "`thinking.type.disabled` is not supported: use adaptive, output_config.effort",
            "thinking",
        ),
        ("output_config.effort: unknown level with thinking off", "effort"),
        ("effort xhigh is not known", "effort"),
        ("max_tokens: 9999 > 4096", "max_tokens"),
        ("messages: at least one", None),
        (None, None),
    ],
)
def test_a_refusal_names_the_key_that_it_is_about(message: str | None, key: str | None) -> None:
    assert refused_key(message) == key
