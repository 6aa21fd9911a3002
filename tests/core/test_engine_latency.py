"""Slowness through the whole engine: one minor incident, never an outage, and gone with a key."""

from __future__ import annotations

from dataclasses import replace

from monitor.core.effects import ControlResult
from monitor.core.incident import EventType, IncidentPhase, Reason, SeverityLevel, State
from monitor.core.outcome import Outcome
from monitor.core.policy import Latency, Policy
from tests.core.timeline import MONO, Comes, Story, a_run, hellos, moment, plan_of
from tests.factories import NOON, a_probe

HOUR = 3600.0
LEARNED = 8 * HOUR
"""When there is a baseline: the tests need no whole day of it."""

POLICY = Policy(latency=Latency(baseline_min=6 * HOUR))
USUAL, LATE = 1.0, 5.0


def told(story: Story, since: float, until: float, seconds: float, comes: Comes = Comes.OK) -> None:
    """Each probe each minute in [since, until); runs take so long; a tick after each round."""
    at = since
    while at < until:
        for place, probe in enumerate(story.plan.probes):
            run = a_run(probe.name, at + place, comes)
            took = seconds if comes is Comes.OK else 0.25
            story.told(replace(run, ended=run.started + took))
        story.tick(at + 10.0)
        at += 60.0


def quiet(story: Story) -> bool:
    """Whether time alone changes nothing, asked anew."""
    return story.engine.quiet


def learned() -> Story:
    """Three probes of the API and one more of the console, which have been well for long."""
    plan = plan_of(*hellos(2), a_probe("c", components=("api", "console")))
    story = Story(plan, POLICY)
    told(story, 0.0, LEARNED, USUAL)
    return story


def test_slow_answers_are_one_minor_incident_and_no_outage() -> None:
    story = learned()
    assert quiet(story)
    told(story, LEARNED, LEARNED + HOUR, LATE)
    assert story.said[0] == "opened api"
    incident = story.incident
    assert incident.severity is SeverityLevel.MINOR
    assert (incident.cause, story.events[0].reason) == (Outcome.SLOW, Reason.LATENCY)
    assert set(incident.names) == {"api", "console"}
    assert {impact.state for impact in incident.components} == {State.DEGRADED_PERFORMANCE}
    assert len({event.incident.id for event in story.events if event.incident}) == 1
    assert "takes 5.00 s in the median of 10 good runs, usually 1." in story.events[0].summary
    began = (incident.started_at - NOON).total_seconds() - LEARNED
    assert 0.0 < began <= 10 * 60.0
    assert not quiet(story)
    (view, _) = story.engine.status(moment(story.now)).components
    assert view.state is State.DEGRADED_PERFORMANCE


def test_it_closes_when_answers_come_as_usual_and_says_so() -> None:
    story = learned()
    told(story, LEARNED, LEARNED + HOUR, LATE)
    told(story, LEARNED + HOUR, LEARNED + 2 * HOUR, USUAL)
    closed = story.events[-1]
    assert closed.type is EventType.CLOSED
    assert closed.incident is not None
    assert closed.incident.phase is IncidentPhase.CLOSED
    assert closed.incident.recovered_at is not None
    ended = (closed.incident.recovered_at - NOON).total_seconds() - LEARNED - HOUR
    assert 0.0 < ended <= 15 * 60.0
    assert "degraded performance over" in closed.summary
    assert quiet(story)


def test_an_outage_takes_the_matter_over() -> None:
    story = learned()
    told(story, LEARNED, LEARNED + HOUR / 2, LATE)
    told(story, LEARNED + HOUR / 2, LEARNED + HOUR, LATE, Comes.FAIL)
    incident = story.incident
    assert incident.severity is SeverityLevel.CRITICAL
    assert incident.cause is Outcome.SERVER_ERROR
    assert len(story.engine.open_incidents()) == 1


def test_nothing_slow_is_told_of_while_an_outage_lasts() -> None:
    story = learned()
    for turn in range(60):
        at = LEARNED + 60.0 * turn
        for place, probe in enumerate("abc"):
            story.run(probe, at + place, Comes.FAIL)
            late = a_run(probe, at + 20.0 + place)
            story.told(replace(late, ended=late.started + LATE))
        story.tick(at + 40.0)
    assert {event.reason for event in story.events} & {Reason.LATENCY} == set()


def test_what_is_slow_with_the_control_targets_is_our_own_network() -> None:
    plan = plan_of(*hellos(3), controls=2)
    story = Story(plan, POLICY)
    for turn in range(int((LEARNED + HOUR) / 60.0)):
        at = 60.0 * turn
        seconds = USUAL if at < LEARNED else LATE
        for name in "ab":
            result = ControlResult(
                target=f"control_{name}",
                at=moment(at).wall,
                started=MONO + at,
                ended=MONO + at + seconds,
                ok=True,
            )
            story.engine.control(result, moment(at + seconds))
        told(story, at, at + 60.0, seconds)
    assert story.said == []


def test_a_restart_in_the_middle_changes_nothing() -> None:
    story = learned()
    told(story, LEARNED, LEARNED + HOUR / 4, LATE)
    other = story.restart()
    told(other, LEARNED + HOUR / 4, LEARNED + 2 * HOUR, USUAL)
    told(story, LEARNED + HOUR / 4, LEARNED + 2 * HOUR, USUAL)
    assert other.said == story.said[-len(other.said) :]
    assert other.said[-1] == "closed api,console"


def test_an_operator_ends_it_and_it_stays_ended_while_it_lasts() -> None:
    story = learned()
    told(story, LEARNED, LEARNED + HOUR / 2, LATE)
    now = story.now
    effects = story.engine.close_incident(story.incident.id, "known", moment(now))
    assert effects
    told(story, LEARNED + HOUR / 2, LEARNED + HOUR, LATE)
    assert story.engine.open_incidents() == ()


def test_what_other_probes_tell_of_is_another_matter_and_a_return_is_the_same_one() -> None:
    """The API is slow, then the console too, which shares no probe with it; each comes back."""
    plan = plan_of(*hellos(2), *(a_probe(name, components=("console",)) for name in "cd"))
    story = Story(plan, POLICY)
    told(story, 0.0, LEARNED, USUAL)
    for turn in range(120):
        at = LEARNED + 60.0 * turn
        for place, probe in enumerate("abcd"):
            slow = turn < 20 or 38 <= turn < 60 if probe in "ab" else 10 <= turn < 60
            run = a_run(probe, at + place)
            story.told(replace(run, ended=run.started + (LATE if slow else USUAL)))
        story.tick(at + 10.0)
    first, *_ = story.said
    assert first == "opened api"
    assert "opened console" in story.said
    assert "reopened api" in story.said
    assert len({event.incident.id for event in story.events if event.incident}) == 2
