"""One run, whole: in which order its effects reach whom, and what is never written down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from typing_extensions import override

from monitor.clock import VirtualClock
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
from monitor.core.incident import EventType, IncidentPhase, State
from monitor.core.moment import Moment
from monitor.core.observation import (
    Check,
    Failure,
    Observation,
    Origin,
    Phase,
    TransportError,
)
from monitor.core.outcome import Counts, Outcome
from monitor.core.plan import ControlPlan, Plan, ProbePlan
from monitor.core.policy import Policy
from monitor.pipeline import (
    SNAPSHOT_SECONDS,
    Audience,
    Change,
    Conductor,
    Envelope,
    Journal,
    LoopWatch,
    Pipeline,
    Progress,
    microseconds,
)
from tests.core.timeline import hellos, plan_of
from tests.factories import a_judged, a_verdict, an_answer, an_event, an_incident, an_observation
from tests.fakes.control import FakeControl
from tests.fakes.journal import FakeJournal
from tests.fakes.probe import FakeProbe
from tests.fakes.sink import FakeAudience, FakeSink

LIMIT = 5.0
"""Machine seconds after which a test that waits for an event has failed."""


class FakeConductor(Conductor):
    """Keeps what was asked of the schedule, in order."""

    def __init__(self) -> None:
        self.asked: list[Effect] = []

    @override
    def burst(self, effect: RequestBurst) -> None:
        self.asked.append(effect)

    @override
    def cadence(self, effect: SetCadence) -> None:
        self.asked.append(effect)

    @override
    def check_control(self, effect: CheckControl) -> None:
        self.asked.append(effect)


class FakeWatch(LoopWatch):
    """A loop that was late by `worst` whenever one asks."""

    def __init__(self) -> None:
        self.worst = 0.0
        self.since: list[float] = []

    @override
    def worst_since(self, started: float) -> float:
        self.since.append(started)
        return self.worst


class Stand:
    """A pipeline on a virtual clock, with fakes at every side and the real engine in the middle."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.clock = VirtualClock()
        self.plan = plan or plan_of(*hellos(), controls=2)
        self.engine = Engine(self.plan, Policy())
        self.journal = FakeJournal()
        self.sink = FakeSink()
        self.watch = FakeWatch()
        self.conductor = FakeConductor()
        self.pipeline = Pipeline(
            self.engine,
            self.clock,
            journal=self.journal,
            audience=FakeAudience("oncall", "chat"),
            sinks=(self.sink,),
            watch=self.watch,
        )
        self.pipeline.conduct(self.conductor)

    def probe(self, name: str = "a", **changes: object) -> FakeProbe:
        """A probe of the plan; each answer took no time and starts and ends now."""
        plan: ProbePlan = self.plan.probe(name)

        def observe(run_id: str) -> Observation:
            now = self.clock.monotonic()
            values: dict[str, object] = {
                "run_id": run_id,
                "at": self.clock.now(),
                "started": now,
                "ended": now,
                "checks": () if changes else (Check(name="status", ok=True),),
                **changes,
            }
            return an_observation(name, seconds=0.0, **values)

        return FakeProbe(plan, observe)

    async def calm(self) -> None:
        """A good day until now: every probe has answered once, and nobody remembers the calls."""
        for probe in self.plan.probes:
            await self.pipeline.run(self.probe(probe.name), Origin.SCHEDULED)
        self.sink.effects.clear()
        self.journal.written.clear()

    def of(self, kind: type[Effect]) -> list[Effect]:
        """What the sinks heard of one kind."""
        return [effect for effect in self.sink.effects if isinstance(effect, kind)]


FAILED = an_answer(500, is_json=True, anthropic_error=True, error_type="api_error")


async def break_it(stand: Stand) -> None:
    """Runs of all probes fail until an incident opens."""
    for _ in range(12):
        for name in ("a", "b", "c"):
            await stand.pipeline.run(stand.probe(name, answer=FAILED), Origin.SCHEDULED)
            await stand.clock.advance(2.0)
        if stand.engine.open_incidents():
            return
    pytest.fail("nothing opened")


# ---------------------------------------------------------------- a run


async def test_a_quiet_run_is_judged_told_and_written_and_asks_for_nothing() -> None:
    stand = Stand()
    probe = stand.probe()
    judged = await stand.pipeline.run(probe, Origin.SCHEDULED)
    assert judged.verdict.outcome is Outcome.OK
    assert stand.of(Judged) == [judged]
    assert stand.journal.runs == [judged]
    assert stand.conductor.asked == []
    assert probe.asked == [(judged.observation.run_id, Origin.SCHEDULED)]


async def test_a_run_is_named_by_its_probe_and_its_start_and_keeps_the_start_it_was_given() -> None:
    stand = Stand()
    begun = stand.clock.now()
    probe = stand.probe()
    probe.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(stand.pipeline.run(probe, Origin.BURST))
        await stand.clock.advance(3.0)
        probe.gate.set()
    seen = running.result().observation
    assert seen.run_id == f"a/{microseconds(begun)}"
    assert (seen.at, seen.started, seen.ended) == (begun, 0.0, 3.0)


async def test_a_bad_run_asks_for_more_runs_and_for_the_control_targets() -> None:
    stand = Stand()
    await stand.pipeline.run(stand.probe(answer=FAILED), Origin.SCHEDULED)
    kinds = {type(effect) for effect in stand.conductor.asked}
    assert kinds == {RequestBurst, CheckControl}


async def test_nobody_conducts_before_there_is_a_conductor() -> None:
    stand = Stand()
    stand.pipeline._conductor = None
    await stand.pipeline.run(stand.probe(answer=FAILED), Origin.SCHEDULED)
    assert stand.conductor.asked == []
    assert len(stand.journal.runs) == 1


class Desk(Journal, Conductor):
    """Writes down who was called in which order."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def publish(self, effects: Sequence[Effect]) -> None:
        self.calls.append("sink")

    @override
    def run(self, judged: Judged) -> None:
        self.calls.append("run")

    @override
    def change(self, change: Change) -> None:
        self.calls.append("change")

    @override
    def burst(self, effect: RequestBurst) -> None:
        self.calls.append("burst")

    @override
    def cadence(self, effect: SetCadence) -> None:
        self.calls.append("cadence")

    @override
    def check_control(self, effect: CheckControl) -> None:
        self.calls.append("control")


async def test_sinks_hear_first_then_the_journal_writes_then_the_schedule_changes() -> None:
    desk = Desk()
    clock = VirtualClock()
    pipeline = Pipeline(
        Engine(plan_of(*hellos()), Policy()),
        clock,
        journal=desk,
        audience=FakeAudience(),
        sinks=(desk, desk),
        watch=FakeWatch(),
    )
    pipeline.conduct(desk)
    pipeline.carry_out(
        (
            CheckControl(),
            RequestBurst(runs=(("a", 1),), gap=5.0),
            SetCadence(probes=("a",), interval=None),
            Announce(event=an_event()),
            a_judged("a"),
        )
    )
    assert desk.calls == ["sink", "sink", "run", "change", "control", "burst", "cadence"]


async def test_no_effects_are_no_call() -> None:
    stand = Stand()
    stand.pipeline.carry_out(())
    assert (stand.sink.effects, stand.journal.written, stand.conductor.asked) == ([], [], [])


# ---------------------------------------------------------------- the soft deadline


async def test_past_the_soft_deadline_a_run_is_bad_until_its_real_result_replaces_that() -> None:
    stand = Stand()
    await stand.calm()
    await stand.clock.advance(60.0)
    probe = stand.probe()
    probe.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(stand.pipeline.run(probe, Origin.SCHEDULED))
        await stand.clock.advance(9.9)
        assert stand.sink.effects == []
        await stand.clock.advance(0.1)
        (provisional,) = stand.of(Judged)
        assert isinstance(provisional, Judged)
        assert provisional.observation.provisional
        assert provisional.verdict.outcome is Outcome.TIMEOUT
        assert provisional.observation.seconds == 10.0
        assert [entry.bad for entry in stand.engine._windows.of("a")] == [False, True]
        await stand.clock.advance(2.0)
        probe.gate.set()
    real = running.result()
    assert real.verdict.counts is Counts.GOOD
    assert real.observation.run_id == provisional.observation.run_id
    assert [entry.bad for entry in stand.engine._windows.of("a")] == [False, False]
    assert stand.journal.runs == [real]


async def test_the_provisional_entry_names_the_phase_that_the_run_hangs_in() -> None:
    stand = Stand()

    class Slow(FakeProbe):
        @override
        async def run(self, run_id: str, origin: Origin, progress: Progress) -> Observation:
            progress.phase = Phase.TLS
            return await super().run(run_id, origin, progress)

    probe = Slow(stand.plan.probe("a"), stand.probe()._observe)
    probe.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(stand.pipeline.run(probe, Origin.SCHEDULED))
        await stand.clock.advance(10.0)
        (provisional,) = stand.of(Judged)
        assert isinstance(provisional, Judged)
        assert provisional.observation.error == TransportError(
            kind=Failure.TIMEOUT, phase=Phase.TLS, message="no answer within 10 s"
        )
        probe.gate.set()
    assert running.done()


async def test_a_run_that_ends_in_time_is_never_provisional() -> None:
    stand = Stand()
    await stand.pipeline.run(stand.probe(), Origin.SCHEDULED)
    await stand.clock.advance(60.0)
    assert len(stand.of(Judged)) == 1


async def test_a_change_decided_by_a_provisional_run_is_stored_though_the_run_is_not() -> None:
    stand = Stand(plan_of(*hellos(1)))
    first = stand.probe("a", answer=FAILED)
    for _ in range(4):
        await stand.pipeline.run(first, Origin.SCHEDULED)
        await stand.clock.advance(30.0)
    hanging = stand.probe("a", answer=FAILED)
    hanging.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(stand.pipeline.run(hanging, Origin.SCHEDULED))
        await stand.clock.advance(10.0)
        assert len(stand.engine.open_incidents()) == 1
        assert len(stand.journal.runs) == 4
        assert len([change for change in stand.journal.changes if change.postings]) == 1
        hanging.gate.set()
    assert running.done()
    assert len(stand.journal.runs) == 5


# ---------------------------------------------------------------- our own delays


async def test_how_late_the_loop_was_since_the_start_goes_with_the_run() -> None:
    stand = Stand()
    await stand.clock.advance(100.0)
    stand.watch.worst = 1.25
    judged = await stand.pipeline.run(stand.probe(), Origin.SCHEDULED)
    assert judged.observation.loop_late == 1.25
    assert stand.watch.since == [100.0]


async def test_a_run_longer_than_its_timeout_shows_a_late_loop_that_nobody_saw() -> None:
    stand = Stand()
    timed_out = TransportError(kind=Failure.TIMEOUT, phase=Phase.DNS, message="no answer")
    probe = stand.probe(answer=None, error=timed_out, ended=34.0)
    judged = await stand.pipeline.run(probe, Origin.SCHEDULED)
    assert judged.observation.loop_late == 4.0
    assert judged.verdict.outcome is Outcome.MONITOR_ERROR


class LateClock(VirtualClock):
    """Wakes sleepers three seconds after they asked to be woken."""

    @override
    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds + 3.0)


async def test_a_soft_deadline_that_comes_late_blames_us() -> None:
    stand = Stand()
    stand.clock = stand.pipeline._clock = LateClock()
    probe = stand.probe()
    probe.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(stand.pipeline.run(probe, Origin.SCHEDULED))
        await stand.clock.advance(13.0)
        (provisional,) = stand.of(Judged)
        assert isinstance(provisional, Judged)
        assert provisional.observation.loop_late == 3.0
        assert provisional.verdict.outcome is Outcome.MONITOR_ERROR
        probe.gate.set()
    assert running.done()


# ---------------------------------------------------------------- stopped in the middle


@pytest.mark.parametrize("after", [1.0, 12.0], ids=["before the soft deadline", "after it"])
async def test_a_run_that_is_cut_off_is_recorded_as_our_own_doing(after: float) -> None:
    stand = Stand()
    probe = stand.probe()
    probe.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(stand.pipeline.run(probe, Origin.SCHEDULED))
        await stand.clock.advance(after)
        running.cancel()
    assert running.cancelled()
    (judged,) = stand.journal.runs
    assert judged.verdict.outcome is Outcome.MONITOR_ERROR
    assert judged.observation.error == TransportError(
        kind=Failure.INTERNAL, phase=Phase.DNS, message="stopped before the answer came"
    )
    assert stand.engine._windows.of("a") == []


# ---------------------------------------------------------------- what is stored


async def test_what_is_announced_goes_with_its_envelopes_and_the_memory_into_one_change() -> None:
    stand = Stand()
    await break_it(stand)
    (change,) = [change for change in stand.journal.changes if change.postings]
    (posting,) = change.postings
    assert posting.event.type is EventType.OPENED
    assert posting.envelopes == tuple(
        Envelope(notifier=name, body=posting.event.id.encode()) for name in ("oncall", "chat")
    )
    assert change.incidents == stand.engine.open_incidents()
    assert change.snapshot is not None
    again = Engine(stand.plan, Policy())
    now = Moment(mono=stand.clock.monotonic(), wall=stand.clock.now())
    again.restore(change.snapshot, now)
    assert again.open_incidents() == change.incidents
    assert stand.journal.written.index(change) == len(stand.journal.written) - 1


async def test_of_several_versions_of_an_incident_the_newest_is_stored() -> None:
    stand = Stand()
    first = an_incident()
    second = replace(first, phase=IncidentPhase.RECOVERING, sequence=2)
    third = replace(first, phase=IncidentPhase.CLOSED, sequence=3)
    other = an_incident("console")
    stand.pipeline.carry_out(
        (
            Announce(event=an_event(incident=first)),
            Revise(incident=second),
            Announce(event=an_event(EventType.CLOSED, third)),
            Revise(incident=other),
        )
    )
    (change,) = stand.journal.changes
    assert change.incidents == (third, other)
    assert [posting.event.type for posting in change.postings] == [
        EventType.OPENED,
        EventType.CLOSED,
    ]


def _rejudged() -> Rejudged:
    return Rejudged(run_ids=("a/1",), verdict=a_verdict(Outcome.NO_NETWORK))


@pytest.mark.parametrize(
    ("effect", "told"),
    [
        pytest.param(_rejudged, Change(rejudged=(_rejudged(),)), id="runs judged again"),
        pytest.param(
            lambda: Announce(event=replace(an_event(EventType.BLIND), incident=None)),
            Change(),
            id="an event without an incident",
        ),
        pytest.param(
            lambda: Revise(incident=an_incident()),
            Change(incidents=(an_incident(),)),
            id="an incident revised in silence",
        ),
    ],
)
async def test_each_of_these_is_a_change(effect: Callable[[], Effect], told: Change) -> None:
    stand = Stand()
    stand.pipeline.carry_out((effect(),))
    (change,) = stand.journal.changes
    assert (change.rejudged, change.incidents) == (told.rejudged, told.incidents)
    assert change.snapshot is not None


async def test_a_change_of_state_alone_is_told_and_stored() -> None:
    stand = Stand()
    effect = StateChanged(
        component="api",
        before=State.UNKNOWN,
        after=State.OPERATIONAL,
        at=stand.clock.now(),
    )
    stand.pipeline.carry_out((effect,))
    assert stand.sink.effects == [effect]
    (change,) = stand.journal.changes
    assert change.states == (effect,)
    assert change.snapshot is not None


async def test_what_this_host_does_not_see_is_stored_as_its_own_state() -> None:
    stand = Stand()
    at = stand.clock.now()
    stand.pipeline.carry_out((SightChanged(sees=False, at=at, reason="no network"),))
    (change,) = stand.journal.changes
    assert change.states == (of_host(sees=False, at=at, reason="no network"),)


# ---------------------------------------------------------------- time alone


def snapshots(changes: Iterable[Change]) -> int:
    """How many of the changes hold nothing but the memory."""
    return sum(change.snapshot is not None and not change.postings for change in changes)


async def test_the_memory_is_stored_at_the_first_tick_and_every_half_minute() -> None:
    stand = Stand()
    for _ in range(int(2 * SNAPSHOT_SECONDS) + 1):
        stand.pipeline.tick()
        await stand.clock.advance(1.0)
    assert snapshots(stand.journal.changes) == 3


async def test_a_change_carries_the_memory_so_that_the_next_half_minute_begins_with_it() -> None:
    stand = Stand()
    stand.pipeline.tick()
    await stand.clock.advance(20.0)
    stand.pipeline.carry_out((Announce(event=an_event()),))
    await stand.clock.advance(SNAPSHOT_SECONDS - 1.0)
    stand.pipeline.tick()
    assert len(stand.journal.changes) == 2
    await stand.clock.advance(1.0)
    stand.pipeline.tick()
    assert len(stand.journal.changes) == 3


async def test_a_tick_carries_out_what_time_alone_brings() -> None:
    stand = Stand()
    await break_it(stand)
    stand.journal.written.clear()
    for _ in range(60):
        for name in ("a", "b", "c"):
            await stand.pipeline.run(stand.probe(name), Origin.SCHEDULED)
        await stand.clock.advance(10.0)
        stand.pipeline.tick()
    told = [posting.event.type for change in stand.journal.changes for posting in change.postings]
    assert told[-1] is EventType.CLOSED
    assert told.count(EventType.CLOSED) == 1


async def test_now_is_told_by_both_clocks() -> None:
    stand = Stand()
    await stand.clock.advance(5.0)
    stand.clock.wall_offset = timedelta(hours=1)
    assert stand.pipeline.now() == Moment(mono=5.0, wall=stand.clock.now())


# ---------------------------------------------------------------- control targets


async def test_what_a_control_target_says_reaches_the_engine() -> None:
    stand = Stand()
    control = FakeControl(stand.clock)
    for target in stand.plan.controls:
        await stand.pipeline.control(control, target)
    assert control.asked == ["control_a", "control_b"]
    view = stand.engine.status(stand.pipeline.now()).network
    assert view.targets == (("control_a", True, True), ("control_b", True, True))


async def test_dead_control_targets_excuse_a_run_that_got_no_answer() -> None:
    stand = Stand()
    control = FakeControl(stand.clock)

    async def ask_all() -> None:
        for target in stand.plan.controls:
            await stand.pipeline.control(control, target)

    await ask_all()
    await stand.clock.advance(10.0)
    refused = TransportError(kind=Failure.CONNECT, phase=Phase.CONNECT, message="refused")
    await stand.pipeline.run(stand.probe(answer=None, error=refused), Origin.SCHEDULED)
    control.dead = {"control_a", "control_b"}
    await ask_all()
    rejudged = stand.of(Rejudged)
    assert [effect.verdict.outcome for effect in rejudged if isinstance(effect, Rejudged)] == [
        Outcome.NO_NETWORK
    ]
    assert stand.journal.changes[-1].rejudged == tuple(rejudged)


class SlowControl(FakeControl):
    """A check that takes two seconds."""

    @override
    async def check(self, target: ControlPlan) -> ControlResult:
        began = self._clock.monotonic()
        await self._clock.sleep(2.0)
        return replace(await super().check(target), started=began)


async def test_the_engine_is_told_of_a_control_target_when_it_has_answered() -> None:
    stand = Stand()
    control = SlowControl(stand.clock)
    async with asyncio.timeout(LIMIT), asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(stand.pipeline.control(control, stand.plan.controls[0]))
        await stand.clock.advance(1.0)
        assert not stand.engine.status(stand.pipeline.now()).network.guard_active
        await stand.clock.advance(1.0)
        await asking
    assert stand.engine.status(stand.pipeline.now()).network.guard_active


def test_an_audience_of_nobody_is_an_audience() -> None:
    audience: Audience = FakeAudience()
    assert audience.envelopes(an_event()) == ()
