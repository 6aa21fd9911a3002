from __future__ import annotations

import json
from dataclasses import replace

import pytest

from monitor.core import judging
from monitor.core.effects import ControlResult, Judged
from monitor.core.guard import ControlGuard
from monitor.core.judging import Judge
from monitor.core.observation import Observation
from monitor.core.outcome import Counts, Depth, Outcome
from monitor.core.plan import Plan
from monitor.core.policy import Policy
from monitor.core.window import Windows, entry_of
from tests.core.timeline import MONO, Comes, a_run, hellos, keyed, plan_of
from tests.factories import NOON, a_probe, an_answer

PLAN = plan_of(
    a_probe("hello"),
    a_probe("page", components=("console",)),
    keyed("models"),
    keyed("count"),
    keyed("second", credential="other", credential_name="second"),
    controls=2,
)


class Bench:
    """A judge with its guard and windows; usable runs are entered as the engine does."""

    def __init__(self, plan: Plan = PLAN) -> None:
        self.windows = Windows([probe.name for probe in plan.probes], 10_000.0)
        self.guard = ControlGuard([control.name for control in plan.controls], Policy().guard)
        self.judge = Judge(plan, Policy(), self.guard, self.windows)

    def told(self, observation: Observation) -> Judged:
        judged = self.judge.judge(observation)
        if judged.verdict.counts is not Counts.EXCLUDED:
            self.windows.put(entry_of(judged))
        return judged

    def run(self, probe: str, at: float, comes: Comes = Comes.OK) -> Outcome:
        return self.told(a_run(probe, at, comes)).verdict.outcome

    def again(self, at: float) -> list[tuple[str, Outcome]]:
        return [
            (judged.observation.run_id, judged.verdict.outcome)
            for judged in self.judge.key_doubts(MONO + at)
        ]

    def controls(self, at: float, *, ok: bool) -> None:
        for name in ("control_a", "control_b"):
            self.guard.record(
                ControlResult(target=name, at=NOON, started=MONO + at, ended=MONO + at + 1, ok=ok)
            )


# ------------------------------------------------------------------ what is proven


def test_a_probe_is_proven_by_its_first_good_run() -> None:
    bench = Bench()
    assert bench.run("hello", 0.0, Comes.ODD) is Outcome.UNPROVEN
    assert bench.run("hello", 10.0) is Outcome.OK
    assert bench.run("hello", 20.0, Comes.ODD) is Outcome.BAD_CONTENT
    assert bench.judge.proven == {"hello"}


def test_server_errors_and_dead_connections_count_even_from_an_unproven_probe() -> None:
    bench = Bench()
    bench.controls(0.0, ok=True)
    assert bench.run("hello", 0.0, Comes.FAIL) is Outcome.SERVER_ERROR
    assert bench.run("hello", 10.0, Comes.DEAD) is Outcome.CONNECT_ERROR


def test_only_probes_of_the_plan_can_be_proven_from_outside() -> None:
    bench = Bench()
    bench.judge.prove(["hello", "gone"])
    assert bench.judge.proven == {"hello"}


# ------------------------------------------------------------------ keys


def test_a_key_that_never_worked_is_our_own_matter_even_after_it_works() -> None:
    bench = Bench()
    assert bench.run("models", 0.0, Comes.REFUSED) is Outcome.CREDENTIAL_REJECTED
    assert not bench.judge.worked("hash")
    bench.run("models", 30.0)
    assert bench.judge.worked("hash")
    assert bench.again(31.0) == []


def test_a_success_in_between_makes_the_refusals_before_it_the_vendors() -> None:
    bench = Bench()
    bench.run("models", 0.0)
    assert bench.run("models", 30.0, Comes.REFUSED) is Outcome.CREDENTIAL_REJECTED
    assert bench.run("count", 35.0, Comes.REFUSED) is Outcome.CREDENTIAL_REJECTED
    assert bench.again(36.0) == [], "refusals alone are what a revoked key gives"
    bench.run("models", 60.0)
    assert bench.again(61.0) == [
        ("models@30", Outcome.AUTH_ERROR),
        ("count@35", Outcome.AUTH_ERROR),
    ]
    assert bench.again(62.0) == [], "once"
    assert bench.run("models", 90.0, Comes.REFUSED) is Outcome.AUTH_ERROR


def test_a_sibling_key_refused_too_makes_it_the_vendors() -> None:
    bench = Bench()
    bench.run("models", 0.0)
    bench.run("second", 1.0)
    assert bench.run("models", 30.0, Comes.REFUSED) is Outcome.CREDENTIAL_REJECTED
    judged = bench.told(a_run("second", 31.0, Comes.REFUSED))
    assert judged.verdict.outcome is Outcome.AUTH_ERROR
    assert "another key that worked is refused too" in judged.verdict.reason
    assert bench.again(32.0) == [("models@30", Outcome.AUTH_ERROR)]


def test_runs_without_a_key_that_are_bad_for_longer_than_a_blip_make_it_the_vendors() -> None:
    bench = Bench()
    bench.run("models", 0.0)
    assert bench.run("models", 30.0, Comes.REFUSED) is Outcome.CREDENTIAL_REJECTED
    bench.run("hello", 40.0, Comes.FAIL)
    assert bench.again(41.0) == []
    bench.run("page", 42.0, Comes.FAIL)
    assert bench.again(43.0) == [], "another component's page says nothing about this key"
    bench.run("hello", 45.0, Comes.FAIL)
    assert bench.again(46.0) == [], "one probe may be in a blip of its own"
    bench.run("hello", 121.0, Comes.FAIL)
    (judged,) = bench.judge.key_doubts(MONO + 122.0)
    assert judged.verdict.outcome is Outcome.AUTH_ERROR
    assert "3 runs without a key failed too" in judged.verdict.reason


def test_two_probes_without_a_key_need_no_such_patience() -> None:
    gate = replace(PLAN.probe("hello"), name="gate")
    bench = Bench(replace(PLAN, probes=(*PLAN.probes, gate)))
    bench.run("models", 0.0)
    bench.run("models", 30.0, Comes.REFUSED)
    bench.run("hello", 40.0, Comes.FAIL)
    bench.run("gate", 41.0, Comes.FAIL)
    assert bench.again(42.0) == [("models@30", Outcome.AUTH_ERROR)]


def test_runs_without_a_key_that_did_not_reach_the_vendor_say_nothing_of_it() -> None:
    gate = replace(PLAN.probe("hello"), name="gate")
    bench = Bench(replace(PLAN, probes=(*PLAN.probes, gate)))
    bench.run("models", 0.0)
    bench.run("models", 30.0, Comes.REFUSED)
    for at in (40.0, 80.0, 125.0):
        bench.run("hello", at, Comes.DEAD)
        bench.run("gate", at + 1.0, Comes.DEAD)
        assert bench.again(at + 2.0) == [], "it may be our own network"


def test_what_a_key_was_never_allowed_stays_our_own_matter_however_well_it_works() -> None:
    bench = Bench()
    for at in range(0, 600, 30):
        bench.run("models", float(at))
        assert bench.run("count", at + 10.0, Comes.FORBIDDEN) is Outcome.CREDENTIAL_REJECTED
        assert bench.again(at + 11.0) == []


def test_evidence_is_that_of_a_probe_that_runs_though_another_with_its_key_is_disabled() -> None:
    off = replace(PLAN.probe("models"), name="off", disabled="switched off")
    bench = Bench(replace(PLAN, probes=(off, *PLAN.probes)))
    bench.run("models", 0.0)
    bench.run("models", 30.0, Comes.REFUSED)
    bench.run("hello", 40.0, Comes.FAIL)
    bench.run("hello", 120.0, Comes.FAIL)
    assert bench.again(121.0) == [("models@30", Outcome.AUTH_ERROR)]


# ------------------------------------------------------------------ the network


def test_a_run_during_which_every_control_target_failed_is_not_claudes() -> None:
    bench = Bench()
    bench.controls(0.0, ok=True)
    bench.run("hello", 0.0)
    bench.controls(30.0, ok=False)
    assert bench.run("hello", 30.0, Comes.DEAD) is Outcome.NO_NETWORK
    assert bench.run("hello", 31.0, Comes.FAIL) is Outcome.SERVER_ERROR, "an answer is an answer"


def test_a_run_that_came_before_the_word_of_the_control_targets_is_judged_again() -> None:
    bench = Bench()
    bench.controls(0.0, ok=True)
    bench.run("hello", 0.0)
    assert bench.run("hello", 30.0, Comes.DEAD) is Outcome.CONNECT_ERROR
    assert bench.judge.network_doubts() == []
    bench.controls(30.0, ok=False)
    (judged,) = bench.judge.network_doubts()
    assert (judged.observation.run_id, judged.verdict.outcome) == ("hello@30", Outcome.NO_NETWORK)
    assert bench.judge.network_doubts() == [], "once"


def test_a_run_whose_real_result_came_is_doubted_no_more() -> None:
    bench = Bench()
    bench.controls(0.0, ok=True)
    bench.run("hello", 0.0)
    bench.told(a_run("hello", 30.0, run_id="r", provisional=True))
    of_a_portal = replace(
        a_run("hello", 30.0, Comes.LIMITED, run_id="r"), answer=an_answer(429, vendor=False)
    )
    assert bench.told(of_a_portal).verdict.outcome is Outcome.RATE_LIMITED
    bench.controls(35.0, ok=False)
    assert bench.judge.network_doubts() == []


def test_only_whole_runs_without_an_answer_make_a_host_look_blind() -> None:
    bench = Bench()
    for number in range(3):
        bench.told(a_run("hello", 10.0 * number, provisional=True))
    assert bench.guard.blind_reason() is None
    for number in range(3):
        bench.run("hello", 100.0 + number, Comes.DEAD)
    assert bench.guard.blind_reason() is not None


# ------------------------------------------------------------------ bounds and memory


@pytest.mark.parametrize(("later", "doubted"), [(600.0, 1), (600.3, 0)])
def test_after_ten_minutes_a_run_is_judged_no_more(later: float, doubted: int) -> None:
    bench = Bench()
    bench.controls(0.0, ok=True)
    bench.run("hello", 0.0, Comes.DEAD)
    bench.run("hello", 1.0)
    bench.judge.forget_before(MONO + 0.25 + later)
    bench.controls(0.0, ok=False)
    bench.guard._answers.clear()
    assert len(bench.judge.network_doubts()) == doubted


def test_a_refusal_that_is_too_old_is_not_judged_again_when_the_evidence_comes() -> None:
    bench = Bench()
    bench.run("models", 0.0)
    bench.run("models", 30.0, Comes.REFUSED)
    bench.run("count", 400.0, Comes.REFUSED)
    bench.judge.forget_before(MONO + 631.0)
    bench.run("models", 410.0)
    assert bench.again(632.0) == [("count@400", Outcome.AUTH_ERROR)]


def test_after_a_jump_of_the_clocks_nothing_is_judged_again() -> None:
    bench = Bench()
    bench.controls(0.0, ok=True)
    bench.run("models", 0.0)
    bench.run("models", 30.0, Comes.REFUSED)
    bench.run("hello", 31.0, Comes.DEAD)
    bench.judge.forget_times()
    bench.controls(31.0, ok=False)
    bench.run("models", 60.0)
    assert bench.judge.network_doubts() == []
    assert bench.again(61.0) == []


def test_the_number_of_doubted_runs_is_bounded() -> None:
    plan = plan_of(*hellos(1), controls=2)
    bench = Bench(plan)
    bench.controls(0.0, ok=True)
    for number in range(judging.DOUBTED_MAX + 5):
        bench.run("a", number / 1000, Comes.DEAD)
    bench.controls(0.0, ok=False)
    doubted = bench.judge.network_doubts()
    assert len(doubted) == judging.DOUBTED_MAX
    assert doubted[0].observation.run_id == "a@0.005"


@pytest.mark.parametrize("shift", [0.0, 777.0])
def test_doubts_survive_a_restart(shift: float) -> None:
    bench = Bench()
    bench.controls(0.0, ok=True)
    bench.run("models", 0.0)
    bench.run("models", 30.0, Comes.REFUSED)
    bench.run("hello", 95.0, Comes.DEAD)
    bench.run("page", 20.0, Comes.DEAD)
    saved = json.loads(json.dumps(bench.judge.snapshot()))

    other = Bench(replace(PLAN, probes=tuple(p for p in PLAN.probes if p.name != "count")))
    other.controls(shift, ok=True)
    other.judge.restore(saved, shift)

    assert other.judge.proven == {"models"}
    assert other.judge.worked("hash")
    other.controls(95.0 + shift, ok=False)
    assert [j.observation.run_id for j in other.judge.network_doubts()] == ["hello@95"]
    other.run("models", 120.0 + shift)
    assert other.again(121.0 + shift) == [("models@30", Outcome.AUTH_ERROR)]


def test_doubts_about_a_probe_that_is_gone_are_dropped() -> None:
    bench = Bench()
    bench.controls(0.0, ok=True)
    bench.run("hello", 30.0, Comes.DEAD)
    bench.run("models", 31.0)
    bench.run("models", 32.0, Comes.REFUSED)
    other = Bench(plan_of(keyed("new", Depth.INFERENCE)))
    other.judge.restore(bench.judge.snapshot(), 0.0)
    assert other.judge.snapshot()["silent"] == other.judge.snapshot()["refused"] == []
    other.run("new", 60.0)
    assert other.again(61.0) == []
