"""What becomes of the connection, of a stream and of the pace.

The faults of a stream leave alone what is no stream: a scenario may aim them at an endpoint that is
asked both ways.
"""

from __future__ import annotations

import math
from dataclasses import replace

from monitor.simulation import messages
from monitor.simulation._fault import Parameters, Strike, coded_error, spoken
from monitor.simulation.endpoints import Service, locate
from monitor.simulation.exchange import Certificate, SimRequest, SimResponse, Transport
from monitor.simulation.messages import PING_SECONDS

SILENCE_SECONDS_MAX = 900.0
"""How long pings go on: the longest hang that users saw."""

HUGE_BYTES = 10 * 1024 * 1024
"""How long a stream is that goes on and on."""

HUGE_LINE_BYTES = 5 * 1024 * 1024
"""How long a line is that does not end."""

_FIRST_TOKEN_SECONDS = 30.0
_GAP_SECONDS = 30.0
_GARBAGE = b"\x00\xff\xfe\x1b[2J<html>\r\rdata\n:\n\nevent: message_start\ndata: {]\n\n" * 3
_SLOW_SECONDS = 20.0
_THINKING_SECONDS = 35.0


def broken(transport: Transport) -> Strike:
    """No answer: the conversation breaks as `transport` says."""

    def strike(_: SimRequest, healthy: SimResponse, __: Parameters) -> SimResponse:
        delay = healthy.delay if transport is Transport.RESET else 0.0
        certificate = healthy.certificate
        return SimResponse(status=0, transport=transport, delay=delay, certificate=certificate)

    return strike


def bad_certificate(certificate: Certificate) -> Strike:
    """The server shows another certificate; whoever does not look goes on as ever.

    There is one certificate only: the first fault of this kind decides.
    """

    def strike(_: SimRequest, answer: SimResponse, __: Parameters) -> SimResponse:
        if answer.certificate is not Certificate.GOOD:
            return answer
        return replace(answer, certificate=certificate)

    return strike


def truncated(_: SimRequest, healthy: SimResponse, __: Parameters) -> SimResponse:
    """Half of the body, and the connection ends."""
    return _first_part(healthy, len(healthy.body) // 2, Transport.CUT)


def silent_after_headers(_: SimRequest, healthy: SimResponse, __: Parameters) -> SimResponse:
    """The head of a good answer, and nothing behind it."""
    return _first_part(healthy, 0, Transport.STALL)


def stream_error(_: SimRequest, healthy: SimResponse, parameters: Parameters) -> SimResponse:
    """A stream that began well carries an error in its middle, and ends."""
    events = _begun(healthy)
    if not events:
        return healthy
    details: dict[str, str | None] | None = None
    message = parameters.message or "Overloaded"
    kind = "overloaded_error" if message == "Overloaded" else "api_error"
    if parameters.code is not None:
        kind, details = coded_error(parameters.code)
        message = parameters.message or spoken(parameters.code)
    error = {"type": kind, "message": message, "details": details}
    document = {"type": "error", "error": error, "request_id": healthy.header("request-id")}
    return _streamed(healthy, [*events, messages.event(document)])


def stream_truncated(_: SimRequest, healthy: SimResponse, __: Parameters) -> SimResponse:
    """A stream ends in its middle, in good order, without the event that it must end with."""
    events = _begun(healthy)
    return _streamed(healthy, events) if events else healthy


def stream_reset(_: SimRequest, healthy: SimResponse, __: Parameters) -> SimResponse:
    """The connection ends in the middle of a stream."""
    events = _begun(healthy)
    return replace(_streamed(healthy, events), transport=Transport.CUT) if events else healthy


def stream_hang(_: SimRequest, healthy: SimResponse, __: Parameters) -> SimResponse:
    """A stream falls silent in its middle."""
    events = _begun(healthy)
    return replace(_streamed(healthy, events), transport=Transport.STALL) if events else healthy


def stream_pings(_: SimRequest, healthy: SimResponse, __: Parameters) -> SimResponse:
    """A stream says nothing more in its middle, but that it is alive."""
    events = _begun(healthy)
    return _pinging(_streamed(healthy, events)) if events else healthy


def stream_silent(_: SimRequest, healthy: SimResponse, __: Parameters) -> SimResponse:
    """A stream begins, says that it is alive, and never comes to its first content."""
    events = _begun(healthy)
    first = next((n for n, one in enumerate(events) if b"content_block_delta" in one), len(events))
    return _pinging(replace(_streamed(healthy, events[:first]), gaps=())) if events else healthy


def _pinging(begun: SimResponse) -> SimResponse:
    """A stream that goes on with nothing but pings, as long as anybody waited."""
    count = int(SILENCE_SECONDS_MAX / PING_SECONDS)
    begin, size = len(begun.body), len(messages.PING)
    waits = tuple((begin + place * size, PING_SECONDS) for place in range(count))
    return replace(
        begun,
        body=begun.body + messages.PING * count,
        gaps=(*begun.gaps, *waits),
        transport=Transport.STALL,
    )


def stream_gap(_: SimRequest, answer: SimResponse, parameters: Parameters) -> SimResponse:
    """A stream falls silent after its first content, and goes on later."""
    events = _begun(answer)
    if not events:
        return answer
    place = len(b"".join(events))
    waits = dict(answer.gaps)
    waits[place] = waits.get(place, 0.0) + (parameters.delay or _GAP_SECONDS)
    return replace(answer, gaps=tuple(sorted(waits.items())))


def stream_garbage(_: SimRequest, healthy: SimResponse, __: Parameters) -> SimResponse:
    """What is called a stream is something else."""
    return replace(healthy, body=_GARBAGE, gaps=()) if _is_stream(healthy) else healthy


def stream_huge(_: SimRequest, healthy: SimResponse, __: Parameters) -> SimResponse:
    """A stream goes on and on, in good order."""
    events = _begun(healthy)
    if not events:
        return healthy
    more = events[-1] * -(-HUGE_BYTES // len(events[-1]))
    begun = _streamed(healthy, events)
    return replace(begun, body=begun.body + more)


def stream_huge_line(_: SimRequest, healthy: SimResponse, __: Parameters) -> SimResponse:
    """A line of a stream does not end."""
    events = _begun(healthy)
    if not events:
        return healthy
    begun = _streamed(healthy, events)
    return replace(begun, body=begun.body + b"data: " + b"x" * HUGE_LINE_BYTES)


def slow_first_token(
    request: SimRequest, answer: SimResponse, parameters: Parameters
) -> SimResponse:
    """A model thinks long: a stream begins at once and waits, a whole message comes late."""
    seconds = parameters.delay or _FIRST_TOKEN_SECONDS
    if _is_stream(answer):
        waits = messages.gaps_before_content(messages.split(answer.body), seconds)
        others = tuple(gap for gap in answer.gaps if gap[0] not in dict(waits))
        return replace(answer, gaps=tuple(sorted((*waits, *others))))
    if locate(request.host, request.bare_path).service is Service.MESSAGES:
        return replace(answer, delay=answer.delay + seconds)
    return answer


def long_thinking(request: SimRequest, answer: SimResponse, parameters: Parameters) -> SimResponse:
    """A model thinks long and unseen: a block of thinking, and in it nothing but pings."""
    seconds = parameters.delay or _THINKING_SECONDS
    if not _is_stream(answer):
        whole = locate(request.host, request.bare_path).service is Service.MESSAGES
        return replace(answer, delay=answer.delay + seconds) if whole else answer
    events = messages.with_thinking(messages.split(answer.body))
    first = next(n for n, event in enumerate(events) if b"content_block_start" in event) + 1
    pings = max(0, math.ceil(seconds / PING_SECONDS) - 1)
    events[first:first] = [messages.PING] * pings
    begin = len(b"".join(events[:first]))
    size = len(messages.PING)
    waits = tuple((begin + place * size, PING_SECONDS) for place in range(pings))
    last = (len(b"".join(events[: first + pings])), seconds - pings * PING_SECONDS)
    return replace(answer, body=b"".join(events), gaps=(*waits, last))


def slow(_: SimRequest, answer: SimResponse, parameters: Parameters) -> SimResponse:
    """Everything takes longer to begin."""
    return replace(answer, delay=answer.delay + (parameters.delay or _SLOW_SECONDS))


def drip(_: SimRequest, answer: SimResponse, parameters: Parameters) -> SimResponse:
    """The body comes slowly."""
    return replace(answer, bytes_per_second=float(parameters.rate or 1))


def _is_stream(answer: SimResponse) -> bool:
    return answer.header("content-type") == messages.EVENT_STREAM


def _first_part(healthy: SimResponse, size: int, transport: Transport) -> SimResponse:
    """The first `size` bytes of an answer; then `transport` says what becomes of the rest."""
    gaps = tuple(gap for gap in healthy.gaps if gap[0] < size)
    return replace(healthy, body=healthy.body[:size], gaps=gaps, transport=transport)


def _begun(healthy: SimResponse) -> list[bytes]:
    """The events of a stream up to its first text; none of what is no stream.

    A stream that is cut within its thinking has no text: it ends at its first piece of anything.
    """
    if not _is_stream(healthy):
        return []
    events = messages.split(healthy.body)
    for mark in (b'"text_delta"', b"content_block_delta"):
        found = [place for place, event in enumerate(events) if mark in event]
        if found:
            return events[: found[0] + 1]
    return events[:1]


def _streamed(healthy: SimResponse, events: list[bytes]) -> SimResponse:
    """`healthy` with these events only, its silences kept as far as they reach."""
    body = b"".join(events)
    begun = len(b"".join(_begun(healthy)))
    return replace(healthy, body=body, gaps=tuple(gap for gap in healthy.gaps if gap[0] < begun))
