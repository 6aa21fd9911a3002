from __future__ import annotations

import pytest

from monitor.core.observation import Answer, Check
from monitor.core.quotes import QUOTE_CHARS_MAX, check_words, said, thought, told
from tests.factories import an_observation


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(Answer(status=404), "answered 404", id="a bare status"),
        pytest.param(
            Answer(status=529, error_type="overloaded_error", error_message="Overloaded"),
            "answered 529 overloaded_error: Overloaded",
            id="an error document",
        ),
        pytest.param(
            Answer(status=503, proxy_text=True, excerpt="no healthy upstream"),
            "answered 503, a load balancer's: no healthy upstream",
            id="a load balancer",
        ),
    ],
)
def test_an_answer_is_quoted_with_as_much_as_it_has(answer: Answer, words: str) -> None:
    assert said(answer) == words


def test_a_long_message_is_cut() -> None:
    answer = Answer(status=500, error_type="api_error", error_message="x" * 500)
    assert len(said(answer)) <= len("answered 500 api_error: ") + QUOTE_CHARS_MAX


def test_an_unmet_expectation_says_what_was_seen_or_its_name() -> None:
    assert check_words(Check(name="status", ok=False, detail="got 503")) == "status: got 503"
    assert check_words(Check(name="json", ok=False)) == "json is not as expected"


def test_only_what_was_not_met_and_does_not_count_is_told() -> None:
    checks = (
        Check(name="status", ok=True),
        Check(name="stream", ok=False, detail="it ended"),
        Check(name="answer", ok=False, detail="another", counts=False),
        Check(name="tone", ok=False, counts=False),
        Check(name="length", ok=True, counts=False),
    )
    assert told(checks) == "; answer: another; tone is not as expected"
    assert told(()) == ""


@pytest.mark.parametrize(
    ("thinking", "received", "words"),
    [
        (9, 13, "; 9 of 13 tokens were thinking"),
        (16, 16, "; 16 of 16 tokens were thinking"),
        (0, 13, ""),
        (None, 13, ""),
        (9, None, ""),
    ],
)
def test_how_much_of_an_answer_was_thinking_is_told(
    thinking: int | None, received: int | None, words: str
) -> None:
    seen = an_observation(thinking_tokens=thinking, output_tokens=received)
    assert thought(seen) == words
