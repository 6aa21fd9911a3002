"""What a run can meet, as a probe would have seen it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from monitor.core.observation import Answer, Check, Failure, Phase, TransportError

CONNECT_SECONDS = 10.0
"""When a connection that nobody takes is given up."""
FAILED_SECONDS = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Meeting:
    """What a run meets. It takes `seconds`; None: as long as a good run, inf: its whole time."""

    answer: Answer | None
    checks: tuple[Check, ...] = ()
    error: TransportError | None = None
    seconds: float | None = None


def _answered(status: int, error_type: str, *, challenge: bool = False) -> Meeting:
    answer = Answer(
        status=status,
        is_json=not challenge,
        error_type=error_type or None,
        anthropic_error=not challenge,
        challenge=challenge,
        vendor=True,
    )
    return Meeting(answer, checks=(Check(name="status", ok=False, detail=str(status)),))


def _broken(kind: Failure, phase: Phase, words: str, seconds: float) -> Meeting:
    error = TransportError(kind=kind, phase=phase, message=words)
    return Meeting(None, error=error, seconds=seconds)


class Fate(Enum):
    """The kinds of meeting."""

    GOOD = Meeting(
        Answer(status=200, is_json=True, vendor=True), checks=(Check(name="status", ok=True),)
    )
    ANSWERED = _answered(500, "api_error")
    REFUSED = _broken(Failure.CONNECT, Phase.CONNECT, "refused", FAILED_SECONDS)
    UNREACHED = _broken(Failure.TIMEOUT, Phase.CONNECT, "no connection", CONNECT_SECONDS)
    HANGING = _broken(Failure.TIMEOUT, Phase.FIRST_BYTE, "no answer", math.inf)
    RATE_LIMITED = _answered(429, "rate_limit_error")
    CHALLENGED = _answered(403, "", challenge=True)
    KEY_REFUSED = _answered(401, "authentication_error")
