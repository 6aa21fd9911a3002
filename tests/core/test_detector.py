"""One component's life: opening, getting worse, recovering, relapsing, closing, coming back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from monitor.core.detector import Detector
from monitor.core.effects import Announce, Revise, SetCadence
from monitor.core.incident import EventType, Evidence, IncidentPhase, Reason, SeverityLevel, State
from monitor.core.noise import CALM
from monitor.core.outcome import Depth, Outcome
from monitor.core.plan import ComponentPlan, Plan, Window
from monitor.core.policy import Policy
from monitor.core.pools import pools_of
from monitor.core.standing import Signal, Stage
from monitor.core.window import Windows
from tests.core.timeline import (
    MONO,
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
    plan_of,
)
from tests.factories import NOON, a_probe

HELLOS = plan_of(*hellos(3))
DEEP = plan_of(*hellos(2), a_probe("gate", depth=Depth.GATEWAY), keyed("models"), keyed("count"))
"""Two hellos, the gate and two keyed probes."""


def totals(story: Story) -> Evidence:
    """What is counted of the one incident."""
    (case,) = story.engine._correlator.cases
    return case.totals.evidence(1.0, {})


def told(world: World, until: float, plan: Plan = HELLOS) -> Story:
    return Story(plan, world=world).play(until)


# ------------------------------------------------------------------ opening


def test_while_all_is_well_nothing_is_said() -> None:
    assert told(Trouble(0.0, 0.0), 3600.0).said == []


def near(at: datetime | None, seconds: float) -> bool:
    """Whether an estimate is off by no more than a gap between two runs."""
    return at is not None and abs((at - NOON).total_seconds() - seconds) <= 10.0


def test_an_outage_is_one_incident_from_its_first_bad_run_to_its_last() -> None:
    story = told(Trouble(100.0, 700.0), 2000.0)
    assert story.said == ["opened api", "recovering api", "closed api"]
    opened, recovering, closed = (event.incident for event in story.events)
    assert opened is not None
    assert recovering is not None
    assert closed is not None
    assert near(opened.started_at, 100.0)
    assert opened.opened_at == NOON + timedelta(seconds=140.25)
    assert opened.reason is Reason.FAST
    assert opened.cause is Outcome.SERVER_ERROR
    assert (opened.phase, closed.phase) == (IncidentPhase.OPEN, IncidentPhase.CLOSED)
    assert recovering.reason is Reason.GOOD_STREAK
    assert closed.reason is Reason.CLEAN_WINDOW
    assert near(recovering.recovered_at, 700.0)
    assert near(closed.recovered_at, 700.0)
    assert closed.id == opened.id == "local-20260428-120220-api"
    assert [event.id.rpartition("-")[2] for event in story.events] == ["1", "2", "3"]
    assert all(event.summary for event in story.events)


def test_one_dead_probe_of_three_is_found_by_the_solo_rule() -> None:
    story = told(Trouble(100.0, 9e9, probes=("b",)), 300.0)
    assert story.said == ["opened api"]
    assert story.incident.reason is Reason.SOLO
    assert story.incident.explanation.startswith("solo: the last 5 runs of b bad")


def test_an_outage_of_a_fifth_of_the_runs_is_found_by_the_slow_rule() -> None:
    def fifth(probe: str, at: float) -> Comes:
        return Comes.FAIL if int(at) % 50 == 0 and at >= 300 else Comes.OK

    story = told(fifth, 700.0)
    assert story.said == ["opened api"]
    assert story.incident.reason is Reason.SLOW
    assert story.incident.severity is SeverityLevel.MAJOR


def test_an_outage_of_the_keys_names_their_pool_and_what_still_works() -> None:
    dead = Trouble(100.0, 9e9, probes=("models", "count"))
    incident = told(dead, 400.0, DEEP).incident
    assert (incident.depth, incident.deepest_good) == (Depth.KEY, Depth.GATEWAY)
    assert [tally.name for tally in incident.evidence.by_depth] == ["key"]


def test_an_outage_of_everything_names_the_edge() -> None:
    incident = told(Trouble(100.0, 9e9), 400.0, DEEP).incident
    assert (incident.depth, incident.deepest_good) == (Depth.EDGE, None)


def test_nothing_opens_under_maintenance_and_what_outlives_it_opens_after_it() -> None:
    window = Window(starts=NOON, ends=NOON + timedelta(seconds=600))
    other = replace(window, components=("console",))
    assert told(Trouble(100.0, 9e9), 599.0, replace(HELLOS, maintenance=(window,))).said == []
    story = told(Trouble(100.0, 9e9), 700.0, replace(HELLOS, maintenance=(window,)))
    assert story.said == ["opened api"]
    assert story.at(EventType.OPENED) >= 600.0
    assert told(Trouble(100.0, 9e9), 300.0, replace(HELLOS, maintenance=(other,))).said != []


# ------------------------------------------------------------------ how bad


def sixty(probe: str, at: float) -> Comes:
    """Three of five runs fail from 100 on."""
    return Comes.FAIL if at >= 100 and int(at / 5) % 5 < 3 else Comes.OK


def test_an_outage_of_most_runs_is_major_and_critical() -> None:
    incident = told(Trouble(100.0, 9e9), 160.0).incident
    assert incident.severity is SeverityLevel.CRITICAL
    assert [impact.state for impact in incident.components] == [State.MAJOR_OUTAGE]


def test_an_outage_of_some_runs_is_partial_and_major() -> None:
    story = told(sixty, 1500.0)
    assert story.said == ["opened api"]
    assert story.incident.severity is SeverityLevel.MAJOR
    assert [impact.state for impact in story.incident.components] == [State.PARTIAL_OUTAGE]


def test_what_gets_worse_is_announced_once() -> None:
    world = each(Trouble(400.0, 9e9), Trouble(100.0, 400.0, probes=("a", "b")))
    story = told(world, 1500.0)
    assert story.said == ["opened api", "updated api"]
    assert story.events[0].incident is not None
    assert story.events[0].incident.severity is SeverityLevel.MAJOR
    assert story.incident.severity is SeverityLevel.CRITICAL
    assert story.incident.reason is Reason.SEVERITY_CHANGED
    assert "(80% is a major outage)" in story.incident.explanation
    assert [impact.state for impact in story.incident.components] == [State.MAJOR_OUTAGE]


def test_what_gets_better_changes_the_state_without_a_word_and_never_the_severity() -> None:
    world = each(Trouble(100.0, 400.0), Trouble(400.0, 9e9, probes=("a",)))
    story = told(world, 1500.0)
    assert story.said == ["opened api"]
    last = story.all(Revise)[-1].incident
    assert last.severity is SeverityLevel.CRITICAL
    assert [impact.state for impact in last.components] == [State.PARTIAL_OUTAGE]
    assert last.evidence.runs > story.incident.evidence.runs


# ------------------------------------------------------------------ recovering


def test_ten_good_runs_are_no_recovery_while_one_probe_still_fails() -> None:
    one_left = each(Trouble(100.0, 700.0), Trouble(700.0, 1000.0, probes=("b",)))
    story = told(one_left, 2000.0)
    assert story.said == ["opened api", "recovering api", "closed api"]
    assert story.at(EventType.RECOVERING) > 1000.0
    assert story.incident.recovered_at is not None
    assert story.incident.recovered_at >= NOON + timedelta(seconds=985)


def test_a_probe_that_is_no_longer_heard_does_not_fail_for_ever() -> None:
    story = Story(HELLOS, world=Trouble(100.0, 700.0))
    story.play(700.0)
    story.world = lambda probe, at: Comes.LIMITED if probe == "b" else Comes.OK
    story.play(760.0)
    assert "recovering api" not in story.said
    story.play(900.0)
    assert "recovering api" in story.said


def test_a_relapse_goes_back_without_a_word_and_the_second_recovery_is_not_told_again() -> None:
    world = each(Trouble(100.0, 700.0), Trouble(760.0, 830.0))
    story = told(world, 2000.0)
    assert story.said == ["opened api", "recovering api", "closed api"]
    revised = [revise.incident for revise in story.all(Revise)]
    relapse = next(incident for incident in revised if incident.reason is Reason.RELAPSE)
    assert relapse.phase is IncidentPhase.OPEN
    assert relapse.recovered_at is None
    assert relapse.explanation.startswith("relapse: 3 of the last ")
    again = next(i for i in reversed(revised) if i.phase is IncidentPhase.RECOVERING)
    assert again.recovered_at is not None
    assert again.recovered_at >= NOON + timedelta(seconds=820)
    assert "an outage that was short or came in waves" in story.incident.explanation


@pytest.mark.parametrize(
    ("first", "says"),
    [
        ((), "relapse: 3 of the last 10 runs of a, b, c bad"),
        (("a", "c"), "solo: the last 7 runs of b"),
    ],
    ids=["one that had failed", "one that had not"],
)
def test_a_single_probe_that_fails_again_is_a_relapse(first: tuple[str, ...], says: str) -> None:
    world = each(Trouble(100.0, 300.0, probes=first), Trouble(400.0, 9e9, probes=("b",)))
    story = told(world, 600.0)
    relapse = next(r.incident for r in story.all(Revise) if r.incident.reason is Reason.RELAPSE)
    assert relapse.explanation.startswith(says)


# ------------------------------------------------------------------ closing


def test_a_clean_step_closes_after_two_minutes_and_a_short_outage_after_five() -> None:
    clean = told(Trouble(100.0, 700.0), 2000.0)
    short = told(Trouble(100.0, 300.0), 2000.0)
    assert 100.0 <= clean.at(EventType.CLOSED) - 700.0 <= 125.0
    assert 270.0 <= short.at(EventType.CLOSED) - 300.0 <= 305.0


@pytest.mark.parametrize("minutes", [2, 4])
def test_flapping_is_one_incident(minutes: int) -> None:
    flaps = each(
        *(Trouble(300.0 + 120.0 * minutes * n, 300.0 + 120.0 * minutes * n + 60.0 * minutes)
          for n in range(5))
    )  # fmt: skip
    story = told(flaps, 300.0 + 600.0 * minutes + 900.0)
    assert story.said == ["opened api", "recovering api", "updated api", "closed api"]
    assert story.events[2].reason is Reason.FLAPPING
    assert story.incident.flapping


def test_an_incident_does_not_close_on_silence() -> None:
    story = told(Trouble(100.0, 700.0), 760.0)
    assert story.said == ["opened api", "recovering api"]
    for at in range(760, 3000):
        story.tick(float(at))
    assert story.said == ["opened api", "recovering api"]


def test_after_a_silence_a_whole_close_window_of_new_runs_is_needed() -> None:
    story = told(Trouble(100.0, 700.0), 760.0)
    other = Story(HELLOS).adopt(story, 3000.0)
    for at in range(3000, 3130, 5):
        other.run("abc"[at // 5 % 3], float(at))
        other.tick(at + 1.0)
    assert other.said == ["closed api"]
    assert other.at(EventType.CLOSED) >= 3100.0


def test_evidence_of_a_closed_incident_does_not_open_the_next() -> None:
    story = told(lambda probe, at: sixty(probe, at) if at < 700 else Comes.OK, 1100.0)
    assert story.said == ["opened api", "recovering api", "closed api"]
    story.run("a", 1100.0, Comes.FAIL)
    detector = story.engine._detectors["api"]
    assert story.said == ["opened api", "recovering api", "closed api"]
    assert detector._find(moment(1101.0), detector.standing.floor) is None
    assert detector._find(moment(1101.0), float("-inf")) is not None, "the slow rule remembers"


# ------------------------------------------------------------------ coming back


def came_back(after: float) -> Story:
    first = told(Trouble(100.0, 700.0), 900.0)
    begin = first.at(EventType.CLOSED) + after
    first.world = Trouble(begin, begin + 600.0)
    return first.play(begin + 1500.0)


def test_what_comes_back_within_a_quarter_of_an_hour_is_the_same_incident() -> None:
    story = came_back(600.0)
    assert story.said[2:] == ["closed api", "reopened api", "recovering api", "closed api"]
    ids = {event.incident.id for event in story.events if event.incident}
    assert ids == {"local-20260428-120220-api"}
    assert len({event.id for event in story.events}) == 6
    reopened = story.events[3].incident
    assert reopened is not None
    assert reopened.reopens == 1
    assert near(reopened.started_at, 100.0)
    assert (reopened.closed_at, reopened.recovered_at) == (None, None)


def test_what_comes_back_later_is_another_incident() -> None:
    story = came_back(900.0)
    assert story.said[2:] == ["closed api", "opened api", "recovering api", "closed api"]
    assert len({event.incident.id for event in story.events if event.incident}) == 2
    assert story.incident.reopens == 0


def test_a_reopened_incident_keeps_its_worst_severity() -> None:
    story = told(Trouble(100.0, 700.0), 900.0)
    story.world = Trouble(1000.0, 9e9, probes=("a",))
    story.play(1300.0)
    assert story.said[-1] == "reopened api"
    assert story.incident.severity is SeverityLevel.CRITICAL
    assert [impact.state for impact in story.incident.components] == [State.PARTIAL_OUTAGE]


def test_two_returns_within_an_hour_double_the_close_window() -> None:
    story = Story(HELLOS)
    ends, begin = [], 100.0
    for _ in range(3):
        story.world = Trouble(begin, begin + 600.0)
        ends.append(begin + 600.0)
        story.play(begin + 600.0 + 700.0)
        begin = story.now + 30.0
    closed = [
        (at, effect.event.incident)
        for at, effect in story.effects
        if isinstance(effect, Announce) and effect.event.type is EventType.CLOSED
    ]
    took = [at - end for (at, _), end in zip(closed, ends, strict=True)]
    assert [round(seconds, -2) for seconds in took] == [100.0, 300.0, 600.0]
    assert [incident.reopens for _, incident in closed if incident] == [0, 1, 2]
    assert closed[2][1] is not None
    assert closed[2][1].explanation.endswith("after 2 re-opens within the hour")


# ------------------------------------------------------------------ late and unusable runs


def test_the_entry_at_the_soft_deadline_is_replaced_by_the_result_that_comes_late() -> None:
    story = told(Trouble(100.0, 9e9), 160.0)
    before = totals(story)
    story.told(a_run("a", 150.0, run_id="late", provisional=True))
    story.told(a_run("b", 151.0, Comes.FAIL))
    story.told(a_run("a", 150.0, run_id="late"))
    after = totals(story)
    assert (after.runs, after.bad) == (before.runs + 2, before.bad + 1)
    assert "timeout" not in [tally.name for tally in after.by_outcome]


def test_an_unusable_run_takes_its_provisional_entry_back() -> None:
    story = told(Trouble(100.0, 9e9), 160.0)
    before = totals(story)
    story.told(a_run("a", 150.0, run_id="late", provisional=True))
    assert totals(story).bad == before.bad + 1
    story.told(a_run("a", 150.0, Comes.LIMITED, run_id="late"))
    assert totals(story).bad == before.bad
    assert "late" not in [entry.run_id for entry in story.engine._windows.of("a")]


def test_a_run_from_before_the_onset_is_no_evidence_of_the_incident() -> None:
    story = Story(HELLOS)
    story.run("a", 10.0)
    story.told(a_run("c", 20.0, run_id="early", provisional=True))
    assert [entry.bad for entry in story.engine._windows.of("c")] == [True]
    story.world = Trouble(400.0, 9e9)
    story.play(560.0)
    before = totals(story)
    story.told(a_run("c", 20.0, Comes.LIMITED, run_id="early"))
    story.told(a_run("c", 21.0, Comes.FAIL, run_id="old"))
    assert totals(story) == before


# ------------------------------------------------------------------ a plan that changes


def a_detector(plan: Plan = HELLOS, windows: Windows | None = None) -> Detector:
    policy = Policy()
    return Detector(
        ComponentPlan(name="api", title="Claude API"),
        pools_of("api", plan, policy),
        windows or Windows("abc", 10_000.0),
        policy,
    )


def opened() -> tuple[Detector, Windows]:
    windows = Windows("abc", 10_000.0)
    detector = a_detector(windows=windows)
    for at in range(0, 70, 5):
        entry = an_entry("abc"[at // 5 % 3], float(at), bad=True)
        windows.put(entry)
        detector.entered(entry, moment(at + 1.0))
    assert detector.standing.stage is Stage.OPEN
    return detector, windows


def test_an_incident_that_lost_its_last_probe_ends_because_nobody_is_left_to_tell() -> None:
    detector, windows = opened()
    other = a_detector(plan_of(components=["api"]), windows)
    other.restore(detector.snapshot(), 0.0)
    entry = an_entry("a", 100.0, bad=True)
    assert other.entered(entry, moment(100.0)) == []

    (step,) = other.tick(moment(101.0))

    assert (step.signal, step.reason) == (Signal.GONE, Reason.EVIDENCE_GONE)
    assert other.standing.stage is Stage.CALM
    assert other.tick(moment(102.0)) == []


def test_an_incident_whose_pool_is_gone_is_judged_on_what_is_left() -> None:
    deep = Story(DEEP, world=Trouble(100.0, 9e9, probes=("models", "count"))).play(400.0)
    for probes in (DEEP.probes[:3], (keyed("message", Depth.INFERENCE),)):
        story = Story(plan_of(*probes)).adopt(deep, 400.0).play(1200.0)
        assert story.said == ["recovering api", "closed api"]


def test_only_runs_of_the_deciding_pool_move_an_open_incident() -> None:
    story = told(Trouble(100.0, 9e9, probes=("models", "count")), 400.0, DEEP)
    before = totals(story)
    story.run("a", 401.0, Comes.FAIL)
    assert totals(story) == before


def test_asking_twice_at_the_same_moment_changes_nothing() -> None:
    detector, _ = opened()
    standing = detector.standing
    assert detector.tick(moment(70.0)) == []
    assert detector.judge(moment(70.0)) == []
    assert detector.standing == standing


def test_a_calm_machine_cannot_be_dropped_or_stopped() -> None:
    detector = a_detector()
    detector.dropped(moment(0.0))
    detector.stopped(moment(0.0))
    assert detector.standing.stage is Stage.CALM
    assert detector.standing.closed is None


def test_a_machine_whose_probes_give_nothing_usable_for_two_hours_gives_up() -> None:
    story = told(Trouble(100.0, 200.0), 200.0)
    story.world, story.tick_every = (lambda probe, at: Comes.LIMITED), 30.0
    story.play(7300.0)
    assert story.said == ["opened api"]
    story.play(7500.0)
    assert story.said == ["opened api", "closed api"]
    assert story.incident.reason is Reason.EVIDENCE_GONE


def test_after_a_long_absence_a_silence_begins_anew() -> None:
    story = told(Trouble(100.0, 9e9), 300.0)
    other = Story(HELLOS).adopt(story, 40_000.0)
    other.tick(40_001.0)
    assert other.said == []
    assert Story(HELLOS).adopt(story, 330.0).engine._detectors["api"].watched is not None


def test_trouble_elsewhere_widens_what_is_open_and_what_recovers() -> None:
    begun = Trouble(100.0, 900.0, probes=("models", "count"))
    wide = told(each(begun, Trouble(300.0, 900.0)), 500.0, DEEP)
    assert wide.said == ["opened api", "updated api"]
    assert (wide.incident.depth, wide.incident.reason) == (Depth.EDGE, Reason.WIDENED)
    assert wide.incident.explanation.startswith("wider than key: fast: ")
    again = told(each(Trouble(100.0, 500.0, probes=("models", "count")),
                      Trouble(560.0, 900.0, probes=("a", "b"))), 640.0, DEEP)  # fmt: skip
    assert again.said == ["opened api", "recovering api", "updated api"]
    assert again.engine.open_incidents()[0].phase is IncidentPhase.OPEN
    notes = [note.reason for note in again.engine.open_incidents()[0].timeline]
    assert notes == [Reason.FAST, Reason.GOOD_STREAK, Reason.WIDENED]


@pytest.mark.parametrize("shift", [0.0, 300.0])
def test_a_detector_survives_the_way_through_a_snapshot(shift: float) -> None:
    detector, windows = opened()
    detector.heard("a", MONO + 60.0)
    detector.heard("a", MONO + 50.0)
    other = a_detector(windows=windows)
    other.restore(detector.snapshot(), shift)
    assert other.standing.onset == detector.standing.onset + shift
    assert other.standing.culprits == detector.standing.culprits == ("a", "b", "c")
    assert other.snapshot()["heard"] == {"a": MONO + 60.0 + shift}


def test_a_snapshot_from_before_noise_was_measured_is_taken_over_as_calm() -> None:
    detector, windows = opened()
    saved = detector.snapshot()
    del saved["noise"]
    other = a_detector(windows=windows)
    other.restore(saved, 0.0)
    assert other.standing == detector.standing
    assert other.noise.usual(Depth.EDGE, MONO + 7200.0) == CALM


def test_the_cadence_is_raised_while_an_incident_lasts() -> None:
    story = told(Trouble(100.0, 700.0), 2000.0)
    assert [(c.probes, c.interval) for c in story.all(SetCadence)] == [
        (("a", "b", "c"), 15.0),
        (("a", "b", "c"), None),
    ]
