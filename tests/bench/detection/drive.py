"""Drives the shipped engine through a simulated world, as the scheduler and the daemon would.

The schedule (staggered grid, extra runs, soft deadlines, cadence, control targets) is the one of
`monitor/backtest/replay.py`; the rules are the engine's own. Two ways give the same events:

- *plain*: every run is fed and every second is ticked;
- *fast*: while the engine is quiet, nothing is under way and nothing is about to fail, time jumps
  to shortly before the next failure. The good runs that were left out are entered later, before
  so many bad runs are within the longest window of a component as open anything: fewer open
  nothing, whatever stands beside them. The newest good run of a probe is entered before a bad one,
  so that a row of bad runs is one. `--prove 365` holds a year of each way against the other.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from monitor.backtest import replay
from monitor.core.effects import (
    Announce,
    CheckControl,
    ControlResult,
    Effect,
    Judged,
    RequestBurst,
    Revise,
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
from monitor.core.onset import REACH
from monitor.core.outcome import Outcome, Verdict
from monitor.core.plan import ControlPlan, ProbePlan
from monitor.core.policy import Policy
from monitor.core.pools import Pool, pools_of
from tests.bench.detection.fates import Fate
from tests.bench.detection.products import HEALTHY_SECONDS, Product
from tests.bench.detection.world import World

START = datetime(2026, 1, 1, tzinfo=UTC)
QUIET_TICK = 60
"""Every so many seconds a quiet engine is ticked, so that it forgets."""
SWEEP_GAP = 0.1
BESIDE_MAX: int = getattr(replay, "BESIDE_MAX", 1)
"""Runs of one probe at once, extra ones beside one that hangs: as the backtest has it."""
CONTROL_SECONDS = 0.1
CONTROL_TIMEOUT = 3.0
LEAD_SECONDS = 20.0
LAG_SECONDS = 20.0
"""So long around trouble every run is fed when it ends: the guard compares what is near in time."""
JUMP_MIN = 40.0
MEMORY_SPARE = 60.0
LOOKS_BACK = REACH + MEMORY_SPARE
"""So far back the start of an impact is looked for once something has opened."""
MEMORY_RUNS = 6
"""A row of bad runs of one probe is shorter than this where its length matters."""

_GOOD = Verdict(outcome=Outcome.OK, reason="answered 200 as expected", answered=True)
_SOFT = TransportError(kind=Failure.TIMEOUT, phase=Phase.FIRST_BYTE, message="no answer yet")
_SPREAD = tuple(0.7 + 0.6 * step / 16 for step in range(17))
_GOLDEN = 0.618033988749895


@dataclass(slots=True)
class Record:
    """What came of it.

    Attributes:
        announced: events, each with its second.
        incidents: ids of all incidents, announced or not.
        scheduled, extra: how many runs took place, those left out included.
    """

    announced: list[tuple[float, Event]] = field(default_factory=list)
    incidents: set[str] = field(default_factory=set)
    scheduled: int = 0
    extra: int = 0


@dataclass(slots=True)
class _Beat:
    """A probe's place in the schedule: its beat number `count` is due at anchor + count * interval.

    Attributes:
        timings: those that its good runs have in turn.
        extras: how many extra runs are still to come; None outside a burst. `gap` seconds apart;
            `burst` is its number, so that an older one dies out.
        left_out: beats that were good and are not entered: anchor, interval, first and last number.
    """

    plan: ProbePlan
    place: int
    anchor: float
    interval: float
    timings: tuple[Timings, ...]
    count: int = 0
    running: int = 0
    extras: int | None = None
    gap: float = 0.0
    burst: int = 0
    left_out: list[tuple[float, float, int, int]] = field(default_factory=list)

    @property
    def due(self) -> float:
        return self.anchor + self.count * self.interval

    def healthy(self, started: float) -> Timings:
        """The timings of a good run: they vary, but a run has always the same."""
        return self.timings[int((started * _GOLDEN) % 1.0 * 16)]


@dataclass(slots=True)
class _Company:
    """The probes of one component, its longest window, and when its bad runs were entered.

    Fewer than `believed` within that window open nothing.
    """

    beats: tuple[_Beat, ...]
    window: float
    believed: int
    bad: deque[float] = field(default_factory=deque)

    def enough(self, now: float) -> bool:
        """Note a bad run; whether so many could open an incident."""
        self.bad.append(now)
        while self.bad[0] < now - self.window:
            self.bad.popleft()
        return len(self.bad) >= self.believed


class Drive:
    """One engine in one world. `play` until a moment, then further."""

    def __init__(self, product: Product, world: World, *, fast: bool = True) -> None:
        """Calm, at second 0; a sweep over all probes begins."""
        self.record = Record()
        self.now = 0.0
        self.engine = Engine(product.plan, product.policy)
        self._world = world
        self._fast = fast
        self._controls = product.plan.controls
        self._beats = [
            _beat(probe, place, product.offsets[probe.name])
            for place, probe in enumerate(product.plan.probes)
        ]
        self._by_name = {beat.plan.name: beat for beat in self._beats}
        self._due = [beat.due for beat in self._beats]
        self._control_every = self._control_due = product.plan.control_interval
        self._controls_open = 0
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._ticked = 0
        self._quiet = False
        self._companies = _companies(product, self._by_name)
        for place, beat in enumerate(self._beats):
            self._at(place * SWEEP_GAP, partial(self._launch, beat, Origin.SWEEP))
        self._check_controls()

    def play(self, until: float, enough: Callable[[Record], bool] | None = None) -> Record:
        """Go on until a moment, or until `enough` has come of it."""
        while True:
            beat_at = min(self._due)
            queued = self._queue[0][0] if self._queue else math.inf
            when = min(beat_at, queued, self._control_due)
            tick = self._next_tick()
            if min(tick, when) > until:
                self.now = until
                return self.record
            if tick <= when:
                self._tick(tick)
            elif self._fast and self._quiet and not self._queue and self._jump(when, until):
                continue
            else:
                self.now = when
                self._step(when, queued, beat_at)
            if enough is not None and enough(self.record):
                return self.record

    # ------------------------------------------------------------ time

    def _moment(self) -> Moment:
        return Moment(mono=self.now, wall=START + timedelta(seconds=self.now))

    def _at(self, when: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (when, next(self._order), action))

    def _next_tick(self) -> int:
        if self._fast and self._quiet:
            return (self._ticked // QUIET_TICK + 1) * QUIET_TICK
        return max(self._ticked + 1, math.ceil(self.now))

    def _tick(self, when: int) -> None:
        self.now, self._ticked = float(when), when
        self._carry_out(self.engine.tick(self._moment()))
        self._quiet = self.engine.quiet

    def _step(self, when: float, queued: float, beat_at: float) -> None:
        """What is due first; of equals what is queued, then the controls."""
        if queued <= when:
            heapq.heappop(self._queue)[2]()
        elif self._control_due <= when:
            self._control_due += self._control_every
            self._check_controls()
        else:
            beat = self._beats[self._due.index(beat_at)]
            beat.count += 1
            self._due[beat.place] = beat.due
            self._launch(beat, Origin.SCHEDULED)

    def _jump(self, when: float, until: float) -> bool:
        """Leave out what is known to be good; False if that is not worth it."""
        target = min(until, self._world.trouble(LEAD_SECONDS, LAG_SECONDS, self.now))
        for beat in self._beats:
            fails = beat.anchor + (beat.count + self._world.left[beat.place]) * beat.interval
            target = min(target, fails - LEAD_SECONDS)
        if target - when < JUMP_MIN:
            return False
        for beat in self._beats:
            count = math.ceil((target - beat.due) / beat.interval)
            if count > 0:
                self._leave_out(beat, count)
        waited = (target - self._control_due) // self._control_every
        self._control_due += max(0.0, waited) * self._control_every
        self._ticked = max(self._ticked, math.floor(target) - QUIET_TICK)
        return True

    def _forget(self) -> None:
        """Tick the second that has begun: the plain way has forgotten what is older by now."""
        second = math.floor(self.now)
        if self._fast and self._quiet and self._ticked < second:
            now, self.now = self.now, float(second)
            self._tick(second)
            self.now = now

    def _leave_out(self, beat: _Beat, count: int) -> None:
        first, last = beat.count, beat.count + count
        self._world.skip(beat.place, count)
        self.record.scheduled += count
        beat.left_out.append((beat.anchor, beat.interval, first, last))
        beat.count = last
        self._due[beat.place] = beat.due

    def _fill(self, company: _Company) -> None:
        """Enter the good runs that were left out, as far back as anything looks."""
        moment = self._moment()
        for beat in company.beats:
            since = self._ticked - max(company.window, LOOKS_BACK, MEMORY_RUNS * beat.plan.interval)
            for anchor, interval, first, last in beat.left_out:
                for number in range(max(first, math.ceil((since - anchor) / interval)), last):
                    judged = self._left_out_run(beat, anchor + number * interval)
                    self._carry_out(self.engine.take(judged, moment))
            beat.left_out.clear()

    def _break(self, beat: _Beat) -> None:
        """Enter the newest good run that was left out of a probe."""
        if not beat.left_out:
            return
        anchor, interval, first, last = beat.left_out.pop()
        if last - 1 > first:
            beat.left_out.append((anchor, interval, first, last - 1))
        judged = self._left_out_run(beat, anchor + (last - 1) * interval)
        self._carry_out(self.engine.take(judged, self._moment()))

    def _left_out_run(self, beat: _Beat, started: float) -> Judged:
        timings = beat.healthy(started)
        observation = Observation(
            run_id=f"{beat.plan.name}/{started:.3f}",
            probe=beat.plan.name,
            at=START + timedelta(seconds=started),
            started=started,
            ended=started + timings.total,
            timings=timings,
            answer=Fate.GOOD.value.answer,
            checks=Fate.GOOD.value.checks,
        )
        return Judged(observation=observation, verdict=_GOOD)

    # ------------------------------------------------------------ one run

    def _launch(self, beat: _Beat, origin: Origin) -> None:
        if beat.running >= (BESIDE_MAX if origin is Origin.BURST else 1):
            return
        beat.running += 1
        scheduled = origin is not Origin.BURST
        self.record.scheduled += scheduled
        self.record.extra += not scheduled
        started = self.now
        fate = self._world.fate(beat.place, beat.plan.name, started, scheduled=scheduled)
        meeting, timings = fate.value, beat.healthy(started)
        if meeting.seconds is not None:
            timings = Timings(total=min(meeting.seconds, beat.plan.timeout))
        observation = Observation(
            run_id=f"{beat.plan.name}/{started:.3f}",
            probe=beat.plan.name,
            at=START + timedelta(seconds=started),
            started=started,
            ended=started + timings.total,
            timings=timings,
            origin=origin,
            answer=meeting.answer,
            checks=meeting.checks,
            error=meeting.error,
        )
        soft = beat.plan.soft_deadline
        if timings.total > soft:
            self._at(started + soft, partial(self._soften, beat, observation))
        good = fate is Fate.GOOD
        self._at(observation.ended, partial(self._end, beat, observation, good=good))

    def _soften(self, beat: _Beat, observation: Observation) -> None:
        provisional = Observation(
            run_id=observation.run_id,
            probe=observation.probe,
            at=observation.at,
            started=observation.started,
            ended=self.now,
            timings=Timings(total=beat.plan.soft_deadline),
            origin=observation.origin,
            error=_SOFT,
            provisional=True,
        )
        self._feed(provisional, good=False)

    def _end(self, beat: _Beat, observation: Observation, *, good: bool) -> None:
        beat.running -= 1
        self._feed(observation, good=good)

    def _feed(self, observation: Observation, *, good: bool) -> None:
        if not good:
            self._forget()
            self._break(self._by_name[observation.probe])
            for company in self._companies[observation.probe]:
                if company.enough(self.now):
                    self._fill(company)
        if good and self._fast and not self._world.delicate(self.now):
            judged = Judged(observation=observation, verdict=_GOOD)
            effects = self.engine.take(judged, self._moment())
        else:
            effects = self.engine.feed(observation, self._moment())
        if len(effects) > 1 or not good:
            self._carry_out(effects)
            self._quiet = self.engine.quiet

    # ------------------------------------------------------------ control targets and effects

    def _check_controls(self) -> None:
        if self._controls_open:
            return
        for target in self._controls:
            fate = self._world.control(self.now)
            seconds = min(fate.value.seconds or CONTROL_SECONDS, CONTROL_TIMEOUT)
            self._controls_open += 1
            good = fate is Fate.GOOD
            self._at(self.now + seconds, partial(self._controlled, target, self.now, good=good))

    def _controlled(self, target: ControlPlan, started: float, *, good: bool) -> None:
        self._controls_open -= 1
        result = ControlResult(
            target=target.name,
            at=START + timedelta(seconds=started),
            started=started,
            ended=self.now,
            ok=good,
        )
        self._carry_out(self.engine.control(result, self._moment()))
        self._quiet = self.engine.quiet

    def _carry_out(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case Announce(event=event):
                    self.record.announced.append((self.now, event))
                    if event.incident is not None:
                        self.record.incidents.add(event.incident.id)
                case Revise(incident=incident):
                    self.record.incidents.add(incident.id)
                case RequestBurst():
                    self.ask_again(effect)
                case SetCadence():
                    self._cadence(effect)
                case CheckControl():
                    self._check_controls()
                case _:
                    pass

    def ask_again(self, effect: RequestBurst) -> None:
        """Carry out what the engine asks for after a bad run."""
        for name, count, wait, gap in effect.pace():
            beat = self._by_name[name]
            if beat.extras is not None and beat.gap == gap:
                beat.extras = count
                continue
            beat.extras, beat.gap, beat.burst = count, gap, beat.burst + 1
            self._at(self.now + wait, partial(self._again, beat, beat.burst))

    def _again(self, beat: _Beat, burst: int) -> None:
        if beat.burst != burst:
            return
        if not beat.extras:
            beat.extras = None
            return
        beat.extras -= 1
        self._launch(beat, Origin.BURST)
        self._at(self.now + beat.gap, partial(self._again, beat, burst))

    def _cadence(self, effect: SetCadence) -> None:
        for name in effect.probes:
            beat = self._by_name[name]
            interval = effect.interval or beat.plan.interval
            beat.anchor = min(max(beat.due, self.now), self.now + interval)
            beat.interval, beat.count = interval, 0
            self._due[beat.place] = beat.due


def _companies(product: Product, beats: Mapping[str, _Beat]) -> dict[str, list[_Company]]:
    """By probe, those of the components that it is evidence for."""
    found: dict[str, list[_Company]] = {name: [] for name in beats}
    for component in product.plan.components:
        pools = pools_of(component.name, product.plan, product.policy)
        windows = [
            seconds
            for pool in pools
            for seconds in (
                pool.fast_window,
                *(window for level in pool.slow_windows for window, _ in level),
            )
        ]
        names = pools[0].names if pools else ()
        company = _Company(
            tuple(beats[name] for name in names),
            max(windows, default=0.0) + MEMORY_SPARE,
            min((_believed(pool, product.policy) for pool in pools), default=1),
        )
        for name in names:
            found[name].append(company)
    return found


def _believed(pool: Pool, policy: Policy) -> int:
    """How many bad runs the rule that needs the fewest of this pool needs."""
    episodes = (needed for _, needed in pool.slow_windows[0])
    return min(policy.fast.needed(len(pool.names))[0], policy.solo.failures, *episodes)


def _beat(probe: ProbePlan, place: int, offset: float) -> _Beat:
    timings = tuple(
        Timings(total=seconds, first_byte=seconds)
        for seconds in (HEALTHY_SECONDS[probe.depth] * factor for factor in _SPREAD)
    )
    return _Beat(probe, place, offset, probe.interval, timings)
