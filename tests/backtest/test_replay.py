"""The default configuration through the shipped scenarios in virtual time, on many seeds."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.backtest.replay import (
    Question,
    Record,
    Rehearsal,
    observe,
    questions,
)
from monitor.backtest.wire import REFUSED_SECONDS
from monitor.config.load import load
from monitor.config.schema import Config
from monitor.core.incident import Event, EventType
from monitor.core.moment import Moment
from monitor.core.observation import Failure, Origin, Phase
from monitor.core.outcome import Outcome
from monitor.simulation.exchange import SimResponse, Transport
from monitor.simulation.scenario import Scenario, load_scenario, parse_scenario
from monitor.simulation.world import World

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
IMPACT = datetime(2026, 4, 28, 17, 34, tzinfo=UTC)
END = datetime(2026, 4, 28, 18, 52, tzinfo=UTC)
CAUGHT_WITHIN = timedelta(seconds=180)
KEYS = {"ANTHROPIC_API_KEY": "sk-ant-sim-main", "ANTHROPIC_API_KEY_2": "sk-ant-sim-second"}
BOTH = ("ANTHROPIC_API_KEY", "ANTHROPIC_API_KEY_2")
HIT = ("claude_ai", "cowork", "api", "claude_code")
"""What failed on 28 April 2026."""


def the_config(keys: Collection[str] = BOTH) -> Config:
    """The shipped configuration with these keys in the environment."""
    return load(ROOT / "config" / "claude.yaml", {name: KEYS[name] for name in keys})


def rehearsal(scenario: Scenario, seed: int, keys: Collection[str] = BOTH) -> Rehearsal:
    """The default plan in the world of `scenario`."""
    config = the_config(keys)
    plan = config.plan(b"salt")
    world = World(scenario, rng=random.Random(seed))
    return Rehearsal(world, plan, config.policy(), questions(config, plan))


def played(name: str, seed: int, keys: Collection[str] = BOTH) -> Record:
    """What comes of the shipped scenario `name`."""
    scenario = load_scenario(name, ROOT / "config" / "scenarios")
    return rehearsal(scenario, seed, keys).play()


def of(record: Record, component: str, kind: EventType) -> list[Event]:
    """The events of one type whose incident touches `component`."""
    return [
        event
        for event in record.events
        if event.type is kind and event.incident is not None and component in event.incident.names
    ]


def must_be_caught(
    record: Record, component: str, within: timedelta | None = CAUGHT_WITHIN
) -> None:
    """One incident touches `component`: told in time, closed once after the end, for good."""
    (closed,) = of(record, component, EventType.CLOSED)
    told = [*of(record, component, EventType.OPENED), *of(record, component, EventType.UPDATED)]
    opened = min(told, key=lambda event: event.at)
    assert opened.incident is not None
    assert closed.incident is not None
    assert {event.incident.id for event in told if event.incident} == {closed.incident.id}
    assert opened.at >= IMPACT
    if within is not None:
        assert opened.at <= IMPACT + within
    assert closed.at > END
    assert of(record, component, EventType.REOPENED) == []


def touched(record: Record) -> set[str]:
    """Components that any incident touches."""
    return {
        name
        for event in record.events
        if event.incident is not None
        for name in event.incident.names
    }


# ---------------------------------------------------------------- 28 April 2026


@pytest.mark.parametrize("seed", range(8))
def test_on_april_28_what_failed_is_caught_and_closed_once_and_the_rest_is_quiet(seed: int) -> None:
    record = played("2026-04-28", seed)
    assert touched(record) == set(HIT)
    for component in HIT:
        must_be_caught(record, component)
    incidents = {event.incident.id for event in record.events if event.incident}
    assert len(incidents) == 1
    assert len([event for event in record.events if event.incident]) <= 8


@pytest.mark.parametrize("seed", range(3))
def test_where_all_six_fail_console_and_government_are_caught_too(seed: int) -> None:
    record = played("2026-04-28-all-six", seed)
    for component in (*HIT, "console"):
        must_be_caught(record, component)
    # One probe every two minutes that is asked nothing extra: it needs five of them.
    must_be_caught(record, "government", timedelta(minutes=15))


@pytest.mark.parametrize("seed", range(2))
def test_one_key_is_enough_to_catch_that_keys_are_refused(seed: int) -> None:
    record = played("2026-04-28", seed, BOTH[:1])
    for component in HIT:
        must_be_caught(record, component)
    assert touched(record) == set(HIT)


@pytest.mark.parametrize("seed", range(2))
def test_without_a_key_the_pages_that_fail_are_caught(seed: int) -> None:
    record = played("2026-04-28", seed, ())
    for component in ("claude_ai", "cowork"):
        must_be_caught(record, component)
    assert touched(record) <= {"claude_ai", "cowork", "claude_code"}


# ---------------------------------------------------------------- quiet days


@pytest.mark.parametrize("keys", [BOTH, BOTH[:1], ()], ids=["two keys", "one key", "no key"])
@pytest.mark.parametrize("seed", range(3))
def test_on_a_healthy_day_nothing_is_announced(seed: int, keys: tuple[str, ...]) -> None:
    record = played("healthy", seed, keys)
    assert record.events == []
    assert record.runs > 500


@pytest.mark.parametrize("keys", [BOTH, ()], ids=["two keys", "no key"])
@pytest.mark.parametrize("seed", range(3))
def test_without_a_network_of_our_own_we_are_blind_and_say_so_once(
    seed: int, keys: tuple[str, ...]
) -> None:
    record = played("own-network", seed, keys)
    assert [event.type for event in record.events] == [EventType.BLIND, EventType.SIGHTED]


def test_the_same_seed_plays_the_same_day() -> None:
    first, second = (played("own-network", 7) for _ in range(2))
    assert first.events == second.events
    assert first.runs == second.runs


# ---------------------------------------------------------------- the parts


def test_the_questions_are_the_enabled_probes_with_their_keys() -> None:
    config = the_config(BOTH[:1])
    plan = config.plan(b"salt")
    asked = questions(config, plan)
    assert [one.plan for one in asked] == list(plan.enabled())
    assert all(one.spec.name == one.plan.name and one.kind.name == one.plan.kind for one in asked)
    assert {one.key.reveal() for one in asked if one.key is not None} == {"sk-ant-sim-main"}
    keyless = [one for one in asked if one.plan.credential_name is None]
    assert keyless
    assert all(one.key is None for one in keyless)


def a_question(name: str = "api_hello") -> Question:
    """One of the default configuration's."""
    config = the_config()
    return next(one for one in questions(config, config.plan()) if one.plan.name == name)


BEGAN = Moment(mono=100.0, wall=IMPACT)


@pytest.mark.parametrize(
    ("response", "kind", "phase", "seconds"),
    [
        pytest.param(
            SimResponse(transport=Transport.REFUSED, delay=5.0),
            Failure.CONNECT,
            Phase.CONNECT,
            REFUSED_SECONDS,
            id="refused",
        ),
        pytest.param(
            SimResponse(transport=Transport.RESET, delay=2.0),
            Failure.RESET,
            Phase.FIRST_BYTE,
            2.0,
            id="reset",
        ),
        pytest.param(
            SimResponse(transport=Transport.HANG, delay=1.0),
            Failure.TIMEOUT,
            Phase.FIRST_BYTE,
            30.0,
            id="hangs",
        ),
        pytest.param(
            SimResponse(delay=31.0), Failure.TIMEOUT, Phase.FIRST_BYTE, 30.0, id="answers too late"
        ),
        pytest.param(
            SimResponse(delay=1.0, body=b"x" * 100, bytes_per_second=1.0),
            Failure.TIMEOUT,
            Phase.TRANSFER,
            30.0,
            id="never comes to an end",
        ),
    ],
)
def test_a_conversation_that_breaks_is_seen_as_on_a_socket(
    response: SimResponse, kind: Failure, phase: Phase, seconds: float
) -> None:
    seen = observe(a_question(), response, BEGAN, Origin.BURST)
    assert seen.error is not None
    assert (seen.error.kind, seen.error.phase) == (kind, phase)
    assert seen.seconds == pytest.approx(seconds)
    assert (seen.checks, seen.origin) == ((), Origin.BURST)
    assert (seen.answer is not None) == (phase is Phase.TRANSFER)


def test_an_answer_is_read_by_the_probes_own_kind() -> None:
    body = b'{"message": "hello"}'
    headers = (("content-type", "application/json"), ("server", "cloudflare"))
    response = SimResponse(headers=headers, body=body, delay=0.25)
    seen = observe(a_question(), response, BEGAN, Origin.SWEEP)
    assert seen.error is None
    assert seen.answer is not None
    assert seen.answer.status == 200
    assert seen.checks
    assert all(check.ok for check in seen.checks)
    assert (seen.at, seen.started, seen.seconds) == (IMPACT, 100.0, 0.25)


def a_scenario(fault: str, minutes: int = 20) -> Scenario:
    """Ten minutes of one fault in the middle."""
    text = f"""
name: inline
title: One fault in the middle
source: Invented.
visibility: assumed
start: 2026-04-28T17:00:00Z
end: 2026-04-28T17:{minutes}:00Z
phases:
  - from: 17:05:00
    until: 17:15:00
    faults:
      - {fault}
"""
    return parse_scenario(text, "inline.yaml")


def test_a_run_past_its_soft_deadline_counts_as_bad_until_its_answer_comes() -> None:
    """Answers after 15 s are right but late: no outage, though each was bad for five seconds."""
    one = rehearsal(a_scenario("{fault: slow, components: console, delay: 15s}"), seed=1)
    record = one.play()
    assert touched(record) <= {"console"}
    entries = one.engine._windows.of("console_page")
    assert Counter(entry.outcome for entry in entries)[Outcome.TIMEOUT] == 0
    assert Counter(entry.outcome for entry in entries)[Outcome.SLOW] > 0


def test_beside_a_run_that_hangs_there_are_two_extra_ones_of_its_probe_at_most() -> None:
    one = rehearsal(a_scenario("{fault: hang, components: console}"), seed=1)
    record = one.play()
    assert touched(record) == {"console", "claude_code"} or touched(record) == {"console"}
    entries = one.engine._windows.of("console_page")
    hung = [entry.started for entry in entries if entry.bad]
    assert hung
    assert all(later - earlier >= 29.9 for earlier, later in zip(hung, hung[3:], strict=False))


def test_a_plan_without_control_targets_is_played_without_asking_any() -> None:
    config = the_config(())
    config = config.model_copy(
        update={"control": config.control.model_copy(update={"targets": ()})}
    )
    plan = config.plan()
    world = World(a_scenario("{fault: json_500, components: api}"), rng=random.Random(1))
    record = Rehearsal(world, plan, config.policy(), questions(config, plan)).play()
    assert "api" in touched(record)
