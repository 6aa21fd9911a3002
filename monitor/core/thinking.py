"""What a question says of thinking and effort, so that the model it is for does not refuse it.

Models differ in what they take: the newest refuse `disabled`, one alone takes `between_tools`, some
know no effort. The vendor's list of models says it for each, so nothing is guessed from a name, and
where the list is not known nothing is said at all: every model answers such a question.

Sources: the types of the vendor's Python SDK 2.12.0 (`ThinkingTypes`: a type is false exactly where
sending it is a 400, and with thinking off some efforts are refused), its pages "What's new" of the
models of autumn 2026.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol, assert_never

DISABLED: Final = "disabled"
BETWEEN_TOOLS: Final = "between_tools"

THINKING_ONLY_EFFORTS: Final = frozenset({"xhigh", "max"})
"""Efforts with which models refuse that thinking is switched off."""


class Thinking(StrEnum):
    """What a probe wants of thinking."""

    AUTO = "auto"
    """The quickest and cheapest that the list of models says is taken."""
    DEFAULT = "default"
    """What the model does by itself."""
    OFF = "off"
    """Switched off, whatever the list says."""
    BETWEEN_TOOLS = "between_tools"
    """Switched off but between calls of tools, whatever the list says."""


class Takes(Protocol):
    """What the list of models says that a model takes; None where it does not say."""

    @property
    def thinking_types(self) -> AbstractSet[str] | None:
        """Values of `thinking.type`."""
        ...

    @property
    def efforts(self) -> AbstractSet[str] | None:
        """Values of `output_config.effort`; empty for a model that knows none."""
        ...


_KEYS: Final = (
    (("output_config", "effort"), "effort"),
    (("thinking",), "thinking"),
    (("max_tokens",), "max_tokens"),
)
"""What the message of a refusal may name, and the key of a probe that says it."""


def refused_key(message: str | None) -> str | None:
    """The key of a probe that a 400 with this message is about; None where it names none.

    One about thinking may point to effort as a way out: what is named first is what was refused.
    """
    found = [
        (place, key)
        for words, key in _KEYS
        for word in words
        if (place := (message or "").find(word)) >= 0
    ]
    return min(found)[1] if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a question says: `thinking.type` and `output_config.effort`; None leaves it out."""

    thinking: str | None = None
    effort: str | None = None


def said(wish: Thinking, effort: str, takes: Takes | None) -> Said:
    """What to say to a model that takes so much; `takes` is None where the list is not known."""
    known = takes.efforts if takes is not None else None
    return Said(
        thinking=_thinking(wish, effort, takes.thinking_types if takes is not None else None),
        effort=effort if known is not None and effort in known else None,
    )


def _thinking(wish: Thinking, effort: str, types: AbstractSet[str] | None) -> str | None:
    match wish:
        case Thinking.OFF:
            return DISABLED
        case Thinking.BETWEEN_TOOLS:
            return BETWEEN_TOOLS
        case Thinking.DEFAULT:
            return None
        case Thinking.AUTO:
            if effort in THINKING_ONLY_EFFORTS:
                return None
            # A probe uses no tools, so the second is as good as the first.
            return next((kind for kind in (DISABLED, BETWEEN_TOOLS) if kind in (types or ())), None)
        case _:
            assert_never(wish)
