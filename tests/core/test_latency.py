"""Which components are degraded: two probes or one for long, never noise, never our own network."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from monitor.core.effects import ControlResult
from monitor.core.latency import LatencyWatch
from monitor.core.outcome import Outcome
from monitor.core.plan import Plan
from monitor.core.policy import Latency
from tests.core.timeline import plan_of
from tests.factories import NOON, a_judged, a_probe

DAY = 86_400.0
BEGINS = 2.0 * DAY
USUAL = {"a": 0.3, "b": 2.0, "c": 1.2}
"""Median seconds that the probes take."""


def the_plan(interval: float = 60.0, controls: int = 0) -> Plan:
    """Three probes of the API."""
    return plan_of(*(a_probe(name, interval=interval) for name in USUAL), controls=controls)


@dataclass(frozen=True, kw_only=True)
class World:
    """How long good runs take.

    Attributes:
        spread: of single runs, as the standard deviation of the logarithm.
        swing: by how much the busy hours are above, and the quiet ones below the mean.
        factor: how much longer everything takes within `slow`, seconds of the story.
        probes: which probes that hits.
    """

    spread: float = 0.4
    swing: float = 0.0
    factor: float = 1.0
    slow: tuple[float, float] = (math.inf, math.inf)
    probes: str = "abc"
    blips: bool = False


def play(
    watch: LatencyWatch, world: World, until: float, seed: int, interval: float = 60.0
) -> list[float]:
    """Let the plan run; when the component became degraded."""
    rng = random.Random(seed)
    opened: list[float] = []
    lasts = False
    blip = ("", 0.0)
    turn = 0
    while turn * interval < until:
        for place, (probe, usual) in enumerate(USUAL.items()):
            started = turn * interval + place * interval / 3
            seconds = usual * math.exp(rng.gauss(0.0, world.spread))
            seconds *= 1.0 + world.swing * math.sin(2.0 * math.pi * started / DAY)
            if world.slow[0] <= started < world.slow[1] and probe in world.probes:
                seconds *= world.factor
            if world.blips and rng.random() < 1e-3:
                blip = (probe, started + rng.uniform(60.0, 600.0))
            if blip[0] == probe and started < blip[1]:
                seconds *= 3.0
            watch.add(probe, seconds, started, NOON + timedelta(seconds=started))
        now = turn * interval
        if watch.degraded("api", now) and not lasts:
            opened.append(now)
            lasts = True
        lasts = lasts and bool(watch.slow("api", now))
        turn += 1
    return opened


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("factor", "within"), [(3.0, 900.0), (5.0, 600.0)], ids=["three times", "five times"]
)
def test_a_stretch_that_takes_three_times_as_long_is_a_degradation(
    seed: int, factor: float, within: float
) -> None:
    world = World(swing=0.4, factor=factor, slow=(BEGINS, BEGINS + 7200.0))
    watch = LatencyWatch(the_plan(), Latency())
    (opened,) = play(watch, world, BEGINS + 3600.0, seed)
    assert 180.0 < opened - BEGINS <= within
    found = watch.degraded("api", BEGINS + 3599.0)
    assert {each.probe for each in found} == set("abc")
    assert all(each.seconds > 1.5 * each.usual for each in found)
    assert watch.degraded("console", BEGINS + 3599.0) == ()


def test_one_probe_alone_has_to_be_slow_for_long() -> None:
    world = World(factor=3.0, slow=(BEGINS, BEGINS + 7200.0), probes="b")
    watch = LatencyWatch(the_plan(), Latency())
    (opened,) = play(watch, world, BEGINS + 3600.0, 1)
    assert 900.0 < opened - BEGINS <= 1800.0
    (found,) = watch.slow("api", BEGINS + 3599.0)
    assert found.probe == "b"
    assert "b takes" in found.sentence
    assert f"usually {found.usual:.2f} s" in found.sentence


@pytest.mark.parametrize(
    "world",
    [
        pytest.param(World(), id="noise"),
        pytest.param(World(spread=0.8), id="much noise"),
        pytest.param(World(swing=0.5), id="busy hours"),
        pytest.param(World(swing=0.3, blips=True), id="one probe slow for minutes"),
    ],
)
def test_two_weeks_of_noise_and_busy_hours_are_no_degradation(world: World) -> None:
    watch = LatencyWatch(the_plan(120.0), Latency())
    assert play(watch, world, 14 * DAY, 7, 120.0) == []
    assert all(watch.usual(probe) for probe in USUAL)


def test_on_the_first_day_nothing_is_degraded_whatever_it_takes() -> None:
    world = World(factor=20.0, slow=(DAY / 2, DAY / 2 + 7200.0))
    watch = LatencyWatch(the_plan(), Latency())
    assert play(watch, world, DAY / 2 + 7200.0, 1) == []
    assert watch.usual("a") is None
    assert watch.usual("nobody") is None


def test_switched_off_it_says_nothing() -> None:
    world = World(factor=5.0, slow=(BEGINS, BEGINS + 7200.0))
    assert play(LatencyWatch(the_plan(), Latency(enabled=False)), world, BEGINS + 3600.0, 1) == []


def control(name: str, seconds: float, started: float, *, ok: bool = True) -> ControlResult:
    """A control target that answered after so long."""
    return ControlResult(
        target=f"control_{name}",
        at=NOON + timedelta(seconds=started),
        started=started,
        ended=started + seconds,
        ok=ok,
    )


@pytest.mark.parametrize(("slow", "ours"), [("", False), ("a", True), ("ab", True)])
def test_while_the_control_targets_are_slow_too_it_is_our_own_network(
    slow: str, *, ours: bool
) -> None:
    world = World(factor=5.0, slow=(BEGINS, BEGINS + 7200.0))
    watch = LatencyWatch(the_plan(controls=2), Latency())
    for turn in range(int((BEGINS + 3600.0) / 60.0)):
        started = 60.0 * turn
        for name in "ab":
            late = name in slow and started >= BEGINS
            watch.control(control(name, 2.0 if late else 0.2, started))
            watch.control(control(name, 30.0, started, ok=False))
    watch.control(control("z", 1.0, 0.0))
    assert watch.own_network(BEGINS + 3599.0) is ours
    assert bool(play(watch, world, BEGINS + 3600.0, 1)) is not ours


def test_only_good_runs_that_have_ended_are_learned_from() -> None:
    watch = LatencyWatch(the_plan(), Latency())
    for turn in range(3 * 1440):
        at = NOON + timedelta(minutes=turn)
        for outcome, seconds in ((Outcome.OK, 1.0), (Outcome.SERVER_ERROR, 50.0)):
            judged = a_judged(
                "a",
                outcome,
                seconds=seconds,
                at=at,
                started=60.0 * turn,
                ended=60.0 * turn + seconds,
            )
            watch.entered(judged)
            seen = replace(judged.observation, provisional=True, ended=60.0 * turn + 90.0)
            watch.entered(replace(judged, observation=seen))
    watch.entered(a_judged("nobody"))
    assert watch.usual("a") == pytest.approx(1.0, rel=0.2)


def test_a_stream_is_judged_by_its_first_token() -> None:
    watch = LatencyWatch(the_plan(), Latency())
    for turn in range(3 * 1440):
        at = NOON + timedelta(minutes=turn)
        started = 60.0 * turn
        watch.entered(
            a_judged("a", seconds=9.0, at=at, started=started, ended=started + 9.0, first_token=0.5)
        )
    assert watch.usual("a") == pytest.approx(0.5, rel=0.2)


def test_a_probe_is_cleared_by_good_runs_and_not_by_silence() -> None:
    world = World(factor=5.0, slow=(BEGINS, BEGINS + 1800.0))
    watch = LatencyWatch(the_plan(), Latency())
    play(watch, world, BEGINS + 1800.0, 1)
    assert not watch.cleared("a", BEGINS + 1800.0)
    assert watch.slow("api", BEGINS + 9000.0) == ()  # nothing is heard of it
    assert not watch.cleared("a", BEGINS + 9000.0)
    play(watch, World(), 1.0, 1)
    for turn in range(12):
        started = BEGINS + 9000.0 + 60.0 * turn
        watch.add("a", 0.3, started, NOON + timedelta(seconds=started))
    assert watch.cleared("a", BEGINS + 9700.0)
    assert watch.cleared("not asked any more", 0.0)


def test_a_watch_goes_on_from_its_snapshot() -> None:
    world = World(factor=5.0, slow=(BEGINS, BEGINS + 1800.0))
    watch = LatencyWatch(the_plan(controls=1), Latency())
    play(watch, world, BEGINS + 1800.0, 1)
    fewer = plan_of(a_probe("a"), a_probe("b"), controls=1)
    other = LatencyWatch(fewer, Latency())
    other.restore(watch.snapshot(), 500.0)
    (slow, also) = other.degraded("api", BEGINS + 2299.0)
    assert {slow.probe, also.probe} == {"a", "b"}
    other.forget_times()
    assert other.degraded("api", BEGINS + 2299.0) == ()
