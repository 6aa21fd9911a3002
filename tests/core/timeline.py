"""A small language for stories about the engine: who answers what, when, and what is announced.

Times are seconds since the story began; at 0 it is `NOON` and the monotonic clock stands at
`MONO`. A story feeds runs one by one (`run`) or plays the whole plan on a fixed grid (`play`),
with a tick each second. What the engine said stands in `said`, `events` and `effects`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from typing import TypeVar

from monitor.core.effects import (
    Announce,
    CheckControl,
    ControlResult,
    Effect,
    Judged,
    RequestBurst,
    SetCadence,
)
from monitor.core.engine import Engine
from monitor.core.incident import Event, EventType, Incident
from monitor.core.moment import Moment
from monitor.core.observation import Check, Failure, Observation, Origin, Phase, TransportError
from monitor.core.outcome import Depth, Outcome
from monitor.core.plan import ComponentPlan, ControlPlan, Plan, ProbePlan
from monitor.core.policy import Policy
from monitor.core.window import Entry, Windows
from tests.factories import NOON, TITLES, a_probe, an_answer, an_observation

MONO = 50_000.0
TOOK = 0.25
"""How long a run takes that gets an answer, or is refused a connection."""

E = TypeVar("E")


class Comes(Enum):
    """What a run comes back with."""

    OK = "the expected answer"
    FAIL = "a 500 of the vendor"
    DEAD = "no connection"
    HANG = "nothing within ten seconds"
    LATE = "the expected answer, after the soft deadline"
    REFUSED = "a 401 to its key"
    FORBIDDEN = "a 403 to its key"
    LIMITED = "a 429"
    ODD = "a 200 with another body"
    GONE = "a 404 of the vendor's API"


World = Callable[[str, float], Comes]
"""What a run of a probe that starts at a time comes back with."""


def healthy(_probe: str, _at: float) -> Comes:
    """All is well, always."""
    return Comes.OK


@dataclass(frozen=True, slots=True)
class Trouble:
    """`comes` instead of the expected answer for `probes` (all when empty) in [start, end)."""

    start: float
    end: float
    comes: Comes = Comes.FAIL
    probes: tuple[str, ...] = ()

    def __call__(self, probe: str, at: float) -> Comes:
        hit = self.start <= at < self.end and (not self.probes or probe in self.probes)
        return self.comes if hit else Comes.OK


def each(*troubles: Trouble) -> World:
    """The first of several troubles that hits."""

    def comes(probe: str, at: float) -> Comes:
        found = (trouble(probe, at) for trouble in troubles)
        return next((what for what in found if what is not Comes.OK), Comes.OK)

    return comes


# ------------------------------------------------------------------ plans


def keyed(name: str, depth: Depth = Depth.KEY, **changes: object) -> ProbePlan:
    """A probe with a key; of the component `api` unless told otherwise."""
    values: dict[str, object] = {"depth": depth, "credential": "hash", "credential_name": "main"}
    return a_probe(name, **{**values, **changes})


def plan_of(*probes: ProbePlan, controls: int = 0, components: Iterable[str] = ()) -> Plan:
    """A plan of these probes and the components that they are evidence for."""
    names = dict.fromkeys(name for probe in probes for name in probe.components)
    names.update(dict.fromkeys(components))
    return Plan(
        vantage="local",
        components=tuple(ComponentPlan(name=n, title=TITLES.get(n, n)) for n in names),
        probes=probes,
        controls=tuple(
            ControlPlan(name=f"control_{letter}", url=f"https://{letter}.example/")
            for letter in "abc"[:controls]
        ),
    )


def hellos(count: int = 3, **changes: object) -> tuple[ProbePlan, ...]:
    """`count` hello probes of the API, each every 30 s: `a`, `b`, `c`, ..."""
    return tuple(a_probe(letter, **changes) for letter in "abcdefgh"[:count])


# ------------------------------------------------------------------ runs and entries


def moment(at: float, *, wall_shift: float = 0.0) -> Moment:
    """The moment `at` seconds into the story; `wall_shift` seconds off by the wall clock."""
    return Moment(mono=MONO + at, wall=NOON + timedelta(seconds=at + wall_shift))


def a_run(
    probe: str,
    at: float,
    comes: Comes = Comes.OK,
    *,
    run_id: str | None = None,
    origin: Origin = Origin.SCHEDULED,
    provisional: bool = False,
) -> Observation:
    """The observation of a run that started `at` seconds into the story."""
    seconds = 10.0 if provisional else _SECONDS.get(comes, TOOK)
    values: dict[str, object] = {
        "run_id": run_id or f"{probe}@{at:g}",
        "at": NOON + timedelta(seconds=at),
        "started": MONO + at,
        "ended": MONO + at + seconds,
        "origin": origin,
        "provisional": provisional,
        **_body(Comes.HANG if provisional else comes),
    }
    return an_observation(probe, seconds=seconds, **values)


def _body(comes: Comes) -> dict[str, object]:
    match comes:
        case Comes.OK | Comes.LATE:
            return {"checks": (Check(name="status", ok=True),)}
        case Comes.DEAD:
            error = TransportError(kind=Failure.CONNECT, phase=Phase.CONNECT, message="refused")
            return {"answer": None, "error": error}
        case Comes.HANG:
            error = TransportError(kind=Failure.TIMEOUT, phase=Phase.FIRST_BYTE, message="")
            return {"answer": None, "error": error}
        case Comes.ODD:
            return {"checks": (Check(name="json", ok=False, detail="another message"),)}
        case Comes.FAIL | Comes.REFUSED | Comes.FORBIDDEN | Comes.LIMITED | Comes.GONE:
            status, kind = _ERRORS[comes]
            answer = an_answer(status, error_type=kind, anthropic_error=True)
            return {"answer": answer, "checks": (Check(name="status", ok=False),)}


_SECONDS = {Comes.HANG: 10.0, Comes.LATE: 14.0}
_ERRORS = {
    Comes.FAIL: (500, "api_error"),
    Comes.REFUSED: (401, "authentication_error"),
    Comes.FORBIDDEN: (403, "permission_error"),
    Comes.LIMITED: (429, "rate_limit_error"),
    Comes.GONE: (404, "not_found_error"),
}


def an_entry(
    probe: str = "a",
    at: float = 0.0,
    *,
    bad: bool = False,
    answered: bool = True,
    outcome: Outcome | None = None,
    run_id: str | None = None,
) -> Entry:
    """A usable run that started `at` seconds into the story."""
    return Entry(
        run_id=run_id or f"{probe}@{at:g}",
        probe=probe,
        at=NOON + timedelta(seconds=at),
        started=MONO + at,
        bad=bad,
        answered=answered,
        outcome=outcome or (Outcome.SERVER_ERROR if bad else Outcome.OK),
        reason="answered 500" if bad else "as expected",
    )


def entries(**rows: str) -> list[Entry]:
    """Runs drawn by hand, one probe a row, one column a run each 10 s, in order of start.

    `.` is a good run, `x` a bad one that was answered, `o` a bad one without an answer, a space
    none. Rows start a second apart.
    """
    found = [
        an_entry(probe, 10.0 * column + row, bad=mark in "xo", answered=mark != "o")
        for row, (probe, marks) in enumerate(rows.items())
        for column, mark in enumerate(marks)
        if mark != " "
    ]
    return sorted(found, key=lambda entry: entry.started)


def windows_with(found: Iterable[Entry], horizon: float = 10_000.0) -> Windows:
    """Windows that hold these entries."""
    held = list(found)
    windows = Windows(dict.fromkeys([*"abcdefgh", *(entry.probe for entry in held)]), horizon)
    for entry in held:
        windows.put(entry)
    return windows


# ------------------------------------------------------------------ stories


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Step:
    """Something that happens in a story that plays."""

    at: float
    order: int
    kind: str
    name: str = ""
    turn: int = 0


class Story:
    """One engine and what is told to it."""

    def __init__(self, plan: Plan, policy: Policy | None = None, *, world: World = healthy) -> None:
        """Nothing has happened yet."""
        self.plan = plan
        self.policy = policy or Policy()
        self.engine = Engine(plan, self.policy)
        self.world = world
        self.now = 0.0
        self.wall_shift = 0.0
        self.mono_shift = 0.0
        self.tick_every = 1.0
        self.controls: bool | Callable[[float], bool] | None = None
        self.bursts = False
        self.effects: list[tuple[float, Effect]] = []
        self._begun = False
        self._queue: list[Step] = []
        self._order = 0
        self._ends: dict[int, Observation] = {}
        self._interval: dict[str, float] = {}
        self._turn: dict[str, int] = {}
        self._extra: dict[str, int] = {}
        self._paces: dict[str, tuple[int, float]] = {}

    # what comes in

    def run(
        self, probe: str, at: float, comes: Comes = Comes.OK, *, origin: Origin = Origin.SCHEDULED
    ) -> tuple[Effect, ...]:
        """A run that started at `at` and is told of when it ended."""
        return self.told(a_run(probe, at, comes, origin=origin))

    def told(self, observation: Observation) -> tuple[Effect, ...]:
        """An observation is fed at its end, or now if that is later."""
        at = max(self.now, observation.ended - MONO)
        moved = replace(
            observation,
            started=observation.started + self.mono_shift,
            ended=observation.ended + self.mono_shift,
        )
        return self._did(at, self.engine.feed(moved, self.moment(at)))

    def control(self, name: str, at: float, *, ok: bool, took: float = 0.0) -> tuple[Effect, ...]:
        """The control target `control_NAME` was asked at `at`."""
        result = ControlResult(
            target=f"control_{name}",
            at=NOON + timedelta(seconds=at),
            started=MONO + at + self.mono_shift,
            ended=MONO + at + took + self.mono_shift,
            ok=ok,
        )
        return self._did(at + took, self.engine.control(result, self.moment(at + took)))

    def tick(self, at: float) -> tuple[Effect, ...]:
        """Time has passed."""
        return self._did(at, self.engine.tick(self.moment(at)))

    def play(self, until: float) -> Story:
        """Let the schedule run until `until`: every enabled probe, a tick each second.

        Probes keep the cadence that the engine asks for, and its bursts where `bursts` is set.
        Control targets answer each ten seconds and when asked, if `controls` says so.
        """
        if not self._begun:
            self._begin()
        while self._queue[0].at < until:
            self._happen(heapq.heappop(self._queue))
        self.now = max(self.now, until)
        return self

    def _begin(self) -> None:
        self._begun = True
        probes = self.plan.enabled()
        for place, probe in enumerate(probes):
            self._plan_for(self.now + place * probe.interval / len(probes), "due", probe.name)
        self._plan_for(self.now, "tick")
        self._plan_for(self.now, "control")

    def _plan_for(self, at: float, kind: str, probe: str = "", turn: int = 0) -> None:
        self._order += 1
        heapq.heappush(
            self._queue, Step(at=at, order=self._order, kind=kind, name=probe, turn=turn)
        )

    def _happen(self, step: Step) -> None:
        match step.kind:
            case "tick":
                self.tick(step.at)
                self._plan_for(step.at + self.tick_every, "tick")
            case "control":
                self._ask_controls(step.at)
                self._plan_for(step.at + 10.0, "control")
            case "asked":
                self._ask_controls(step.at)
            case "due" if step.turn == self._turn.get(step.name, 0):
                self._start(step, Origin.SCHEDULED)
                interval = self._interval.get(step.name, self.plan.probe(step.name).interval)
                self._plan_for(step.at + interval, "due", step.name, step.turn)
            case "extra" if step.turn == self._paces[step.name][0]:
                self._once_more(step)
            case "end":
                self.told(self._ends.pop(step.turn))
            case _:
                pass  # a start on a grid that has been changed since

    def _once_more(self, step: Step) -> None:
        if self._extra.get(step.name, 0) == 0:
            self._extra.pop(step.name, None)
            return
        self._extra[step.name] -= 1
        self._start(step, Origin.BURST)
        self._plan_for(step.at + self._paces[step.name][1], "extra", step.name, step.turn)

    def _ask_controls(self, at: float) -> None:
        answers = self.controls(at) if callable(self.controls) else self.controls
        for control in self.plan.controls if answers is not None else ():
            self.control(control.name.removeprefix("control_"), at, ok=bool(answers))

    def _start(self, step: Step, origin: Origin) -> None:
        comes = self.world(step.name, step.at)
        run_id = f"{step.name}@{step.at:g}/{origin}"
        for provisional in (True, False) if comes is Comes.LATE else (False,):
            run = a_run(
                step.name, step.at, comes, origin=origin, run_id=run_id, provisional=provisional
            )
            self._order += 1
            self._ends[self._order] = run
            self._plan_for(run.ended - MONO, "end", turn=self._order)

    def _obey(self, at: float, effect: Effect) -> None:
        if isinstance(effect, CheckControl):
            self._plan_for(at + 0.1, "asked")
        elif isinstance(effect, SetCadence):
            for name in effect.probes:
                interval = effect.interval or self.plan.probe(name).interval
                self._interval[name] = interval
                self._turn[name] = self._turn.get(name, 0) + 1
                offset = interval * (list(effect.probes).index(name) + 1) / len(effect.probes)
                self._plan_for(at + offset, "due", name, self._turn[name])
        elif isinstance(effect, RequestBurst) and self.bursts:
            own = dict(effect.paced)
            for name, count in effect.runs:
                gap = own.get(name, effect.gap)
                turn, before = self._paces.get(name, (0, 0.0))
                if name not in self._extra or gap != before:
                    self._paces[name] = (turn + 1, gap)
                    self._plan_for(at + gap, "extra", name, turn + 1)
                self._extra[name] = count

    def restart(self, *, plan: Plan | None = None, mono_shift: float = 0.0) -> Story:
        """The same story told on by another engine, restored from this one's snapshot."""
        other = Story(plan or self.plan, self.policy, world=self.world)
        other.now, other.controls, other.bursts = self.now, self.controls, self.bursts
        other._queue, other._order, other._ends = [*self._queue], self._order, dict(self._ends)
        other._interval, other._turn = dict(self._interval), dict(self._turn)
        other._extra, other._begun = dict(self._extra), self._begun
        other._paces = dict(self._paces)
        other.tick_every, other.mono_shift = self.tick_every, mono_shift
        other.engine.restore(self.engine.snapshot(self.moment(self.now)), other.moment(self.now))
        return other

    def adopt(self, before: Story, at: float) -> Story:
        """Begin at `at` with what the engine of another story knew when that one stopped."""
        self.engine.restore(before.engine.snapshot(before.moment(before.now)), self.moment(at))
        self._did(at, self.engine.resume(self.moment(at)))
        return self

    # what came of it

    def moment(self, at: float) -> Moment:
        """The moment `at`."""
        told = moment(at, wall_shift=self.wall_shift)
        return replace(told, mono=told.mono + self.mono_shift)

    def _did(self, at: float, effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
        self.now = max(self.now, at)
        self.effects += [(at, effect) for effect in effects]
        for effect in effects:
            self._obey(at, effect)
        return effects

    def all(self, kind: type[E]) -> list[E]:
        """All effects of one kind, in order."""
        return [effect for _, effect in self.effects if isinstance(effect, kind)]

    @property
    def events(self) -> list[Event]:
        """What was announced."""
        return [announce.event for announce in self.all(Announce)]

    @property
    def said(self) -> list[str]:
        """What was announced, in short: `opened api`, `misconfigured credential/main`."""
        return [short(event) for event in self.events]

    def at(self, kind: EventType) -> float:
        """When an event of this type was announced first."""
        return next(
            at
            for at, effect in self.effects
            if isinstance(effect, Announce) and effect.event.type is kind
        )

    def outcomes(self, probe: str) -> list[Outcome]:
        """What the runs of a probe were judged to be, first judgements only."""
        judged = self.all(Judged)
        return [j.verdict.outcome for j in judged if j.observation.probe == probe]

    @property
    def incident(self) -> Incident:
        """The last version of the incident that was announced last."""
        return next(event.incident for event in reversed(self.events) if event.incident)


def short(event: Event) -> str:
    """`opened api`, `blind network`."""
    about = event.subject if event.incident is None else ",".join(event.incident.names)
    return f"{event.type.partition('.')[2]} {about}"


def only(effects: Iterable[Effect], kind: type[E]) -> list[E]:
    """The effects of one kind."""
    return [effect for effect in effects if isinstance(effect, kind)]
