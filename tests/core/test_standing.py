from __future__ import annotations

import json

import pytest

from monitor.core.incident import SeverityLevel, State
from monitor.core.outcome import Depth
from monitor.core.policy import Severity
from monitor.core.standing import (
    TRANSITIONS,
    Signal,
    Stage,
    Standing,
    outage_state,
    severity_of,
    standing_from_plain,
    standing_to_plain,
    worse,
)
from tests.core.timeline import an_entry

PARTIAL, MAJOR = State.PARTIAL_OUTAGE, State.MAJOR_OUTAGE


def test_every_stage_can_be_left_and_calm_only_by_a_breach() -> None:
    assert {stage for stage, _ in TRANSITIONS} == set(Stage)
    assert [signal for stage, signal in TRANSITIONS if stage is Stage.CALM] == [Signal.BREACH]


def test_an_incident_closes_after_a_recovery_or_when_nobody_is_left_to_tell() -> None:
    ends = {move for move, stage in TRANSITIONS.items() if stage is Stage.CALM}
    assert ends == {
        (Stage.RECOVERING, Signal.CLEAN),
        (Stage.RECOVERING, Signal.GONE),
        (Stage.OPEN, Signal.GONE),
        (Stage.RECOVERING, Signal.DROPPED),
        (Stage.OPEN, Signal.DROPPED),
    }


@pytest.mark.parametrize("shift", [0.0, -1234.5])
def test_a_standing_survives_the_way_through_json_with_its_times_moved(shift: float) -> None:
    standing = Standing(
        stage=Stage.RECOVERING,
        depth=Depth.KEY,
        family="haiku",
        culprits=("models",),
        share=0.5,
        state=PARTIAL,
        onset=5000.0,
        opened=5010.0,
        recovered=5100.0,
        closed=4000.0,
        floor=3900.0,
        relapsed=True,
        good=200.0,
        reopened=(3000.0, 4500.0),
    )
    again = standing_from_plain(json.loads(json.dumps(standing_to_plain(standing))), shift)
    assert again == Standing(
        stage=Stage.RECOVERING,
        depth=Depth.KEY,
        family="haiku",
        culprits=("models",),
        share=0.5,
        state=PARTIAL,
        onset=5000.0 + shift,
        opened=5010.0 + shift,
        recovered=5100.0 + shift,
        closed=4000.0 + shift,
        floor=3900.0 + shift,
        relapsed=True,
        good=200.0,
        reopened=(3000.0 + shift, 4500.0 + shift),
    )


def test_a_standing_that_has_seen_nothing_is_plain_json_too() -> None:
    text = json.dumps(standing_to_plain(Standing()), allow_nan=False)
    assert standing_from_plain(json.loads(text), 7.0) == Standing(onset=7.0, opened=7.0)


@pytest.mark.parametrize(
    ("state", "severity"),
    [
        (State.DEGRADED_PERFORMANCE, SeverityLevel.MINOR),
        (PARTIAL, SeverityLevel.MAJOR),
        (MAJOR, SeverityLevel.CRITICAL),
    ],
)
def test_a_severity_follows_from_the_state(state: State, severity: SeverityLevel) -> None:
    assert severity_of(state) is severity


def test_the_worse_of_two_severities() -> None:
    minor, major, critical = SeverityLevel
    assert worse(minor, major) is worse(major, minor) is major
    assert worse(critical, major) is worse(major, critical) is critical
    assert worse(minor, minor) is minor


@pytest.mark.parametrize(
    ("bad", "runs", "before", "state"),
    [
        (4, 4, PARTIAL, PARTIAL),
        (0, 4, MAJOR, MAJOR),
        (5, 5, PARTIAL, MAJOR),
        (80, 100, PARTIAL, MAJOR),
        (79, 100, PARTIAL, PARTIAL),
        (71, 100, MAJOR, MAJOR),
        (69, 100, MAJOR, PARTIAL),
    ],
    ids=[
        "too few to rise",
        "too few to fall",
        "enough",
        "80 % is a major outage",
        "79 % is not",
        "what is major stays so a little below",
        "but not for long",
    ],
)
def test_an_outage_is_a_major_one_by_its_share_of_bad_runs(
    bad: int, runs: int, before: State, state: State
) -> None:
    found = [an_entry("a", float(at), bad=at < bad) for at in range(runs)]
    assert outage_state(found, before, Severity()) is state
