"""The closed list of outcomes: what a run came to, whose fault it is, and what it counts as.

The table below is the contract with everything outside: metrics, events, storage and pages use
these names. A new outcome is a new member here; mypy then names every `match` to extend.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never


class Outcome(StrEnum):
    """The class of an observation."""

    OK = "ok"
    SLOW = "slow"
    TIMEOUT = "timeout"
    DNS_ERROR = "dns_error"
    CONNECT_ERROR = "connect_error"
    TLS_ERROR = "tls_error"
    AUTH_ERROR = "auth_error"
    CREDENTIAL_REJECTED = "credential_rejected"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    BAD_CONTENT = "bad_content"
    STREAM_BROKEN = "stream_broken"
    CLIENT_ERROR = "client_error"
    UNPROVEN = "unproven"
    CHALLENGED = "challenged"
    BLOCKED = "blocked"
    NO_NETWORK = "no_network"
    MONITOR_ERROR = "monitor_error"


class Fault(StrEnum):
    """Whose fault an outcome is."""

    NONE = "none"
    PROVIDER = "provider"
    US = "us"
    NETWORK = "network"


class Counts(StrEnum):
    """What an outcome counts as: only good and bad runs move a detector."""

    GOOD = "good"
    BAD = "bad"
    EXCLUDED = "excluded"


class Depth(StrEnum):
    """How far into Claude a probe goes, shallowest first."""

    EDGE = "edge"
    GATEWAY = "gateway"
    KEY = "key"
    INFERENCE = "inference"

    @property
    def level(self) -> int:
        """0 for the edge to 3 for inference: deeper is larger."""
        return _LEVELS[self]


_LEVELS = {depth: level for level, depth in enumerate(Depth)}


def fault_of(outcome: Outcome) -> Fault:
    """Whose fault `outcome` is, as the contract's table has it.

    A refused key is put down to us until something else says that it is not the key: then the
    run is judged again, as `auth_error`.
    """
    match outcome:
        case Outcome.OK:
            return Fault.NONE
        case (
            Outcome.SLOW
            | Outcome.TIMEOUT
            | Outcome.DNS_ERROR
            | Outcome.CONNECT_ERROR
            | Outcome.TLS_ERROR
            | Outcome.AUTH_ERROR
            | Outcome.OVERLOADED
            | Outcome.SERVER_ERROR
            | Outcome.BAD_CONTENT
            | Outcome.STREAM_BROKEN
        ):
            return Fault.PROVIDER
        case (
            Outcome.CREDENTIAL_REJECTED
            | Outcome.RATE_LIMITED
            | Outcome.CLIENT_ERROR
            | Outcome.UNPROVEN
            | Outcome.MONITOR_ERROR
        ):
            return Fault.US
        case Outcome.CHALLENGED | Outcome.BLOCKED | Outcome.NO_NETWORK:
            return Fault.NETWORK
        case _:
            assert_never(outcome)


def counts_as(outcome: Outcome) -> Counts:
    """What `outcome` counts as for the detectors and for availability."""
    if outcome in (Outcome.OK, Outcome.SLOW):
        return Counts.GOOD
    if fault_of(outcome) is Fault.PROVIDER:
        return Counts.BAD
    return Counts.EXCLUDED


_COUNTS = {outcome: counts_as(outcome) for outcome in Outcome}
"""Looked up several times for every run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an observation means.

    Attributes:
        outcome: its class.
        reason: one sentence for people; free of secrets, bounded.
        answered: an HTTP answer came that carries the vendor's or its edge's headers, which
            proves the path: such failures may open an incident sooner (docs/detection.md).
    """

    outcome: Outcome
    reason: str
    answered: bool = False

    @property
    def fault(self) -> Fault:
        """Whose fault."""
        return fault_of(self.outcome)

    @property
    def counts(self) -> Counts:
        """Good, bad or excluded."""
        return _COUNTS[self.outcome]
