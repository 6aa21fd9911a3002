"""The order of events in which the Claude API streams a message, followed one event at a time.

    message_start
      for each block of content, by its index:
        content_block_start, content_block_delta ..., content_block_stop
    message_delta ...    why it stops, and the tokens so far
    message_stop

A `ping` may stand anywhere, before `message_start` too. An event, a block or a delta of a type that
is not known is let pass, since the vendor adds them; what is known must stand where it may. A block
may end without a delta, as `redacted_thinking` does, and one whose content is omitted is open and
silent for as long as the model thinks. An `error` event ends the message, whatever the HTTP status
was.

Sources: the API's documentation of streaming and its SDK's types.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from monitor.probes._claude import THINKING_BLOCKS, refusal_category, thinking_tokens

TEXT_CHARS_MAX = 4096
"""How much of the answer's text is kept."""

BLOCKS_MAX = 256
"""How many blocks of content a message may have."""

SPEAKING_BLOCKS: Final = frozenset({"text", "tool_use"})
"""Blocks whose content comes piece by piece. Others may be silent while they are open."""

_ID: Final = re.compile(r"[\w.:/-]{1,64}")
_ORDERED: Final = frozenset(
    {
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamError:
    """What an `error` event says; None for what it does not say."""

    type: str | None = None
    message: str | None = None
    code: str | None = None
    request_id: str | None = None
    enveloped: bool = False
    """Whether `"type": "error"` stands around it, which gateways' own errors mostly lack."""


class MessageEvents:
    """What has come of one streamed message.

    Attributes:
        problem: the first breach of the order, in a few words; None while there is none.
        error: the `error` event, if one came.
        events: how many events came that are no pings and that hold an object.
        started: `message_start` came.
        deltas: how many pieces of content came.
        spoken: there is content: any text, or a block that is none of text.
        thought: a block of thinking began, shown, omitted or redacted.
        stop_reason: why the message stops, once it is said.
        stop_category: of a refusal, its category, where it has one.
        stopped: `message_stop` came.
        text: the beginning of the answer's text.
        usage: the newest count of each kind of tokens; `thinking_tokens` is a share of the output.
    """

    def __init__(self) -> None:
        """Nothing has come yet."""
        self.problem: str | None = None
        self.error: StreamError | None = None
        self.events = 0
        self.started = False
        self.deltas = 0
        self.spoken = False
        self.thought = False
        self.stop_reason: str | None = None
        self.stop_category: str | None = None
        self.stopped = False
        self.text = ""
        self.usage: dict[str, Any] = {}
        self._other = False
        self._open: dict[int, str] = {}
        self._begun: set[int] = set()

    @property
    def blocks(self) -> int:
        """How many blocks of content began."""
        return len(self._begun)

    @property
    def thought_only(self) -> bool:
        """Whether there is content, and none of it is anything but thinking."""
        return self.thought and not self.text and not self._other

    @property
    def idle(self) -> bool:
        """Whether no block is open."""
        return not self._open

    @property
    def silent(self) -> bool:
        """Whether a block is open that may be silent while the model works on it."""
        return any(kind not in SPEAKING_BLOCKS for kind in self._open.values())

    @property
    def ended(self) -> bool:
        """Whether nothing more is expected."""
        return self.stopped or self.error is not None

    @property
    def missing(self) -> str:
        """What the stream has come to, for one that ends before its `message_stop`."""
        if not self.started:
            return "it ended before message_start"
        if not self.spoken:
            return "it ended before any content, without message_stop"
        return "it ended without message_stop"

    def take(self, name: str, data: str) -> None:
        """Take in one event; the first problem stays the one that is told."""
        content = _object(data)
        kind = str(content.get("type", "")) if name == "message" and content else name
        self.events += content is not None and kind != "ping"
        if kind == "error":
            self.error = self.error or _error(content or {})
        elif kind in _ORDERED:
            problem = self._order(kind, content)
            self.problem = self.problem or problem

    def _order(self, kind: str, content: Mapping[str, Any] | None) -> str | None:
        """Follow an event that has its place; what is wrong with it, or None."""
        if content is None:
            return f"the data of {kind} is no JSON object"
        if self.stopped:
            return f"{kind} after message_stop"
        if kind == "message_start":
            return self._start(content)
        if not self.started:
            return f"{kind} before message_start"
        return self._FOLLOW.get(kind, MessageEvents._block)(self, kind, content)

    def _start(self, content: Mapping[str, Any]) -> str | None:
        if self.started:
            return "a second message_start"
        self.started = True
        message = content.get("message")
        if not isinstance(message, Mapping):
            return "message_start has no message"
        self._count(message.get("usage"))
        return None

    def _delta(self, _kind: str, content: Mapping[str, Any]) -> str | None:
        delta = content.get("delta")
        if isinstance(delta, Mapping):
            reason = delta.get("stop_reason")
            self.stop_reason = reason if isinstance(reason, str) else self.stop_reason
            self.stop_category = refusal_category(delta.get("stop_details")) or self.stop_category
        self._count(content.get("usage"))
        return None

    def _stop(self, _kind: str, _content: Mapping[str, Any]) -> str | None:
        self.stopped = True
        if self._open:
            return f"message_stop while block {min(self._open)} is open"
        if self.stop_reason is None:
            return "message_stop without a stop_reason"
        return None

    def _block(self, kind: str, content: Mapping[str, Any]) -> str | None:
        """Follow an event of a block of content."""
        index = content.get("index")
        if not isinstance(index, int) or isinstance(index, bool):
            return f"{kind} has no index"
        if kind == "content_block_start":
            return self._begin(index, content.get("content_block"))
        if index not in self._open:
            return f"{kind} for block {index}, which is not open"
        if kind == "content_block_stop":
            del self._open[index]
            return None
        return self._content(content.get("delta"))

    def _begin(self, index: int, block: object) -> str | None:
        """A block begins. It is content from here on, unless it is text that is yet to come."""
        if index in self._begun:
            return f"block {index} begins again"
        if len(self._begun) >= BLOCKS_MAX:
            return f"more than {BLOCKS_MAX} blocks"
        if not isinstance(block, Mapping):
            return "content_block_start has no content_block"
        kind = _text(block.get("type")) or ""
        self._begun.add(index)
        self._open[index] = kind
        self.spoken = self.spoken or kind != "text"
        self.thought = self.thought or kind in THINKING_BLOCKS
        self._other = self._other or kind not in (*THINKING_BLOCKS, "text")
        if kind == "text":
            self._speak(block.get("text"))
        return None

    _FOLLOW: ClassVar = {"message_delta": _delta, "message_stop": _stop}

    def _content(self, delta: object) -> str | None:
        """Take in a piece of content, of whatever type."""
        if not isinstance(delta, Mapping):
            return "content_block_delta has no delta"
        self.deltas += 1
        self._speak(delta.get("text"))
        return None

    def _speak(self, text: object) -> None:
        """Keep the beginning of what is said."""
        if isinstance(text, str) and text:
            self.spoken = True
            self.text += text[: TEXT_CHARS_MAX - len(self.text)]

    def _count(self, usage: object) -> None:
        """Keep the newest counts: those of `message_delta` are of the whole message so far."""
        if isinstance(usage, Mapping):
            counts = {**usage, "thinking_tokens": thinking_tokens(usage)}
            self.usage.update(
                (name, count)
                for name, count in counts.items()
                if name.endswith("_tokens") and count is not None
            )


def _object(data: str) -> Mapping[str, Any] | None:
    """The JSON object in `data`; None where it holds none."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _error(content: Mapping[str, Any]) -> StreamError:
    error = content.get("error")
    said = error if isinstance(error, Mapping) else {}
    details = said.get("details")
    known = _text(content.get("request_id"))
    return StreamError(
        type=_text(said.get("type")),
        message=_text(said.get("message")),
        code=_text(details.get("error_code")) if isinstance(details, Mapping) else None,
        request_id=known if known is not None and _ID.fullmatch(known) else None,
        enveloped=content.get("type") == "error",
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
