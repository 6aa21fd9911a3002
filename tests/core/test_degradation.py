"""When a component becomes degraded, and when it is well again."""

from __future__ import annotations

from dataclasses import dataclass, field

from typing_extensions import override

from monitor.core.degradation import GIVEN_UP_AFTER, Degradations
from monitor.core.incident import Reason, State
from monitor.core.latency import LatencyWatch, SlowProbe
from monitor.core.outcome import Depth
from monitor.core.policy import Latency
from monitor.core.standing import Signal
from monitor.core.transition import Source, Transition
from tests.core.timeline import plan_of
from tests.factories import NOON, a_probe

PLAN = plan_of(a_probe("a", depth=Depth.KEY), a_probe("b"))


def slow(probe: str, since: float = 100.0) -> SlowProbe:
    """A probe that takes three times as long as usual."""
    return SlowProbe(probe=probe, seconds=6.0, usual=2.0, limit=4.0, since=since, over=10, runs=10)


@dataclass
class Told(LatencyWatch):
    """A watch that says what it is told to."""

    enough: tuple[SlowProbe, ...] = ()
    now: tuple[SlowProbe, ...] = ()
    silent: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__(PLAN, Latency())

    @override
    def degraded(self, component: str, now: float) -> tuple[SlowProbe, ...]:
        return self.enough

    @override
    def slow(self, component: str, now: float) -> tuple[SlowProbe, ...]:
        return self.now

    @override
    def cleared(self, probe: str, now: float) -> bool:
        return probe not in self.silent


def degraded() -> tuple[Told, Degradations, Transition]:
    """A component that became degraded at 400 s, because of `a` since 100 s."""
    watch = Told(enough=(slow("a"),), now=(slow("a"),))
    degradations = Degradations(watch, PLAN, Latency())
    (step,) = degradations.tick(400.0)
    return watch, degradations, step


def test_it_begins_when_the_first_probe_became_slow() -> None:
    _, degradations, step = degraded()
    assert (step.component, step.signal, step.source) == ("api", Signal.BREACH, Source.LATENCY)
    assert (step.state, step.reason) == (State.DEGRADED_PERFORMANCE, Reason.LATENCY)
    assert (step.onset, step.recovered, step.depth) == (100.0, None, Depth.KEY)
    assert step.probes == step.culprits == ("a",)
    assert step.sentence == (
        "latency: a takes 6.00 s in the median of 10 good runs, usually 2.00 s (limit 4.00 s); "
        "for 300 s"
    )
    assert not degradations.quiet
    assert degradations.tick(401.0) == []


def test_what_is_well_stays_so() -> None:
    assert Degradations(Told(), PLAN, Latency()).tick(0.0) == []


def test_nothing_begins_while_an_outage_lasts() -> None:
    watch = Told(enough=(slow("a"),), now=(slow("a"),))
    degradations = Degradations(watch, PLAN, Latency())
    assert degradations.tick(400.0, busy={"api"}) == []
    assert degradations.quiet


def test_it_ends_when_none_has_been_slow_for_a_while() -> None:
    watch, degradations, _ = degraded()
    watch.now = ()
    assert degradations.tick(500.0) == []
    assert degradations.tick(799.0) == []
    (step,) = degradations.tick(800.0)
    assert (step.signal, step.reason) == (Signal.CLEAN, Reason.CLEAN_WINDOW)
    assert (step.state, step.onset, step.recovered) == (State.OPERATIONAL, 100.0, 500.0)
    assert step.sentence == "latency: no probe of it slow for 300 s (needs 300)"
    assert degradations.quiet


def test_it_goes_on_when_another_probe_becomes_slow_meanwhile() -> None:
    watch, degradations, _ = degraded()
    watch.now = ()
    degradations.tick(500.0)
    watch.now = (slow("b"),)
    degradations.tick(600.0)
    watch.now = ()
    assert degradations.tick(800.0) == []
    (step,) = degradations.tick(1100.0)
    assert step.recovered == 800.0
    assert step.probes == ("a", "b")


def test_silence_ends_it_only_after_an_hour() -> None:
    watch, degradations, _ = degraded()
    watch.now, watch.silent = (), {"a"}
    assert degradations.tick(800.0) == []
    assert degradations.tick(400.0 + GIVEN_UP_AFTER - 1.0) == []
    (step,) = degradations.tick(400.0 + GIVEN_UP_AFTER)
    assert (step.signal, step.reason) == (Signal.GONE, Reason.EVIDENCE_GONE)
    assert step.recovered is None
    assert "silent for 3600 s" in step.sentence


def test_a_jump_of_the_clocks_is_passed_on() -> None:
    watch = LatencyWatch(PLAN, Latency())
    watch.add("a", 1.0, 0.0, NOON)
    Degradations(watch, PLAN, Latency()).forget_times()
    assert watch.snapshot() == LatencyWatch(PLAN, Latency()).snapshot()


def test_degradations_go_on_from_their_snapshot() -> None:
    watch, degradations, _ = degraded()
    watch.now = ()
    fresh = Degradations(watch, PLAN, Latency())
    fresh.restore(degradations.snapshot(), 1000.0)
    degradations.tick(500.0)
    later = Degradations(watch, PLAN, Latency())
    later.restore(degradations.snapshot(), 1000.0)
    (step,) = later.tick(1800.0)
    assert (step.onset, step.recovered) == (1100.0, 1500.0)
    assert fresh.tick(1800.0) == []
    for plan in (plan_of(a_probe("b")), plan_of(a_probe("a", components=("console",)))):
        gone = Degradations(watch, plan, Latency())
        gone.restore(degradations.snapshot(), 1000.0)
        assert gone.quiet
