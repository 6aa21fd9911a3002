"""The engine in a simulated world: the fast way tells what the plain one does."""

from __future__ import annotations

from random import Random

import pytest

from monitor.core.effects import RequestBurst
from monitor.core.incident import EventType, Reason
from tests.bench.detection.drive import Drive, Record
from tests.bench.detection.fates import Fate
from tests.bench.detection.products import Product, product
from tests.bench.detection.proof import same
from tests.bench.detection.world import DAY, Noise, Stretch, World, silence

STILL = Noise(p0=0.0, blips=0.0, network=0.0)


def played(of: Product, *troubles: Stretch, until: float = 2000.0, noise: Noise = STILL) -> Record:
    return Drive(of, World(of, noise, "test", until, troubles)).play(until)


def dead(of: Product, start: float = 1200.0, fate: Fate = Fate.ANSWERED) -> Stretch:
    return Stretch(start=start, end=start + 600.0, probes=of.subject, fate=fate)


def types(record: Record) -> list[EventType]:
    return [event.type for _, event in record.announced]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("of", ["api", "r0"])
def test_the_fast_way_tells_what_the_plain_one_does(of: str) -> None:
    events, differing = same(of, 0.5, 0)

    assert differing == 0
    assert events > 0


@pytest.mark.parametrize("number", [7, 34])
def test_an_outage_of_a_fifth_opens_at_the_same_moment_both_ways(number: int) -> None:
    """Small pools open at four bad runs: the good ones between them must be known by then."""
    of = product("r0")
    trouble = Stretch(start=1207.0, end=3600.0, probes=of.subject, fate=Fate.ANSWERED, share=0.2)
    told = [
        Drive(of, World(of, Noise(), f"fifth/{number}", 3600.0, (trouble,)), fast=way)
        .play(3600.0)
        .announced
        for way in (True, False)
    ]

    assert told[0] == told[1]
    assert types(Record(announced=told[0])).count(EventType.OPENED) == 1


def test_a_world_without_trouble_stays_silent_and_is_run_as_scheduled() -> None:
    record = played(product("r0"), until=DAY)

    assert record.announced == []
    assert record.extra == 0
    # Every 30 s, and once at the start.
    assert record.scheduled == pytest.approx(3 * (DAY / 30 + 1), abs=3)


def test_an_outage_opens_recovers_and_closes() -> None:
    record = played(product("r0"), dead(product("r0")), until=3600.0)

    assert types(record) == [EventType.OPENED, EventType.RECOVERING, EventType.CLOSED]
    opened, recovering, closed = (at for at, _ in record.announced)
    assert 1200 < opened < 1240
    assert 1800 < recovering < closed < 2000


def test_a_hang_is_entered_at_the_soft_deadline() -> None:
    answered, hanging = (
        played(product("r0"), dead(product("r0"), fate=fate)).announced[0][0]
        for fate in (Fate.ANSWERED, Fate.HANGING)
    )

    assert answered + 40 < hanging < answered + 70


def test_one_bad_run_is_followed_by_extra_runs_of_all() -> None:
    of = product("r0")
    first = of.offsets["canary"] + 1200.0
    blip = Stretch(
        start=first - 1.0, end=first + 1.0, probes=frozenset({"canary"}), fate=Fate.ANSWERED
    )

    record = played(of, blip)

    assert record.announced == []
    assert record.extra == pytest.approx(of.policy.burst.extra, abs=2)


def test_a_blip_of_the_own_network_opens_nothing_where_the_same_of_the_path_would() -> None:
    of = product("r0")
    own, path = (
        silence(of.everything, 1200.0, 150.0, Random("test"), controls=own) for own in (True, False)
    )

    assert EventType.OPENED not in types(played(of, own))
    assert EventType.OPENED in types(played(of, path))


def test_the_order_of_extra_runs_is_the_one_that_was_asked_for() -> None:
    of = product("r0")
    drive = Drive(of, World(of, STILL, "test", 300.0))
    drive.play(100.0)

    drive.ask_again(RequestBurst(runs=(("canary", 2), ("models", 1)), gap=5.0))
    drive.play(120.0)

    assert drive.record.extra == 3


def test_a_dead_probe_alone_opens_by_the_solo_rule() -> None:
    of = product("r0")
    alone = Stretch(start=1200.0, end=1800.0, probes=frozenset({of.one}), fate=Fate.ANSWERED)

    _, event = played(of, alone).announced[0]

    assert event.reason is Reason.SOLO
