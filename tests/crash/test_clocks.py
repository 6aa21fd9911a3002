"""Clocks that step, a machine that slept, a loop that stood still: no false alarm and no silence.

Once in virtual time over the engine alone, once over the whole daemon on real sockets. How the
schedule meets a step of the wall clock stands in `tests/test_scheduler.py`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from monitor.app import Daemon
from monitor.clock import ScaledClock
from monitor.config.schema import Config
from monitor.core.effects import Effect, Judged, StateChanged
from monitor.core.incident import EventType, State
from monitor.core.outcome import Counts, Outcome
from monitor.simulation.exchange import SimRequest, SimResponse
from tests.core.timeline import Comes, Story, Trouble, hellos, plan_of
from tests.crash.story import SPEED, Stage, a_stage, wrongs

STEPS = {"an hour back": -3600.0, "an hour on": 3600.0, "asleep for ten minutes": 600.0}
each_step = pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)

STALL_SECONDS = 20.0


# ---------------------------------------------------------------- the engine, in virtual time


@each_step
def test_a_step_on_a_good_day_says_nothing_and_is_forgotten_within_an_interval(step: float) -> None:
    story = Story(plan_of(*hellos(4), controls=2))
    story.controls = True
    story.play(900)
    story.wall_shift = step
    runs = len(story.all(Judged))
    story.play(931)
    assert len(story.all(Judged)) >= runs + 4
    assert story.events == []
    assert {view.state for view in story.engine.status(story.moment(931)).components} == {
        State.OPERATIONAL
    }


@each_step
@pytest.mark.parametrize("at", [330.0, 700.0, 745.0], ids=["open", "just over", "recovering"])
def test_an_incident_outlives_a_step_and_closes(step: float, at: float) -> None:
    outage = Trouble(300.0, 690.0, Comes.FAIL)
    story = Story(plan_of(*hellos(4), controls=2), world=outage)
    story.controls = story.bursts = True
    story.play(at + 30)
    assert story.events[0].type is EventType.OPENED
    story.wall_shift = step
    story.play(1800)
    told = [event.type for event in story.events if event.type is not EventType.UPDATED]
    assert told == [EventType.OPENED, EventType.RECOVERING, EventType.CLOSED]
    assert len({event.incident.id for event in story.events if event.incident}) == 1


@each_step
def test_an_outage_after_a_step_is_found_as_fast_as_any(step: float) -> None:
    def opened_after(shift: float) -> float:
        story = Story(plan_of(*hellos(4), controls=2), world=Trouble(400.0, 900.0, Comes.FAIL))
        story.controls = story.bursts = True
        story.play(360)
        story.wall_shift = shift
        return story.play(900).at(EventType.OPENED)

    assert opened_after(step) == opened_after(0.0)


# ---------------------------------------------------------------- the whole daemon


class UnsteadyClock(ScaledClock):
    """Scenario time whose wall clock is stepped against the monotonic one."""

    step = timedelta()

    @override
    def now(self) -> datetime:
        """Wall time, as it was set."""
        return super().now() + self.step


@dataclass(slots=True)
class Tape:
    """Every effect of the engine. Fits `pipeline.Sink`."""

    effects: list[Effect] = field(default_factory=list)

    def publish(self, effects: Sequence[Effect]) -> None:
        """Keep them."""
        self.effects += effects

    def outcomes(self) -> list[Outcome]:
        """What every run came to, provisional entries too."""
        return [e.verdict.outcome for e in self.effects if isinstance(e, Judged)]

    def bad(self) -> list[Judged]:
        """Runs that counted against Claude."""
        judged = [e for e in self.effects if isinstance(e, Judged)]
        return [each for each in judged if each.verdict.counts is Counts.BAD]

    def state(self, component: str) -> State | None:
        """The last state that a component changed to."""
        changed = [e for e in self.effects if isinstance(e, StateChanged)]
        return next((e.after for e in reversed(changed) if e.component == component), None)


@asynccontextmanager
async def a_daemon(stage: Stage, clock: ScaledClock, tape: Tape) -> AsyncIterator[Daemon]:
    """A daemon in this process, stopped in order at the end."""
    daemon = Daemon(Config.model_validate(stage.config), clock, random.Random(0), sinks=(tape,))
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(daemon.run(stop))
        await daemon.started.wait()
        yield daemon
        stop.set()


def asked_again(stage: Stage, runs: int) -> Callable[[], bool]:
    """Whether the world has been asked so many times more."""
    before = stage.weather.asked
    return lambda: stage.weather.asked >= before + runs


@pytest.mark.slow
@each_step
async def test_a_daemon_whose_clock_steps_tells_the_same_story(step: float, tmp_path: Path) -> None:
    """On a good day nothing is announced; an open incident closes, and all of it is delivered."""
    async with a_stage(tmp_path / "clock.db") as stage:
        tape, clock = Tape(), UnsteadyClock(start=stage.clock.now(), speed=SPEED)
        async with a_daemon(stage, clock, tape):
            await stage.until(stage.proven)
            clock.step = timedelta(seconds=step)
            await stage.until(asked_again(stage, 12))
            await stage.until(lambda: tape.state("api") is State.OPERATIONAL)
            assert tape.bad() == []
            assert stage.receiver.got == []
            stage.weather.failing = True
            await stage.until(stage.all_open)
            clock.step = timedelta()
            stage.weather.failing = False
            await stage.until(stage.ended)
        assert wrongs(stage) == []


@pytest.mark.slow
async def test_a_loop_that_stood_still_blames_itself(tmp_path: Path) -> None:
    """Runs under way for twenty seconds of standstill are our own; the schedule goes on."""
    async with a_stage(tmp_path / "stall.db", loop_late="2s") as stage:
        for probe in stage.config["probes"]:
            probe["soft_deadline"] = "10s"
        tape = Tape()
        async with a_daemon(stage, stage.clock, tape):
            await stage.until(stage.proven)
            stalling = Stalling(stage)
            for _ in range(4):
                await stalling.once()
                await stage.until(asked_again(stage, 8))
            await stage.until(lambda: tape.state("api") is State.OPERATIONAL)
        assert Outcome.MONITOR_ERROR in tape.outcomes()
        assert tape.bad() == []
        assert [e.id for e in stage.heard() if e.incident] == []


@dataclass(slots=True)
class Stalling:
    """Stops the loop while a run is under way: the world stands in the same process."""

    stage: Stage

    async def once(self) -> None:
        """Stand still for twenty seconds from the next request on."""
        world, done = self.stage.weather, asyncio.Event()
        answer = world.answer

        def late(request: SimRequest, at: datetime) -> SimResponse:
            del world.__dict__["answer"]
            time.sleep(STALL_SECONDS / SPEED)
            done.set()
            return answer(request, at)

        world.__dict__["answer"] = late
        await done.wait()
