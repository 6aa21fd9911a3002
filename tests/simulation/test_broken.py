from __future__ import annotations

import json
import math
from typing import Any

import pytest

from monitor.simulation._broken import HUGE_BYTES, HUGE_LINE_BYTES, SILENCE_SECONDS_MAX
from monitor.simulation.exchange import Certificate, SimRequest, SimResponse, Transport
from monitor.simulation.faults import FAULTS
from monitor.simulation.messages import FIRST_TOKEN_SECONDS, PING, PING_SECONDS, split
from tests.simulation.worlds import get, noon, post, struck

STREAM_TYPE = "text/event-stream; charset=utf-8"
MESSAGES = "https://api.anthropic.com/v1/messages"
ASKED: dict[str, Any] = {
    "model": "claude-opus-4-8",
    "max_tokens": 16,
    "messages": [{"role": "user", "content": "ping"}],
}
WHOLE = post(MESSAGES, ASKED)
STREAM = post(MESSAGES, {**ASKED, "stream": True})
HELLO = get("https://api.anthropic.com/api/hello")


def under(fault: str, request: SimRequest = STREAM) -> SimResponse:
    """What comes back under `fault`, at the API."""
    world = struck(f"fault: {fault}, components: api")
    return world.answer(request, noon(world))


def events(response: SimResponse) -> list[str]:
    """The types of the events of a stream."""
    lines = response.body.decode().splitlines()
    return [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]


BEGUN = ["message_start", "content_block_start", "ping", "content_block_delta"]


@pytest.mark.parametrize(
    ("fault", "tail", "transport"),
    [
        ("stream_error", ["error"], Transport.NONE),
        ("stream_truncated", [], Transport.NONE),
        ("stream_reset", [], Transport.CUT),
        ("stream_hang", [], Transport.STALL),
    ],
)
def test_a_stream_breaks_after_its_first_content(
    fault: str, tail: list[str], transport: Transport
) -> None:
    broken = under(fault)

    assert (broken.status, broken.transport) == (200, transport)
    assert events(broken) == BEGUN + tail
    assert [seconds for _offset, seconds in broken.gaps] == [FIRST_TOKEN_SECONDS]


@pytest.mark.parametrize(
    "fault",
    [name for name in FAULTS if name.startswith("stream_")],
)
@pytest.mark.parametrize("request_", [WHOLE, HELLO], ids=["message", "hello"])
def test_what_is_no_stream_is_left_alone(fault: str, request_: SimRequest) -> None:
    answer = under(fault, request_)

    assert (answer.status, answer.transport) == (200, Transport.NONE)
    json.loads(answer.body)


def test_a_fault_that_does_not_apply_leaves_the_place_to_the_next() -> None:
    world = struck("fault: stream_error, components: api", "fault: json_500, components: api")

    assert world.answer(HELLO, noon(world)).status == 500
    assert world.answer(STREAM, noon(world)).status == 200


@pytest.mark.parametrize(
    ("message", "kind"), [("Overloaded", "overloaded_error"), ("Internal error", "api_error")]
)
def test_the_error_of_a_stream_has_the_type_of_what_it_says(message: str, kind: str) -> None:
    last = under(f"stream_error, message: {message}").body.split(b"\n\n")[-2]

    error = json.loads(last.partition(b"data: ")[2])
    assert error["error"] == {"type": kind, "message": message, "details": None}
    assert error["request_id"].startswith("req_")


def test_pings_go_on_as_long_as_the_longest_hang() -> None:
    silent = under("stream_pings")
    waits = [wait for wait, part in silent.parts() if part == PING]

    assert set(events(silent)[len(BEGUN) :]) == {"ping"}
    assert waits == [PING_SECONDS] * 60
    assert sum(waits) == SILENCE_SECONDS_MAX
    assert silent.seconds == math.inf


def test_a_silent_stream_never_comes_to_its_first_content() -> None:
    silent = under("stream_silent")

    assert events(silent)[:2] == BEGUN[:2]
    assert set(events(silent)[2:]) == {"ping"}
    assert sum(wait for wait, _ in silent.parts()) == SILENCE_SECONDS_MAX
    assert silent.transport is Transport.STALL


@pytest.mark.parametrize(("told", "seconds"), [("", 30.0), (", delay: 5s", 5.0)])
def test_a_gap_comes_after_the_first_content_and_the_rest_after_it(
    told: str, seconds: float
) -> None:
    late = under(f"stream_gap{told}")
    parts = list(late.parts())

    assert seconds in [wait for wait, _ in parts]
    before = next(place for place, (wait, _) in enumerate(parts) if wait == seconds)
    assert events(SimResponse(body=b"".join(part for _, part in parts[:before]))) == BEGUN
    assert late.body == under("drip").body


def test_garbage_is_called_a_stream_and_is_none() -> None:
    garbage = under("stream_garbage")

    assert (garbage.status, garbage.header("content-type")) == (200, STREAM_TYPE)
    assert b"message_stop" not in garbage.body


def test_a_huge_stream_goes_on_in_good_order_and_a_huge_line_does_not_end() -> None:
    huge, line = under("stream_huge"), under("stream_huge_line")

    assert len(huge.body) >= HUGE_BYTES
    assert set(events(huge)[3:]) == {"content_block_delta"}
    assert events(line) == BEGUN
    assert len(line.body.rpartition(b"\n")[2]) >= HUGE_LINE_BYTES


def test_the_first_token_of_a_stream_is_slow_though_its_head_is_not() -> None:
    late = under("slow_first_token, delay: 40s")
    parts = list(late.parts())

    assert late.delay < 1
    assert [wait for wait, _ in parts][:2] == [0.0, 40.0]
    assert events(SimResponse(body=parts[0][1])) == BEGUN[:-1]
    assert b"".join(part for _, part in parts) == late.body
    assert events(late)[-1] == "message_stop"


def test_a_whole_message_is_late_by_the_first_token_and_other_answers_are_not() -> None:
    assert 30.6 < under("slow_first_token", WHOLE).delay < 31.1
    assert under("slow_first_token", HELLO).delay < 1


def test_half_of_a_body_comes_and_the_connection_ends() -> None:
    half = under("truncated", HELLO)

    assert (half.body, half.transport) == (b'{"message"', Transport.CUT)
    assert math.isfinite(half.seconds)


def test_after_the_head_nothing_comes() -> None:
    silent = under("hang_after_headers")

    assert (silent.status, silent.body, silent.gaps) == (200, b"", ())
    assert silent.transport is Transport.STALL
    assert silent.seconds == math.inf


@pytest.mark.parametrize(
    ("fault", "certificate"),
    [
        ("tls_expired", Certificate.EXPIRED),
        ("tls_wrong_host", Certificate.WRONG_HOST),
        ("tls_untrusted", Certificate.UNTRUSTED),
        ("tls_expiring", Certificate.EXPIRING),
    ],
)
def test_a_certificate_is_beside_the_answer(fault: str, certificate: Certificate) -> None:
    answer = under(fault, HELLO)

    assert (answer.certificate, answer.status) == (certificate, 200)
    assert certificate.refused == (certificate is not Certificate.EXPIRING)


def test_a_certificate_is_shown_before_a_conversation_breaks() -> None:
    world = struck("fault: tls_expired, components: api", "fault: reset, components: api")

    answer = world.answer(HELLO, noon(world))

    assert (answer.transport, answer.certificate) == (Transport.RESET, Certificate.EXPIRED)


@pytest.mark.parametrize(
    ("fault", "transport"),
    [
        ("dns_failure", Transport.DNS),
        ("refused", Transport.REFUSED),
        ("unreachable", Transport.UNREACHABLE),
        ("hang", Transport.HANG),
    ],
)
def test_without_a_connection_there_is_no_answer(fault: str, transport: Transport) -> None:
    answer = under(fault, HELLO)

    assert (answer.transport, answer.status, answer.body) == (transport, 0, b"")
    assert not answer.transport.answers


@pytest.mark.parametrize("model", ["claude-opus-4-8", "claude-opus-5-5"])
@pytest.mark.parametrize(("delay", "pings"), [("35s", 2), ("10s", 0), ("30s", 1)])
def test_long_thinking_is_a_silence_with_pings_in_a_block_that_began(
    model: str, delay: str, pings: int
) -> None:
    request = post(MESSAGES, {**ASKED, "model": model, "max_tokens": 256, "stream": True})
    long = under(f"long_thinking, delay: {delay}", request)
    documents = [json.loads(one.partition(b"data: ")[2]) for one in split(long.body)]
    types = [document["type"] for document in documents]
    first = types.index("content_block_start")

    assert documents[first]["content_block"]["type"] == "thinking"
    assert types[first + 1 : first + 1 + pings] == ["ping"] * pings
    assert types.count("content_block_start") == 2
    signed = next(one for one in documents if one["type"] == "content_block_delta")
    assert (signed["index"], signed["delta"]["type"]) == (0, "signature_delta")
    assert sum(seconds for _offset, seconds in long.gaps) == float(delay[:-1])


def test_long_thinking_makes_a_whole_message_late_and_nothing_else() -> None:
    assert under("long_thinking", WHOLE).delay > 35.0
    assert under("long_thinking", HELLO).delay < 1.0
