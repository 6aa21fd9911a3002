"""The wire in virtual time: when a follower of a stream gives up, and what it has by then."""

from __future__ import annotations

import pytest

from monitor.backtest.wire import HANDSHAKE_SECONDS, STREAM_EXCERPT_BYTES, follow, see
from monitor.core.observation import Failure, Phase
from monitor.probes._stream import LINGER_SECONDS
from monitor.probes.claude_stream import ClaudeStreamSpec, MessageStream
from monitor.simulation import messages
from monitor.simulation.exchange import Certificate, SimResponse, Transport

HEAD = (("content-type", messages.EVENT_STREAM),)
BODY, GAPS = messages.stream(
    messages.message(messages.Asked(ident="msg_1", model="claude-haiku-5-5", input_tokens=12))
)
STARTED = len(messages.split(BODY)[0])
"""Where `message_start` ends."""
FIRST = GAPS[0][0]
"""Where the first content begins."""
AFTER = len(b"".join(messages.split(BODY)[:4]))
"""Where it ends."""


def a_reader() -> MessageStream:
    """A reader with the default limits: connect 10 s, head 15, first event 20, text 25, gap 10."""
    values = {"name": "a", "kind": "claude_stream", "model": "m", "components": ("api",)}
    return MessageStream(ClaudeStreamSpec.model_validate({**values, "credential": "main"}), None)


def a_stream(*gaps: tuple[int, float], **changes: object) -> SimResponse:
    """A good stream, with these silences."""
    values: dict[str, object] = {"headers": HEAD, "body": BODY, "gaps": gaps, "delay": 0.5}
    return SimResponse(**{**values, **changes})  # type: ignore[arg-type]  # a test's own values


@pytest.mark.parametrize(
    ("response", "kind", "awaited", "seconds"),
    [
        (a_stream(), None, "", 0.5),
        (a_stream((FIRST, 19.0), (AFTER, 9.0)), None, "", 28.5),
        (a_stream(transport=Transport.UNREACHABLE), Failure.TIMEOUT, "the connection", 10.0),
        (a_stream(transport=Transport.HANG), Failure.TIMEOUT, "the first byte", 15.0),
        (a_stream(delay=16.0), Failure.TIMEOUT, "the first byte", 15.0),
        (a_stream((0, 30.0)), Failure.TIMEOUT, "the first event", 20.0),
        (a_stream((STARTED, 30.0)), Failure.TIMEOUT, "the first content", 20.0),
        (a_stream((FIRST, 30.0)), Failure.TIMEOUT, "the first text", 25.0),
        (a_stream((AFTER, 30.0)), Failure.TIMEOUT, "more content", 10.5),
        (a_stream((FIRST, 19.0), (AFTER, 15.0)), Failure.TIMEOUT, "more content", 29.5),
        (a_stream((FIRST, 19.5), (AFTER, 15.0)), Failure.TIMEOUT, "", 30.0),
        (a_stream(transport=Transport.STALL, body=BODY[:AFTER]), Failure.TIMEOUT, "more", 10.5),
        (a_stream(transport=Transport.STALL), None, "", 0.5 + LINGER_SECONDS),
        (a_stream(transport=Transport.CUT, body=BODY[:AFTER]), Failure.RESET, "", 0.5),
        (a_stream(transport=Transport.CUT), None, "", 0.5),
        (a_stream(transport=Transport.RESET), Failure.RESET, "", 0.5),
        (a_stream(transport=Transport.DNS), Failure.DNS, "", 0.01),
        (a_stream(certificate=Certificate.EXPIRED), Failure.TLS, "", HANDSHAKE_SECONDS),
        (a_stream(bytes_per_second=1.0), Failure.TIMEOUT, "the first event", 20.0),
        (a_stream(body=b": x\n" * 300_000), Failure.TOO_LARGE, "", 0.5),
        (a_stream(status=529), None, "", 0.5),
        (a_stream((9, 60.0), status=529), Failure.TIMEOUT, "the first event", 20.0),
    ],
)
def test_a_follower_gives_up_at_the_limit_that_is_due(
    response: SimResponse, kind: Failure | None, awaited: str, seconds: float
) -> None:
    seen = follow(response, 30.0, a_reader())
    assert (seen.error and seen.error.kind) == kind
    assert awaited in (seen.error.awaited if seen.error else "")
    assert bool(awaited) == bool(seen.error and seen.error.awaited)
    assert seen.seconds == pytest.approx(seconds)


def test_what_came_until_then_is_there_and_no_more() -> None:
    seen = follow(a_stream((FIRST, 60.0)), 30.0, a_reader())
    assert seen.reply is not None
    assert (seen.reply.body, seen.reply.truncated) == (BODY[:FIRST], True)


def test_of_a_long_stream_the_beginning_is_kept() -> None:
    long = b": a comment\n" * 5000
    seen = follow(a_stream(body=long + BODY), 30.0, a_reader())
    assert seen.error is None
    assert seen.reply is not None
    assert (len(seen.reply.body), seen.reply.truncated) == (STREAM_EXCERPT_BYTES, True)


def test_the_whole_runs_limit_holds_where_it_comes_first() -> None:
    seen = follow(a_stream(transport=Transport.HANG), 5.0, a_reader())
    assert seen.error is not None
    assert (seen.error.phase, seen.error.awaited, seen.seconds) == (Phase.FIRST_BYTE, "", 5.0)


def test_who_does_not_follow_waits_for_the_whole() -> None:
    assert see(a_stream((AFTER, 15.0)), 30.0).error is None


def test_thirty_five_seconds_of_thinking_are_well_where_the_config_allows_them() -> None:
    think = messages.message(messages.Asked(ident="msg_1", model="m", input_tokens=12, thinks=True))
    body, _ = messages.stream(think)
    begun = len(b"".join(messages.split(body)[:2]))
    silent = a_stream((begun, 35.0), body=body)
    values = {"name": "a", "kind": "claude_stream", "model": "m", "components": ("api",)}
    more = {"credential": "main", "effort": "high", "timeout": "90s", "soft_deadline": "60s"}
    patient = ClaudeStreamSpec.model_validate({**values, **more})
    assert follow(silent, 90.0, MessageStream(patient, None)).error is None
    missed = follow(silent, 30.0, a_reader()).error
    assert missed is not None
    assert missed.awaited == "waiting for the end of its thinking, limit 20 s"
