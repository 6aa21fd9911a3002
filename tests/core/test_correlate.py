"""One incident for one outage: who joins, who leaves, what widens, what is told of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.core.effects import Announce, Effect, Revise, SightChanged
from monitor.core.incident import (
    EventType,
    Happening,
    Incident,
    IncidentPhase,
    Reason,
    SeverityLevel,
    State,
)
from monitor.core.outcome import Depth, Outcome
from monitor.core.plan import Plan
from monitor.core.standing import Signal, Stage
from monitor.core.transition import Source, Transition
from tests.core.timeline import (
    MONO,
    Comes,
    Story,
    Trouble,
    World,
    each,
    hellos,
    keyed,
    moment,
    plan_of,
)
from tests.factories import NOON, a_probe, an_incident

TWO = plan_of(
    *hellos(3),
    *(a_probe(name, components=("console",)) for name in ("x", "y", "z")),
)
"""Two components that share nothing."""

MODELS = plan_of(
    *hellos(2),
    keyed("h1", Depth.INFERENCE, model="claude-haiku-5-5"),
    keyed("h2", Depth.INFERENCE, model="claude-haiku-5-5", components=("api", "code")),
    keyed("s1", Depth.INFERENCE, model="claude-sonnet-5-2"),
    keyed("s2", Depth.INFERENCE, model="claude-sonnet-5-2", components=("api", "code")),
    a_probe("page", components=("code",)),
)
API, CONSOLE = ("a", "b", "c"), ("x", "y", "z")
HAIKU, SONNET = ("h1", "h2"), ("s1", "s2")


def told(world: World, until: float, plan: Plan = TWO) -> Story:
    return Story(plan, world=world).play(until)


def at(event: EventType, story: Story) -> list[float]:
    return [
        when
        for when, effect in story.effects
        if isinstance(effect, Announce) and effect.event.type is event
    ]


def happened(incident: Incident) -> list[tuple[Happening, str | None]]:
    return [(note.what, note.component) for note in incident.timeline]


# ------------------------------------------------------------------ who joins


def test_what_fails_soon_after_another_is_the_same_incident_and_told_in_one_update() -> None:
    world = each(Trouble(100.0, 900.0, probes=API), Trouble(130.0, 900.0, probes=CONSOLE))
    story = told(world, 2000.0)
    assert story.said == [
        "opened api",
        "updated api,console",
        "recovering api,console",
        "closed api,console",
    ]
    update = story.events[1].incident
    assert update is not None
    assert update.reason is Reason.COMPONENT_JOINED
    assert update.explanation == "joined: console"
    assert update.id.endswith("-api")
    joined = update.components[1].joined_at
    assert joined is not None
    assert NOON + timedelta(seconds=at(EventType.UPDATED, story)[0]) - joined <= timedelta(
        seconds=31
    )
    assert {tally.name for tally in update.evidence.by_probe} == {*API, *CONSOLE}


def test_what_fails_a_quarter_of_an_hour_later_and_elsewhere_is_another_incident() -> None:
    world = each(Trouble(100.0, 9e9, probes=API), Trouble(1100.0, 9e9, probes=CONSOLE))
    assert told(world, 1500.0).said == ["opened api", "opened console"]


def test_what_fails_by_the_same_probe_is_the_same_incident_however_late() -> None:
    shared = a_probe("a", components=("api", "console"))
    plan = plan_of(shared, *hellos(3)[1:], *(a_probe(n, components=("console",)) for n in "xyz"))
    world = each(Trouble(100.0, 9e9, probes=("b", "c")), Trouble(2000.0, 9e9, probes=("a", "x")))
    story = told(world, 2600.0, plan)
    assert story.said[0] == "opened api"
    assert story.said[-1] == "updated api,console"


def test_components_that_breach_at_the_same_run_open_together() -> None:
    both = plan_of(*hellos(3, components=("api", "console")))
    assert told(Trouble(100.0, 9e9), 300.0, both).said == ["opened api,console"]


# ------------------------------------------------------------------ who leaves, who comes back


def test_who_is_well_again_while_others_are_not_is_told_once_and_stays_listed() -> None:
    world = each(Trouble(100.0, 700.0, probes=API), Trouble(130.0, 1500.0, probes=CONSOLE))
    story = told(world, 2500.0)
    assert story.said == [
        "opened api",
        "updated api,console",
        "updated api,console",
        "recovering api,console",
        "closed api,console",
    ]
    left = story.events[2].incident
    assert left is not None
    assert (left.reason, left.explanation) == (Reason.COMPONENT_LEFT, "well again: api")
    assert [impact.state for impact in left.components] == [
        State.OPERATIONAL,
        State.MAJOR_OUTAGE,
    ]
    assert left.components[0].worst is State.MAJOR_OUTAGE
    assert "Claude Console" in story.events[2].summary
    assert "API" not in story.events[2].summary


def test_who_leaves_just_before_the_close_is_not_told_by_itself() -> None:
    world = each(Trouble(100.0, 700.0, probes=API), Trouble(130.0, 740.0, probes=CONSOLE))
    story = told(world, 2000.0)
    assert story.said[2:] == ["recovering api,console", "closed api,console"]


def test_who_left_and_fails_again_rejoins() -> None:
    world = each(
        Trouble(100.0, 700.0, probes=API),
        Trouble(1200.0, 1500.0, probes=API),
        Trouble(110.0, 2500.0, probes=CONSOLE),
    )
    story = told(world, 4000.0)
    assert [event.reason for event in story.events if event.type is EventType.UPDATED] == [
        Reason.COMPONENT_JOINED,
        Reason.COMPONENT_LEFT,
        Reason.COMPONENT_JOINED,
        Reason.COMPONENT_LEFT,
    ]
    assert len({event.incident.id for event in story.events if event.incident}) == 1


def test_any_member_that_fails_within_a_quarter_of_an_hour_reopens_it() -> None:
    world = each(
        Trouble(100.0, 700.0, probes=API),
        Trouble(130.0, 700.0, probes=CONSOLE),
        Trouble(1200.0, 1500.0, probes=CONSOLE),
    )
    story = told(world, 4000.0)
    assert story.said[-4:] == [
        "closed api,console",
        "reopened api,console",
        "recovering api,console",
        "closed api,console",
    ]
    reopened = story.events[-3].incident
    assert reopened is not None
    assert [impact.state for impact in reopened.components] == [
        State.OPERATIONAL,
        State.MAJOR_OUTAGE,
    ]
    assert (reopened.reopens, reopened.recovered_at) == (1, None)
    assert {tally.name for tally in reopened.evidence.by_probe} == set(CONSOLE)


def test_an_outage_of_six_components_is_a_handful_of_messages() -> None:
    names = ("api", "console", "code", "cowork", "ai", "gov")
    plan = plan_of(*(a_probe(f"{n}{i}", components=(n,)) for n in names for i in range(3)))
    late = [
        Trouble(100.0 + 25.0 * place, 1500.0, probes=tuple(f"{n}{i}" for i in range(3)))
        for place, n in enumerate(names)
    ]
    story = told(each(*late), 3000.0, plan)
    assert len({event.incident.id for event in story.events if event.incident}) == 1
    assert len(story.events) <= 6
    assert set(story.incident.names) == set(names)


# ------------------------------------------------------------------ families of models


def test_a_family_that_is_dead_alone_is_a_small_incident_that_names_it() -> None:
    story = told(Trouble(100.0, 900.0, probes=HAIKU), 2000.0, MODELS)
    assert story.said == ["opened api,code", "recovering api,code", "closed api,code"]
    opened = story.events[0].incident
    assert opened is not None
    assert opened.severity is SeverityLevel.MINOR
    assert {impact.state for impact in opened.components} == {State.DEGRADED_PERFORMANCE}
    assert (opened.model, opened.depth) == ("haiku", Depth.INFERENCE)
    assert "of the models only haiku fails" in story.events[0].summary
    assert story.incident.severity is SeverityLevel.MINOR


def test_a_second_family_widens_it() -> None:
    world = each(Trouble(100.0, 9e9, probes=HAIKU), Trouble(400.0, 9e9, probes=SONNET))
    story = told(world, 700.0, MODELS)
    wider = next(event for event in story.events if event.reason is Reason.WIDENED)
    assert wider.type is EventType.UPDATED
    assert wider.incident is not None
    assert wider.incident.explanation.startswith("wider than the haiku models: fast: ")
    assert wider.incident.model is None
    assert story.incident.severity in (SeverityLevel.MAJOR, SeverityLevel.CRITICAL)


def test_an_edge_that_dies_too_explains_the_models() -> None:
    world = each(Trouble(100.0, 9e9, probes=HAIKU), Trouble(400.0, 9e9))
    story = told(world, 700.0, MODELS)
    assert story.incident.depth is Depth.EDGE
    assert story.incident.severity is SeverityLevel.CRITICAL


def test_two_dead_families_of_two_components_are_wider_than_one() -> None:
    correlator = Story(TWO).engine._correlator
    (first,) = correlator.apply([a_step("api", family="haiku")], moment(0.0))
    assert announced(first).severity is SeverityLevel.MINOR
    (second,) = correlator.apply([a_step("console", family="opus")], moment(5.0))
    assert isinstance(second, Revise)
    assert second.incident.model is None
    assert {impact.state for impact in second.incident.components} == {State.PARTIAL_OUTAGE}
    assert second.incident.severity is SeverityLevel.MAJOR


def test_a_dead_family_draws_no_outage_of_other_probes_in() -> None:
    correlator = Story(TWO).engine._correlator
    correlator.apply([a_step("api", family="haiku")], moment(0.0))
    (effect,) = correlator.apply([a_step("console")], moment(5.0))
    assert announced(effect).names == ("console",)


# ------------------------------------------------------------------ slowness


def a_step(component: str, signal: Signal = Signal.BREACH, **more: object) -> Transition:
    family = more.get("family")
    degraded = family is not None or more.get("source") is Source.LATENCY
    values: dict[str, object] = {
        "reason": Reason.FAST,
        "sentence": "a rule",
        "state": State.DEGRADED_PERFORMANCE if degraded else State.PARTIAL_OUTAGE,
        "depth": Depth.EDGE,
        "onset": MONO - 60.0,
        "probes": API if component == "api" else CONSOLE,
        "culprits": (f"{component}-probe",),
    }
    return Transition(component=component, signal=signal, **{**values, **more})  # type: ignore[arg-type]  # a test's own values


def announced(effect: Effect) -> Incident:
    assert isinstance(effect, Announce)
    assert effect.event.incident is not None
    return effect.event.incident


def slow(signal: Signal = Signal.BREACH) -> Transition:
    return a_step("api", signal, source=Source.LATENCY, reason=Reason.LATENCY)


def test_slowness_is_a_small_incident_and_ends_as_it_began() -> None:
    correlator = Story(TWO).engine._correlator
    (opened,) = correlator.apply([slow()], moment(0.0))
    incident = announced(opened)
    assert (incident.severity, incident.cause) == (SeverityLevel.MINOR, Outcome.SLOW)
    assert incident.components[0].state is State.DEGRADED_PERFORMANCE
    assert correlator.apply([slow()], moment(1.0)) == [], "it is known"
    (closed,) = correlator.apply([slow(Signal.CLEAN)], moment(600.0))
    assert announced(closed).phase is IncidentPhase.CLOSED


def test_an_outage_takes_up_what_was_slow() -> None:
    correlator = Story(TWO).engine._correlator
    correlator.apply([slow()], moment(0.0))
    (revised,) = correlator.apply([a_step("api")], moment(10.0))
    assert isinstance(revised, Revise)
    assert revised.incident.severity is SeverityLevel.MAJOR
    (update,) = correlator.tick(moment(41.0))
    assert announced(update).reason is Reason.SEVERITY_CHANGED
    correlator.apply([slow(Signal.CLEAN)], moment(50.0))
    assert correlator.lasting() != (), "the outage lasts"
    correlator.apply([a_step("api", Signal.GOOD_STREAK, recovered=MONO + 60.0)], moment(60.0))
    (closed,) = correlator.apply([a_step("api", Signal.CLEAN)], moment(400.0))
    assert announced(closed).phase is IncidentPhase.CLOSED


def test_slowness_beside_an_outage_opens_nothing_and_draws_nobody_in() -> None:
    correlator = Story(TWO).engine._correlator
    correlator.apply([a_step("api")], moment(0.0))
    assert correlator.apply([slow()], moment(1.0)) == []
    other = Story(TWO).engine._correlator
    other.apply([slow()], moment(0.0))
    (effect,) = other.apply([a_step("console")], moment(1.0))
    assert announced(effect).names == ("console",)


def test_a_step_of_a_component_without_an_incident_is_passed_over() -> None:
    correlator = Story(TWO).engine._correlator
    assert correlator.apply([a_step("api", Signal.GOOD_STREAK)], moment(0.0)) == []


# ------------------------------------------------------------------ by hand


def test_an_operator_ends_an_incident() -> None:
    story = told(Trouble(100.0, 9e9, probes=API), 300.0)
    effects = story.engine.close_incident(story.incident.id, "known to us", moment(300.0))
    incident = announced(effects[0])
    assert (incident.reason, incident.explanation) == (Reason.OPERATOR, "known to us")
    assert story.engine.open_incidents() == ()
    assert story.engine._detectors["api"].standing.stage is Stage.CALM
    assert story.engine.close_incident(story.incident.id, "again", moment(301.0)) == ()


def test_of_two_the_one_that_is_named_is_ended() -> None:
    world = each(Trouble(100.0, 9e9, probes=API), Trouble(1100.0, 9e9, probes=CONSOLE))
    story = told(world, 1500.0)
    story.engine.close_incident(story.incident.id, "known to us", moment(1500.0))
    assert [incident.names for incident in story.engine.open_incidents()] == [("api",)]


# ------------------------------------------------------------------ memory


def test_everything_goes_on_after_a_restart_at_any_time() -> None:
    world = each(Trouble(100.0, 700.0, probes=API), Trouble(130.0, 1500.0, probes=CONSOLE))
    whole = told(world, 3000.0)
    story, events = Story(TWO, world=world), []
    for until in (155.0, 170.0, 185.0, 720.0, 850.0, 900.0, 1520.0, 3000.0):
        events += story.play(until).events
        story = story.restart()
    assert events == whole.events


def test_a_story_is_bounded_and_keeps_its_beginning() -> None:
    correlator = Story(TWO).engine._correlator
    correlator.apply([a_step("api")], moment(0.0))
    for n in range(1, 100):
        signal = (Signal.GOOD_STREAK, Signal.RELAPSE)[n % 2]
        correlator.apply([a_step("api", signal, recovered=MONO + n)], moment(float(n)))
    timeline = correlator.lasting()[0].timeline
    assert len(timeline) == 50
    assert timeline[0].what is Happening.OPENED
    assert timeline[-1].at == NOON + timedelta(seconds=99)


def test_a_long_incident_counts_the_runs_of_who_joins_late_too() -> None:
    shared = a_probe("a", components=("api", "console"))
    plan = plan_of(shared, *hellos(3)[1:], *(a_probe(n, components=("console",)) for n in "xyz"))
    world = each(Trouble(100.0, 9e9, probes=("b", "c")), Trouble(3000.0, 9e9, probes=("a", "x")))
    story = told(world, 3600.0, plan)
    counted = {tally.name: tally.bad for tally in story.incident.evidence.by_probe}
    assert counted["b"] > 150, "those of the first hour are not forgotten"
    assert counted["x"] >= 2


# ------------------------------------------------------------------ records without a memory


def test_an_incident_of_several_is_taken_up_with_those_that_are_still_watched() -> None:
    story = Story(plan_of(*hellos(3)))
    several = an_incident("api", "console", phase=IncidentPhase.OPEN)
    story.engine.adopt([several], moment(0.0))
    story._did(0.0, story.engine.resume(moment(0.0)))
    story.play(900.0)
    assert story.events[0].reason is Reason.COMPONENT_LEFT
    assert story.said[-1] == "closed api,console"


def test_one_whose_only_broken_component_is_gone_is_closed() -> None:
    story = Story(plan_of(*hellos(3)))
    several = an_incident("console", "api", phase=IncidentPhase.OPEN)
    well = replace(several.components[1], state=State.OPERATIONAL)
    story.engine.adopt([replace(several, components=(several.components[0], well))], moment(0.0))
    (closed,) = (e for e in story.engine.resume(moment(0.0)) if isinstance(e, Announce))
    assert announced(closed).reason is Reason.EVIDENCE_GONE


def test_one_whose_last_broken_component_goes_with_a_reload_is_closed() -> None:
    world = each(Trouble(100.0, 700.0, probes=API), Trouble(130.0, 9e9, probes=CONSOLE))
    story = told(world, 1200.0)
    other = story.restart(plan=plan_of(*hellos(3)))
    other.tick(1201.0)
    assert other.said == ["closed api,console"]
    assert other.incident.reason is Reason.EVIDENCE_GONE


def test_one_none_of_whose_components_is_left_is_closed_at_the_resume() -> None:
    story = told(Trouble(100.0, 9e9, probes=CONSOLE), 300.0)
    closed = told(Trouble(100.0, 500.0, probes=CONSOLE), 1200.0)
    for before, ends in ((story, 1), (closed, 0)):
        other = Story(plan_of(*hellos(3))).adopt(before, before.now)
        assert [event.reason for event in other.events] == [Reason.EVIDENCE_GONE] * ends


def test_a_suspect_on_record_waits_on_and_is_withdrawn_without_a_word() -> None:
    story = Story(plan_of(*hellos(3)))
    suspect = an_incident("api", phase=IncidentPhase.SUSPECT, sequence=0)
    story.engine.adopt([suspect], moment(0.0))
    assert [i.id for i in story.engine.status(moment(0.0)).suspects] == [suspect.id]
    story.play(200.0)
    assert story.said == []
    assert story.all(Revise)[-1].incident.phase is IncidentPhase.WITHDRAWN
    gone = Story(plan_of(*hellos(3), components=("x",)))
    gone.engine.adopt([an_incident("console", phase=IncidentPhase.SUSPECT)], moment(0.0))
    effects = gone.engine.resume(moment(0.0))
    (revised,) = (effect for effect in effects if isinstance(effect, Revise))
    assert revised.incident.phase is IncidentPhase.WITHDRAWN


def test_what_is_remembered_is_plain_json() -> None:
    story = told(Trouble(100.0, 9e9, probes=HAIKU), 300.0, MODELS)
    saved = story.engine._correlator.snapshot()
    assert json.loads(json.dumps(saved, allow_nan=False)) == saved


# ------------------------------------------------------------------ sight


def test_blindness_is_told_to_the_shell_when_it_begins_and_ends() -> None:
    plan = replace(TWO, controls=plan_of(controls=2).controls)
    story = Story(plan, world=Trouble(100.0, 300.0, Comes.DEAD))
    story.controls = lambda when: not 100.0 <= when < 300.0
    story.play(600.0)
    changes = story.all(SightChanged)
    assert [change.sees for change in changes] == [False, True]
    assert changes[0].reason.startswith("all 2 proven control targets failing")
    assert changes[1].reason.startswith("over: all 2")
    restarted = Story(plan).adopt(story, 600.0)
    assert restarted.all(SightChanged) == []


@pytest.mark.parametrize("seconds", [7000.0, 7400.0])
def test_an_incident_ends_when_nobody_could_tell_for_two_hours(seconds: float) -> None:
    plan = replace(TWO, controls=plan_of(controls=2).controls)
    blind = Trouble(300.0, 9e9, Comes.DEAD)
    story = Story(plan, world=each(Trouble(100.0, 300.0, probes=API), blind))
    story.controls = lambda when: when < 300.0
    story.tick_every = 10.0
    story.play(300.0 + seconds)
    ended = [event for event in story.events if event.type is EventType.CLOSED]
    assert [event.reason for event in ended] == [Reason.EVIDENCE_GONE] * (seconds > 7200.0)
    if ended:
        assert "(ends after 7200 s)" in story.incident.explanation
