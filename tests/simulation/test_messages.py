from __future__ import annotations

import json

import pytest

from monitor.simulation.messages import (
    FIRST_TOKEN_SECONDS,
    LAST_TOKEN_SECONDS,
    Asked,
    document_bytes,
    message,
    split,
    stream,
)

PLAIN = Asked(ident="msg_1", model="claude-opus-5", input_tokens=7)


@pytest.mark.parametrize(
    ("asked", "blocks", "reason", "tokens"),
    [
        (PLAIN, ["text"], "end_turn", 4),
        (Asked(ident="m", model="x", input_tokens=1, cut=True), ["text"], "max_tokens", 1),
        (
            Asked(ident="m", model="x", input_tokens=1, thinks=True),
            ["thinking", "text"],
            "end_turn",
            13,
        ),
        (
            Asked(ident="m", model="x", input_tokens=1, cut=True, thinks=True),
            ["text"],
            "max_tokens",
            1,
        ),
        (Asked(ident="m", model="x", input_tokens=1, max_tokens=0), [], "max_tokens", 0),
        (Asked(ident="m", model="x", input_tokens=1, max_tokens=2), ["text"], "max_tokens", 2),
        (
            Asked(ident="m", model="x", input_tokens=1, max_tokens=9, thinks=True),
            ["thinking"],
            "max_tokens",
            9,
        ),
        (
            Asked(ident="m", model="x", input_tokens=1, max_tokens=10, thinks=True),
            ["thinking", "text"],
            "max_tokens",
            10,
        ),
        (Asked(ident="m", model="x", input_tokens=1, tool="look"), ["tool_use"], "tool_use", 4),
        (
            Asked(ident="m", model="x", input_tokens=1, stop_sequences=("q", "ll")),
            ["text"],
            "stop_sequence",
            4,
        ),
        (Asked(ident="m", model="x", input_tokens=1, refused=True, thinks=True), [], "refusal", 1),
    ],
    ids=[
        "plain",
        "cut",
        "thinks",
        "cut in a thought",
        "none",
        "two",
        "only a thought",
        "a word",
        "tool",
        "stopped",
        "refused",
    ],
)
def test_a_message_follows_from_what_is_asked(
    asked: Asked, blocks: list[str], reason: str, tokens: int
) -> None:
    document = message(asked)

    assert [block["type"] for block in document["content"]] == blocks
    assert (document["stop_reason"], document["usage"]["output_tokens"]) == (reason, tokens)
    assert document["usage"]["input_tokens"] == asked.input_tokens


def test_a_stream_says_the_same_as_the_document() -> None:
    document = message(Asked(ident="m", model="x", input_tokens=1, thinks=True))
    body, _ = stream(document)
    events = [json.loads(event.partition(b"data: ")[2]) for event in split(body)]

    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert [delta["type"] for delta in deltas] == [
        "thinking_delta",
        "signature_delta",
        "text_delta",
    ]
    assert deltas[0]["thinking"] == document["content"][0]["thinking"]
    assert deltas[2]["text"] == document["content"][1]["text"]
    assert [event.get("index") for event in events if "index" in event] == [0] * 4 + [1] * 3
    assert b"".join(split(body)) == body
    assert b"\n" not in document_bytes(document)


def test_a_stream_is_silent_before_its_first_content_and_before_its_end() -> None:
    body, gaps = stream(message(PLAIN))

    assert [seconds for _, seconds in gaps] == [FIRST_TOKEN_SECONDS, LAST_TOKEN_SECONDS]
    assert body[gaps[0][0] :].startswith(b"event: content_block_delta")
    assert body[gaps[1][0] :].startswith(b"event: message_delta")
