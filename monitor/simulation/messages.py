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

_ANSWER = "Hello"
_THOUGHT = "A short greeting will do."
_SIGNATURE = "c2ltdWxhdGVkIHNpZ25hdHVyZQ=="
_TOKENS = 4
_THINKING_TOKENS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What of a request decides its message.

    Attributes:
        ident: id of the message.
        model: id of the model.
        input_tokens: how long the prompt is.
        cut: only one token is asked for.
        thinks: thinking is asked for.
        refused: the model refuses.
    """

    ident: str
    model: str
    input_tokens: int
    cut: bool = False
    thinks: bool = False
    refused: bool = False


def message(asked: Asked) -> dict[str, Any]:
    """The document that answers `asked`."""
    thinks = asked.thinks and not asked.cut and not asked.refused
    blocks: list[dict[str, Any]] = [{"type": "text", "text": _ANSWER}]
    if thinks:
        thought = {"type": "thinking", "thinking": _THOUGHT, "signature": _SIGNATURE}
        blocks = [thought, *blocks]
    tokens = 1 if asked.cut or asked.refused else _TOKENS + _THINKING_TOKENS * thinks
    document = {
        "id": asked.ident,
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": blocks,
        "stop_reason": "max_tokens" if asked.cut else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": asked.input_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": tokens,
            "service_tier": "standard",
        },
    }
    return refusal(document) if asked.refused else document


def refusal(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same message, refused: no content, and the reason to stop."""
    return {**document, "content": [], "stop_reason": "refusal"}


def document_bytes(document: Mapping[str, Any]) -> bytes:
    """`document` as the API writes it."""
    return json.dumps(document, separators=(",", ":")).encode()


def stream(document: Mapping[str, Any]) -> tuple[bytes, tuple[tuple[int, float], ...]]:
    """`document` as a stream: its bytes, and the silences of a good day within them."""
    events = list(_events(document))
    return b"".join(events), gaps_before_content(events, FIRST_TOKEN_SECONDS, LAST_TOKEN_SECONDS)


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
            "delta": {"stop_reason": document["stop_reason"], "stop_sequence": None},
            "usage": {"output_tokens": usage["output_tokens"]},
        }
    )
    yield event({"type": "message_stop"})


def _block(index: int, block: Mapping[str, Any]) -> Iterator[bytes]:
    """The events of one block of content; a ping follows the beginning of the first."""
    # What a block begins with is itself, empty: its content comes in the deltas.
    empty = {name: value if name == "type" else "" for name, value in block.items()}
    yield event({"type": "content_block_start", "index": index, "content_block": empty})
    if index == 0:
        yield PING
    for name, value in block.items():
        if name != "type":
            delta = {"type": f"{name}_delta", name: value}
            yield event({"type": "content_block_delta", "index": index, "delta": delta})
    yield event({"type": "content_block_stop", "index": index})
