"""The order of events in which the Claude API streams a message, followed one event at a time.

    message_start
      for each block of content, by its index:
        content_block_start, content_block_delta ..., content_block_stop
    message_delta ...    why it stops, and the tokens so far
    message_stop

A `ping` may stand anywhere. An event or a delta of a type that is not known is let pass, since the
vendor adds them; what is known must stand where it may. An `error` event ends the message, whatever
the HTTP status was.

Sources: the API's documentation of streaming and its SDK's types.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

TEXT_CHARS_MAX = 4096
"""How much of the answer's text is kept."""

BLOCKS_MAX = 256
"""How many blocks of content a message may have."""

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
    request_id: str | None = None


class MessageEvents:
    """What has come of one streamed message.

    Attributes:
        problem: the first breach of the order, in a few words; None while there is none.
        error: the `error` event, if one came.
        contents: how many pieces of content came; pings are none.
        stop_reason: why the message stops, once it is said.
        stopped: `message_stop` came.
        text: the beginning of the answer's text.
        usage: the newest count of each kind of tokens.
    """

    def __init__(self) -> None:
        """Nothing has come yet."""
        self.problem: str | None = None
        self.error: StreamError | None = None
        self.contents = 0
        self.stop_reason: str | None = None
        self.stopped = False
        self.text = ""
        self.usage: dict[str, Any] = {}
        self._started = False
        self._open: set[int] = set()
        self._begun: set[int] = set()

    @property
    def ended(self) -> bool:
        """Whether nothing more is expected."""
        return self.stopped or self.error is not None

    @property
    def missing(self) -> str:
        """What the stream has come to, for one that ends before its `message_stop`."""
        if not self._started:
            return "it ended before message_start"
        if not self.contents:
            return "it ended before any content, without message_stop"
        return "it ended without message_stop"

    def take(self, name: str, data: str) -> None:
        """Take in one event; the first problem stays the one that is told."""
        content = _object(data)
        kind = str(content.get("type", "")) if name == "message" and content else name
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
        if not self._started:
            return f"{kind} before message_start"
        return self._FOLLOW.get(kind, MessageEvents._block)(self, kind, content)

    def _start(self, content: Mapping[str, Any]) -> str | None:
        if self._started:
            return "a second message_start"
        self._started = True
        message = content.get("message")
        if not isinstance(message, Mapping):
            return "message_start has no message"
        self._count(message.get("usage"))
        return None

    def _delta(self, _kind: str, content: Mapping[str, Any]) -> str | None:
        delta = content.get("delta")
        reason = delta.get("stop_reason") if isinstance(delta, Mapping) else None
        if isinstance(reason, str):
            self.stop_reason = reason
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
        if not isinstance(index, int):
            return f"{kind} has no index"
        if kind == "content_block_start":
            if index in self._begun or len(self._begun) >= BLOCKS_MAX:
                return f"block {index} begins again" if index in self._begun else "too many blocks"
            self._begun.add(index)
            self._open.add(index)
            return None
        if index not in self._open:
            return f"{kind} for block {index}, which is not open"
        if kind == "content_block_stop":
            self._open.discard(index)
            return None
        return self._content(content.get("delta"))

    _FOLLOW: ClassVar = {"message_delta": _delta, "message_stop": _stop}

    def _content(self, delta: object) -> str | None:
        """Take in a piece of content, of whatever type."""
        if not isinstance(delta, Mapping):
            return "content_block_delta has no delta"
        self.contents += 1
        text = delta.get("text")
        if isinstance(text, str):
            self.text += text[: TEXT_CHARS_MAX - len(self.text)]
        return None

    def _count(self, usage: object) -> None:
        """Keep the newest counts: those of `message_delta` are of the whole message so far."""
        if isinstance(usage, Mapping):
            self.usage.update(
                (name, count)
                for name, count in usage.items()
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
    known = _text(content.get("request_id"))
    return StreamError(
        type=_text(said.get("type")),
        message=_text(said.get("message")),
        request_id=known if known is not None and _ID.fullmatch(known) else None,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
