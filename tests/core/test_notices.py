from __future__ import annotations

import json
from dataclasses import replace

import pytest

from monitor.core.effects import Announce, ControlResult, Effect, Judged
from monitor.core.guard import ControlGuard
from monitor.core.incident import Event, EventType, Reason
from monitor.core.notices import Notices
from monitor.core.outcome import Outcome, Verdict
from monitor.core.plan import Plan
from monitor.core.policy import Guard
from tests.core.timeline import MONO, a_run, keyed, moment, plan_of, short
from tests.factories import NOON, a_probe

PLAN = plan_of(
    a_probe("hello"),
    keyed("models"),
    keyed("count"),
    keyed("second", credential="other", credential_name="second"),
    controls=2,
)


class Desk:
    """Notices, and what they say, in short."""

    def __init__(self, plan: Plan = PLAN) -> None:
        self.notices = Notices(plan, Guard().announce_after)
        self.guard = ControlGuard([control.name for control in plan.controls], Guard())
        self.events: list[Event] = []

    def about(self, probe: str, outcome: Outcome, at: float = 0.0, *, worked: bool = True) -> str:
        judged = Judged(
            observation=a_run(probe, at), verdict=Verdict(outcome=outcome, reason="it said so")
        )
        return self._said(self.notices.about(judged, worked=worked, now=moment(at)))

    def network(self, at: float) -> str:
        return self._said(self.notices.network(self.guard, moment(at)))

    def controls(self, at: float, *, ok: bool) -> Desk:
        for name in ("control_a", "control_b"):
            self.guard.record(
                ControlResult(target=name, at=NOON, started=MONO + at, ended=MONO + at, ok=ok)
            )
        return self

    def _said(self, effects: list[Effect]) -> str:
        found = [effect.event for effect in effects if isinstance(effect, Announce)]
        assert len(found) == len(effects)
        self.events += found
        return ", ".join(short(event) for event in found)


# ------------------------------------------------------------------ misconfigured


@pytest.mark.parametrize(
    ("outcome", "reason", "subject"),
    [
        (Outcome.CREDENTIAL_REJECTED, Reason.CREDENTIAL_REJECTED, "credential/main"),
        (Outcome.CLIENT_ERROR, Reason.CLIENT_ERROR, "probe/models"),
        (Outcome.UNPROVEN, Reason.UNPROVEN, "probe/models"),
    ],
)
def test_what_is_our_own_fault_is_said_once(outcome: Outcome, reason: Reason, subject: str) -> None:
    desk = Desk()
    assert desk.about("models", outcome) == f"misconfigured {subject}"
    assert desk.about("models", outcome, 30.0) == ""
    (event,) = desk.events
    assert (event.type, event.reason) == (EventType.MISCONFIGURED, reason)
    assert event.summary
    assert event.detail
    assert event.id == f"local-20260428-120000-misconfigured-{subject.replace('/', '-')}"


@pytest.mark.parametrize(
    "outcome",
    sorted(set(Outcome) - {Outcome.CREDENTIAL_REJECTED, Outcome.CLIENT_ERROR, Outcome.UNPROVEN}),
)
def test_no_other_outcome_is_a_misconfiguration(outcome: Outcome) -> None:
    assert Desk().about("models", outcome) == ""


def test_a_credential_is_spoken_of_once_whichever_probes_use_it() -> None:
    desk = Desk()
    assert desk.about("models", Outcome.CREDENTIAL_REJECTED) == "misconfigured credential/main"
    assert desk.about("count", Outcome.CREDENTIAL_REJECTED, 1.0) == ""
    assert desk.about("second", Outcome.CREDENTIAL_REJECTED, 2.0) == (
        "misconfigured credential/second"
    )


def test_the_sentence_about_a_key_tells_whether_it_ever_worked() -> None:
    desk = Desk()
    desk.about("models", Outcome.CREDENTIAL_REJECTED, worked=True)
    desk.about("second", Outcome.CREDENTIAL_REJECTED, worked=False)
    assert "worked before" in desk.events[0].summary
    assert "never been accepted" in desk.events[1].summary


@pytest.mark.parametrize("outcome", [Outcome.CLIENT_ERROR, Outcome.CREDENTIAL_REJECTED])
def test_a_good_run_takes_the_matter_off_the_table(outcome: Outcome) -> None:
    desk = Desk()
    assert desk.about("models", outcome) != ""
    desk.about("models", Outcome.OK, 600.0)
    assert desk.about("models", outcome, 630.0) != ""
    assert len({event.id for event in desk.events}) == 2


@pytest.mark.parametrize("outcome", [Outcome.CLIENT_ERROR, Outcome.CREDENTIAL_REJECTED])
def test_refusals_that_alternate_with_successes_are_one_matter(outcome: Outcome) -> None:
    desk = Desk()
    for at in range(0, 1800, 60):
        desk.about("models", outcome, at)
        desk.about("models", Outcome.OK, at + 30)
    assert len(desk.events) == 1
    restored = Notices(PLAN, Guard().announce_after)
    restored.restore(json.loads(json.dumps(desk.notices.snapshot())), 0.0)
    desk.notices = restored
    assert desk.about("models", outcome, 1800.0) == ""


def test_a_key_that_may_not_do_one_thing_is_not_spoken_of_again_because_it_may_do_another() -> None:
    desk = Desk()
    assert desk.about("count", Outcome.CREDENTIAL_REJECTED) != ""
    for at in range(30, 600, 30):
        desk.about("models", Outcome.OK, float(at))
        assert desk.about("count", Outcome.CREDENTIAL_REJECTED, at + 10.0) == ""


# ------------------------------------------------------------------ blind and sighted


def blinded() -> Desk:
    desk = Desk().controls(0.0, ok=True).controls(100.0, ok=False)
    desk.guard.silent()
    return desk


def test_blindness_is_announced_once_and_only_after_thirty_seconds() -> None:
    desk = blinded()
    assert [desk.network(at) for at in (101.0, 130.9, 131.0, 132.0, 500.0)] == [
        "",
        "",
        "blind network",
        "",
        "",
    ]
    assert desk.events[0].reason is Reason.CONTROLS_FAILED
    desk.controls(600.0, ok=True)
    assert [desk.network(at) for at in (601.0, 602.0)] == ["sighted network", ""]
    assert desk.events[1].reason is Reason.NETWORK_BACK


def test_a_blip_of_our_own_network_passes_without_a_word() -> None:
    desk = blinded()
    assert desk.network(101.0) == ""
    desk.controls(120.0, ok=True)
    assert desk.network(121.0) == ""
    desk.controls(140.0, ok=False)
    assert [desk.network(at) for at in (141.0, 165.0, 170.9)] == ["", "", ""]
    assert desk.network(171.0) == "blind network"


def test_a_host_that_never_heard_anything_is_blind_for_that_reason() -> None:
    desk = Desk()
    for _ in range(3):
        desk.guard.silent()
    assert [desk.network(at) for at in (0.0, 30.0)] == ["", "blind network"]
    assert desk.events[0].reason is Reason.NOTHING_ANSWERS


# ------------------------------------------------------------------ a guard that cannot guard


def test_control_targets_that_never_answer_while_claude_does_are_said_after_two_minutes() -> None:
    desk = Desk()
    assert desk.network(0.0) == "", "Claude has not answered either"
    desk.guard.answered(MONO, MONO + 1.0)
    said = [desk.network(at) for at in (10.0, 129.9, 130.0, 131.0)]
    assert said == ["", "", "misconfigured control", ""]
    assert desk.events[0].reason is Reason.GUARD_OFF
    assert "control_a and control_b" in desk.events[0].summary
    desk.controls(200.0, ok=True)
    desk.network(201.0)
    desk.controls(1000.0, ok=False)
    assert [desk.network(at) for at in (1001.0, 1121.0)] == ["", "misconfigured control"]


def test_a_plan_without_control_targets_is_a_choice_not_a_fault() -> None:
    desk = Desk(replace(PLAN, controls=()))
    desk.guard.answered(MONO, MONO + 1.0)
    assert [desk.network(at) for at in (0.0, 1000.0)] == ["", ""]


# ------------------------------------------------------------------ restart


def restarted(desk: Desk, shift: float = 0.0, plan: Plan = PLAN) -> Desk:
    other = Desk(plan)
    other.guard = desk.guard
    other.notices.restore(json.loads(json.dumps(desk.notices.snapshot())), shift)
    return other


def test_what_was_said_is_not_said_again_after_a_restart() -> None:
    desk = blinded()
    desk.about("models", Outcome.CREDENTIAL_REJECTED)
    desk.about("hello", Outcome.UNPROVEN)
    desk.network(101.0)
    desk.network(131.0)

    other = restarted(desk)
    assert other.about("count", Outcome.CREDENTIAL_REJECTED, 200.0) == ""
    assert other.about("hello", Outcome.UNPROVEN, 200.0) == ""
    assert other.network(200.0) == ""
    other.controls(300.0, ok=True)
    assert other.network(301.0) == "sighted network"


@pytest.mark.parametrize("shift", [0.0, -90.0])
def test_waiting_goes_on_after_a_restart(shift: float) -> None:
    desk = blinded()
    desk.network(101.0)
    other = restarted(desk, shift)
    assert other.network(130.0 + shift) == ""
    assert other.network(131.0 + shift) == "blind network"

    unguarded = Desk()
    unguarded.guard.answered(MONO, MONO + 1.0)
    unguarded.network(10.0)
    again = restarted(unguarded, shift)
    assert again.network(129.0 + shift) == ""
    assert again.network(130.0 + shift) == "misconfigured control"


def test_a_matter_of_a_probe_that_no_longer_runs_is_off_the_table() -> None:
    desk = Desk()
    desk.about("models", Outcome.CREDENTIAL_REJECTED)
    desk.about("hello", Outcome.UNPROVEN)
    fewer = tuple(
        replace(probe, disabled="no key") if probe.name == "models" else probe
        for probe in PLAN.probes
        if probe.name != "hello"
    )
    other = restarted(desk, plan=replace(PLAN, probes=fewer))
    assert other.notices.snapshot()["said"] == {}
    assert other.about("count", Outcome.CREDENTIAL_REJECTED) == "misconfigured credential/main"


# ------------------------------------------------------------------ a key by its fingerprint


def with_main_key(fingerprint: str) -> Plan:
    return plan_of(keyed("models", credential=fingerprint), controls=2)


@pytest.mark.parametrize(("fingerprint", "said"), [("hash", ""), ("new", "again")])
def test_a_key_that_was_replaced_is_a_new_matter(fingerprint: str, said: str) -> None:
    before = Desk(with_main_key("hash"))
    before.about("models", Outcome.CREDENTIAL_REJECTED)
    after = Desk(with_main_key(fingerprint))
    after.notices.restore(json.loads(json.dumps(before.notices.snapshot())), 0.0)
    told = after.about("models", Outcome.CREDENTIAL_REJECTED)
    assert told == ("misconfigured credential/main" if said else "")
    assert list(after.notices.snapshot()["said"]) == [f"credential/main#{fingerprint}"]


# ------------------------------------------------------------------ the budget


TEXT = ("Paid probes are paused.", "Check first the schedule.")
DAY = 86_400.0


def test_a_spent_budget_is_said_once_a_day_over_restarts_too() -> None:
    desk = Desk()

    def told(at: float) -> str:
        return desk._said(desk.notices.budget_spent(TEXT, moment(at)))

    assert told(0.0) == "misconfigured budget"
    assert told(60.0) == ""
    again = Desk()
    again.notices.restore(json.loads(json.dumps(desk.notices.snapshot())), 0.0)
    desk = again
    assert told(120.0) == ""
    assert told(DAY) == "misconfigured budget"
    assert (desk.events[0].reason, desk.events[0].summary) == (Reason.BUDGET_SPENT, TEXT[0])
    assert list(desk.notices.snapshot()["said"]) == ["budget/2026-04-29"]
