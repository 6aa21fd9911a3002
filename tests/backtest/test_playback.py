from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from monitor.backtest.library import with_simulated_keys
from monitor.backtest.outcome import newest
from monitor.backtest.playback import Playback, Played
from monitor.backtest.replay import Rehearsal, questions
from monitor.backtest.runs import RecordedRun
from monitor.config.load import load
from monitor.core.effects import Effect, Judged, Rejudged
from monitor.core.engine import Engine
from monitor.core.incident import EventType
from monitor.core.moment import Moment
from monitor.core.outcome import Outcome
from monitor.core.plan import Plan, Window
from monitor.core.policy import Policy
from monitor.simulation import World, load_scenario
from tests.factories import NOON, a_plan

ROOT = Path(__file__).parents[2]
Says = Callable[[str, float], Outcome]


def well(_probe: str, _second: float) -> Outcome:
    return Outcome.OK


def down(start: float, end: float, *probes: str) -> Says:
    """Everything (or these probes) is overloaded for a while."""

    def says(probe: str, second: float) -> Outcome:
        hit = start <= second < end and (not probes or probe in probes)
        return Outcome.OVERLOADED if hit else Outcome.OK

    return says


def recorded(
    seconds: float, says: Says = well, *, interval: float = 30.0, plan: Plan | None = None
) -> Iterator[RecordedRun]:
    """Every probe every `interval` seconds, evenly spread."""
    names = [probe.name for probe in (plan or a_plan()).probes]
    for number in range(int(seconds / interval * len(names))):
        second = number * interval / len(names)
        name = names[number % len(names)]
        yield RecordedRun(NOON + timedelta(seconds=second), name, says(name, second), 0.25)


def played(runs: Iterable[RecordedRun], plan: Plan | None = None) -> Played:
    return Playback(plan or a_plan(), Policy()).play(runs)


def second(at: datetime | None) -> float:
    assert at is not None
    return (at - NOON).total_seconds()


# ---------------------------------------------------------------- incidents


def test_a_calm_recording_has_no_incident() -> None:
    found = played(recorded(7200))
    assert (found.events, found.runs, found.gap_count, found.absent) == ([], 3600, 0, ())
    assert found.first == NOON
    assert found.last == NOON + timedelta(seconds=7198)


def test_an_empty_recording_is_nothing() -> None:
    found = played([])
    assert (found.events, found.runs, found.first) == ([], 0, None)


def test_an_outage_opens_and_closes_once_for_each_component() -> None:
    incidents = newest(played(recorded(7200, down(1800, 3600))).events)
    names = sorted(name for incident in incidents for name in incident.names)
    assert names == sorted(component.name for component in a_plan().components)
    for incident in incidents:
        assert 1800 < second(incident.opened_at) < 1980
        assert 3600 < second(incident.closed_at) < 4100
        assert str(incident.cause) == "overloaded"
        assert incident.reopens == 0


def test_feeding_in_parts_is_the_same_as_in_one_go() -> None:
    runs = list(recorded(7200, down(1800, 3600)))
    playback = Playback(a_plan(), Policy())
    for first in range(0, len(runs), 7):
        playback.feed(runs[first : first + 7])
    assert playback.finish() == played(runs)


def test_a_recording_shorter_than_what_is_looked_ahead_is_played() -> None:
    assert newest(played(recorded(300, down(0, 300))).events)


class Watch(Playback):
    """A playback that notes when the engine learns of each run."""

    def __init__(self, plan: Plan, policy: Policy) -> None:
        super().__init__(plan, policy)
        self.learned: list[tuple[str, float]] = []

    def watch(self) -> None:
        engine = self._engine

        def take(judged: Judged, now: Moment) -> tuple[Effect, ...]:
            self.learned.append((judged.observation.probe, now.mono))
            return Engine.take(engine, judged, now)

        engine.take = take  # type: ignore[method-assign]  # a fake by hand


def test_the_engine_learns_of_a_run_at_its_end_or_at_its_soft_deadline() -> None:
    """The later start may be known of earlier, and a run that hangs is known of at 10 s."""
    playback = Watch(a_plan(), Policy())
    calm = list(recorded(630))
    playback.feed(calm)
    playback.watch()
    start = calm[-1].at + timedelta(seconds=30)
    base = (start - NOON).total_seconds()
    playback.feed(
        [
            RecordedRun(start, "api_hello", Outcome.TIMEOUT, 30.0),
            RecordedRun(start + timedelta(seconds=1), "api_models", Outcome.OK, 3.5),
            RecordedRun(start + timedelta(seconds=2), "console_page", Outcome.OK, 0.5),
        ]
    )
    playback.finish()
    assert [name for name, _ in playback.learned[-3:]] == [
        "console_page",
        "api_models",
        "api_hello",
    ]
    assert [when - base for _, when in playback.learned[-3:]] == pytest.approx([2.5, 4.5, 10.0])


# ---------------------------------------------------------------- the recording and the plan


def test_a_probe_without_a_run_is_left_out_and_does_not_keep_an_incident_open() -> None:
    runs = [run for run in recorded(7200, down(1800, 3600)) if run.probe != "api_models"]
    found = played(runs)
    assert found.absent == ("api_models",)
    assert all(incident.closed_at for incident in newest(found.events))


def test_a_disabled_probe_without_a_run_is_not_missed() -> None:
    plan = a_plan(keyed=False)
    runs = [run for run in recorded(900) if plan.probe(run.probe).enabled]
    assert played(runs, plan).absent == ()


def test_a_probe_that_comes_later_takes_part_from_then_on() -> None:
    late = [
        run
        for run in recorded(7200, down(5400, 6000, "government_page"))
        if run.probe != "government_page" or run.at >= NOON + timedelta(seconds=3600)
    ]
    found = played(late)
    assert {name for i in newest(found.events) for name in i.names} == {"government"}
    assert found.absent == ()


def test_a_probe_that_falls_silent_for_good_does_not_keep_a_later_incident_open() -> None:
    gone = [
        run
        for run in recorded(4 * 3600, down(10_000, 11_000))
        if run.probe != "console_page" or run.at < NOON + timedelta(seconds=1800)
    ]
    incidents = newest(played(gone).events)
    assert "console" in {name for incident in incidents for name in incident.names}
    assert all(incident.closed_at for incident in incidents)


@pytest.mark.parametrize("interval", [10.0, 30.0, 60.0, 120.0])
def test_an_incident_closes_at_whatever_interval_was_recorded(interval: float) -> None:
    incidents = newest(played(recorded(4 * 3600, down(3600, 7200), interval=interval)).events)
    (incident,) = incidents
    assert len(incident.names) == 6
    assert 7200 < second(incident.closed_at) < 8400


def test_gaps_are_counted_and_nothing_is_made_of_them() -> None:
    kept = [run for run in recorded(14_400) if not 3600 <= second(run.at) < 9000]
    kept = [run for run in kept if not 10_000 <= second(run.at) < 10_400]
    found = played(kept)
    assert found.events == []
    assert found.gap_count == 2
    assert found.longest_gap is not None
    assert found.longest_gap[1] == pytest.approx(5400, abs=4)
    assert found.gap_seconds == pytest.approx(5800, abs=8)
    assert found.absent == ()


def test_an_incident_lasts_through_a_gap_and_closes_after_it() -> None:
    runs = recorded(14_400, down(1800, 9500))
    found = played(run for run in runs if not 3600 <= second(run.at) < 9000)
    assert all(9500 < second(i.closed_at) < 10_200 for i in newest(found.events))


def test_unanswered_runs_are_told_from_answered_ones() -> None:
    """Failures without an answer need a longer span, for they may be a blip of the route."""

    def opened(outcome: Outcome, *, answered: bool | None) -> float:
        runs = [
            run._replace(outcome=outcome, answered=answered) if run.outcome.value != "ok" else run
            for run in recorded(3600, down(1800, 3600))
        ]
        return second(min(i.opened_at for i in newest(played(runs).events)))

    assert opened(Outcome.TIMEOUT, answered=None) > opened(Outcome.OVERLOADED, answered=None)
    assert opened(Outcome.TIMEOUT, answered=True) == opened(Outcome.OVERLOADED, answered=None)


def test_excluded_runs_move_nothing() -> None:
    runs = (
        run if run.outcome is Outcome.OK else run._replace(outcome=Outcome.CHALLENGED)
        for run in recorded(3600, down(600, 3600))
    )
    found = played(runs)
    assert [e.type for e in found.events if e.type is EventType.OPENED] == []


# ---------------------------------------------------------------- the same as the rehearsal


class Recorder(Rehearsal):
    """A rehearsal that notes its runs, as the store does."""

    def recorded(self) -> list[RecordedRun]:
        found: dict[str, RecordedRun] = {}
        take = self._carry_out

        def note(effects: tuple[Effect, ...]) -> None:
            for effect in effects:
                if isinstance(effect, Judged) and not effect.observation.provisional:
                    seen, verdict = effect.observation, effect.verdict
                    found[seen.run_id] = RecordedRun(
                        seen.at, seen.probe, verdict.outcome, seen.seconds, verdict.answered
                    )
                elif isinstance(effect, Rejudged):
                    for run_id in effect.run_ids:
                        old = found[run_id]
                        found[run_id] = old._replace(outcome=effect.verdict.outcome)
            take(effects)

        self._carry_out = note  # type: ignore[method-assign]  # a fake by hand
        self.play()
        return sorted(found.values(), key=lambda run: run.at)


@pytest.mark.parametrize("name", ["2026-04-28", "2026-04-28-all-six", "healthy"])
def test_the_runs_of_a_rehearsal_give_its_incidents_again(name: str) -> None:
    config = with_simulated_keys(load(ROOT / "config" / "claude.yaml", {}))
    plan = config.plan()
    scenario = load_scenario(name, ROOT / "config" / "scenarios")
    world = World(scenario, rng=random.Random(1))
    rehearsal = Recorder(world, plan, config.policy(), questions(config, plan))
    runs = rehearsal.recorded()
    before = {i.names: i for i in newest(rehearsal.record.events)}
    after = {i.names: i for i in newest(played_with(plan, config.policy(), runs).events)}
    assert after.keys() == before.keys()
    for names, incident in after.items():
        other = before[names]
        assert incident.cause is other.cause
        assert abs((incident.opened_at - other.opened_at).total_seconds()) <= 60
        assert incident.closed_at is not None
        assert other.closed_at is not None
        # A recording does not say that slow probes were hurried: their close waits for a beat.
        slowest = max(probe.interval for probe in plan.enabled())
        assert abs((incident.closed_at - other.closed_at).total_seconds()) <= slowest


def played_with(plan: Plan, policy: Policy, runs: Iterable[RecordedRun]) -> Played:
    return Playback(plan, policy).play(runs)


def test_maintenance_of_the_configuration_holds_for_the_recording() -> None:
    window = Window(starts=NOON, ends=NOON + timedelta(hours=2), components=("console",))
    plan = replace(a_plan(), maintenance=(window,))
    names = {
        n for i in newest(played(recorded(5400, down(1800, 3600)), plan).events) for n in i.names
    }
    assert "console" not in names
    assert "api" in names
