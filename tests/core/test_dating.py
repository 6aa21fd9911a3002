"""Which step of a component bears an estimate, and over which runs it is made."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.core.dating import began, ended
from monitor.core.onset import Estimate
from monitor.core.policy import Policy
from monitor.core.pools import Pool, pools_of
from monitor.core.standing import Signal, Stage, Standing
from monitor.core.window import Windows
from tests.core.timeline import MONO, Story, Trouble, entries, hellos, plan_of, windows_with
from tests.factories import NOON, a_probe, an_incident

STORY = {"a": "....xxxxxx......", "b": "....xxxxxx......"}
"""Rows start a second apart: from 40 s to 100 s all is bad."""

SO_FAR = {probe: row[:10] for probe, row in STORY.items()}
"""What is known of it at 100 s."""

OPEN = Standing(stage=Stage.OPEN, onset=MONO + 40.0, opened=MONO + 60.0, floor=MONO)
OVER = replace(OPEN, stage=Stage.RECOVERING, recovered=MONO + 100.0)


def pool() -> Pool:
    (found,) = pools_of("api", plan_of(*hellos(2)), Policy())
    return found


def windows(**rows: str) -> Windows:
    return windows_with(entries(**rows))


def at(found: Estimate | None) -> float | None:
    """Seconds into the story."""
    return None if found is None else round(found.at - MONO, 1)


@pytest.mark.parametrize(
    ("signal", "start", "end"),
    [
        (Signal.BREACH, 35.5, None),
        (Signal.GOOD_STREAK, 35.5, 95.5),
        (Signal.CLEAN, None, 95.5),
        (Signal.CHANGED, None, None),
        (Signal.RELAPSE, None, None),
        (Signal.GONE, None, None),
    ],
)
def test_a_step_bears_the_estimates_that_it_can(
    signal: Signal, start: float | None, end: float | None
) -> None:
    standing, held = (OPEN, SO_FAR) if signal is Signal.BREACH else (OVER, STORY)
    assert at(began(signal, standing, pool(), windows(**held))) == start
    assert at(ended(signal, standing, pool(), windows(**held))) == end


def test_nothing_is_looked_for_before_the_end_of_the_last_incident() -> None:
    standing = replace(OPEN, floor=MONO + 31.0)
    found = began(Signal.BREACH, standing, pool(), windows(**SO_FAR))
    assert found is not None
    assert found.earliest == MONO + 31.0


@pytest.mark.parametrize(
    "standing",
    [
        pytest.param(replace(OVER, reopened=(MONO,)), id="it came back after a close"),
        pytest.param(replace(OVER, relapsed=True), id="it came back before one"),
        pytest.param(replace(OVER, onset=MONO), id="the runs around the onset are forgotten"),
        pytest.param(
            replace(OVER, onset=MONO + 99_000.0, recovered=None), id="nothing is in the windows"
        ),
    ],
)
def test_the_first_estimate_holds_where_a_second_would_be_of_something_else(
    standing: Standing,
) -> None:
    assert began(Signal.GOOD_STREAK, standing, pool(), windows(**STORY)) is None


def test_a_slow_onset_is_found_before_the_runs_that_the_rule_counted() -> None:
    """The rule counted from 80 s on; the impact began before that."""
    standing = replace(OPEN, onset=MONO + 80.0)
    assert at(began(Signal.BREACH, standing, pool(), windows(**SO_FAR))) == 35.5


def test_an_incident_carries_both_estimates_with_their_intervals() -> None:
    story = Story(plan_of(*hellos()), world=Trouble(605.0, 1505.0)).play(2600.0)
    opened = next(event.incident for event in story.events)
    assert opened is not None
    assert opened.started_between is not None
    assert opened.started_between.earliest <= opened.started_at <= opened.started_between.latest
    assert abs((opened.started_at - NOON).total_seconds() - 605.0) <= 10.0
    closed = story.incident
    assert closed.recovered_at is not None
    assert closed.recovered_between is not None
    between = closed.recovered_between
    assert between.earliest <= closed.recovered_at <= between.latest
    assert abs((closed.recovered_at - NOON).total_seconds() - 1505.0) <= 10.0
    (impact,) = opened.components
    assert impact.since == opened.started_at


def test_an_incident_on_record_keeps_its_start_when_another_component_joins_later() -> None:
    """Nobody remembers the runs that it began with, so its start is not estimated again."""
    console = [a_probe(name, components=("console",)) for name in "cd"]
    story = Story(plan_of(*hellos(2), *console), world=Trouble(200.0, 9e9))
    on_record = an_incident("api", opened_at=NOON + timedelta(seconds=60))
    story.engine.adopt([on_record], story.moment(0.0))
    story.play(600.0)
    (incident,) = story.engine.open_incidents()
    assert incident.names == ("api", "console")
    assert incident.started_at == on_record.started_at
