"""Suspects, and what is told of an incident that keeps coming back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.core.effects import Revise, SightChanged
from monitor.core.incident import EventType, Happening, IncidentPhase, Reason, State
from monitor.core.policy import Announce, Policy
from tests.core.timeline import Comes, Story, Trouble, World, each, hellos, moment, plan_of

HELLOS = plan_of(*hellos(3))
PATH = Trouble(100.0, 900.0, Comes.DEAD)


def told(world: World, until: float, policy: Policy | None = None) -> Story:
    story = Story(HELLOS, policy, world=world)
    story.bursts = True
    return story.play(until)


def first_suspected(story: Story) -> float:
    return next(
        at
        for at, effect in story.effects
        if isinstance(effect, Revise) and effect.incident.phase is IncidentPhase.SUSPECT
    )


# ------------------------------------------------------------------ suspects


def test_what_never_reaches_the_vendor_is_suspect_first_and_told_half_a_minute_later() -> None:
    story = told(PATH, 2000.0)
    suspected, opened = first_suspected(story), story.at(EventType.OPENED)
    assert 45.0 <= suspected - 100.0 <= 55.0
    assert 30.0 <= opened - suspected <= 31.0
    incident = story.events[0].incident
    assert incident is not None
    assert incident.reason is Reason.CONFIRMED
    assert incident.explanation.startswith("fast: ")
    assert "runs bad that began in the 3" in incident.explanation
    assert [note.what for note in incident.timeline] == [Happening.SUSPECTED, Happening.OPENED]
    assert incident.id == "local-20260428-120230-api"
    assert (incident.sequence, story.said) == (1, ["opened api", "recovering api", "closed api"])


def test_a_suspect_is_shown_but_changes_no_state_and_is_no_open_incident() -> None:
    story = told(PATH, 160.0)
    status = story.engine.status(moment(160.0))
    (component,) = status.components
    assert (component.state, component.suspect) == (State.OPERATIONAL, True)
    assert component.reason.startswith("suspect, not confirmed yet: fast: ")
    assert component.incident_id is None
    assert (status.open_incidents, len(status.suspects)) == ((), 1)


def test_a_suspect_whose_runs_are_good_again_is_withdrawn_without_a_word() -> None:
    story = told(Trouble(100.0, 155.0, Comes.DEAD), 1500.0)
    assert story.said == []
    last = story.all(Revise)[-1].incident
    assert (last.phase, last.reason) == (IncidentPhase.WITHDRAWN, Reason.NOT_CONFIRMED)
    assert last.timeline[-1].what is Happening.WITHDRAWN
    assert not last.is_open
    assert story.engine.status(moment(1500.0)).suspects == ()


def test_a_suspect_that_stays_unclear_is_withdrawn_in_the_end() -> None:
    policy = Policy(announce=Announce(failures=100, give_up=120.0))
    story = told(PATH, 280.0, policy)
    assert story.said == []
    withdrawn = next(
        r.incident for r in story.all(Revise) if r.incident.phase is IncidentPhase.WITHDRAWN
    )
    assert "(needs 100)" in withdrawn.explanation


def test_a_suspect_is_told_at_once_when_runs_reach_the_vendor() -> None:
    story = told(each(Trouble(160.0, 900.0), PATH), 400.0)
    assert story.at(EventType.OPENED) <= first_suspected(story) + 25.0
    assert "the path is proven" in story.incident.timeline[1].sentence


def test_what_hangs_after_the_handshake_needs_no_confirmation() -> None:
    story = told(Trouble(100.0, 900.0, Comes.HANG), 400.0)
    assert story.all(Revise) == [] or story.all(Revise)[0].incident.sequence > 0
    assert story.at(EventType.OPENED) <= 168.0


@pytest.mark.parametrize("after", [0.5, 10.0, 29.5])
def test_a_suspect_survives_a_restart(after: float) -> None:
    whole = told(PATH, 2000.0)
    story = told(PATH, first_suspected(whole) + after)
    assert story.said == []
    assert story.restart().play(2000.0).events == whole.events


def test_a_suspect_is_not_confirmed_by_runs_that_began_while_this_host_was_blind() -> None:
    story = Story(replace(HELLOS, controls=plan_of(controls=2).controls), world=PATH)
    story.controls = lambda when: not 155.0 <= when < 200.0
    story.bursts = True
    story.play(400.0)
    seen = next(at for at, e in story.effects if isinstance(e, SightChanged) and e.sees)
    assert first_suspected(story) < 155.0
    assert seen >= 200.0
    assert seen + 30.0 <= story.at(EventType.OPENED) <= seen + 31.0


def test_a_suspect_that_is_withdrawn_leaves_no_evidence_and_no_reopen() -> None:
    world = each(Trouble(100.0, 150.0, Comes.DEAD), Trouble(400.0, 900.0))
    story = told(world, 500.0)
    assert story.said == ["opened api"]


# ------------------------------------------------------------------ flapping


def flap(minutes: float, times: int) -> World:
    period = 120.0 * minutes
    return each(*(Trouble(300.0 + period * n, 300.0 + period * (n + 0.5)) for n in range(times)))


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (2, ["opened", "recovering", "updated", "closed"]),
        (4, ["opened", "recovering", "updated", "closed"]),
        (6, ["opened", "recovering", "closed", "reopened", "recovering", "closed"]),
    ],
)
def test_an_hour_of_flapping_is_told_in_a_few_words(minutes: float, said: list[str]) -> None:
    story = told(flap(minutes, int(30 / minutes)), 300.0 + 3600.0 + 1500.0)
    assert [event.type.partition(".")[2] for event in story.events] == said
    assert story.incident.flapping
    assert "that came and went" in story.events[-1].summary
    named = [note for note in story.incident.timeline if note.what is Happening.FLAPPING]
    assert [note.reason for note in named] == [Reason.FLAPPING]


def test_what_comes_back_once_is_not_flapping() -> None:
    story = told(each(Trouble(100.0, 700.0), Trouble(780.0, 850.0)), 2000.0)
    assert story.said == ["opened api", "recovering api", "closed api"]
    assert not story.incident.flapping
