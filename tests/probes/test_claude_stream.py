"""The kind `claude_stream`: its question, what comes of a stream, and its runs over sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from monitor.clock import SystemClock
from monitor.core.classify import STREAM_CHECK, Context, classify
from monitor.core.models import ModelInfo
from monitor.core.observation import Failure, Observation, Origin, Phase, TransportError
from monitor.core.outcome import Depth, Outcome
from monitor.pipeline import Progress
from monitor.probes import BoundProbe, plan_of
from monitor.probes._base import HttpReply, Reading, RefusedError
from monitor.probes._sse import LINE_BYTES_MAX
from monitor.probes._stream import STREAM_BYTES_MAX
from monitor.probes.claude_stream import KIND, ClaudeStreamSpec, MessageStream, reading, request
from monitor.simulation import messages
from monitor.spec import Secret
from tests.probes.wire import Handler, asking, serving

KEY = Secret("an-odd-planted-key")
HAIKU = "claude-haiku-5-5"
HEAD = (("content-type", "text/event-stream; charset=utf-8"), ("request-id", "req_1"))
LATE = TransportError(
    kind=Failure.TIMEOUT,
    phase=Phase.TRANSFER,
    message="",
    awaited="waiting for it, limit 1 s",
    stalled=True,
)
WHOLE_LATE = TransportError(kind=Failure.TIMEOUT, phase=Phase.TRANSFER, message="")
CUT = TransportError(kind=Failure.RESET, phase=Phase.TRANSFER, message="the body broke off")


def a_spec(**changes: Any) -> ClaudeStreamSpec:
    """A probe with a key."""
    values: dict[str, Any] = {
        "name": "api_stream",
        "kind": "claude_stream",
        "model": HAIKU,
        "components": ("api",),
        "credential": "main",
    }
    return ClaudeStreamSpec.model_validate({**values, **changes})


def a_message(**asked: Any) -> dict[str, Any]:
    """A healthy message."""
    return messages.message(messages.Asked(ident="msg_1", model=HAIKU, input_tokens=12, **asked))


def events(document: dict[str, Any] | None = None) -> list[bytes]:
    """The events of a message: start, block start, ping, delta, block stop, delta, stop."""
    return messages.split(messages.stream(document or a_message())[0])


def an_error(kind: str, message: str = "no", **more: Any) -> bytes:
    """An error event."""
    return messages.event({"type": "error", "error": {"type": kind, "message": message}, **more})


def came(
    parts: Sequence[bytes],
    error: TransportError | None = None,
    spec: ClaudeStreamSpec | None = None,
    headers: Sequence[tuple[str, str]] = HEAD,
) -> Reading:
    """What a reader makes of a stream whose parts come a second apart."""
    stream = MessageStream(spec or a_spec(), KEY)
    reply = HttpReply(status=200, headers=tuple(headers), body=b"".join(parts)[:1000])
    assert stream.takes(reply)
    for place, part in enumerate(parts):
        stream.feed(part, float(place))
    return stream.reading(reply, error)


def failed(found: Reading) -> dict[str, str]:
    """The checks that were not met, with their details."""
    return {check.name: check.detail for check in found.checks if not check.ok}


# ---------------------------------------------------------------- what is asked


def test_of_an_unknown_model_nothing_is_said_of_thinking_and_never_of_sampling() -> None:
    asked = request(a_spec(), KEY)
    assert (asked.method, asked.url) == ("POST", "https://api.anthropic.com/v1/messages")
    assert asked.headers["accept"] == "application/json"
    assert asked.headers["x-api-key"] == KEY.reveal()
    assert json.loads(asked.body or b"") == {
        "model": HAIKU,
        "messages": [{"role": "user", "content": "Say OK."}],
        "max_tokens": 16,
        "stream": True,
    }
    assert KEY.reveal() not in repr(asked)


def test_prompt_tokens_and_thinking_are_configured() -> None:
    asked = request(a_spec(prompt="2+2?", max_tokens=1, thinking="default"), KEY)
    body = json.loads(asked.body or b"")
    assert (body["messages"][0]["content"], body["max_tokens"]) == ("2+2?", 1)
    assert "thinking" not in body


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": None}, "valid string"),
        ({"credential": None}, "a stream needs a credential"),
        ({"limits": {"gap": "0s"}}, "greater than 0"),
        ({"limits": {"silence": "3s"}}, "Extra inputs are not permitted"),
        ({"expect": {"equals": "OK"}}, "Extra inputs are not permitted"),
        ({"temperature": 0}, "Extra inputs are not permitted"),
        ({"disable_thinking": True}, "is now thinking, one of .*: write thinking: auto"),
        ({"disable_thinking": False}, "write thinking: default"),
        ({"thinking": "between_tools", "effort": "max"}, "is refused with effort max"),
        (
            {"limits": {"thinking": "35s"}},
            "limits.thinking of 35s is longer than",
        ),
        ({"max_tokens": 4097}, "less than or equal to 4096"),
    ],
)
def test_a_wrong_spec_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        a_spec(**changes)


def test_it_is_paid_deep_and_of_one_model() -> None:
    spec = a_spec()
    assert (spec.depth, KIND.paid(spec), KIND.model(spec)) == (Depth.INFERENCE, True, HAIKU)
    assert KIND.answered_means_vendor(spec)
    assert not KIND.answered_means_vendor(a_spec(base_url="http://127.0.0.1:1"))


# ---------------------------------------------------------------- a whole stream


def test_a_whole_stream_meets_every_check_and_is_timed() -> None:
    found = came(events())
    assert failed(found) == {}
    assert [check.name for check in found.checks] == [
        "status",
        STREAM_CHECK,
        "content",
        "stop_reason",
    ]
    assert (found.input_tokens, found.output_tokens) == (12, 4)
    assert found.first_token == 3.0
    assert found.per_output_token == 0.0
    assert found.answer.request_id == "req_1"


def test_content_is_timed_from_its_first_block_and_text_apart() -> None:
    parts = events(a_message(thinks=True))
    found = came(parts)
    assert found.first_content == 1.0
    assert found.first_token == next(n for n, part in enumerate(parts) if b"text_delta" in part)
    assert (found.output_tokens, found.thinking_tokens, found.per_output_token) == (13, 9, 0.0)


def test_one_token_has_no_next() -> None:
    assert came(events(a_message(cut=True))).per_output_token is None


@pytest.mark.parametrize(
    "document",
    [a_message(cut=True), a_message(thinks=True), a_message(refused=True)],
    ids=["cut", "thinks", "refused"],
)
def test_thinking_a_cut_and_a_refusal_are_well(document: dict[str, Any]) -> None:
    found = came(events(document), spec=a_spec(expect={"contains": "Hello"}))
    assert [check for check in found.checks if check.failed] == []


def test_rate_limits_are_read() -> None:
    found = came(events(), headers=(*HEAD, ("anthropic-ratelimit-requests-remaining", "49")))
    assert found.ratelimits == (("requests", 49.0),)


def test_no_content_and_no_refusal_is_no_answer() -> None:
    found = came(events({**a_message(), "content": []}))
    assert failed(found) == {"content": "no content"}


OMITTED = events(
    {
        **a_message(),
        "content": [{"type": "redacted_thinking"}],
        "stop_reason": "max_tokens",
        "usage": {"input_tokens": 12, "output_tokens": 16},
    }
)
"""A message that is cut within thinking of which nothing is shown: a block without a delta."""


def test_a_message_cut_within_its_thinking_is_well_and_says_so() -> None:
    found = came(OMITTED)
    assert [check.name for check in found.checks if check.failed] == []
    assert failed(found) == {"answer": "it stopped within its thinking (max_tokens)"}
    assert (found.first_token, found.per_output_token) == (None, None)
    assert found.first_content is not None


def test_the_category_of_a_refusal_is_told() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": None}
    delta = {"stop_reason": "refusal", "stop_details": details}
    ending = messages.event({"type": "message_delta", "delta": delta, "usage": {}})
    found = came([events()[0], ending, events()[-1]])
    assert failed(found) == {"answer": "the model refused (cyber)"}


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ({}, {"thinking": {"type": "between_tools"}, "output_config": {"effort": "low"}}),
        ({"effort": "max"}, {"output_config": {"effort": "max"}}),
        ({"thinking": "default"}, {"output_config": {"effort": "low"}}),
        (
            {"thinking": "off"},
            {"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}},
        ),
    ],
)
def test_a_known_model_is_asked_for_what_it_takes(
    changes: dict[str, Any], asked: dict[str, Any]
) -> None:
    sonnet = ModelInfo(
        id="claude-sonnet-5-5",
        display_name="Sonnet",
        thinking_types=frozenset({"adaptive", "between_tools"}),
        efforts=frozenset({"low", "medium", "high", "xhigh", "max"}),
    )
    body = json.loads(request(a_spec(**changes), KEY, sonnet).body or b"")
    assert {key: body[key] for key in ("thinking", "output_config") if key in body} == asked


@pytest.mark.parametrize("text", ["hello", "HELLO", "ell"])
def test_a_known_answer_is_looked_for(text: str) -> None:
    found = came(events(), spec=a_spec(expect={"contains": text}))
    assert failed(found) == {}
    assert found.checks[-1].name == "answer"


def test_another_wording_is_told_and_never_bad() -> None:
    found = came(events(), spec=a_spec(expect={"contains": "Four"}))
    assert failed(found) == {"answer": "another than expected, which is no fault"}
    assert not any(check.failed for check in found.checks)


# ---------------------------------------------------------------- a broken stream


@pytest.mark.parametrize(
    ("parts", "error", "detail"),
    [
        (events()[:-1], None, "it ended without message_stop"),
        (events()[:3], None, "it ended before any content, without message_stop"),
        ([], None, "it ended before message_start"),
        ([b"<html>"], None, "it ended before message_start"),
        (events()[:4], CUT, "it was cut off: the body broke off"),
        ([], CUT, "it was cut off: the body broke off"),
        (events()[:4], LATE, "it stalled: waiting for it, limit 1 s"),
        (events()[1:], None, "content_block_start before message_start"),
        ([*events(), events()[3]], None, "content_block_delta after message_stop"),
        ([*events()[:4], an_error("overloaded_error")], None, "an error event: overloaded_error"),
        ([*events()[:4], an_error("api_error")], CUT, "an error event: api_error"),
        ([*events()[:4], b"event: error\ndata: ?\n\n"], None, "an error event: of no type"),
    ],
)
def test_what_breaks_a_stream_is_told(
    parts: list[bytes], error: TransportError | None, detail: str
) -> None:
    found = came(parts, error)
    assert failed(found) == {STREAM_CHECK: detail}


@pytest.mark.parametrize(
    ("parts", "error"), [(events()[:3], WHOLE_LATE), (events()[:4], WHOLE_LATE)]
)
def test_a_stream_that_only_takes_too_long_is_not_called_broken(
    parts: list[bytes], error: TransportError
) -> None:
    assert came(parts, error).checks == ()


def test_tokens_of_half_a_stream_are_paid_for_and_not_timed() -> None:
    found = came(events()[:4], CUT)
    assert (found.input_tokens, found.output_tokens) == (12, 1)
    assert (found.first_token, found.per_output_token) == (3.0, None)


def test_an_error_event_is_told_by_its_type_without_secrets_or_escapes() -> None:
    message = f"\x1b[31mbad {KEY.reveal()}\n"
    event = an_error("overloaded_error", message, request_id="req_2")
    answer = came([*events()[:4], event], headers=HEAD[:1]).answer
    assert (answer.status, answer.error_type) == (200, "overloaded_error")
    assert answer.error_message == "bad [hidden]"
    assert (answer.anthropic_error, answer.request_id) == (True, "req_2")
    assert came([an_error("api_error", request_id="req_2")]).answer.request_id == "req_1"


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([b"data: " + b"x" * LINE_BYTES_MAX], "a line is longer"),
        ([b"data: " + b"x" * 60 + b"\n"] * 2200, "an event is longer"),
        ([b": x\n" * 16_384] * (STREAM_BYTES_MAX // 65_536 + 1), "the stream is longer"),
    ],
)
def test_what_does_not_end_is_given_up(parts: list[bytes], words: str) -> None:
    with pytest.raises(RefusedError, match=words) as caught:
        came(parts)
    assert caught.value.kind is Failure.TOO_LARGE


JSON = "application/json"
NO_STREAM = {"content_type": f"{JSON} is no stream of events"}


@pytest.mark.parametrize(
    ("status", "content_type", "wrong"),
    [
        (200, JSON, NO_STREAM),
        (200, None, {"content_type": "none is no stream of events"}),
        (529, JSON, {"status": "HTTP 529", **NO_STREAM}),
    ],
)
def test_what_is_no_stream_is_read_as_a_document(
    status: int, content_type: str | None, wrong: dict[str, str]
) -> None:
    headers = () if content_type is None else (("content-type", content_type),)
    reply = HttpReply(status=status, headers=headers, body=b"{}")
    assert not MessageStream(a_spec(), None).takes(reply)
    assert failed(reading(a_spec(), reply)) == wrong


# ---------------------------------------------------------------- over sockets

TICK = 0.15
HTTP = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """A chunk of the transfer encoding."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def sending(*parts: bytes | float | None, head: bytes = HTTP) -> Handler:
    """A server that sends a head and chunks; a number is a wait, None never ends."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}]")
        writer.write(head)
        for part in parts:
            if isinstance(part, bytes):
                writer.write(chunk(part))
                await writer.drain()
            elif part is None:
                await asyncio.Event().wait()
            else:
                await SystemClock().sleep(part)
        writer.write(b"0\r\n\r\n")

    return handle


async def test_a_run_asks_for_what_the_list_says_that_its_model_takes() -> None:
    bodies: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bodies.append(await reader.readuntil(b"}}"))
        writer.write(HTTP + chunk(b"".join(events())) + b"0\r\n\r\n")

    haiku = ModelInfo(id=HAIKU, display_name="Haiku", thinking_types=frozenset({"disabled"}))
    async with serving(handle) as port:
        spec = a_spec(base_url=f"http://127.0.0.1:{port}")
        plan = plan_of(KIND, spec, credential_fingerprint="f", disabled=None)
        with asking() as context:
            known = replace(context, takes=lambda probe: haiku if probe.model == HAIKU else None)
            await BoundProbe(KIND, spec, plan, KEY, known).run("run", Origin.MANUAL, Progress())
    assert b'"thinking":{"type":"disabled"}' in bodies[0]


async def run(handler: Handler, **changes: Any) -> tuple[Observation, Outcome, str]:
    """Run the probe once against `handler`, and what its run comes to."""
    async with serving(handler) as port:
        spec = a_spec(base_url=f"http://127.0.0.1:{port}", **changes)
        plan = plan_of(KIND, spec, credential_fingerprint="f", disabled=None)
        with asking() as context:
            probe = BoundProbe(KIND, spec, plan, KEY, context)
            seen = await probe.run("run", Origin.MANUAL, Progress())
    verdict = classify(seen, Context(probe=plan, proven=True, key_worked=True))
    return seen, verdict.outcome, verdict.reason


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_a_stream_is_read_whatever_its_chunks(size: int) -> None:
    whole = b"".join(events())
    parts = [whole[place : place + size] for place in range(0, len(whole), size)]
    seen, outcome, _ = await run(sending(*parts))
    assert outcome is Outcome.OK
    assert seen.output_tokens == 4
    assert 0 < (seen.first_token or 0.0) <= seen.timings.total


async def test_silent_pings_do_not_put_the_first_token_off() -> None:
    pings = [part for _ in range(40) for part in (messages.PING, TICK / 5)]
    seen, outcome, reason = await run(
        sending(*events()[:2], *pings), limits={"first_token": "150ms"}
    )
    assert outcome is Outcome.TIMEOUT
    assert "waiting for the first text, limit 0.15 s" in reason
    assert seen.timings.total < 5 * TICK


def a_block(index: int, text: str = "OK") -> bytes:
    """The events of one block of text."""
    block = {"type": "text", "text": ""}
    delta = {"type": "text_delta", "text": text}
    return b"".join(
        messages.event({"type": f"content_block_{kind}", "index": index, **more})
        for kind, more in (
            ("start", {"content_block": block}),
            ("delta", {"delta": delta}),
            ("stop", {}),
        )
    )


async def test_pings_before_the_message_are_no_event_and_no_fault() -> None:
    seen, outcome, _ = await run(sending(messages.PING, messages.PING, TICK / 5, *events()))
    assert outcome is Outcome.OK
    assert seen.output_tokens == 4


async def test_pings_alone_are_a_stream_whose_first_event_never_comes() -> None:
    pings = [part for _ in range(40) for part in (messages.PING, TICK / 5)]
    _, outcome, reason = await run(sending(*pings), limits={"first_event": "150ms"})
    assert outcome is Outcome.TIMEOUT
    assert "waiting for the first event, limit 0.15 s" in reason


@pytest.mark.parametrize(
    ("count", "expected"), [(256, Outcome.OK), (257, Outcome.STREAM_BROKEN)], ids=["most", "more"]
)
async def test_so_many_blocks_are_followed_and_no_more(count: int, expected: Outcome) -> None:
    blocks = b"".join(a_block(index) for index in range(count))
    _, outcome, reason = await run(sending(events()[0], blocks, *events()[-2:]))
    assert outcome is expected
    assert ("more than 256 blocks" in reason) == (expected is Outcome.STREAM_BROKEN)


async def test_the_share_of_thinking_in_the_tokens_is_told_in_the_sentence() -> None:
    thinking = events(a_message(thinks=True))
    seen, outcome, reason = await run(sending(*thinking))
    assert outcome is Outcome.OK
    assert seen.thinking_tokens == 9
    assert reason.endswith(f"; 9 of {seen.output_tokens} tokens were thinking")


THINKS: tuple[bytes, ...] = (
    events()[0],
    messages.event(
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking"}}
    ),
)
SIGNED = (
    messages.event(
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "signature_delta", "signature": "x"},
        }
    ),
    messages.event({"type": "content_block_stop", "index": 0}),
    *(part.replace(b'"index":0', b'"index":1') for part in events()[1:]),
)
SILENCE = [part for _ in range(10) for part in (messages.PING, TICK / 5)]


async def test_a_silence_of_thinking_is_no_gap() -> None:
    seen, outcome, _ = await run(sending(*THINKS, *SILENCE, *SIGNED), limits={"gap": "150ms"})
    assert outcome is Outcome.OK
    assert (seen.first_token or 0.0) - (seen.first_content or 0.0) > 1.9 * TICK


async def test_a_silence_of_thinking_has_a_limit_of_its_own() -> None:
    parts = (*THINKS, *SILENCE, *SIGNED)
    _, outcome, reason = await run(sending(*parts), limits={"thinking": "150ms"})
    assert outcome is Outcome.TIMEOUT
    assert "waiting for the end of its thinking, limit 0.15 s" in reason


@pytest.mark.parametrize("signed", [True, False])
async def test_a_message_cut_within_its_thinking_is_ok(signed: bool) -> None:  # noqa: FBT001  # a case
    ending = (*(SIGNED[:1] if signed else ()), SIGNED[1], *OMITTED[-2:])
    _, outcome, reason = await run(sending(*THINKS, *SILENCE[:4], *ending))
    assert outcome is Outcome.OK
    assert "it stopped within its thinking (max_tokens)" in reason


def test_more_effort_may_think_for_as_long_as_the_run_may_take() -> None:
    hurried, patient = a_spec(), a_spec(effort="high", timeout="90s")
    assert (hurried.stage_limits.thinking, hurried.stage_limits.first_token) == (20.0, 25.0)
    assert (patient.stage_limits.thinking, patient.stage_limits.first_token) == (90.0, 90.0)
    assert a_spec(thinking="default").stage_limits.thinking == 30.0


async def test_pings_between_contents_do_not_hide_a_stall() -> None:
    pings = [part for _ in range(40) for part in (messages.PING, TICK / 5)]
    seen, outcome, reason = await run(sending(*events()[:4], *pings), limits={"gap": "150ms"})
    assert outcome is Outcome.STREAM_BROKEN
    assert "it stalled: waiting for more content, limit 0.15 s" in reason
    assert seen.first_token is not None


async def test_content_in_time_may_go_on_past_any_single_limit() -> None:
    delta = events()[3]
    more = [part for _ in range(4) for part in (delta, TICK)]
    parts = (*events()[:3], *more, *events()[3:])
    seen, outcome, _ = await run(sending(*parts), limits={"gap": "450ms", "first_token": "450ms"})
    assert outcome is Outcome.OK
    assert seen.timings.total > 3.9 * TICK


async def test_a_head_that_does_not_end_misses_the_first_byte() -> None:
    async def loris(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}]")
        writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            writer.write(b"x")
            await SystemClock().sleep(TICK / 5)

    _, outcome, reason = await run(loris, limits={"first_byte": "150ms"})
    assert outcome is Outcome.TIMEOUT
    assert "waiting for the first byte, limit 0.15 s" in reason


async def test_the_whole_run_has_a_limit_too() -> None:
    delta = events()[3]
    drip = [part for _ in range(100) for part in (delta, TICK / 5)]
    _, outcome, reason = await run(sending(*events()[:3], *drip), timeout="150ms")
    assert outcome is Outcome.TIMEOUT
    assert "(reading the answer)" in reason


async def test_a_stream_whose_connection_stays_open_is_not_waited_for() -> None:
    seen, outcome, _ = await run(sending(*events(), None))
    assert outcome is Outcome.OK
    assert seen.timings.total < 4.0


async def test_a_stream_that_dies_after_its_200_is_broken() -> None:
    async def dies(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}]")
        writer.write(HTTP + chunk(events()[0]))

    seen, outcome, reason = await run(dies)
    assert outcome is Outcome.STREAM_BROKEN
    assert "it was cut off" in reason
    assert seen.error is not None


async def test_a_late_error_after_the_last_event_is_forgiven() -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}]")
        writer.write(HTTP + chunk(b"".join(events())))
        await writer.drain()
        await SystemClock().sleep(TICK)
        writer.write(b"zz\r\n")

    seen, outcome, _ = await run(rude)
    assert (seen.error, outcome) == (None, Outcome.OK)


async def test_a_key_that_comes_back_in_a_stream_is_blanked_out() -> None:
    error = an_error("api_error", f"key {KEY.reveal()} is odd")
    seen, outcome, reason = await run(sending(error))
    assert outcome is Outcome.STREAM_BROKEN
    assert KEY.reveal() not in repr(seen) + reason


async def test_a_refusal_of_what_is_said_of_thinking_names_the_key() -> None:
    message = "`thinking.type.disabled` is not supported for this model"
    document = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    body = json.dumps(document).encode()

    async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}]")
        head = b"HTTP/1.1 400 No\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % len(body) + body)

    _, outcome, reason = await run(refuses, thinking="off")
    assert outcome is Outcome.CLIENT_ERROR
    assert reason.endswith("is not supported for this model; change `thinking` of this probe")
