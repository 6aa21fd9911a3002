"""When each probe runs: the metronome (APScheduler, known nowhere else) and the runner.

The metronome only beats. Each of its jobs is an `async def` that hands a name over and returns; the
runner owns the running probes. What APScheduler 3.11 does that a monitor cannot use is met here:

- its `jitter` adds up and changes the rate: none is used, each probe has a fixed phase of its own;
- a job late by more than a second is dropped with a log line: the grace is the whole interval, and
  a beat that is missed all the same is counted;
- it plans by the wall clock, so a step back by an hour would mean an hour of silence: the drift of
  wall against monotonic time is watched and everything planned anew;
- its shutdown does not wait for running jobs: they are not its jobs. A beat that it cuts short it
  calls an error, with a traceback: those lines are left out.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, timedelta
from functools import partial
from typing import Protocol

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from monitor.clock import Clock, SystemClock
from monitor.core.effects import CheckControl, RequestBurst, SetCadence
from monitor.core.observation import Origin

DRIFT_SECONDS = 2.0
"""Wall against monotonic time: a larger difference is a step, or a sleep of the machine."""

CONCURRENCY_MAX = 64
SWEEP_GAP = 0.1
"""Seconds between two starts of the sweep at start-up."""

START_SECONDS_MIN = 0.02
"""A start that lies in the past when the job is added would wait a whole interval."""

OFF_GRID_SECONDS = 0.5
"""A beat so far from when it is due, in machine seconds, has left its grid: it is planned anew."""

BESIDE_MAX = 3
"""Runs of one probe at once: extra ones go beside a run that hangs, or it would hide the next."""

BEATS_MAX = 100
"""Beats of one job that may be under way: each only hands over; a late loop must not drop one."""

PULSE_SECONDS = 0.1
"""Machine seconds between two looks at the event loop."""

PULSE_KEPT = 1200

log = structlog.get_logger(__name__)


class Gauge(Protocol):
    """Who hears how well the schedule is kept."""

    def skipped(self, probe: str, reason: str) -> None:
        """A run did not take place."""
        ...

    def late(self, seconds: float) -> None:
        """A run was begun so much after it was due."""
        ...

    def loop_lag(self, seconds: float) -> None:
        """A turn of the event loop was late."""
        ...


class Pulse:
    """Measures how late the event loop is, and remembers it for a while."""

    def __init__(self, clock: Clock, gauge: Gauge) -> None:
        """Nothing is measured before `beat` runs."""
        self._clock = clock
        self._gauge = gauge
        self._late: deque[tuple[float, float]] = deque(maxlen=PULSE_KEPT)
        self.beaten = clock.monotonic()

    async def beat(self) -> None:
        """Measure until cancelled."""
        step = PULSE_SECONDS / self._clock.real(1.0)
        while True:
            begun = self._clock.monotonic()
            await self._clock.sleep(step)
            self.beaten = self._clock.monotonic()
            late = max(0.0, self.beaten - begun - step)
            self._gauge.loop_lag(self._clock.real(late))
            self._late.append((self.beaten, late))

    def worst_since(self, started: float) -> float:
        """The longest delay, in seconds of the clock, seen since monotonic `started`."""
        worst = 0.0
        for when, late in reversed(self._late):
            if when < started:
                break
            worst = max(worst, late)
        return worst


@dataclass(slots=True)
class _Beat:
    """One job of the metronome: its interval and the monotonic time of its next beat."""

    interval: float
    due: float


def not_cut_short(record: logging.LogRecord) -> bool:
    """Whether a line of APScheduler is about more than a beat that the stop cut short."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


class Metronome:
    """Calls `strike(name, lateness, missed)` for each name at its interval, on a fixed grid."""

    def __init__(
        self, clock: Clock, strike: Callable[[str, float, int], None], machine: Clock | None = None
    ) -> None:
        """`machine` is the clock that APScheduler plans by; the system's when not given."""
        self._clock = clock
        self._strike = strike
        self._machine = machine or SystemClock()
        logging.getLogger("apscheduler.executors.default").addFilter(not_cut_short)
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._beats: dict[str, _Beat] = {}
        self._seen = (self._machine.monotonic(), self._machine.now())

    def start(self) -> None:
        """Begin to beat."""
        self._scheduler.start()

    def stop(self) -> None:
        """Beat no more. What was handed over goes on."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def set(self, name: str, interval: float, offset: float) -> None:
        """Beat for `name` every `interval` seconds, first `offset` seconds from now."""
        self._beats[name] = _Beat(interval, self._clock.monotonic() + offset)
        self._plan(name)

    def change(self, name: str, interval: float) -> None:
        """Beat for `name` at another interval, at once if that is shorter."""
        beat = self._beats[name]
        now = self._clock.monotonic()
        beat.due = min(max(beat.due, now), now + interval)
        beat.interval = interval
        self._plan(name)

    def watch(self) -> bool:
        """Plan everything anew if the wall clock has stepped. True when it has."""
        mono, wall = self._machine.monotonic(), self._machine.now()
        drift = (wall - self._seen[1]).total_seconds() - (mono - self._seen[0])
        if abs(drift) <= DRIFT_SECONDS:
            return False
        self._seen = (mono, wall)
        log.warning("clock.stepped", drift_seconds=round(drift, 3))
        for name in self._beats:
            self._plan(name)
        return True

    def _plan(self, name: str) -> None:
        beat = self._beats[name]
        wait = self._clock.real(max(0.0, beat.due - self._clock.monotonic()))
        seconds = self._clock.real(beat.interval)
        start = self._machine.now() + timedelta(seconds=max(wait, START_SECONDS_MIN))
        self._scheduler.add_job(
            self._beat,
            IntervalTrigger(seconds=seconds, start_date=start, timezone=UTC),
            args=(name,),
            id=name,
            replace_existing=True,
            coalesce=True,
            max_instances=BEATS_MAX,
            misfire_grace_time=max(1, math.ceil(seconds)),
        )

    async def _beat(self, name: str) -> None:
        beat = self._beats[name]
        late = self._clock.monotonic() - beat.due
        off = self._clock.real(late)
        if off < -OFF_GRID_SECONDS:  # the wall clock has leapt: it is not due yet
            self._plan(name)
            return
        late = max(0.0, late)
        missed = int(late // beat.interval)
        beat.due += (missed + 1) * beat.interval
        if off > OFF_GRID_SECONDS:  # or all that follow would be as late
            self._plan(name)
        self._strike(name, late - missed * beat.interval, missed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A probe as the runner knows it: its name, its own interval and where its grid begins."""

    name: str
    interval: float
    offset: float


class Runner:
    """Owns the running probes: so many at a time, drained at the stop.

    A scheduled run never goes beside another of its probe; an extra run does.

    `ask(name, origin)` makes one run and never raises for the world; `check_control()` asks the
    control targets.
    """

    def __init__(
        self,
        clock: Clock,
        gauge: Gauge,
        ask: Callable[[str, Origin], Awaitable[object]],
        check_control: Callable[[], Awaitable[object]],
        *,
        concurrency_max: int = CONCURRENCY_MAX,
    ) -> None:
        """Nothing runs before `serve`."""
        self._clock = clock
        self._gauge = gauge
        self._ask = ask
        self._check_control = check_control
        self._concurrency_max = concurrency_max
        self._metronome = Metronome(clock, self._strike)
        self._running: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._bursts: dict[str, int] = {}
        self._bursting: dict[str, tuple[asyncio.Task[None], float]] = {}
        self._asked: tuple[Asked, ...] = ()
        self._intervals: dict[str, float] = {}
        self._control_interval: float | None = None
        self._control: asyncio.Task[None] | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._closing = False

    def plan(self, asked: tuple[Asked, ...], control_interval: float | None) -> None:
        """Say who runs how often, once, before anything else is asked of the runner.

        Args:
            asked: the probes.
            control_interval: seconds between two rounds of the control targets; None for no rounds.
        """
        self._asked = asked
        self._control_interval = control_interval
        self._intervals = {one.name: one.interval for one in asked}
        if control_interval is not None:
            self._metronome.set(_CONTROL, control_interval, control_interval)
        for one in asked:
            self._metronome.set(one.name, one.interval, one.offset)

    async def serve(self) -> None:
        """Sweep once over all, then run by the schedule until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                if self._control_interval is not None:
                    self.check_control(CheckControl())
                self._metronome.start()
                for one in self._asked:
                    self._launch(one.name, Origin.SWEEP)
                    await self._clock.sleep(SWEEP_GAP)
                await asyncio.get_running_loop().create_future()
            finally:
                self._metronome.stop()
                self._tasks = None

    def watch(self) -> None:
        """Look after the wall clock; about once a second."""
        self._metronome.watch()

    async def drain(self, seconds: float) -> int:
        """Begin nothing new and wait for what runs, at most `seconds`. Returns what is left."""
        self._closing = True
        self._metronome.stop()
        for task, _gap in self._bursting.values():
            task.cancel()
        if self._running:
            await asyncio.wait(self._running.values(), timeout=self._clock.real(seconds))
        return len(self._running)

    # ------------------------------------------------------------ the conductor's part

    def burst(self, effect: RequestBurst) -> None:
        """Run these probes again, spread over the gap so that samples do not bunch."""
        if self._tasks is None or self._closing:
            return
        for name, count, wait, gap in effect.pace():
            self._bursts[name] = count
            running, was = self._bursting.get(name, (None, gap))
            if running is not None and was == gap:
                continue
            if running is not None:
                running.cancel()
            task = self._tasks.create_task(self._burst(name, wait, gap))
            self._bursting[name] = (task, gap)

    async def _burst(self, name: str, wait: float, gap: float) -> None:
        try:
            await self._clock.sleep(wait)
            while self._bursts[name] > 0:
                self._bursts[name] -= 1
                self._launch(name, Origin.BURST)
                await self._clock.sleep(gap)
        finally:
            if self._bursting.get(name, (None,))[0] is asyncio.current_task():  # none came after it
                del self._bursts[name]
                del self._bursting[name]

    def cadence(self, effect: SetCadence) -> None:
        """Run these probes more often, or as often as they were configured to."""
        for name in effect.probes:
            self._metronome.change(name, effect.interval or self._intervals[name])

    def check_control(self, _effect: CheckControl) -> None:
        """Ask the control targets now, unless they are being asked."""
        busy = self._control is not None and not self._control.done()
        if self._tasks is not None and not busy and not self._closing:
            self._control = self._tasks.create_task(self._guarded(_CONTROL, self._check_control))

    # ------------------------------------------------------------ running

    def _strike(self, name: str, late: float, missed: int) -> None:
        if name == _CONTROL:
            self.check_control(CheckControl())
            return
        for _ in range(missed):
            self._gauge.skipped(name, "late")
        self._gauge.late(late)
        self._launch(name, Origin.SCHEDULED)

    def _launch(self, name: str, origin: Origin) -> None:
        """Begin a run, or count why not."""
        if self._tasks is None or self._closing:
            return
        free = [place for place in range(BESIDE_MAX) if (name, place) not in self._running]
        if not free or (len(free) < BESIDE_MAX and origin is not Origin.BURST):
            if origin is Origin.SCHEDULED:
                self._gauge.skipped(name, "still_running")
        elif len(self._running) >= self._concurrency_max:
            self._gauge.skipped(name, "at_capacity")
        else:
            task = self._tasks.create_task(self._guarded(name, partial(self._ask, name, origin)))
            self._running[name, free[0]] = task
            task.add_done_callback(lambda _task: self._running.pop((name, free[0]), None))

    async def _guarded(self, name: str, work: Callable[[], Awaitable[object]]) -> None:
        """A bug in one run must not end the others: it is logged and the schedule goes on."""
        try:
            await work()
        except Exception:
            log.exception("run.crashed", probe=name)
            self._gauge.skipped(name, "crashed")


_CONTROL = "control targets"
"""Name of the control targets' job; no probe can be called so."""
