"""How another route to a model stands, by its runs of late."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.core.alternatives import alternatives, state_of
from monitor.core.engine import Engine
from monitor.core.incident import Alternative, State
from monitor.core.moment import Moment
from monitor.core.observation import Check, Failure, Phase, TransportError
from monitor.core.outcome import Outcome
from monitor.core.plan import Plan, ProbePlan
from monitor.core.policy import Policy
from monitor.core.window import Entry, Windows
from tests.core.timeline import hellos, plan_of
from tests.factories import NOON, a_probe, an_answer, an_observation

ROUTE = a_probe("bedrock", components=(), alternative_for="api", interval=60.0)
NOW = 10_000.0


def windows(*runs: tuple[float, bool], horizon: float = 3600.0) -> Windows:
    """Runs of the route so many seconds ago, bad or not."""
    held = Windows(["bedrock"], horizon)
    for ago, bad in sorted(runs, reverse=True):
        held.put(
            Entry(
                run_id=f"r{ago}",
                probe="bedrock",
                at=NOON,
                started=NOW - ago,
                bad=bad,
                answered=True,
                outcome=Outcome.SERVER_ERROR if bad else Outcome.OK,
                reason="",
            )
        )
    return held


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([], State.UNKNOWN),
        ([(191, False)], State.UNKNOWN),
        ([(190, False)], State.OPERATIONAL),
        ([(10, False), (70, False)], State.OPERATIONAL),
        ([(10, True)], State.DEGRADED_PERFORMANCE),
        ([(10, True), (70, True)], State.MAJOR_OUTAGE),
        ([(10, False), (70, True)], State.DEGRADED_PERFORMANCE),
        ([(10, True), (70, True), (130, True), (190, True), (250, False)], State.MAJOR_OUTAGE),
        ([(10, True), (70, True), (130, True), (190, False)], State.DEGRADED_PERFORMANCE),
        ([(10, False), (301, True)], State.OPERATIONAL),
    ],
    ids=[
        "no run",
        "a run that is too old",
        "a run just recent enough",
        "good runs",
        "one bad run alone",
        "two bad runs",
        "one of two",
        "four of five",
        "three of four",
        "bad, but long ago",
    ],
)
def test_the_state_of_a_route(runs: list[tuple[float, bool]], expected: State) -> None:
    assert state_of(ROUTE, windows(*runs), Policy(), NOW) is expected


def test_a_route_that_is_asked_rarely_is_looked_at_for_longer() -> None:
    rare = replace(ROUTE, interval=600.0)
    assert state_of(rare, windows((1500, True), (900, True)), Policy(), NOW) is State.MAJOR_OUTAGE


def test_only_the_routes_beside_these_components_are_listed() -> None:
    plan = Plan(vantage="local", components=(), probes=(*hellos(1), ROUTE))
    held = windows((10, False))
    found = alternatives(plan, held, Policy(), NOW, ("api", "console"))
    assert found == (Alternative(name="bedrock", state=State.OPERATIONAL),)
    assert alternatives(plan, held, Policy(), NOW, ("console",)) == ()


# ---------------------------------------------------------------- evidence for nobody


def moment(mono: float) -> Moment:
    return Moment(mono=mono, wall=NOON + timedelta(seconds=mono))


def feed(engine: Engine, probe: ProbePlan, start: float, *, dead: bool) -> list[str]:
    """Runs every ten seconds; gives the names of all effects."""
    seen: list[str] = []
    error = TransportError(kind=Failure.CONNECT, phase=Phase.CONNECT, message="refused")
    for number in range(60):
        begun = start + 10.0 * number
        observation = an_observation(
            probe.name,
            run_id=f"{probe.name}/{number}",
            started=begun,
            ended=begun + 0.2,
            answer=None if dead else an_answer(),
            error=error if dead else None,
            checks=() if dead else (Check(name="status", ok=True),),
        )
        now = moment(begun + 0.2)
        effects = (*engine.feed(observation, now), *engine.tick(now))
        seen += [type(effect).__name__ for effect in effects]
    return seen


def test_a_dead_route_opens_nothing_bursts_nothing_and_blinds_nobody() -> None:
    engine = Engine(plan_of(*hellos(), ROUTE), Policy())
    feed(engine, a_probe("a"), 300.0, dead=False)
    seen = feed(engine, ROUTE, 1000.0, dead=True)
    assert {"Announce", "RequestBurst", "SetCadence"}.isdisjoint(seen)
    view = engine.status(moment(1600.0))
    assert view.alternatives == (Alternative(name="bedrock", state=State.MAJOR_OUTAGE),)
    assert view.network.up


def test_a_route_that_answers_proves_nothing_of_claude() -> None:
    engine = Engine(plan_of(*hellos(), ROUTE, controls=1), Policy())
    feed(engine, ROUTE, 1000.0, dead=False)
    view = engine.status(moment(1600.0))
    assert [component.state for component in view.components] == [State.UNKNOWN]
    assert view.alternatives == (Alternative(name="bedrock", state=State.OPERATIONAL),)


def test_a_route_that_answers_is_no_answer_of_claude_to_the_guard() -> None:
    engine = Engine(plan_of(*hellos(), ROUTE), Policy())
    feed(engine, ROUTE, 1000.0, dead=False)
    feed(engine, a_probe("a"), 1700.0, dead=True)
    last = next(probe.last for probe in engine.status(moment(2300.0)).probes if probe.last)
    assert last.verdict.outcome is Outcome.NO_NETWORK


def test_a_route_that_is_silent_makes_nobody_blind() -> None:
    engine = Engine(plan_of(*hellos(), ROUTE), Policy())
    assert "Announce" not in feed(engine, ROUTE, 1000.0, dead=True)
    assert engine.status(moment(1600.0)).network.up
    assert "Announce" in feed(engine, a_probe("a"), 1700.0, dead=True)


def test_runs_of_a_rare_route_are_kept_for_long_enough() -> None:
    rare = replace(ROUTE, interval=900.0)
    engine = Engine(plan_of(*hellos(), rare), Policy())
    feed(engine, rare, 1000.0, dead=False)
    later = moment(3600.0)
    engine.tick(later)
    assert engine.status(later).alternatives[0].state is State.OPERATIONAL
