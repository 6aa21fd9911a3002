from __future__ import annotations

import json

import pytest

from monitor.core.effects import ControlResult, NetworkView
from monitor.core.guard import ControlGuard
from monitor.core.policy import Guard
from tests.factories import NOON


class Told:
    """A guard with two control targets, and what it is told, in few words."""

    def __init__(self, *targets: str, policy: Guard | None = None) -> None:
        self.guard = ControlGuard(targets or ("a", "b"), policy or Guard())

    def control(self, targets: str, start: float, took: float = 1.0, *, ok: bool) -> Told:
        for target in targets:
            self.guard.record(
                ControlResult(target=target, at=NOON, started=start, ended=start + took, ok=ok)
            )
        return self

    def proven(self, at: float = 0.0, targets: str = "ab") -> Told:
        return self.control(targets, at, ok=True)

    def failed(self, targets: str, at: float, took: float = 1.0) -> Told:
        return self.control(targets, at, took, ok=False)

    def claude(self, start: float, took: float = 0.2) -> Told:
        self.guard.answered(start, start + took)
        return self

    def excused(self, start: float, end: float) -> bool:
        return self.guard.excuse(start, end) is not None


def test_a_run_is_excused_when_every_proven_target_failed_at_the_same_time() -> None:
    told = Told().proven().failed("ab", 100.0)
    assert told.guard.excuse(100.0, 110.0) == (
        "all 2 proven control targets failed at the same time: no network here"
    )


def test_one_target_that_still_answers_is_enough_to_blame_claude() -> None:
    assert not Told().proven().failed("a", 100.0).excused(100.0, 110.0)


def test_a_target_that_never_answered_here_does_not_count() -> None:
    assert not Told().proven(targets="a").claude(0.0).failed("b", 100.0).excused(100.0, 101.0)
    told = Told().proven(targets="a").failed("ab", 100.0)
    assert told.guard.excuse(100.0, 101.0) == (
        "the proven control target failed at the same time: no network here"
    )


@pytest.mark.parametrize(
    ("start", "end", "excused"),
    [
        (100.0, 110.0, True),
        (106.0, 107.0, True),
        (106.1, 107.0, False),
        (90.0, 99.0, True),
        (90.0, 98.9, False),
    ],
)
def test_a_failure_counts_from_five_seconds_before_a_run_to_one_second_after_it(
    start: float,
    end: float,
    excused: bool,  # noqa: FBT001  # a table
) -> None:
    assert Told().proven().failed("ab", 100.0, took=1.0).excused(start, end) is excused


@pytest.mark.parametrize(("failed_at", "proven"), [(600.0, True), (600.1, False)])
def test_a_target_is_proven_if_it_answered_within_ten_minutes_of_its_first_failure(
    failed_at: float,
    proven: bool,  # noqa: FBT001  # a table
) -> None:
    told = Told().proven().claude(0.0).failed("ab", failed_at)
    assert told.guard.active is proven
    assert told.excused(failed_at, failed_at + 1.0) is proven


def test_a_long_network_failure_stays_excused_since_the_proof_is_from_before_it() -> None:
    told = Told().proven()
    for at in range(100, 2000, 30):
        told.failed("ab", float(at))
    assert told.excused(1990.0, 1991.0)
    told.proven(2000.0)
    assert not told.excused(2000.5, 2001.0), "an answer forgets the failures"


def test_an_answer_of_claude_during_a_run_disproves_a_missing_network() -> None:
    told = Told().proven().failed("ab", 100.0)
    assert told.claude(106.0).excused(100.0, 105.0), "an answer after it proves nothing"
    assert not told.claude(101.0).excused(100.0, 105.0)
    assert not Told().proven().failed("ab", 100.0).claude(96.0).excused(100.0, 105.0)


def test_a_target_that_fails_twice_while_claude_answers_is_not_believed_until_it_answers() -> None:
    told = Told().proven().failed("ab", 100.0).claude(100.5)
    assert told.guard.proven() == ("a", "b"), "one may be a network that just came back"
    told.claude(100.6)
    assert told.guard.proven() == ("a", "b"), "one failure is contradicted once"
    told.failed("a", 130.0).claude(134.0)
    assert told.guard.proven() == ("b",)
    told.failed("b", 130.0)
    assert told.guard.proven() == (), "an answer that came first contradicts too"
    assert not told.guard.active
    told.proven(160.0, "a")
    assert told.guard.proven() == ("a",)


@pytest.mark.parametrize("answer", [99.9, 106.1])
def test_only_an_answer_to_a_run_begun_during_the_failure_contradicts_it(answer: float) -> None:
    told = Told().proven().failed("ab", 100.0).claude(answer).failed("ab", 200.0)
    assert told.claude(200.0).guard.active


def test_until_something_has_answered_this_host_has_no_opinion() -> None:
    told = Told()
    assert told.guard.excuse(0.0, 1.0) == (
        "nothing has answered this host since the start, neither Claude nor a control"
    )
    assert Told().claude(50.0).guard.excuse(0.0, 1.0) is None, "Claude answered once"
    assert not Told().proven().excused(0.0, 1.0), "a target answers"


def test_a_host_is_blind_when_all_proven_targets_fail_and_claude_does_not_answer() -> None:
    told = Told().proven().failed("ab", 100.0)
    assert told.guard.blind_reason() is None, "nobody has asked Claude since"
    told.guard.silent()
    assert told.guard.blind_reason() == (
        "all 2 proven control targets failing, and no answer from Claude"
    )
    told.claude(101.0)
    assert told.guard.blind_reason() is None
    told.guard.silent()
    told.proven(102.0, "a")
    assert told.guard.blind_reason() is None


def test_a_host_that_never_heard_anything_is_blind_after_three_runs() -> None:
    told = Told()
    for _ in range(2):
        told.guard.silent()
    assert told.guard.blind_reason() is None
    told.guard.silent()
    assert told.guard.blind_reason() == "nothing has answered since the start"
    assert told.claude(0.0).guard.blind_reason() is None


def test_after_a_jump_of_the_clocks_nothing_overlaps_anything() -> None:
    told = Told().proven().claude(100.0).failed("ab", 100.0)
    told.guard.forget_times()
    assert not told.excused(100.0, 101.0)
    assert told.guard.active
    assert told.failed("ab", 200.0).excused(200.0, 201.0)


def test_a_result_of_a_target_that_the_plan_does_not_have_is_passed_over() -> None:
    told = Told().failed("z", 0.0)
    assert [name for name, _, _ in told.guard.view().targets] == ["a", "b"]


def test_the_view_tells_which_targets_count_and_what_they_said_last() -> None:
    told = Told().proven(targets="a").failed("b", 1.0).claude(0.0)
    assert told.guard.view() == NetworkView(
        up=True, guard_active=True, targets=(("a", True, True), ("b", False, False))
    )
    told.failed("a", 100.0).guard.silent()
    assert not told.guard.view().up


@pytest.mark.parametrize("shift", [0.0, 5000.0])
def test_what_a_guard_knows_survives_a_restart_with_its_times_moved(shift: float) -> None:
    told = Told().proven().failed("ab", 100.0).claude(101.0).failed("a", 130.0)
    told.guard.silent()
    saved = json.loads(json.dumps(told.guard.snapshot()))
    saved["targets"]["gone"] = saved["targets"]["a"]

    again = Told()
    again.guard.restore(saved, shift)
    assert again.guard.view() == told.guard.view()
    assert again.guard.ever_answered
    for start in (100.0, 120.0, 130.0):
        assert again.excused(start + shift, start + 1 + shift) is told.excused(start, start + 1)
    told.claude(131.0)
    again.claude(131.0 + shift)
    assert again.guard.proven() == told.guard.proven() == ("b",)
