"""The closed lists behind the labels, and what the shell tells the metrics of itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from monitor.delivery import Delivered, GiveUp, Result, Retry


class SkipReason(StrEnum):
    """Why a due run did not take place: the label `reason` of `runs_skipped_total`."""

    STILL_RUNNING = "still_running"
    LATE = "late"
    AT_CAPACITY = "at_capacity"
    CRASHED = "crashed"
    BUDGET = "budget"
    RATE_LIMIT = "rate_limit"
    OTHER = "other"


class DeliveryResult(StrEnum):
    """What became of one attempt: the label `result` of `deliveries_total`."""

    DELIVERED = "delivered"
    RETRY = "retry"
    GIVEN_UP = "given_up"


class HeartbeatResult(StrEnum):
    """What became of one heartbeat: the label `result` of `heartbeats_total`."""

    SENT = "sent"
    FAILED = "failed"
    WITHHELD = "withheld"


class Limit(StrEnum):
    """The vendor's rate limits that are exported: the label `limit` of `ratelimit_remaining`."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits for one notifier.

    Attributes:
        notifier: its name in the config.
        pending: deliveries not yet settled.
        oldest_age: seconds since the oldest of them was decided; 0 when none waits.
    """

    notifier: str
    pending: int
    oldest_age: float = 0.0


class StoreState(Protocol):
    """How the journal fares; the store's own health has this shape."""

    @property
    def ok(self) -> bool:
        """The last write succeeded and none hangs."""
        ...

    @property
    def queued_runs(self) -> int:
        """Runs not written yet."""
        ...

    @property
    def queued_changes(self) -> int:
        """Changes not written yet."""
        ...

    @property
    def dropped_runs(self) -> int:
        """Quiet runs lost since the start."""
        ...


def result_of(result: Result) -> DeliveryResult:
    """The label for what became of an attempt."""
    match result:
        case Delivered():
            return DeliveryResult.DELIVERED
        case Retry():
            return DeliveryResult.RETRY
        case GiveUp():
            return DeliveryResult.GIVEN_UP
