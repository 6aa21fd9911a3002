"""What it means when a conversation did not end with a whole answer."""

from __future__ import annotations

from typing import Final

from monitor.core.observation import Failure, Observation, Phase, TransportError
from monitor.core.outcome import Outcome

Ruling = tuple[Outcome, str]
"""An outcome and the sentence that says why."""

_PHASE_WORDS: Final = {
    Phase.DNS: "looking up the name",
    Phase.CONNECT: "connecting",
    Phase.TLS: "in the TLS handshake",
    Phase.REQUEST: "sending the request",
    Phase.FIRST_BYTE: "waiting for the first byte",
    Phase.TRANSFER: "reading the answer",
}
_FAILURE_WORDS: Final = {
    Failure.DNS: "the name was not found",
    Failure.CONNECT: "no connection",
    Failure.TLS: "no trusted connection",
    Failure.RESET: "the connection was cut",
    Failure.PROTOCOL: "the other side broke the protocol",
    Failure.PROXY: "our egress proxy failed",
    Failure.TOO_LARGE: "the answer is too large",
    Failure.REDIRECTS: "too many redirects",
    Failure.INTERNAL: "our own error",
}
_OUTCOMES: Final = {
    Failure.DNS: Outcome.DNS_ERROR,
    Failure.CONNECT: Outcome.CONNECT_ERROR,
    Failure.TLS: Outcome.TLS_ERROR,
    Failure.PROXY: Outcome.BLOCKED,
    Failure.INTERNAL: Outcome.MONITOR_ERROR,
}
"""Failures that mean one thing wherever they happen; the rest depend on how far the run came."""


def judge_failure(error: TransportError, observation: Observation, *, proven: bool) -> Ruling:
    """Outcome and sentence of a run that failed by `error`; `proven`: the probe was ok here.

    The sentence names the phase. A reset or broken protocol before an answer is no conversation,
    hence a `connect_error`; after its beginning the content is bad. A body without end and a loop
    of redirects are content too, and a wrong URL may give them: they count from a proven probe.
    """
    answer = observation.answer
    if error.kind is Failure.TIMEOUT:
        begun = f"answered {answer.status}, but not whole" if answer else "no answer"
        awaited = error.awaited or _PHASE_WORDS[error.phase]
        waited = f"within {observation.seconds:.3g} s ({awaited})"
        return Outcome.TIMEOUT, f"{begun} {waited}"
    what = f"{_FAILURE_WORDS[error.kind]} ({_PHASE_WORDS[error.phase]})"
    sentence = f"{what}: {error.message}" if error.message else what
    return _outcome(error, begun=answer is not None, proven=proven), sentence


def _outcome(error: TransportError, *, begun: bool, proven: bool) -> Outcome:
    if error.kind in (Failure.RESET, Failure.PROTOCOL):
        begun = begun or error.phase is Phase.TRANSFER
        return Outcome.BAD_CONTENT if begun else Outcome.CONNECT_ERROR
    if error.kind in (Failure.TOO_LARGE, Failure.REDIRECTS):
        return Outcome.BAD_CONTENT if proven else Outcome.UNPROVEN
    return _OUTCOMES[error.kind]
