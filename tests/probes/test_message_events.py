"""The order of a streamed message: what is accepted, what is let pass, what is a problem."""

from __future__ import annotations

import json
from typing import Any

import pytest

from monitor.probes._message_events import BLOCKS_MAX, TEXT_CHARS_MAX, MessageEvents, StreamError

Event = tuple[str, dict[str, Any]]

START: Event = (
    "message_start",
    {"message": {"id": "msg_1", "usage": {"input_tokens": 12, "output_tokens": 1}}},
)
PING: Event = ("ping", {})
TEXT = {"type": "text", "text": "OK"}
STOP: Event = ("message_stop", {})


def opened(index: int = 0, kind: str = "text") -> Event:
    """A block begins."""
    return "content_block_start", {"index": index, "content_block": {"type": kind}}


def delta(index: int = 0, **content: Any) -> Event:
    """A piece of content."""
    return "content_block_delta", {"index": index, "delta": content or {"text": "OK"}}


def closed(index: int = 0) -> Event:
    """A block ends."""
    return "content_block_stop", {"index": index}


def stopping(reason: str | None = "end_turn", **usage: Any) -> Event:
    """Why it stops, and the tokens so far."""
    return "message_delta", {"delta": {"stop_reason": reason}, "usage": usage}


WHOLE = (START, opened(), PING, delta(), closed(), stopping(output_tokens=4), STOP)


def followed(*events: Event) -> MessageEvents:
    """What came of `events`."""
    found = MessageEvents()
    for name, content in events:
        found.take(name, json.dumps({"type": name, **content}))
    return found


@pytest.mark.parametrize(
    "events",
    [
        WHOLE,
        (PING, *WHOLE, PING),
        (START, stopping("refusal"), STOP),
        (START, opened(), stopping("max_tokens"), closed(), STOP),
        (
            *(START, opened(kind="thinking"), delta(type="thinking_delta", thinking="Hm")),
            *(delta(type="signature_delta", signature="x"), closed(), opened(1), delta(1)),
            *(closed(1), stopping(), STOP),
        ),
        (
            *(START, opened(kind="tool_use"), delta(type="input_json_delta", partial_json="{")),
            *(closed(), stopping("tool_use"), STOP),
        ),
        (START, opened(), opened(1), delta(1), delta(0), closed(0), closed(1), stopping(), STOP),
        (START, ("a_new_event", {}), opened(), delta(type="new"), closed(), stopping(), STOP),
        (START, stopping(None), stopping("end_turn"), STOP),
        (*WHOLE, ("a_new_event", {})),
    ],
)  # fmt: skip
def test_a_message_in_good_order_ends(events: tuple[Event, ...]) -> None:
    found = followed(*events)
    assert (found.problem, found.error, found.stopped, found.ended) == (None, None, True, True)


@pytest.mark.parametrize(
    ("events", "problem"),
    [
        ((opened(),), "content_block_start before message_start"),
        ((STOP,), "message_stop before message_start"),
        ((START, START), "a second message_start"),
        ((("message_start", {}),), "message_start has no message"),
        ((START, delta()), "content_block_delta for block 0, which is not open"),
        (
            (START, opened(), closed(), delta()),
            "content_block_delta for block 0, which is not open",
        ),
        ((START, closed(2)), "content_block_stop for block 2, which is not open"),
        ((START, opened(), opened()), "block 0 begins again"),
        ((START, opened(), closed(), opened()), "block 0 begins again"),
        ((START, *(opened(n) for n in range(BLOCKS_MAX + 1))), f"more than {BLOCKS_MAX} blocks"),
        ((START, ("content_block_start", {"index": "0"})), "content_block_start has no index"),
        ((START, ("content_block_start", {"index": True})), "content_block_start has no index"),
        (
            (START, ("content_block_start", {"index": 0})),
            "content_block_start has no content_block",
        ),
        (
            (START, opened(), ("content_block_delta", {"index": 0})),
            "content_block_delta has no delta",
        ),
        ((START, opened(), stopping(), STOP), "message_stop while block 0 is open"),
        ((START, STOP), "message_stop without a stop_reason"),
        ((START, stopping(None), STOP), "message_stop without a stop_reason"),
        ((*WHOLE, delta()), "content_block_delta after message_stop"),
        ((*WHOLE, STOP), "message_stop after message_stop"),
        ((STOP, STOP), "message_stop before message_start"),
    ],
)  # fmt: skip
def test_a_breach_of_the_order_is_told_and_the_first_one_stays(
    events: tuple[Event, ...], problem: str
) -> None:
    assert followed(*events).problem == problem


@pytest.mark.parametrize("data", ["", "{", "[]", "null", "[" * 100_000])
def test_a_known_event_holds_an_object_and_others_may_hold_anything(data: str) -> None:
    found = MessageEvents()
    for name in ("ping", "a_new_event", "message"):
        found.take(name, data)
    assert found.problem is None
    found.take("message_start", data)
    assert found.problem == "the data of message_start is no JSON object"


def test_an_event_without_a_name_goes_by_its_type() -> None:
    found = MessageEvents()
    for name, content in WHOLE:
        found.take("message", json.dumps({"type": name, **content}))
    assert (found.problem, found.stopped) == (None, True)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (
            '{"error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}',
            StreamError(type="overloaded_error", message="Overloaded", request_id="req_1"),
        ),
        ('{"error":{"type":"x"},"request_id":"a b"}', StreamError(type="x")),
        ('{"error":{"type":1,"message":null}}', StreamError()),
        (
            '{"error":{"type":"x","details":{"error_code":"cmek_key_disabled"}}}',
            StreamError(type="x", code="cmek_key_disabled"),
        ),
        ('{"error":{"type":"x","details":null}}', StreamError(type="x")),
        ('{"error":{"type":"x","details":[1]}}', StreamError(type="x")),
        ('{"error":{"type":"x","details":{"error_code":7}}}', StreamError(type="x")),
        ('{"error":"overloaded"}', StreamError()),
        ("no json", StreamError()),
    ],
)
def test_an_error_ends_the_message(data: str, error: StreamError) -> None:
    found = followed(START)
    found.take("error", data)
    found.take("error", '{"error":{"type":"another"}}')
    assert (found.error, found.ended, found.stopped) == (error, True, False)


@pytest.mark.parametrize(
    ("events", "missing"),
    [
        ((), "it ended before message_start"),
        ((PING,), "it ended before message_start"),
        ((START, opened(), PING), "it ended before any content, without message_stop"),
        ((START, opened(), delta()), "it ended without message_stop"),
    ],
)
def test_what_an_early_end_leaves_out_is_told(events: tuple[Event, ...], missing: str) -> None:
    assert followed(*events).missing == missing


def test_pings_are_no_content() -> None:
    found = followed(PING, START, PING, opened(), PING, PING)
    assert (found.deltas, found.events, found.spoken) == (0, 2, False)
    assert followed(START, opened(), delta(), PING, delta(thinking="x")).deltas == 2


@pytest.mark.parametrize("kind", ["thinking", "redacted_thinking", "tool_use", "fallback", "new"])
def test_a_block_that_is_no_text_is_content_from_its_start(kind: str) -> None:
    found = followed(START, opened(kind=kind))
    assert (found.blocks, found.spoken, found.idle) == (1, True, False)
    assert found.silent is (kind != "tool_use")
    assert found.thought_only is ("thinking" in kind)
    ended = followed(START, opened(kind=kind), closed(), stopping("max_tokens"), STOP)
    assert (ended.problem, ended.idle, ended.silent) == (None, True, False)


def test_a_block_of_text_may_begin_with_some() -> None:
    begun = followed(START, ("content_block_start", {"index": 0, "content_block": TEXT}))
    assert (begun.text, begun.spoken) == ("OK", True)


@pytest.mark.parametrize(
    ("details", "category"),
    [
        ({"type": "refusal", "category": "cyber"}, "cyber"),
        ({"type": "refusal", "category": None}, None),
        ({"category": "a b\n"}, None),
        ({"category": 7}, None),
        ("cyber", None),
        (None, None),
    ],
)
def test_the_category_of_a_refusal_is_read(details: object, category: str | None) -> None:
    ending = ("message_delta", {"delta": {"stop_reason": "refusal", "stop_details": details}})
    assert followed(START, ending, stopping(None), STOP).stop_category == category


@pytest.mark.parametrize(
    ("details", "thinking"),
    [({"thinking_tokens": 9}, 9), ({}, None), ({"thinking_tokens": None}, None), ("9", None)],
)
def test_the_share_of_thinking_in_the_tokens_is_read(details: object, thinking: int | None) -> None:
    found = followed(START, stopping(output_tokens=12, output_tokens_details=details))
    assert found.usage.get("thinking_tokens") == thinking


def test_usage_is_the_newest_of_each_count() -> None:
    assert followed(*WHOLE).usage == {"input_tokens": 12, "output_tokens": 4}
    later = followed(START, stopping(input_tokens=20, output_tokens=None))
    assert later.usage == {"input_tokens": 20, "output_tokens": 1}


def test_only_the_beginning_of_the_text_is_kept() -> None:
    found = followed(START, opened(), *[delta(text="x" * 1000)] * 10, delta(text="y"))
    assert found.text == "x" * TEXT_CHARS_MAX
