from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from monitor.core.effects import (
    Announce,
    CheckControl,
    Effect,
    Judged,
    Rejudged,
    RequestBurst,
    SetCadence,
)
from monitor.core.engine import Engine
from monitor.core.incident import EventType, Reason, State
from monitor.core.moment import Moment
from monitor.core.observation import Origin
from monitor.core.outcome import Depth, Outcome
from monitor.core.plan import Plan
from monitor.core.policy import Burst, Guard, Policy
from tests.core.timeline import (
    Comes,
    Story,
    Trouble,
    World,
    a_run,
    an_entry,
    each,
    hellos,
    keyed,
    moment,
    only,
    plan_of,
)
from tests.factories import NOON, a_probe

HELLOS = plan_of(*hellos(3))
GUARDED = plan_of(*hellos(3), controls=2)
KEYS = plan_of(*hellos(2), keyed("models"), keyed("count"))


def guarded(world: World, until: float) -> Story:
    """Three hellos and two control targets that answer."""
    story = Story(GUARDED, world=world)
    story.controls = True
    return story.play(until)


# ------------------------------------------------------------------ what comes out of a run


def test_a_good_run_is_judged_and_nothing_more() -> None:
    story = Story(HELLOS).play(60.0)
    effects = story.run("a", 61.0)
    assert [type(effect) for effect in effects] == [Judged]


def test_a_bad_run_asks_the_control_targets_and_for_more_runs() -> None:
    story = guarded(Trouble(0.0, 0.0), 60.0)
    effects = story.run("a", 60.5, Comes.FAIL)
    assert [type(effect) for effect in effects] == [Judged, CheckControl, RequestBurst]
    assert only(effects, RequestBurst) == [
        RequestBurst(runs=(("a", 6), ("b", 6), ("c", 6)), gap=5.0)
    ]


def test_the_control_targets_are_asked_at_most_once_a_second() -> None:
    story = guarded(Trouble(0.0, 0.0), 60.0)
    assert only(story.run("a", 60.0, Comes.FAIL), CheckControl)
    assert not only(story.run("b", 60.9, Comes.FAIL), CheckControl)
    assert only(story.run("c", 61.0, Comes.FAIL), CheckControl)
    assert not only(Story(HELLOS).run("a", 0.0, Comes.FAIL), CheckControl), "there are none"


def test_a_run_that_counts_as_bad_already_raises_no_new_question() -> None:
    story = Story(GUARDED)
    story.run("a", 0.0)
    assert only(story.told(a_run("b", 1.0, run_id="r", provisional=True)), RequestBurst)
    assert not only(story.told(a_run("b", 1.0, Comes.HANG, run_id="r")), RequestBurst)


def test_no_burst_is_asked_for_while_the_component_has_an_incident() -> None:
    story = Story(HELLOS, world=Trouble(100.0, 9e9)).play(150.0)
    assert story.all(RequestBurst)
    story.play(400.0)
    story.effects.clear()
    story.play(700.0)
    assert story.all(RequestBurst) == []


def test_a_burst_is_asked_for_the_components_that_are_calm() -> None:
    shared = a_probe("a", components=("api", "console"))
    plan = plan_of(shared, *hellos(3)[1:], a_probe("d", components=("console",)))
    story = Story(plan, world=Trouble(100.0, 9e9, probes=("b", "c"))).play(300.0)
    assert story.said == ["opened api"]
    (burst,) = only(story.run("a", 301.0, Comes.FAIL), RequestBurst)
    assert dict(burst.runs) == {"a": 9, "d": 9}


def test_extra_runs_are_counted_against_the_hour() -> None:
    story = Story(HELLOS, Policy(burst=Burst(extra_per_hour=2)))
    assert only(story.run("a", 0.0, Comes.FAIL), RequestBurst)
    story.run("a", 5.0, origin=Origin.BURST)
    story.told(replace(a_run("b", 5.0, provisional=True), origin=Origin.BURST))
    assert only(story.run("a", 20.0, Comes.FAIL), RequestBurst), "a provisional run counts later"
    story.run("b", 25.0, origin=Origin.BURST)
    assert not only(story.run("a", 40.0, Comes.FAIL), RequestBurst)


def test_bursts_find_an_outage_sooner() -> None:
    with_bursts = Story(HELLOS, world=Trouble(100.0, 9e9))
    with_bursts.bursts = True
    with_bursts.play(300.0)
    without = Story(HELLOS, world=Trouble(100.0, 9e9)).play(300.0)
    assert with_bursts.at(EventType.OPENED) <= 100.0 + 15.0
    assert without.at(EventType.OPENED) == 140.25


# ------------------------------------------------------------------ late results


def test_a_soft_deadline_opens_and_the_late_answer_takes_it_back() -> None:
    story = Story(HELLOS).play(60.0)
    story.told(a_run("a", 60.0, run_id="r", provisional=True))
    windows = story.engine._windows
    assert [entry.bad for entry in windows.of("a")] == [False, False, True]
    story.told(a_run("a", 60.0, run_id="r"))
    assert [entry.bad for entry in windows.of("a")] == [False, False, False]


def test_a_provisional_run_is_judged_but_is_no_probes_last_run_and_not_heard() -> None:
    story = Story(HELLOS)
    story.told(a_run("a", 0.0, provisional=True))
    assert story.engine.status(moment(10.0)).probes[0].last is None
    assert story.engine._detectors["api"].snapshot()["heard"] == {}


# ------------------------------------------------------------------ excluded runs


@pytest.mark.parametrize("comes", [Comes.LIMITED, Comes.GONE, Comes.ODD])
def test_excluded_runs_never_move_a_detector(comes: Comes) -> None:
    story = Story(HELLOS, world=Trouble(0.0, 9e9, comes)).play(1000.0)
    assert [event for event in story.events if event.incident] == []
    assert story.engine._windows.snapshot() == {}


def test_a_probe_that_only_gets_excluded_runs_with_an_answer_was_heard_all_the_same() -> None:
    story = Story(GUARDED)
    story.controls = True
    story.play(20.0)
    story.run("a", 20.0, Comes.LIMITED)
    for name in "ab":
        story.control(name, 40.0, ok=False)
    story.run("b", 41.0, Comes.DEAD)
    assert story.outcomes("b")[-1] is Outcome.NO_NETWORK
    heard = story.engine._detectors["api"].snapshot()["heard"]
    assert heard["a"] == moment(20.0).mono
    assert heard["b"] < moment(41.0).mono, "a run without a network says nothing"


# ------------------------------------------------------------------ the control guard


def dead_network(start: float, end: float) -> World:
    return Trouble(start, end, Comes.DEAD)


def test_a_network_of_our_own_that_fails_opens_nothing() -> None:
    story = guarded(dead_network(100.0, 400.0), 100.0)
    story.controls = False
    story.play(400.0)
    story.controls = True
    story.play(1000.0)
    assert story.said == ["blind network", "sighted network"]
    assert all(outcome is not Outcome.OK for outcome in story.outcomes("a")[4:10])


def test_runs_before_the_word_of_the_control_targets_are_taken_back() -> None:
    story = guarded(Trouble(0.0, 0.0), 100.0)
    for number, probe in enumerate("abcabc"):
        story.run(probe, 100.0 + number / 10, Comes.DEAD)
    assert len(story.engine._windows.since("abc", moment(100.0).mono)) == 6
    story.control("a", 100.8, ok=False)
    assert story.all(Rejudged) == []
    story.control("b", 100.8, ok=False)
    rejudged = story.all(Rejudged)
    assert len(rejudged) == 6
    assert {r.verdict.outcome for r in rejudged} == {Outcome.NO_NETWORK}
    assert story.engine._windows.since("abc", moment(100.0).mono) == []
    last = story.engine.status(moment(101.0)).probes[0].last
    assert last is not None
    assert last.verdict.outcome is Outcome.NO_NETWORK, "what is shown of it is the new verdict"


def dead_for_a_minute(story: Story, last: float) -> tuple[Effect, ...]:
    """Five silent runs of two probes over 45 s before the last one, which would open."""
    for number, before in enumerate((48.0, 47.0, 36.0, 24.0, 1.1)):
        story.run("ab"[number % 2], last - before, Comes.DEAD)
        for name in "ab":
            story.control(name, last - before + 0.5, ok=True)
    return story.run("b", last, Comes.DEAD)


def suspects(story: Story) -> list[tuple[str, ...]]:
    """What waits to be confirmed."""
    found = story.engine.status(story.moment(story.now)).suspects
    return [incident.names for incident in found]


def test_an_opening_on_unanswered_runs_waits_for_the_control_targets() -> None:
    story = guarded(Trouble(0.0, 0.0), 100.0)
    dead_for_a_minute(story, 200.0)
    assert story.said == []
    story.control("a", 200.3, ok=True)
    assert suspects(story) == []
    story.control("b", 200.4, ok=True)
    assert suspects(story) == [("api",)]


def test_one_answered_failure_does_not_vouch_for_the_silent_ones_meanwhile() -> None:
    story = guarded(Trouble(0.0, 0.0), 100.0)
    dead_for_a_minute(story, 200.0)
    story.run("a", 200.2, Comes.FAIL)
    assert (suspects(story), story.said) == ([], [])
    story.control("a", 200.3, ok=True)
    story.control("b", 200.4, ok=True)
    assert suspects(story) == [("api",)]


def test_it_waits_at_most_a_second() -> None:
    story = guarded(Trouble(0.0, 0.0), 100.0)
    dead_for_a_minute(story, 200.0)
    story.tick(201.0)
    assert suspects(story) == []
    story.tick(201.3)
    assert suspects(story) == [("api",)]


def test_a_word_that_is_older_than_the_question_does_not_end_the_wait() -> None:
    story = guarded(Trouble(0.0, 0.0), 100.0)
    dead_for_a_minute(story, 200.0)
    for name in "ab":
        story.control(name, 200.2, ok=True)
    assert story.said == []


def test_an_opening_on_answered_runs_does_not_wait() -> None:
    story = guarded(Trouble(100.0, 9e9), 200.0)
    assert story.at(EventType.OPENED) == 140.25


def test_while_this_host_is_blind_no_detector_moves() -> None:
    """Other probes were good last and the failing one is no longer heard: yet nobody looked."""
    world = each(
        Trouble(100.0, 700.0),
        Trouble(700.0, 735.0, probes=("b",)),
        Trouble(735.0, 838.0, Comes.LIMITED, ("b",)),
        Trouble(838.0, 9e9, Comes.DEAD),
    )
    story = Story(GUARDED, Policy(guard=Guard(before=2.0)), world=world)
    story.controls = lambda at: at < 838.0
    story.play(1500.0)
    assert story.said == ["opened api", "blind network"]


# ------------------------------------------------------------------ keys


def test_one_refused_key_is_said_once_and_opens_nothing() -> None:
    refused = Trouble(100.0, 9e9, Comes.REFUSED, ("models", "count"))
    story = Story(KEYS, world=refused).play(3600.0)
    assert story.said == ["misconfigured credential/main"]
    assert story.events[0].reason is Reason.CREDENTIAL_REJECTED
    assert set(story.outcomes("models")[4:]) == {Outcome.CREDENTIAL_REJECTED}


def test_a_key_that_is_refused_now_and_then_is_an_outage() -> None:
    def half(probe: str, at: float) -> Comes:
        bad = probe in ("models", "count") and at >= 100 and int(at / 30) % 2 == 0
        return Comes.REFUSED if bad else Comes.OK

    story = Story(KEYS, world=half).play(1500.0)
    assert story.said == ["misconfigured credential/main", "opened api"]
    assert story.incident.cause is Outcome.AUTH_ERROR
    assert (story.incident.depth, story.incident.deepest_good) == (Depth.KEY, Depth.EDGE)
    assert [r.verdict.outcome for r in story.all(Rejudged)] == [Outcome.AUTH_ERROR] * 2
    assert story.all(Rejudged)[0].run_ids == ("models@135/scheduled",)


def test_refused_keys_while_runs_without_a_key_fail_too_are_an_outage() -> None:
    world = each(
        Trouble(100.0, 9e9, Comes.REFUSED, ("models", "count")), Trouble(100.0, 9e9, probes=("a",))
    )
    story = Story(KEYS, world=world).play(400.0)
    assert "opened api" in story.said
    assert story.incident.cause is Outcome.AUTH_ERROR


def test_a_probe_that_never_worked_here_is_said_once_and_opens_nothing() -> None:
    story = Story(HELLOS, world=Trouble(0.0, 9e9, Comes.ODD, ("b",))).play(2000.0)
    assert story.said == ["misconfigured probe/b"]
    assert set(story.outcomes("b")) == {Outcome.UNPROVEN}


# ------------------------------------------------------------------ cadence

SHARED = plan_of(
    a_probe("shared", components=("api", "console")),
    a_probe("a"),
    a_probe("b", components=("console",)),
    a_probe("paid", paid=True, interval=60.0),
    a_probe("gentle", burst=False, interval=120.0),
)


def test_the_cadence_of_a_shared_probe_stays_up_while_one_of_its_components_has_an_incident() -> (
    None
):
    story = Story(SHARED, world=Trouble(100.0, 700.0)).play(300.0)
    assert story.said == ["opened api,console"]
    story.world = Trouble(0.0, 900.0, probes=("shared", "b"))
    story.play(2000.0)
    assert story.said[-1] == "closed api,console"
    lowered = [c.probes for c in story.all(SetCadence) if c.interval is None]
    raised = {name for c in story.all(SetCadence) if c.interval for name in c.probes}
    assert raised == {"shared", "a", "b"}
    assert sum("shared" in probes for probes in lowered) == 1
    assert "shared" in lowered[-1]


def test_a_slow_paid_probe_runs_once_a_minute_until_its_component_is_well() -> None:
    plan = plan_of(*hellos(2), a_probe("dear", paid=True, interval=600.0))
    story = Story(plan, world=Trouble(100.0, 700.0)).play(2000.0)
    assert story.said == ["opened api", "recovering api", "closed api"]
    told = [(c.probes, c.interval) for c in story.all(SetCadence)]
    assert told == [(("a", "b"), 15.0), (("dear",), 60.0), (("a", "b", "dear"), None)]


def test_after_a_restart_the_cadence_of_open_incidents_is_raised_again() -> None:
    story = Story(HELLOS, world=Trouble(100.0, 9e9)).play(200.0)
    other = Story(HELLOS).adopt(story, 230.0)
    assert [type(effect) for _, effect in other.effects] == [SetCadence]
    assert other.said == []
    calm = Story(HELLOS).adopt(Story(HELLOS).play(60.0), 60.0)
    assert calm.all(SetCadence) == []


def test_a_probe_that_has_no_quicker_cadence_is_left_alone() -> None:
    plan = plan_of(*hellos(2, interval=15.0))
    story = Story(plan, world=Trouble(100.0, 9e9)).play(300.0)
    assert story.said == ["opened api"]
    assert story.all(SetCadence) == []


# ------------------------------------------------------------------ clocks


@pytest.mark.parametrize("jump", [-3600.0, 2.1, 3600.0])
def test_a_jump_of_the_clocks_clears_the_windows_and_neither_opens_nor_closes(jump: float) -> None:
    story = Story(HELLOS, world=Trouble(100.0, 700.0)).play(200.0)
    story.wall_shift = jump
    story.tick(200.5)
    assert story.engine._windows.snapshot() == {}
    assert story.said == ["opened api"]
    story.play(1500.0)
    assert story.said == ["opened api", "recovering api", "closed api"]


def test_calm_components_are_unknown_right_after_a_jump() -> None:
    story = Story(HELLOS).play(200.0)
    story.wall_shift = 60.0
    story.tick(200.5)
    (component,) = story.engine.status(story.moment(200.5)).components
    assert component.state is State.UNKNOWN


def test_what_waited_for_the_control_targets_is_dropped_by_a_jump() -> None:
    story = guarded(Trouble(0.0, 0.0), 100.0)
    dead_for_a_minute(story, 200.0)
    story.wall_shift = 10.0
    story.tick(205.0)
    story.tick(206.0)
    assert story.said == []


def test_a_drift_of_two_seconds_is_no_jump() -> None:
    story = Story(HELLOS).play(200.0)
    story.wall_shift = 2.0
    story.tick(200.0)
    assert story.engine._windows.snapshot() != {}


# ------------------------------------------------------------------ when nothing can happen


def test_an_engine_is_quiet_unless_time_alone_may_change_a_decision() -> None:
    assert guarded(Trouble(0.0, 0.0), 100.0).engine.quiet
    lasting = Story(HELLOS, world=Trouble(100.0, 700.0)).play(200.0)
    assert not lasting.engine.quiet
    assert lasting.play(1500.0).engine.quiet
    waiting = guarded(Trouble(0.0, 0.0), 100.0)
    dead_for_a_minute(waiting, 200.0)
    assert not waiting.engine.quiet
    blind = guarded(dead_network(100.0, 9e9), 100.0)
    blind.controls = False
    assert not blind.play(200.0).engine.quiet
    blind.control("a", 200.0, ok=True)
    assert not blind.engine.quiet, "that it sees again is still to be said"
    blind.tick(201.0)
    assert blind.said[-1] == "sighted network"
    assert blind.engine.quiet


# ------------------------------------------------------------------ memory


@pytest.mark.parametrize("away", [0.0, 45.0])
@pytest.mark.parametrize("base", [0.0, -40_000.0, 1e6])
def test_a_restart_with_another_monotonic_clock_keeps_ages(base: float, away: float) -> None:
    story = Story(HELLOS, world=Trouble(100.0, 9e9)).play(140.0)
    before = [entry.started for entry in story.engine._windows.since("abc", 0.0)]
    engine = Engine(HELLOS, Policy())
    now = Moment(mono=base, wall=NOON + timedelta(seconds=140.0 + away))
    engine.restore(story.engine.snapshot(moment(140.0)), now)
    after = [entry.started for entry in engine._windows.since("abc", -1e12)]
    ages = [moment(140.0).mono - started + away for started in before]
    assert [base - started for started in after] == pytest.approx(ages)


@pytest.mark.parametrize(
    ("boot", "jump", "kept"),
    [
        ("b", 0.0, True),
        ("b", 1.9, True),
        ("b", 600.0, False),
        ("b", -600.0, False),
        ("c", 600.0, True),
        ("", 600.0, True),
        ("", -600.0, False),
    ],
)
def test_a_clock_that_jumps_during_a_restart_is_seen_by_the_clock_of_the_same_boot(
    boot: str,
    jump: float,
    kept: bool,  # noqa: FBT001  # a table
) -> None:
    story = Story(HELLOS, world=Trouble(100.0, 9e9)).play(200.0)
    story.engine._boot = "b" if boot else ""
    engine = Engine(HELLOS, Policy(), boot)
    engine.restore(story.engine.snapshot(moment(200.0)), moment(230.0, wall_shift=jump))
    assert bool(engine._windows.snapshot()) is kept
    assert engine.open_incidents() == story.engine.open_incidents()


def test_an_open_incident_is_not_announced_again_after_a_restart() -> None:
    story = Story(HELLOS, world=Trouble(100.0, 700.0)).play(300.0)
    other = story.restart().play(2000.0)
    assert story.said == ["opened api"]
    assert other.said == ["recovering api", "closed api"]
    assert other.incident.id == story.incident.id


def test_an_opening_that_waits_for_the_control_targets_waits_on_after_a_restart() -> None:
    story = guarded(Trouble(0.0, 0.0), 100.0)
    dead_for_a_minute(story, 200.0)
    other = story.restart()
    other.control("a", 200.3, ok=True)
    assert suspects(other) == []
    other.control("b", 200.4, ok=True)
    assert suspects(other) == [("api",)]


def test_a_snapshot_may_be_restored_into_another_plan() -> None:
    plan = plan_of(*hellos(3), a_probe("z", components=("console",)))
    story = Story(plan, world=Trouble(100.0, 9e9)).play(400.0)
    assert story.said == ["opened api", "updated api,console"]
    other = story.restart(plan=plan_of(*hellos(2)))
    other.tick(401.0)
    assert other.said == ["updated api,console"]
    assert other.events[0].reason is Reason.COMPONENT_LEFT
    states = {impact.component: impact.state for impact in other.incident.components}
    assert states == {"api": State.MAJOR_OUTAGE, "console": State.OPERATIONAL}


def test_an_incident_that_ends_with_its_component_is_not_taken_up_again_from_the_record() -> None:
    story = Story(HELLOS, world=Trouble(100.0, 9e9)).play(400.0)
    engine = Engine(plan_of(a_probe("z", components=("console",))), Policy())
    engine.restore(story.engine.snapshot(moment(400.0)), moment(401.0))
    engine.adopt(story.engine.open_incidents(), moment(401.0))
    told = [e.event for e in engine.resume(moment(401.0)) if isinstance(e, Announce)]
    assert [event.type for event in told] == [EventType.CLOSED]
    assert engine.open_incidents() == ()


def test_an_incident_whose_probes_are_all_disabled_after_a_restart_is_withdrawn() -> None:
    story = Story(HELLOS, world=Trouble(100.0, 9e9)).play(400.0)
    off = plan_of(*(replace(probe, disabled="no key") for probe in HELLOS.probes))
    other = Story(off).adopt(story, 400.0)
    other.tick(401.0)
    assert other.said == ["closed api"]
    assert other.incident.reason is Reason.EVIDENCE_GONE
    assert other.engine.open_incidents() == ()


def damaged(change: Callable[[dict[str, Any]], object]) -> bytes:
    plain = json.loads(
        Story(HELLOS, world=Trouble(0.0, 9e9)).play(300.0).engine.snapshot(moment(300.0))
    )
    change(plain)
    return json.dumps(plain).encode()


@pytest.mark.parametrize(
    "snapshot",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        damaged(lambda s: s.update(version=1)),
        damaged(lambda s: s.pop("windows")),
        damaged(lambda s: s.update(wall="yesterday")),
        damaged(lambda s: s.update(mono=None)),
        damaged(lambda s: s.update(guard=[])),
        damaged(lambda s: s["detectors"]["api"].pop("standing")),
        damaged(lambda s: s["detectors"]["api"]["standing"].update(stage="asleep")),
        damaged(lambda s: s["windows"]["a"][0].pop("started")),
        damaged(lambda s: s["windows"].update(a=7)),
        damaged(lambda s: s["board"].update(api="operational")),
    ],
)
def test_a_damaged_snapshot_is_refused(snapshot: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # each damage has its own sentence
        Engine(HELLOS, Policy()).restore(snapshot, moment(0.0))


def test_runs_remembered_from_storage_cause_nothing_but_are_known() -> None:
    story = Story(HELLOS)
    entries = [
        an_entry(probe, at + place, bad=True)
        for at in (0.0, 10.0, 20.0, 30.0, 40.0)
        for place, probe in enumerate("abc")
    ]
    story.engine.remember([*entries, an_entry("gone", 0.0)], proven=["a"])
    story.tick(43.0)
    assert story.said == []
    assert story.engine.status(moment(43.0)).probes[0].proven
    story.run("a", 44.0, Comes.FAIL)
    assert story.said == ["opened api"]


def test_a_recorded_run_that_is_judged_already_is_taken_as_it_is() -> None:
    story = Story(HELLOS)
    judged = only(Story(HELLOS).run("a", 0.0, Comes.FAIL), Judged)[0]
    effects = story.engine.take(judged, moment(1.0))
    assert effects[0] is judged
    assert [entry.bad for entry in story.engine._windows.of("a")] == [True]


def test_a_plan_without_components_has_an_engine_too() -> None:
    empty = Plan(vantage="local", components=(), probes=())
    story = Story(empty)
    assert story.tick(0.0) == ()
    assert story.engine.status(moment(0.0)).components == ()
