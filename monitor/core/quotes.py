"""What an answer said, quoted in a verdict's sentence: cleaned and bounded."""

from __future__ import annotations

from collections.abc import Iterable

from monitor.core.answer import clean
from monitor.core.observation import Answer, Check, Observation

QUOTE_CHARS_MAX = 110


def said(answer: Answer) -> str:
    """`answered 529 overloaded_error: Overloaded`, with as much of it as the answer has."""
    words = f"answered {answer.status}"
    if answer.error_type:
        words = f"{words} {answer.error_type}"
    if answer.error_message:
        return f"{words}: {clean(answer.error_message, QUOTE_CHARS_MAX)}"
    if answer.proxy_text:
        return f"{words}, a load balancer's: {clean(answer.excerpt, QUOTE_CHARS_MAX)}"
    return words


def check_words(check: Check) -> str:
    """Which expectation was not met, and what was seen instead."""
    return f"{check.name}: {check.detail}" if check.detail else f"{check.name} is not as expected"


def told(checks: Iterable[Check]) -> str:
    """What was not met and does not count, to stand behind a sentence: told, and no more."""
    return "".join(f"; {check_words(check)}" for check in checks if not (check.ok or check.counts))


def thought(observation: Observation) -> str:
    """`; 9 of 13 tokens were thinking`, to stand behind a sentence; empty where none is told."""
    thinking, received = observation.thinking_tokens, observation.output_tokens
    if not thinking or received is None:
        return ""
    return f"; {thinking} of {received} tokens were thinking"
