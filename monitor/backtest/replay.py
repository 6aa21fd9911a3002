"""Plays a scenario through the engine in virtual time, with no socket and no waiting.

The same configuration, the same simulated world, the same reading of its answers and the same
engine as in the daemon; only the clock is another one, and the wire is left out. One queue of
events holds what the scheduler would do: beats on the grid, extra runs, soft deadlines, ends of
runs and control targets.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from urllib.parse import urlsplit

from monitor import probes
from monitor.backtest.modellists import ModelLists
from monitor.backtest.vendorpage import VendorPage
from monitor.backtest.wire import follow, see, sent
from monitor.config.schema import Config
from monitor.core.effects import (
    Announce,
    CheckControl,
    ControlResult,
    Effect,
    RequestBurst,
    SetCadence,
)
from monitor.core.engine import Engine
from monitor.core.incident import Event
from monitor.core.moment import Moment
from monitor.core.observation import (
    Failure,
    Observation,
    Origin,
    Phase,
    Timings,
    TransportError,
)
from monitor.core.plan import ControlPlan, Plan, ProbePlan, staggered_offsets
from monitor.core.policy import Policy
from monitor.probes import AnyKind, ProbeSpec, reading_of
from monitor.simulation.exchange import Certificate, SimRequest, SimResponse
from monitor.simulation.tls import EXPIRING_DAYS
from monitor.simulation.world import World
from monitor.spec import Secret

TICK_SECONDS = 1.0
SWEEP_GAP = 0.1
BESIDE_MAX = 3
"""Runs of one probe at once, as in the daemon's scheduler."""
CONTROL_TIMEOUT = 3.0
CONTROL_NAME = ""
"""The control targets' place among the beats; no probe is called so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One enabled probe: its plan, and how to ask and read."""

    plan: ProbePlan
    kind: AnyKind
    spec: ProbeSpec
    key: Secret | None


def questions(config: Config, plan: Plan) -> tuple[Question, ...]:
    """The probes of `config` that are enabled in `plan`, the plan made of it, in its order."""
    kinds = {kind.name: kind for kind in probes.kinds()}
    specs = {spec.name: spec for spec in config.probes}
    found: list[Question] = []
    for each in plan.enabled():
        credential = config.credentials.get(each.credential_name or "")
        key = credential.api_key if credential else None
        found.append(Question(plan=each, kind=kinds[each.kind], spec=specs[each.name], key=key))
    return tuple(found)


@dataclass(slots=True)
class Record:
    """What came of a rehearsal."""

    events: list[Event] = field(default_factory=list)
    runs: int = 0


@dataclass(slots=True)
class _Burst:
    """The extra runs of one probe: how many are left, and how far apart."""

    left: int
    gap: float


class Rehearsal:
    """One scenario, one plan, one policy, one source of chance (inside the world)."""

    def __init__(
        self,
        world: World,
        plan: Plan,
        policy: Policy,
        questions: tuple[Question, ...],
        page: VendorPage | None = None,
    ) -> None:
        """Ready to `play`; without `page` nobody reads the vendor's."""
        self._world = world
        self._plan = plan
        self._page = page
        self._questions = {question.plan.name: question for question in questions}
        self._models = ModelLists(
            ((each.plan, each.spec, each.key) for each in questions), world.scenario
        )
        self.engine = Engine(plan, policy)
        self.record = Record()
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._now = 0.0
        self._ticked = 0.0
        self._running: Counter[str] = Counter()
        self._bursts: dict[str, _Burst] = {}
        self._beats: dict[str, tuple[float, float, int]] = {}
        self._controls_open = 0

    def play(self) -> Record:
        """Play the scenario from its start to its end."""
        scenario = self._world.scenario
        length = (scenario.end - scenario.start).total_seconds()
        offsets = staggered_offsets(self._plan.enabled())
        if self._models.lists:
            self._read_models()
        for place, name in enumerate(self._questions):
            self._at(place * SWEEP_GAP, partial(self._launch, name, Origin.SWEEP))
            self._beat(name, self._questions[name].plan.interval, offsets[name])
        if self._plan.controls:
            self._check_controls()
            self._beat(CONTROL_NAME, self._plan.control_interval, self._plan.control_interval)
        if self._page is not None and self._page.configured:
            self._at(self._page.wait_before(0), partial(self._read_page, self._page, 1))
        while self._queue and self._queue[0][0] <= length:
            self._now, _, action = heapq.heappop(self._queue)
            action()
            if self._now - self._ticked >= TICK_SECONDS:
                self._ticked = self._now
                self._carry_out(self.engine.tick(self._moment()))
        return self.record

    def _moment(self) -> Moment:
        start = self._world.scenario.start
        return Moment(mono=self._now, wall=start + timedelta(seconds=self._now))

    def _at(self, when: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (when, next(self._order), action))

    # ------------------------------------------------------------ the schedule

    def _beat(self, name: str, interval: float, offset: float) -> None:
        """Beat for `name` from `offset` seconds from now on; an older beat of it dies out."""
        version = self._beats[name][2] + 1 if name in self._beats else 0
        due = self._now + offset
        self._beats[name] = (interval, due, version)
        self._at(due, lambda: self._strike(name, version))

    def _strike(self, name: str, version: int) -> None:
        interval, _, newest = self._beats[name]
        if version != newest:
            return
        self._beats[name] = (interval, self._now + interval, version)
        self._at(self._now + interval, lambda: self._strike(name, version))
        if name == CONTROL_NAME:
            self._check_controls()
        else:
            self._launch(name, Origin.SCHEDULED)

    def _burst(self, effect: RequestBurst) -> None:
        for name, count, wait, gap in effect.pace():
            before = self._bursts.get(name)
            if before is not None and before.gap == gap:
                before.left = count
                continue
            self._bursts[name] = burst = _Burst(count, gap)
            self._at(self._now + wait, partial(self._extra, name, burst))

    def _extra(self, name: str, burst: _Burst) -> None:
        if self._bursts.get(name) is not burst:
            return
        if burst.left <= 0:
            del self._bursts[name]
            return
        burst.left -= 1
        self._launch(name, Origin.BURST)
        self._at(self._now + burst.gap, partial(self._extra, name, burst))

    def _cadence(self, effect: SetCadence) -> None:
        for name in effect.probes:
            interval = effect.interval or self._questions[name].plan.interval
            due = min(max(self._beats[name][1], self._now), self._now + interval)
            self._beat(name, interval, due - self._now)

    # ------------------------------------------------------------ one run

    def _launch(self, name: str, origin: Origin) -> None:
        if self._running[name] >= (BESIDE_MAX if origin is Origin.BURST else 1):
            return
        self._running[name] += 1
        question = self._questions[name]
        moment = self._moment()
        response = self._world.answer(
            sent(question.kind.request(question.spec, question.key, self._models.takes(name))),
            moment.wall,
        )
        observation = observe(question, response, moment, origin)
        if observation.seconds > question.plan.soft_deadline:
            self._at(moment.mono + question.plan.soft_deadline, lambda: self._soften(observation))
        self._at(observation.ended, lambda: self._end(observation))

    def _soften(self, observation: Observation) -> None:
        plan = self._questions[observation.probe].plan
        self._feed(
            Observation(
                run_id=observation.run_id,
                probe=observation.probe,
                at=observation.at,
                started=observation.started,
                ended=self._now,
                timings=Timings(total=self._now - observation.started),
                origin=observation.origin,
                error=TransportError(
                    kind=Failure.TIMEOUT,
                    phase=Phase.FIRST_BYTE
                    if observation.error is None
                    else observation.error.phase,
                    message=f"no answer within {plan.soft_deadline:g} s",
                ),
                provisional=True,
            )
        )

    def _end(self, observation: Observation) -> None:
        self._running[observation.probe] -= 1
        self.record.runs += 1
        self._feed(observation)

    def _feed(self, observation: Observation) -> None:
        self._carry_out(self.engine.feed(observation, self._moment()))

    # ------------------------------------------------------------ beside the probes

    def _read_page(self, page: VendorPage, following: int) -> None:
        moment = self._moment()
        self._carry_out(self.engine.provider(page.read(moment), moment))
        wait = page.wait_before(following)
        self._at(self._now + wait, partial(self._read_page, page, following + 1))

    def _read_models(self) -> None:
        self._at(self._now + self._models.read(self._moment()), self._read_models)

    # ------------------------------------------------------------ control targets and effects

    def _check_controls(self) -> None:
        if self._controls_open:
            return
        for target in self._plan.controls:
            moment = self._moment()
            url = urlsplit(target.url)
            request = SimRequest(method="GET", host=url.hostname or "", path=url.path or "/")
            response = self._world.answer(request, moment.wall)
            seen = see(response, CONTROL_TIMEOUT)
            good = seen.error is None
            self._controls_open += 1
            ended = partial(self._control_ended, target, moment, good=good)
            self._at(moment.mono + seen.seconds, ended)

    def _control_ended(self, target: ControlPlan, began: Moment, *, good: bool) -> None:
        self._controls_open -= 1
        result = ControlResult(
            target=target.name, at=began.wall, started=began.mono, ended=self._now, ok=good
        )
        self._carry_out(self.engine.control(result, self._moment()))

    def _carry_out(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, Announce):
                self.record.events.append(effect.event)
            elif isinstance(effect, RequestBurst):
                self._burst(effect)
            elif isinstance(effect, SetCadence):
                self._cadence(effect)
            elif isinstance(effect, CheckControl):
                self._check_controls()


def observe(
    question: Question, response: SimResponse, began: Moment, origin: Origin
) -> Observation:
    """What a probe would have seen of `response`, had it asked at `began`."""
    plan, kind = question.plan, question.kind
    reader = None if kind.stream is None else kind.stream(question.spec, question.key)
    seen = see(response, plan.timeout) if reader is None else follow(response, plan.timeout, reader)
    reading = None
    if seen.reply is not None:
        reading = reading_of(kind, question.spec, seen.reply, seen.error, reader)
    expires = None
    if response.certificate is Certificate.EXPIRING:
        expires = began.wall + timedelta(days=EXPIRING_DAYS)
    return Observation(
        run_id=f"{plan.name}/{began.mono:.6f}",
        probe=plan.name,
        at=began.wall,
        started=began.mono,
        ended=began.mono + seen.seconds,
        timings=Timings(total=seen.seconds, first_byte=seen.seconds),
        origin=origin,
        answer=None if reading is None else reading.answer,
        checks=() if reading is None else reading.checks,
        error=seen.error,
        input_tokens=None if reading is None else reading.input_tokens,
        output_tokens=None if reading is None else reading.output_tokens,
        certificate_expires=expires,
        first_token=None if reading is None else reading.first_token,
        first_content=None if reading is None else reading.first_content,
        per_output_token=None if reading is None else reading.per_output_token,
        thinking_tokens=None if reading is None else reading.thinking_tokens,
    )
