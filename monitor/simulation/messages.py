"""Messages of the API: one document, or the same as a stream of server-sent events.

The events stand in the order that the protocol gives them, with a ping where the real API sends
one. The thinking that a request asks for is a block of its own, with the signature behind it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

EVENT_STREAM = "text/event-stream; charset=utf-8"
"""The content type of a stream."""

REFUSAL_MARK = "ANTHROPIC_MAGIC_STRING_TRIGGER_REFUSAL_"
"""A prompt that holds this is refused, as the vendor's own API does for who tests it."""

PING = b'event: ping\ndata: {"type":"ping"}\n\n'

FIRST_TOKEN_SECONDS = 0.25
"""On a good day, from the beginning of a stream to its first content."""

LAST_TOKEN_SECONDS = 0.1
"""From the first content to the end."""

PING_SECONDS = 15.0
"""How often a stream that has nothing to say sends a ping."""

_PIECES = ("Hello", "", "", "")
"""The answer, token by token: one word, and what ends a turn unseen."""

_STOPPED = ("stop_reason", "stop_sequence", "stop_details")
_THOUGHT = "A short greeting will do."
_SIGNATURE = "c2ltdWxhdGVkIHNpZ25hdHVyZQ=="
_REDACTED = "c2ltdWxhdGVkIHJlZGFjdGlvbg=="


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What of a request decides its message.

    Attributes:
        ident: id of the message.
        model: id of the model.
        input_tokens: how long the prompt is.
        max_tokens: the longest answer, thinking included; None for long enough.
        cut: only one token is asked for, and it is not spent on thinking.
        thinks: the model thinks before it answers.
        thinking_tokens: how long it thinks then.
        shown: its thinking is shown, not only signed.
        stop_sequences: texts at which it stops.
        tool: the tool that it has to use.
        refused: the model refuses.
    """

    ident: str
    model: str
    input_tokens: int
    max_tokens: int | None = None
    cut: bool = False
    thinks: bool = False
    thinking_tokens: int = 9
    shown: bool = True
    stop_sequences: tuple[str, ...] = ()
    tool: str | None = None
    refused: bool = False


def message(asked: Asked) -> dict[str, Any]:
    """The document that answers `asked`."""
    limit = 1 if asked.cut else asked.max_tokens
    thinking = asked.thinking_tokens if asked.thinks and not (asked.refused or asked.cut) else 0
    left = len(_PIECES) if limit is None else limit - thinking
    blocks: list[dict[str, Any]] = []
    if thinking and limit != 0:
        thought = _THOUGHT if asked.shown else ""
        blocks.append({"type": "thinking", "thinking": thought, "signature": _SIGNATURE})
    pieces = _PIECES[: max(0, left)]
    reason, stop = ("end_turn" if left >= len(_PIECES) else "max_tokens"), None
    if asked.tool is not None and reason == "end_turn":
        blocks.append({"type": "tool_use", "id": "toolu_01", "name": asked.tool, "input": {}})
        reason = "tool_use"
    elif pieces:
        text, stop = _stopped("".join(pieces), asked.stop_sequences)
        blocks.append({"type": "text", "text": text})
        reason = reason if stop is None else "stop_sequence"
    spent = thinking + len(pieces)
    document = {
        "id": asked.ident,
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": blocks,
        "stop_reason": reason,
        "stop_sequence": stop,
        "stop_details": None,
        "usage": {
            "input_tokens": asked.input_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": spent if limit is None else min(spent, limit),
            "output_tokens_details": {
                "thinking_tokens": thinking if limit is None else min(thinking, limit)
            },
            "service_tier": "standard",
        },
    }
    return refusal(document) if asked.refused else document


def _stopped(text: str, sequences: Sequence[str]) -> tuple[str, str | None]:
    """`text` up to the first of `sequences`, and which one that is."""
    places = [(text.find(one), one) for one in sequences if one and one in text]
    if not places:
        return text, None
    place, found = min(places)
    return text[:place], found


def refusal(document: Mapping[str, Any], category: str | None = None) -> dict[str, Any]:
    """The same message, refused before any output: no content, and why."""
    said = None if category is None else "This request was declined by a safety classifier."
    usage = {
        **document["usage"],
        "output_tokens": 1,
        "output_tokens_details": {"thinking_tokens": 0},
    }
    details = {"type": "refusal", "category": category, "explanation": said}
    return {
        **document,
        "content": [],
        "stop_reason": "refusal",
        "stop_details": details,
        "usage": usage,
    }


def cut_in_thinking(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same message, cut inside of its thinking, which nobody came to sign."""
    thought = {"type": "thinking", "thinking": "", "signature": ""}
    return {**document, "content": [thought], "stop_reason": "max_tokens"}


def redacted(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same message, its thinking redacted."""
    rest = [block for block in document["content"] if block["type"] != "thinking"]
    return {**document, "content": [{"type": "redacted_thinking", "data": _REDACTED}, *rest]}


def document_bytes(document: Mapping[str, Any]) -> bytes:
    """`document` as the API writes it."""
    return json.dumps(document, separators=(",", ":")).encode()


def stream(
    document: Mapping[str, Any], silence: float = FIRST_TOKEN_SECONDS
) -> tuple[bytes, tuple[tuple[int, float], ...]]:
    """`document` as a stream: its bytes, and the silences within them.

    `silence` seconds go by before the first piece of content: so long a model thinks unseen.
    """
    events = list(_events(document))
    return b"".join(events), gaps_before_content(events, silence, LAST_TOKEN_SECONDS)


def document_of(body: bytes) -> dict[str, Any]:
    """The document that a good stream of one block of text, thinking or both tells."""
    events = [json.loads(one.partition(b"data: ")[2]) for one in split(body)]
    document: dict[str, Any] = dict(events[0]["message"])
    blocks = [dict(one["content_block"]) for one in events if one["type"] == "content_block_start"]
    for one in events:
        if one["type"] == "content_block_delta":
            blocks[one["index"]].update(
                {name: text for name, text in one["delta"].items() if name in _GROWING}
            )
        elif one["type"] == "message_delta":
            document.update(one["delta"])
            document["usage"] = {**document["usage"], **one["usage"]}
    return {**document, "content": blocks}


def gaps_before_content(
    events: Sequence[bytes], first: float, last: float = 0.0
) -> tuple[tuple[int, float], ...]:
    """A silence of `first` seconds before the first content of `events`, `last` before the end."""
    offset = 0
    waits: list[tuple[int, float]] = []
    for event in events:
        if event.startswith(b"event: content_block_delta") and not waits:
            waits.append((offset, first))
        if event.startswith(b"event: message_delta") and last:
            waits.append((offset, last))
        offset += len(event)
    return tuple(waits)


def split(body: bytes) -> list[bytes]:
    """The events of a stream, each with the empty line behind it."""
    return [event + b"\n\n" for event in body.split(b"\n\n") if event]


def with_thinking(events: Sequence[bytes]) -> list[bytes]:
    """The events of a stream that begins with a block of thinking, put before what is there."""
    first = next((n for n, one in enumerate(events) if b"content_block_start" in one), 1)
    if b'"type":"thinking"' in events[first]:
        return list(events)
    thought = {"type": "thinking", "thinking": "", "signature": _SIGNATURE}
    later = [_shifted(one) for one in events[first:]]
    return [*events[:first], *(one for one in _block(0, thought) if one != PING), *later]


def _shifted(one: bytes) -> bytes:
    """An event of a stream, its block one place later."""
    document = json.loads(one.partition(b"data: ")[2])
    if "index" not in document:
        return one
    return event({**document, "index": document["index"] + 1})


def event(document: Mapping[str, Any]) -> bytes:
    """One server-sent event, named after its type."""
    data = json.dumps(document, separators=(",", ":"))
    return f"event: {document['type']}\ndata: {data}\n\n".encode()


def _events(document: Mapping[str, Any]) -> Iterator[bytes]:
    """The events of `document`, in the protocol's order."""
    usage = document["usage"]
    opening = {
        **document,
        "content": [],
        "stop_reason": None,
        "usage": {**usage, "output_tokens": 1},
    }
    yield event({"type": "message_start", "message": opening})
    if not document["content"]:
        yield PING
    for index, block in enumerate(document["content"]):
        yield from _block(index, block)
    yield event(
        {
            "type": "message_delta",
            "delta": {
                name: document.get(name)
                for name in ("stop_reason", "stop_sequence", "stop_details")
            },
            "usage": {
                name: usage[name]
                for name in ("input_tokens", "output_tokens", "output_tokens_details")
                if name in usage
            },
        }
    )
    yield event({"type": "message_stop"})


def _block(index: int, block: Mapping[str, Any]) -> Iterator[bytes]:
    """The events of one block of content; a ping follows the beginning of the first."""
    yield event({"type": "content_block_start", "index": index, "content_block": _empty(block)})
    if index == 0:
        yield PING
    for delta in _deltas(block):
        yield event({"type": "content_block_delta", "index": index, "delta": delta})
    yield event({"type": "content_block_stop", "index": index})


_GROWING = ("text", "thinking", "signature")
"""Fields of a block that come in pieces."""


def _empty(block: Mapping[str, Any]) -> dict[str, Any]:
    """What a block begins with: itself, without what comes in pieces. Some come all at once."""
    return {name: "" if name in _GROWING else value for name, value in block.items()}


def _deltas(block: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The pieces of a block; what was never written has none."""
    for name in _GROWING:
        if block.get(name):
            yield {"type": f"{name}_delta", name: block[name]}
    if "input" in block:
        yield {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
