"""The noise has the rates that it says."""

from __future__ import annotations

from random import Random

import pytest

from tests.bench.detection.fates import Fate
from tests.bench.detection.products import product
from tests.bench.detection.world import DAY, Noise, Stretch, World, silence

R0 = product("r0")
STILL = Noise(p0=0.0, blips=0.0, network=0.0)


def fates(world: World, runs: int, gap: float = 10.0) -> list[Fate]:
    """What scheduled runs of the first probe meet."""
    return [world.fate(0, "canary", number * gap, scheduled=True) for number in range(runs)]


def test_runs_fail_at_the_base_rate_half_of_them_answered() -> None:
    found = fates(World(R0, Noise(p0=0.1, blips=0.0, network=0.0), "test", DAY), 10_000, 1.0)

    bad = [fate for fate in found if fate is not Fate.GOOD]
    assert len(bad) == pytest.approx(1000, rel=0.15)
    assert bad.count(Fate.ANSWERED) == pytest.approx(len(bad) / 2, rel=0.2)
    assert set(bad) == {Fate.ANSWERED, Fate.REFUSED}


def test_what_is_left_until_a_failure_is_known_before() -> None:
    world = World(R0, Noise(p0=0.05, blips=0.0, network=0.0), "test", DAY)
    left = world.left[0]

    found = fates(world, left + 1)

    assert Fate.GOOD not in found[left:]
    assert set(found[:left]) <= {Fate.GOOD}


def test_runs_that_are_left_out_bring_the_failure_nearer() -> None:
    world = World(R0, Noise(p0=0.01, blips=0.0, network=0.0), "test", DAY)
    left = world.left[0]

    world.skip(0, left)

    assert fates(world, 1) != [Fate.GOOD]


def test_blips_come_as_often_as_they_should() -> None:
    days = 600.0
    world = World(R0, Noise(p0=0.0, network=0.0), "test", days * DAY)
    blips = 0
    at = world.trouble(0.0, 0.0, 0.0)
    while at < days * DAY:
        blips += 1
        at = world.trouble(0.0, 0.0, at + 100.0)
        at = world.trouble(0.0, 0.0, at)

    assert blips == pytest.approx(3 * 2 / 3 * days, rel=0.1)


@pytest.mark.parametrize(("at", "expected"), [(99.0, 100.0), (101.0, 101.0), (115.0, 115.0)])
def test_trouble_is_seen_before_it_comes_and_for_a_while_after(at: float, expected: float) -> None:
    stretch = Stretch(start=110.0, end=112.0, probes=R0.subject, fate=Fate.ANSWERED)

    assert World(R0, STILL, "test", 200.0, (stretch,)).trouble(10.0, 5.0, at) in (expected, 100.0)


def test_a_stretch_hits_its_probes_while_it_lasts() -> None:
    stretch = Stretch(
        start=10.0, end=20.0, probes=frozenset({"canary"}), fate=Fate.HANGING, controls=True
    )
    world = World(R0, STILL, "test", 100.0, (stretch,))

    assert world.fate(0, "canary", 5.0, scheduled=True) is Fate.GOOD
    assert world.control(5.0) is Fate.GOOD
    assert world.fate(0, "canary", 10.0, scheduled=True) is Fate.HANGING
    assert world.fate(1, "models", 10.0, scheduled=True) is Fate.GOOD
    assert world.control(15.0) is Fate.HANGING
    assert world.fate(0, "canary", 20.0, scheduled=True) is Fate.GOOD


def test_a_ramp_rises_to_its_share() -> None:
    stretch = Stretch(
        start=0.0, end=600.0, probes=R0.subject, fate=Fate.ANSWERED, share=0.8, ramp=300.0
    )

    assert [stretch.share_at(at) for at in (0.0, 150.0, 300.0, 500.0)] == [0.0, 0.4, 0.8, 0.8]


def test_half_of_the_silences_are_reported_late() -> None:
    chance = Random("test")
    found = [silence(R0.subject, 0.0, 9.0, chance, controls=True).fate for _ in range(200)]

    assert found.count(Fate.UNREACHED) == pytest.approx(100, abs=30)
    assert set(found) == {Fate.UNREACHED, Fate.REFUSED}


def test_the_same_seed_is_the_same_world() -> None:
    one, other, third = (
        fates(World(R0, Noise(p0=0.1), seed, DAY), 500) for seed in ("a", "a", "b")
    )

    assert one == other
    assert one != third
