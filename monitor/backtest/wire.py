"""What a probe sees of a simulated answer, and when: the wire in virtual time, without sockets.

`tests/backtest/test_replay_transports.py` holds it to what the sockets carry.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from monitor.core.observation import Failure, Phase, TransportError
from monitor.probes import HttpReply, HttpRequest, Pace, RefusedError, StreamReader, unless_ended
from monitor.simulation.exchange import Certificate, SimRequest, SimResponse, Transport

REFUSED_SECONDS = 0.01
HANDSHAKE_SECONDS = 0.05

STREAM_EXCERPT_BYTES = 16 * 1024
"""How much of a stream's body is kept beside what its reader made of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What came of asking.

    Attributes:
        seconds: from the start to the end.
        reply: the answer, as much of it as came; None when not even its head did.
        error: why no whole answer came, or None.
    """

    seconds: float
    reply: HttpReply | None = None
    error: TransportError | None = None


def _error(kind: Failure, phase: Phase, message: str) -> TransportError:
    return TransportError(kind=kind, phase=phase, message=message)


_AT_ONCE = {
    Transport.DNS: _error(Failure.DNS, Phase.DNS, "the name does not resolve"),
    Transport.REFUSED: _error(Failure.CONNECT, Phase.CONNECT, "connection refused"),
}
_AT_LAST = {
    Transport.RESET: _error(Failure.RESET, Phase.FIRST_BYTE, "connection reset by peer"),
    Transport.CUT: _error(Failure.RESET, Phase.TRANSFER, "the body ended before it was whole"),
}
_REFUSALS = {
    Certificate.EXPIRED: "certificate has expired",
    Certificate.WRONG_HOST: "hostname mismatch",
    Certificate.UNTRUSTED: "unable to get local issuer certificate",
}


def sent(asked: HttpRequest) -> SimRequest:
    """What of `asked` arrives at the simulated edge."""
    url = urlsplit(asked.url)
    path = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
    return SimRequest(
        method=asked.method,
        host=url.hostname or "",
        path=path,
        headers=asked.headers,
        body=asked.body or b"",
    )


def see(response: SimResponse, timeout: float) -> Seen:
    """What who waits `timeout` seconds for the whole of `response` gets."""
    error, seconds = _failure(response, timeout)
    return Seen(seconds=seconds, reply=_reply(response, timeout, error), error=error)


def follow(response: SimResponse, timeout: float, reader: StreamReader) -> Seen:
    """The same for who follows it with `reader`, which has limits of its own."""
    pace = Pace(reader.limits)
    if response.transport is not Transport.UNREACHABLE:
        pace.entered(Phase.FIRST_BYTE)
    patience = min(timeout, pace.due.at)
    if not _has_head(response, patience):
        return _missed(see(response, patience), pace, timeout)
    pace.entered(Phase.TRANSFER)
    head = HttpReply(status=response.status, headers=response.headers, body=b"")
    if not reader.takes(head):
        return _missed(see(response, min(timeout, pace.due.at)), pace, timeout)
    body = bytearray()
    seen = _streamed(response, timeout, reader, pace, body)
    whole = seen.error is None and len(body) <= STREAM_EXCERPT_BYTES
    reply = replace(head, body=bytes(body[:STREAM_EXCERPT_BYTES]), truncated=not whole)
    return replace(seen, reply=reply, error=unless_ended(seen.error, reader))


def _has_head(response: SimResponse, patience: float) -> bool:
    """Whether the head of an answer comes in time."""
    refused = response.certificate in _REFUSALS
    return response.transport.answers and not refused and response.delay <= patience


def _missed(seen: Seen, pace: Pace, timeout: float) -> Seen:
    """A time-out that is the limit's that was due, and not the whole run's, is told as such."""
    error = seen.error
    if error is None or error.kind is not Failure.TIMEOUT or pace.due.at >= timeout:
        return seen
    return replace(seen, error=pace.missed(error.phase))


def _streamed(
    response: SimResponse, timeout: float, reader: StreamReader, pace: Pace, came: bytearray
) -> Seen:
    """Follow the body in its parts; `came` takes them."""
    now = response.delay
    for wait, part in response.parts():
        if now + wait > min(timeout, pace.due.at):
            return _out_of_time(pace, timeout)
        now += wait
        came += part
        try:
            reader.feed(part, now)
        except RefusedError as refused:
            error = _error(refused.kind, Phase.TRANSFER, str(refused))
            return Seen(seconds=now, error=error)
        pace.came(reader, now)
    if response.transport is Transport.STALL:
        return _out_of_time(pace, timeout)
    return Seen(seconds=now, error=_AT_LAST.get(response.transport))


def _out_of_time(pace: Pace, timeout: float) -> Seen:
    if pace.due.at < timeout:
        return Seen(seconds=pace.due.at, error=pace.missed(Phase.TRANSFER))
    message = f"no answer within {timeout:g} s"
    return Seen(seconds=timeout, error=_error(Failure.TIMEOUT, Phase.TRANSFER, message))


def _failure(response: SimResponse, timeout: float) -> tuple[TransportError | None, float]:
    """Why who waits `timeout` seconds gets no whole answer (None: it comes), and after how long."""
    transport = response.transport
    if transport in _AT_ONCE:
        return _AT_ONCE[transport], REFUSED_SECONDS
    if response.certificate in _REFUSALS and transport is not Transport.UNREACHABLE:
        message = f"the certificate is refused: {_REFUSALS[response.certificate]}"
        return _error(Failure.TLS, Phase.TLS, message), HANDSHAKE_SECONDS
    if response.seconds > timeout:
        message = f"no answer within {timeout:g} s"
        return _error(Failure.TIMEOUT, _waiting(response, timeout), message), timeout
    return _AT_LAST.get(transport), response.seconds


def _waiting(response: SimResponse, timeout: float) -> Phase:
    """The phase in which the time is over."""
    if response.transport is Transport.UNREACHABLE:
        return Phase.CONNECT
    if response.transport is Transport.HANG or response.delay > timeout:
        return Phase.FIRST_BYTE
    return Phase.TRANSFER


def _reply(response: SimResponse, timeout: float, error: TransportError | None) -> HttpReply | None:
    """The answer, as much of it as came; None when not even its head did."""
    if error is None:
        return HttpReply(status=response.status, headers=response.headers, body=response.body)
    if error.phase is not Phase.TRANSFER:
        return None
    left = timeout - response.delay
    came = bytearray()
    for wait, part in response.parts():
        left -= wait
        if left < 0:
            break
        came += part
    return HttpReply(
        status=response.status, headers=response.headers, body=bytes(came), truncated=True
    )
