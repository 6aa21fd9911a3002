from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitor.backtest.score import Score, score, vendors_word
from monitor.core.incident import Event, EventType, Impact, Incident, IncidentPhase, State
from monitor.core.outcome import Outcome
from monitor.simulation.scenario import Scenario, parse_scenario
from tests.factories import an_event, an_incident

START = datetime(2026, 4, 28, 12, 0, tzinfo=UTC)
END = START + timedelta(hours=1)

TEXT = """
name: an-outage
title: An outage
source: a test
visibility: seen
start: 2026-04-28T11:50:00Z
impact: {start: "12:00:00", end: "13:00:00"}
end: 14:00:00
timeline:
  - {at: 12:01:00, status: investigating, body: Looking., components: {console: operational}}
  - {at: 12:10:00, status: identified, body: Found., components: {api: partial_outage}}
expectations:
  incidents:
    - {components: api, opened_within: 3m, closed_within: 10m, cause: [auth_error, overloaded]}
  nothing_else: true
"""


def scenario(**changes: Any) -> Scenario:
    return parse_scenario(TEXT, "an-outage.yaml").model_copy(update=changes)


def incident(
    *components: str, opened: float = 60, closed: float | None = 120, **more: Any
) -> Incident:
    """An incident by seconds after the start and after the end of the impact."""
    return an_incident(
        *components,
        opened_at=START + timedelta(seconds=opened),
        started_at=START + timedelta(seconds=5),
        closed_at=None if closed is None else END + timedelta(seconds=closed),
        recovered_at=END + timedelta(seconds=2),
        **more,
    )


def life(incident: Incident) -> list[Event]:
    """Its opening, and its close where it has one."""
    lasting = replace(incident, phase=IncidentPhase.OPEN, closed_at=None)
    events = [an_event(incident=lasting)]
    if incident.closed_at is not None:
        closed = replace(incident, phase=IncidentPhase.CLOSED)
        events.append(an_event(EventType.CLOSED, closed, at=incident.closed_at))
    return events


def scored(*incidents: Incident, of: Scenario | None = None) -> Score:
    events: list[Event] = [event for each in incidents for event in life(each)]
    return score(of or scenario(), events, runs=7, seed=3)


def test_an_expected_incident_is_measured_against_the_impact() -> None:
    found = scored(incident("api", reopens=1))
    assert (found.missed, found.runs, found.seed, found.visibility) == ((), 7, 3, "seen")
    (row,) = found.rows
    assert row.component == "api"
    assert (row.detected, row.onset_error, row.end_error, row.closed) == (60, 5, 2, 120)
    assert (row.lead, found.lead) == (540, 0)
    assert (row.cause, row.reopens, row.false) == ("auth_error", 1, False)


@pytest.mark.parametrize(
    ("incidents", "missed"),
    [
        ([], "api: no incident"),
        ([incident("api", opened=181)], "api: opened after 181 s, expected 180"),
        ([incident("api", opened=-1)], "api: opened before the impact"),
        ([incident("api", closed=None)], "api: never closed"),
        ([incident("api", closed=601)], "api: closed after 601 s, expected 600"),
        ([incident("api", closed=-5)], "api: closed 5 s before the end of the impact"),
        (
            [incident("api", cause=Outcome.TIMEOUT)],
            "api: cause timeout, expected auth_error or overloaded",
        ),
        (
            [incident("api"), replace(incident("api"), id="second")],
            "api: 2 incidents, expected one",
        ),
        (
            [incident("api"), incident("console", opened=90)],
            "console: opened at 12:01:30, expected quiet",
        ),
    ],
)
def test_what_is_missed_is_told_in_words(incidents: list[Incident], missed: str) -> None:
    assert scored(*incidents).missed == (missed,)


def test_an_incident_may_touch_more_than_what_is_expected_of_it() -> None:
    parts = ("api", "claude_code")
    assert scored(incident(*parts)).missed == ("claude_code: opened at 12:01:00, expected quiet",)


@pytest.mark.parametrize("cause", [Outcome.AUTH_ERROR, Outcome.OVERLOADED])
def test_any_of_the_causes_will_do(cause: Outcome) -> None:
    assert scored(incident("api", cause=cause)).missed == ()


def test_only_the_newest_version_of_an_incident_counts() -> None:
    early = incident("api", closed=None, cause=Outcome.TIMEOUT)
    late = replace(early, cause=Outcome.OVERLOADED, closed_at=END + timedelta(seconds=60))
    assert scored(early, late).missed == ()


def test_a_component_that_joins_is_measured_by_the_update_that_says_so() -> None:
    both = incident("api", "console", opened=30, closed=300)
    one = replace(both, components=both.components[:1], phase=IncidentPhase.OPEN, closed_at=None)
    two = replace(both, phase=IncidentPhase.OPEN, closed_at=None)
    well = replace(both.components[0], state=State.OPERATIONAL)
    left = replace(two, components=(well, both.components[1]))
    over = replace(both, phase=IncidentPhase.CLOSED, components=left.components)
    events = [
        an_event(incident=one),
        an_event(EventType.UPDATED, two, at=START + timedelta(seconds=75)),
        an_event(EventType.UPDATED, left, at=END + timedelta(seconds=200)),
        an_event(EventType.CLOSED, over, at=END + timedelta(seconds=300)),
    ]
    rows = score(scenario(), events, runs=7, seed=3).rows
    assert [(row.component, row.detected, row.closed) for row in rows] == [
        ("api", 30, 200),
        ("console", 75, 300),
    ]


def test_of_an_incident_of_several_each_has_its_own_cause() -> None:
    several = incident("console", "api", cause=Outcome.SERVER_ERROR)
    own = replace(several.components[1], cause=Outcome.OVERLOADED)
    rows = scored(replace(several, components=(several.components[0], own))).rows
    assert [row.cause for row in rows] == ["server_error", "overloaded"]


def test_what_opens_where_it_must_not_is_false() -> None:
    rows = scored(incident("api", opened=-1), incident("console")).rows
    assert [(row.component, row.false) for row in rows] == [("api", True), ("console", True)]


def test_without_an_impact_whatever_opens_is_false() -> None:
    quiet = scenario(impact=None, expectations=scenario().expectations.model_copy(
        update={"incidents": (), "quiet": ("api",)}
    ))  # fmt: skip
    found = scored(incident("api"), of=quiet)
    assert found.missed == ("api: opened at 12:01:00, expected quiet",)
    (row,) = found.rows
    assert (row.false, row.detected, row.closed) == (True, None, None)


def test_the_vendors_word_is_the_first_that_is_not_operational() -> None:
    assert vendors_word(scenario(), "api") == START + timedelta(minutes=10)
    assert vendors_word(scenario(), "console") is None


def test_a_scenario_of_which_the_vendor_said_nothing_has_no_lead() -> None:
    assert scored(incident("api"), of=scenario(timeline=())).lead is None
    assert scored().lead is None


def test_the_lead_of_a_scenario_is_from_the_first_opening() -> None:
    both = [
        incident("cowork", opened=30),
        replace(
            incident("api", opened=90),
            components=(Impact(component="api", state=State.MAJOR_OUTAGE, since=START),),
        ),
    ]
    assert scored(*both).lead == 30


def test_a_vendor_that_posted_first_was_ahead_of_us() -> None:
    assert scored(incident("api", opened=300)).lead == -240
