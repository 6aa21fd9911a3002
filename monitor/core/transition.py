"""What a detector says: one component's step, with all that an incident needs to know of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from monitor.core.incident import Reason, State
from monitor.core.onset import Estimate
from monitor.core.outcome import Depth
from monitor.core.standing import Signal


class Source(StrEnum):
    """Who says it.

    Runs that fail make outages. Runs that are slow make degraded performance alone: such a
    transition never opens an outage, is passed over while one lasts, and is taken up by one.
    """

    RUNS = "runs"
    LATENCY = "latency"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One step. Times are monotonic seconds.

    Attributes:
        component: whose.
        signal: what moved it.
        reason: why, from the closed list.
        sentence: that reason with its counters, to recompute it by hand.
        state: the component's state from now on.
        depth: depth of the pool that decides.
        deepest_good: the deepest depth above it that works.
        family: the one family of models that is dead.
        asked: the one family of models of which anything is known, where that is no more.
        onset: start of the impact.
        recovered: its end, as far as can be told.
        began: the estimate of its start; None where the one before it holds.
        ended: the estimate of its end; None while it lasts, and where there is none.
        probes: the pool that decides.
        culprits: the probes that gave the bad runs.
        proven: an answer or a connection proves that the path to the vendor works.
        source: who says it.
    """

    component: str
    signal: Signal
    reason: Reason
    sentence: str
    state: State
    depth: Depth
    deepest_good: Depth | None = None
    family: str | None = None
    asked: str | None = None
    onset: float
    recovered: float | None = None
    began: Estimate | None = None
    ended: Estimate | None = None
    probes: tuple[str, ...] = ()
    culprits: tuple[str, ...] = ()
    proven: bool = True
    source: Source = Source.RUNS
