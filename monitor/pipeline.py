"""One run, whole: probe, judge, remember, announce.

This module owns the Protocols of what it needs; adapters fit them and `app.py` joins them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from monitor.core.effects import ControlResult, Effect, Judged, Rejudged
from monitor.core.incident import Event, Incident
from monitor.core.observation import Observation, Origin, Phase
from monitor.core.plan import ControlPlan, ProbePlan


class Progress:
    """How far a run has come: the one thing a probe changes while it runs."""

    __slots__ = ("phase",)

    def __init__(self) -> None:
        """A run begins with its name look-up."""
        self.phase = Phase.DNS


class Probe(Protocol):
    """A configured question, ready to be asked."""

    @property
    def plan(self) -> ProbePlan:
        """What engine and scheduler know of it."""
        ...

    async def run(self, run_id: str, origin: Origin, progress: Progress) -> Observation:
        """Ask once, over a new connection, within the probe's timeout. Never raises for the world."""
        ...


class ControlProbe(Protocol):
    """Asks the reference targets."""

    async def check(self, target: ControlPlan) -> ControlResult:
        """Ask once. Never raises for the world."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One event for one notifier: the bytes that will be sent, now and at every retry."""

    notifier: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One event and everyone who is to hear of it."""

    event: Event
    envelopes: tuple[Envelope, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What has to be stored together, or not at all.

    Attributes:
        rejudged: earlier runs whose verdict changed.
        incidents: newest version of each incident that changed.
        postings: events with their outbox rows, in order.
        snapshot: state of the engine after all of it, as JSON bytes; None leaves the last one.
    """

    rejudged: tuple[Rejudged, ...] = ()
    incidents: tuple[Incident, ...] = ()
    postings: tuple[Posting, ...] = ()
    snapshot: bytes | None = None


class Journal(Protocol):
    """Where runs and changes are written. Neither call waits or fails: a writer does the work.

    What is given is written in the order given. Quiet runs are batched for at most a second and
    may be dropped, counted, when the store stays shut for long; a change never is.
    """

    def run(self, judged: Judged) -> None:
        """Remember a quiet run."""
        ...

    def change(self, change: Change) -> None:
        """Commit at once, with all runs before it, in one transaction."""
        ...


class Audience(Protocol):
    """Who hears of an event, and in which words."""

    def envelopes(self, event: Event) -> tuple[Envelope, ...]:
        """One envelope for each enabled notifier."""
        ...


class Sink(Protocol):
    """Hears every effect as it happens: metrics, logs, narration. Must not block or raise."""

    def publish(self, effects: Sequence[Effect]) -> None:
        """Take note."""
        ...
