"""The metronome on clocks turned by hand; the runner with runs that end when they are let go."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from monitor.clock import Clock, ScaledClock, SystemClock, VirtualClock
from monitor.core.effects import CheckControl, RequestBurst, SetCadence
from monitor.core.observation import Origin
from monitor.scheduler import (
    BESIDE_MAX,
    DRIFT_SECONDS,
    START_SECONDS_MIN,
    SWEEP_GAP,
    Asked,
    Gauge,
    Metronome,
    Pulse,
    Runner,
)

LIMIT = 10.0
"""Machine seconds after which a test that waits for an event has failed."""


class FakeGauge(Gauge):
    """Remembers what it hears."""

    def __init__(self) -> None:
        self.skips: list[tuple[str, str]] = []
        self.lateness: list[float] = []
        self.lags: list[float] = []
        self.lagged = asyncio.Event()

    @override
    def skipped(self, probe: str, reason: str) -> None:
        self.skips.append((probe, reason))

    @override
    def late(self, seconds: float) -> None:
        self.lateness.append(seconds)

    @override
    def loop_lag(self, seconds: float) -> None:
        self.lags.append(seconds)
        self.lagged.set()


# ---------------------------------------------------------------- the metronome


class Strikes:
    """A metronome on one virtual clock, and what it struck. It holds still: `beat` beats."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.heard: list[tuple[str, float, int]] = []
        self.metronome = Metronome(self.clock, self._strike, machine=self.clock)
        self.metronome._scheduler.start(paused=True)

    def _strike(self, name: str, late: float, missed: int) -> None:
        self.heard.append((name, round(late, 6), missed))

    async def beat(self, name: str) -> None:
        await self.metronome._beat(name)

    def planned(self, name: str) -> float:
        """In how many seconds the next beat comes, by the wall clock that APScheduler plans by."""
        at: datetime = self.metronome._scheduler.get_job(name).trigger.start_date
        return round((at - self.clock.now()).total_seconds(), 6)


async def test_the_first_beat_comes_at_the_offset_and_is_on_time() -> None:
    strikes = Strikes()
    strikes.metronome.set("a", 60.0, 7.0)
    assert strikes.planned("a") == 7.0
    await strikes.clock.advance(7.0)
    await strikes.beat("a")
    assert strikes.heard == [("a", 0.0, 0)]


@pytest.mark.parametrize("early", [0.0, 0.3], ids=["on time", "a little early"])
async def test_the_grid_stays_where_it_is_however_late_or_early_a_beat_comes(early: float) -> None:
    strikes = Strikes()
    strikes.metronome.set("a", 60.0, 10.0)
    await strikes.clock.advance(10.3)
    await strikes.beat("a")
    await strikes.clock.advance(59.7 - early)
    await strikes.beat("a")
    assert strikes.heard == [("a", 0.3, 0), ("a", 0.0, 0)]


async def test_beats_that_were_missed_are_counted_and_run_once() -> None:
    strikes = Strikes()
    strikes.metronome.set("a", 60.0, 10.0)
    await strikes.clock.advance(10.0 + 2 * 60.0 + 4.0)
    await strikes.beat("a")
    assert strikes.heard == [("a", 4.0, 2)]


async def test_after_a_late_beat_the_next_one_is_on_the_grid_again() -> None:
    strikes = Strikes()
    strikes.metronome.set("a", 60.0, 10.0)
    await strikes.clock.advance(14.0)
    await strikes.beat("a")
    assert strikes.planned("a") == 56.0


@pytest.mark.parametrize("hours", [-1, 1])
async def test_after_a_step_of_the_wall_clock_everything_is_planned_anew(hours: int) -> None:
    strikes = Strikes()
    strikes.metronome.set("a", 60.0, 10.0)
    strikes.metronome.set("b", 30.0, 20.0)
    await strikes.clock.advance(1.0)
    assert not strikes.metronome.watch()
    strikes.clock.wall_offset = timedelta(hours=hours)
    with capture_logs() as lines:
        assert strikes.metronome.watch()
    assert (strikes.planned("a"), strikes.planned("b")) == (9.0, 19.0)
    assert [(line["event"], line["drift_seconds"]) for line in lines] == [
        ("clock.stepped", hours * 3600.0)
    ]
    assert not strikes.metronome.watch()


async def test_small_steps_add_up_to_one_that_matters() -> None:
    strikes = Strikes()
    strikes.metronome.set("a", 60.0, 10.0)
    seen = []
    for step in range(1, 4):
        strikes.clock.wall_offset = timedelta(seconds=step * DRIFT_SECONDS * 0.4)
        seen.append(strikes.metronome.watch())
    assert seen == [False, False, True]


async def test_a_beat_long_before_it_is_due_is_no_beat_but_planned_anew() -> None:
    """The wall clock leapt an hour ahead, and nobody has looked after it yet."""
    strikes = Strikes()
    strikes.metronome.set("a", 60.0, 45.0)
    await strikes.clock.advance(5.0)
    strikes.clock.wall_offset = timedelta(hours=1)
    await strikes.beat("a")
    assert strikes.heard == []
    assert strikes.planned("a") == 40.0
    await strikes.clock.advance(40.0)
    await strikes.beat("a")
    assert strikes.heard == [("a", 0.0, 0)]


async def test_a_shorter_cadence_does_not_wait_for_the_longer_one_to_pass() -> None:
    strikes = Strikes()
    strikes.metronome.set("a", 60.0, 50.0)
    strikes.metronome.change("a", 15.0)
    assert strikes.planned("a") == 15.0
    await strikes.clock.advance(15.0)
    await strikes.beat("a")
    await strikes.clock.advance(15.0)
    await strikes.beat("a")
    strikes.metronome.change("a", 60.0)
    assert strikes.planned("a") == 15.0
    assert strikes.heard == [("a", 0.0, 0), ("a", 0.0, 0)]


async def test_a_beat_that_is_overdue_when_it_is_planned_comes_at_once() -> None:
    strikes = Strikes()
    strikes.metronome.set("a", 60.0, 5.0)
    await strikes.clock.advance(8.0)
    strikes.metronome.change("a", 15.0)
    assert strikes.planned("a") == START_SECONDS_MIN


async def test_a_metronome_that_was_never_started_can_be_stopped() -> None:
    metronome = Metronome(VirtualClock(), lambda *_: None)
    metronome.stop()
    assert not metronome._scheduler.running


async def test_real_beats_stand_on_the_grid_of_their_offset() -> None:
    """APScheduler itself, at a hundred times the speed: 5 s are 50 ms."""
    clock = ScaledClock(start=datetime(2026, 4, 28, tzinfo=UTC), speed=100.0)
    heard: dict[str, list[float]] = {"a": [], "b": []}
    enough = asyncio.Event()

    def strike(name: str, late: float, _missed: int) -> None:
        heard[name].append(clock.monotonic() - late)
        if min(map(len, heard.values())) >= 4:
            enough.set()

    metronome = Metronome(clock, strike)
    begun = clock.monotonic()
    metronome.set("a", 5.0, 1.0)
    metronome.set("b", 5.0, 3.5)
    metronome.start()
    try:
        async with asyncio.timeout(LIMIT):
            await enough.wait()
    finally:
        metronome.stop()
    for name, offset in (("a", 1.0), ("b", 3.5)):
        for at in heard[name]:
            beats = (at - begun - offset) / 5.0
            assert beats == pytest.approx(round(beats), abs=0.2)
            assert round(beats) >= 0


async def test_a_stopped_metronome_beats_no_more() -> None:
    clock = ScaledClock(start=datetime(2026, 4, 28, tzinfo=UTC), speed=100.0)
    struck = asyncio.Event()
    metronome = Metronome(clock, lambda *_: struck.set())
    metronome.set("a", 3.0, 0.0)
    metronome.start()
    async with asyncio.timeout(LIMIT):
        await struck.wait()
    metronome.stop()
    await clock.sleep(0.0)
    assert not metronome._scheduler.running
    struck.clear()
    await clock.sleep(10.0)
    assert not struck.is_set()


# ---------------------------------------------------------------- the runner


class Runs:
    """What the runner is given to run: each run waits at the gate, some crash behind it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.begun: list[tuple[str, Origin]] = []
        self.at: list[tuple[float, str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.crashing: set[str] = set()
        self.controls = 0

    async def ask(self, name: str, origin: Origin) -> None:
        self.begun.append((name, origin))
        self.at.append((round(self._clock.monotonic(), 6), name))
        await self.gate.wait()
        if name in self.crashing:
            message = "a bug"
            raise RuntimeError(message)

    async def control(self) -> None:
        self.controls += 1
        await self.gate.wait()


class Stand:
    """A runner, its clock, its gauge and what it runs."""

    def __init__(
        self, *names: str, concurrency_max: int = 64, control: float | None = None
    ) -> None:
        self.clock = VirtualClock()
        self.gauge = FakeGauge()
        self.runs = Runs(self.clock)
        self.runner = Runner(
            self.clock,
            self.gauge,
            self.runs.ask,
            self.runs.control,
            concurrency_max=concurrency_max,
        )
        asked = tuple(Asked(name=name, interval=60.0, offset=30.0) for name in names)
        self.runner.plan(asked, control)

    @asynccontextmanager
    async def serving(self, *, sweep: float = 1.0) -> AsyncIterator[None]:
        """With the runner at work, the sweep over and forgotten."""
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self.runner.serve())
            await self.clock.advance(sweep)
            self.runs.begun.clear()
            self.runs.at.clear()
            try:
                yield
            finally:
                task.cancel()

    async def strike(self, name: str, late: float = 0.0, missed: int = 0) -> None:
        """A beat of the metronome."""
        self.runner._strike(name, late, missed)
        await self.clock.advance(0.0)

    def planned(self, name: str) -> float:
        """The interval at which the metronome beats."""
        job = self.runner._metronome._scheduler.get_job(name)
        return float(job.trigger.interval.total_seconds())


async def test_at_the_start_every_probe_runs_once_one_after_the_other() -> None:
    stand = Stand("a", "b", "c", control=30.0)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(stand.runner.serve())
        await stand.clock.advance(1.0)
        task.cancel()
    assert stand.runs.begun == [(name, Origin.SWEEP) for name in "abc"]
    assert stand.runs.at == [(round(i * SWEEP_GAP, 6), name) for i, name in enumerate("abc")]
    assert stand.runs.controls == 1


async def test_without_control_targets_none_are_asked_at_the_start() -> None:
    stand = Stand("a")
    async with stand.serving():
        assert stand.runs.controls == 0


async def test_a_beat_begins_a_run_and_tells_how_late_it_was() -> None:
    stand = Stand("a")
    async with stand.serving():
        await stand.strike("a", late=0.25, missed=2)
    assert stand.runs.begun == [("a", Origin.SCHEDULED)]
    assert stand.gauge.lateness == [0.25]
    assert stand.gauge.skips == [("a", "late"), ("a", "late")]


async def test_only_extra_runs_go_beside_one_that_hangs_and_two_of_them_at_most() -> None:
    stand = Stand("a")
    stand.runs.gate.clear()
    async with stand.serving():
        stand.runner.burst(RequestBurst(runs=(("a", 3),), gap=1.0))
        await stand.clock.advance(5.0)
        assert stand.gauge.skips == []
        assert len(stand.runner._running) == BESIDE_MAX
        await stand.strike("a")
        assert stand.gauge.skips == [("a", "still_running")]
        stand.runs.gate.set()
        await stand.clock.advance(0.0)
        assert stand.runner._running == {}
        await stand.strike("a")
    assert [origin for _, origin in stand.runs.begun] == [
        Origin.BURST,
        Origin.BURST,
        Origin.SCHEDULED,
    ]
    assert stand.gauge.skips == [("a", "still_running")]


async def test_no_more_runs_than_the_cap_at_one_time() -> None:
    stand = Stand("a", "b", "c", concurrency_max=2)
    async with stand.serving():
        stand.runs.gate.clear()
        for name in "abc":
            await stand.strike(name)
        assert [name for name, _ in stand.runs.begun] == ["a", "b"]
        assert stand.gauge.skips == [("c", "at_capacity")]
        stand.runs.gate.set()
        await stand.clock.advance(0.0)
        await stand.strike("c")
    assert [name for name, _ in stand.runs.begun] == ["a", "b", "c"]


async def test_a_burst_is_spread_over_its_gap_and_ends() -> None:
    stand = Stand("a", "b")
    async with stand.serving():
        stand.runner.burst(RequestBurst(runs=(("a", 2), ("b", 2)), gap=4.0))
        await stand.clock.advance(100.0)
        assert stand.runs.at == [(3.0, "a"), (5.0, "b"), (7.0, "a"), (9.0, "b")]
        assert {origin for _, origin in stand.runs.begun} == {Origin.BURST}
        stand.runs.at.clear()
        stand.runner.burst(RequestBurst(runs=(("a", 1),), gap=4.0))
        await stand.clock.advance(100.0)
    assert stand.runs.at == [(105.0, "a")]


async def test_a_burst_asked_for_again_is_renewed_and_not_doubled() -> None:
    stand = Stand("a")
    async with stand.serving():
        stand.runner.burst(RequestBurst(runs=(("a", 2),), gap=4.0))
        await stand.clock.advance(5.0)
        stand.runner.burst(RequestBurst(runs=(("a", 2),), gap=4.0))
        await stand.clock.advance(100.0)
    assert stand.runs.at == [(5.0, "a"), (9.0, "a"), (13.0, "a")]


async def test_a_probe_asked_at_a_pace_of_its_own_is_spread_and_hurried_when_that_changes() -> None:
    stand = Stand("a", "b")
    async with stand.serving():
        paced = RequestBurst(runs=(("a", 2), ("b", 1)), gap=4.0, paced=(("a", 30.0),))
        stand.runner.burst(paced)
        await stand.clock.advance(35.0)
        assert stand.runs.at == [(5.0, "b"), (31.0, "a")]
        stand.runner.burst(paced)
        await stand.clock.advance(5.0)
        stand.runner.burst(RequestBurst(runs=(("a", 1),), gap=4.0))
        await stand.clock.advance(100.0)
    assert stand.runs.at[2:] == [(40.0, "b"), (45.0, "a")]


async def test_a_burst_asked_for_before_the_start_does_not_stand_in_the_way_of_later_ones() -> None:
    stand = Stand("a")
    stand.runner.burst(RequestBurst(runs=(("a", 2),), gap=4.0))
    async with stand.serving():
        stand.runner.burst(RequestBurst(runs=(("a", 1),), gap=4.0))
        await stand.clock.advance(100.0)
    assert stand.runs.at == [(5.0, "a")]


async def test_while_it_closes_nothing_begins_any_more() -> None:
    stand = Stand("a", "b", control=30.0)
    async with stand.serving():
        asked = stand.runs.controls
        stand.runner.burst(RequestBurst(runs=(("a", 5),), gap=4.0))
        await stand.clock.advance(1.0)
        assert await stand.runner.drain(1.0) == 0
        stand.runner.burst(RequestBurst(runs=(("b", 5),), gap=4.0))
        stand.runner.check_control(CheckControl())
        await stand.strike("a")
        await stand.clock.advance(100.0)
        assert stand.runs.controls == asked
    assert stand.runs.begun == []


async def test_cadence_changes_and_goes_back_to_each_probes_own() -> None:
    stand = Stand("a", "b")
    async with stand.serving():
        stand.runner.cadence(SetCadence(probes=("a",), interval=15.0))
        assert (stand.planned("a"), stand.planned("b")) == (15.0, 60.0)
        stand.runner.cadence(SetCadence(probes=("a",), interval=None))
        assert stand.planned("a") == 60.0


async def test_a_cadence_is_taken_before_the_start_too() -> None:
    """A restart in the middle of an incident asks for it before the schedule begins."""
    stand = Stand("a")
    stand.runner.cadence(SetCadence(probes=("a",), interval=15.0))
    async with stand.serving():
        assert stand.planned("a") == 15.0


async def test_control_targets_are_asked_once_at_a_time() -> None:
    stand = Stand(control=30.0)
    stand.runs.gate.clear()
    async with stand.serving():
        stand.runner.check_control(CheckControl())
        await stand.strike("control targets")
        assert stand.runs.controls == 1
        stand.runs.gate.set()
        await stand.clock.advance(0.0)
        await stand.strike("control targets")
        assert stand.runs.controls == 2
    assert stand.gauge.lateness == []


async def test_a_run_that_crashes_is_logged_and_does_not_end_the_others() -> None:
    stand = Stand("a", "b")
    async with stand.serving():
        stand.runs.crashing.add("a")
        stand.runs.gate.clear()
        await stand.strike("a")
        await stand.strike("b")
        with capture_logs() as lines:
            stand.runs.gate.set()
            await stand.clock.advance(0.0)
        assert [(line["event"], line["probe"]) for line in lines] == [("run.crashed", "a")]
        assert stand.gauge.skips == [("a", "crashed")]
        await stand.strike("a")
        await stand.strike("b")
    assert [name for name, _ in stand.runs.begun] == ["a", "b", "a", "b"]


async def test_drain_waits_for_what_runs() -> None:
    stand = Stand("a", "b")
    async with stand.serving():
        stand.runs.gate.clear()
        await stand.strike("a")
        await stand.strike("b")
        async with asyncio.TaskGroup() as tasks:
            draining = tasks.create_task(stand.runner.drain(LIMIT))
            await stand.clock.advance(1.0)
            assert not draining.done()
            stand.runs.gate.set()
        assert draining.result() == 0


async def test_drain_gives_up_in_time_and_says_how_much_is_left() -> None:
    stand = Stand("a", "b")
    async with stand.serving():
        await stand.strike("a")
        stand.runs.gate.clear()
        await stand.strike("a")
        await stand.strike("b")
        assert await stand.runner.drain(0.01) == 2


async def test_a_run_that_is_cut_before_it_began_leaves_nothing_behind() -> None:
    stand = Stand("a")
    async with stand.serving():
        stand.runner._launch("a", Origin.SCHEDULED)
        stand.runner._running["a", 0].cancel()
    gc.collect()
    assert stand.runs.begun == []
    stand.runner._launch("a", Origin.SCHEDULED)
    assert stand.runner._running == {}


async def test_watching_the_runner_is_watching_its_metronome() -> None:
    stand = Stand("a")
    stand.runner.watch()
    seen = stand.runner._metronome._seen
    stand.runner._metronome._seen = (seen[0], seen[1] - timedelta(hours=1))
    with capture_logs() as lines:
        stand.runner.watch()
    assert [line["event"] for line in lines] == ["clock.stepped"]


# ---------------------------------------------------------------- the pulse


class BlockedClock(VirtualClock):
    """A clock on which a blocking call can be made: time passes and nobody is woken meanwhile."""

    def block(self, seconds: float) -> None:
        self._elapsed += seconds

    @override
    def real(self, seconds: float) -> float:
        return seconds / 2.0


@asynccontextmanager
async def beating(pulse: Pulse) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(pulse.beat())
        try:
            yield
        finally:
            task.cancel()


async def test_a_blocked_loop_is_measured_in_seconds_of_the_clock_and_told_in_the_machines() -> (
    None
):
    clock = BlockedClock()
    gauge = FakeGauge()
    pulse = Pulse(clock, gauge)
    async with beating(pulse):
        await clock.advance(1.0)
        assert max(gauge.lags) == pytest.approx(0.0)
        clock.block(3.0)
        await clock.advance(0.0)
        blocked = clock.monotonic()
        assert max(gauge.lags) == pytest.approx(1.4)
        assert pulse.worst_since(0.0) == pytest.approx(2.8)
        assert pulse.beaten == blocked
        await clock.advance(1.0)
    assert pulse.worst_since(blocked + 0.1) == pytest.approx(0.0)
    assert pulse.worst_since(blocked) == pytest.approx(2.8)


async def test_before_the_first_beat_nothing_was_late() -> None:
    assert Pulse(VirtualClock(), FakeGauge()).worst_since(0.0) == 0.0


def block(seconds: float) -> None:
    """Keep the thread."""
    threading.Event().wait(seconds)


async def test_a_real_blocking_call_is_seen() -> None:
    clock = SystemClock()
    gauge = FakeGauge()
    pulse = Pulse(clock, gauge)
    async with beating(pulse), asyncio.timeout(LIMIT):
        await gauge.lagged.wait()
        begun = clock.monotonic()
        gauge.lagged.clear()
        block(0.3)
        await gauge.lagged.wait()
    assert pulse.worst_since(begun) >= 0.15
    assert max(gauge.lags) == pytest.approx(pulse.worst_since(0.0))


@pytest.mark.parametrize(("error", "lines"), [(asyncio.CancelledError(), 0), (ValueError(), 1)])
def test_a_beat_that_the_stop_cuts_short_is_no_error(
    error: BaseException, lines: int, caplog: pytest.LogCaptureFixture
) -> None:
    Metronome(SystemClock(), lambda *_: None)
    # As its executor does from the callback of a beat that ended so.
    logging.getLogger("apscheduler.executors.default").error("Error running job", exc_info=error)
    assert len(caplog.records) == lines
