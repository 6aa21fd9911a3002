"""One run, whole: probe, judge, remember, announce.

This module owns the Protocols of what it needs; adapters fit them and `app.py` joins them.

The life of a run: the scheduler hands over a probe. It is asked, while a timer enters it as bad at
its soft deadline. What it saw goes to the engine, and the engine's effects go, in this order, to
the sinks (metrics, log, narration), to the journal (runs; and what is announced, with its outbox
rows and the engine's memory, in one transaction), and to the conductor (bursts, cadence, control
targets).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from monitor.clock import Clock
from monitor.core.effects import (
    Announce,
    CheckControl,
    ControlResult,
    Effect,
    Judged,
    Rejudged,
    RequestBurst,
    Revise,
    SetCadence,
    SightChanged,
    StateChanged,
)
from monitor.core.engine import Engine
from monitor.core.history import of_host
from monitor.core.incident import Event, Incident
from monitor.core.lifecycle import ModelReport
from monitor.core.moment import Moment
from monitor.core.observation import (
    Failure,
    Observation,
    Origin,
    Phase,
    Timings,
    TransportError,
)
from monitor.core.plan import ControlPlan, ProbePlan
from monitor.core.provider import ProviderReport

SNAPSHOT_SECONDS = 30.0
"""How often the engine's memory is stored when nothing happens."""


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
        """Ask once, over a new connection, in time. Never raises for the world."""
        ...


class ControlProbe(Protocol):
    """Asks the reference targets."""

    async def check(self, target: ControlPlan) -> ControlResult:
        """Ask once. Never raises for the world."""
        ...


class Told(StrEnum):
    """What a notifier was last told of an incident; the outbox knows, and nobody else."""

    NOTHING = "nothing"
    OPEN = "open"
    CLOSED = "closed"
    WHATEVER = "whatever"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastTold:
    """The last delivery of an incident to a notifier.

    Attributes:
        told: what it says of the incident.
        at: when its event was decided.
        waiting: it has not arrived yet.
    """

    told: Told
    at: datetime
    waiting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One event for one notifier: the bytes that will be sent, now and at every retry.

    `told`: it is meant for the notifier only if that is what it was last told of the incident. The
    store decides, in the transaction that writes the event.
    """

    notifier: str
    body: bytes
    told: Told = Told.WHATEVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One event and everyone who is to hear of it; an `optional` one is dropped if nobody is."""

    event: Event
    envelopes: tuple[Envelope, ...]
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What has to be stored together, or not at all.

    Attributes:
        rejudged: earlier runs whose verdict changed.
        incidents: newest version of each incident that changed.
        postings: events with their outbox rows, in order.
        states: changes of the components' states, in order.
        snapshot: state of the engine after all of it, as JSON bytes; None leaves the last one.
    """

    rejudged: tuple[Rejudged, ...] = ()
    incidents: tuple[Incident, ...] = ()
    postings: tuple[Posting, ...] = ()
    states: tuple[StateChanged, ...] = ()
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


class Conductor(Protocol):
    """Carries out what the engine asks of the schedule. Neither call waits."""

    def burst(self, effect: RequestBurst) -> None:
        """Run probes again."""
        ...

    def cadence(self, effect: SetCadence) -> None:
        """Change how often probes run."""
        ...

    def check_control(self, effect: CheckControl) -> None:
        """Ask the control targets now."""
        ...


class LoopWatch(Protocol):
    """Knows how late the event loop has been."""

    def worst_since(self, started: float) -> float:
        """The longest delay, in seconds, of any turn of the loop since monotonic `started`."""
        ...


class Pipeline:
    """Runs probes and carries the engine's effects to those who act on them."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        *,
        journal: Journal,
        audience: Audience,
        sinks: Sequence[Sink],
        watch: LoopWatch,
    ) -> None:
        """Join the parts; `conduct` must be called before the first run."""
        self.engine = engine
        self._clock = clock
        self._journal = journal
        self._audience = audience
        self._sinks = tuple(sinks)
        self._watch = watch
        self._conductor: Conductor | None = None
        self._stored_at: float | None = None

    def conduct(self, conductor: Conductor) -> None:
        """Name who carries out bursts and cadences."""
        self._conductor = conductor

    def now(self) -> Moment:
        """This moment, by both clocks."""
        return Moment(mono=self._clock.monotonic(), wall=self._clock.now())

    async def run(self, probe: Probe, origin: Origin) -> Judged:
        """Ask `probe` once, and do all that follows. Returns what the run came to."""
        start = self.now()
        run_id = f"{probe.plan.name}/{microseconds(start.wall)}"
        progress = Progress()
        try:
            async with asyncio.TaskGroup() as tasks:
                timer = tasks.create_task(self._soften(probe.plan, run_id, origin, start, progress))
                observation = await probe.run(run_id, origin, progress)
                timer.cancel()
        except asyncio.CancelledError:
            self._abort(probe.plan, run_id, origin, start, progress)
            raise
        return self._feed(self._completed(observation, probe.plan, start))

    async def control(self, probe: ControlProbe, target: ControlPlan) -> None:
        """Ask one control target, and let the engine know."""
        result = await probe.check(target)
        self.carry_out(self.engine.control(result, self.now()))

    def provider(self, report: ProviderReport) -> None:
        """The vendor's status page was read, or could not be."""
        self.carry_out(self.engine.provider(report, self.now()))

    def models(self, report: ModelReport) -> None:
        """The lists of models were read, as far as they could be."""
        self.carry_out(self.engine.models(report, self.now()))

    def tick(self) -> None:
        """About once a second: what follows from time alone."""
        self.carry_out(self.engine.tick(self.now()))
        now = self.now()
        if self._stored_at is None or now.mono - self._stored_at >= SNAPSHOT_SECONDS:
            self.store_memory()

    def store_memory(self) -> None:
        """Write down all that the engine remembers."""
        now = self.now()
        self._stored_at = now.mono
        self._journal.change(Change(snapshot=self.engine.snapshot(now)))

    def carry_out(self, effects: Sequence[Effect]) -> None:
        """Take the engine's effects to sinks, journal and conductor."""
        if not effects:
            return
        for sink in self._sinks:
            sink.publish(effects)
        for effect in effects:
            if isinstance(effect, Judged) and not effect.observation.provisional:
                self._journal.run(effect)
        self._store(effects)
        self._conduct(effects)

    def _store(self, effects: Sequence[Effect]) -> None:
        """Whatever must not be lost goes into one transaction, with the engine's memory."""
        events = [effect.event for effect in effects if isinstance(effect, Announce)]
        rejudged = tuple(effect for effect in effects if isinstance(effect, Rejudged))
        states = tuple(_states(effects))
        newest = _newest(effects)
        if not (events or newest or rejudged or states):
            return
        now = self.now()
        self._stored_at = now.mono
        self._journal.change(
            Change(
                rejudged=rejudged,
                incidents=tuple(newest.values()),
                postings=tuple(
                    Posting(event=event, envelopes=self._audience.envelopes(event))
                    for event in events
                ),
                states=states,
                snapshot=self.engine.snapshot(now),
            )
        )

    def _conduct(self, effects: Sequence[Effect]) -> None:
        if self._conductor is None:
            return
        for effect in effects:
            if isinstance(effect, RequestBurst):
                self._conductor.burst(effect)
            elif isinstance(effect, SetCadence):
                self._conductor.cadence(effect)
            elif isinstance(effect, CheckControl):
                self._conductor.check_control(effect)

    def _feed(self, observation: Observation) -> Judged:
        effects = self.engine.feed(observation, self.now())
        self.carry_out(effects)
        return next(effect for effect in effects if isinstance(effect, Judged))

    async def _soften(
        self, plan: ProbePlan, run_id: str, origin: Origin, start: Moment, progress: Progress
    ) -> None:
        """At the soft deadline the run is entered as bad; its real result will replace that."""
        await self._clock.sleep(plan.soft_deadline)
        message = f"no answer within {plan.soft_deadline:g} s"
        error = TransportError(kind=Failure.TIMEOUT, phase=progress.phase, message=message)
        observation = self._unanswered(plan, run_id, origin, start, error)
        late = observation.ended - start.mono - plan.soft_deadline
        late = max(late, self._watch.worst_since(start.mono))
        self._feed(replace(observation, provisional=True, loop_late=late))

    def _abort(
        self, plan: ProbePlan, run_id: str, origin: Origin, start: Moment, progress: Progress
    ) -> None:
        """The daemon stops: the run is recorded as our own doing."""
        message = "stopped before the answer came"
        error = TransportError(kind=Failure.INTERNAL, phase=progress.phase, message=message)
        self._feed(self._unanswered(plan, run_id, origin, start, error))

    def _unanswered(
        self, plan: ProbePlan, run_id: str, origin: Origin, start: Moment, error: TransportError
    ) -> Observation:
        ended = self._clock.monotonic()
        return Observation(
            run_id=run_id,
            probe=plan.name,
            at=start.wall,
            started=start.mono,
            ended=ended,
            timings=Timings(total=ended - start.mono),
            origin=origin,
            error=error,
        )

    def _completed(self, observation: Observation, plan: ProbePlan, start: Moment) -> Observation:
        """With the start that a provisional entry has, and how late the loop was during the run.

        Overshooting the timeout shows a late loop too.
        """
        late = max(
            self._watch.worst_since(start.mono), observation.ended - start.mono - plan.timeout
        )
        return replace(observation, at=start.wall, started=start.mono, loop_late=max(0.0, late))


def _states(effects: Sequence[Effect]) -> Iterator[StateChanged]:
    """The changes of state to store, those of this host's sight among them."""
    for effect in effects:
        if isinstance(effect, StateChanged):
            yield effect
        elif isinstance(effect, SightChanged):
            yield of_host(sees=effect.sees, at=effect.at, reason=effect.reason)


def _newest(effects: Sequence[Effect]) -> dict[str, Incident]:
    """The last version of each incident that the effects carry, in their order."""
    newest: dict[str, Incident] = {}
    for effect in effects:
        if isinstance(effect, Revise):
            newest[effect.incident.id] = effect.incident
        elif isinstance(effect, Announce) and effect.event.incident is not None:
            newest[effect.event.incident.id] = effect.event.incident
    return newest


def microseconds(when: datetime) -> int:
    """Microseconds since 1970."""
    return (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
