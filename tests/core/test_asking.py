from __future__ import annotations

import json

from monitor.core.asking import ControlQuestion
from monitor.core.effects import CheckControl, ControlResult
from monitor.core.guard import ControlGuard
from monitor.core.policy import Guard
from tests.factories import NOON


def result(target: str, ended: float, *, ok: bool = True) -> ControlResult:
    return ControlResult(target=target, at=NOON, started=ended - 0.1, ended=ended, ok=ok)


def a_guard() -> ControlGuard:
    guard = ControlGuard(("x", "y"), Guard())
    for name in "xy":
        guard.record(result(name, 1.0))
    return guard


def test_the_targets_are_asked_at_most_once_a_second_and_only_where_there_are_some() -> None:
    question = ControlQuestion(a_guard(), targets=True, wait=1.0)
    assert question.ask(10.0) == [CheckControl()]
    assert question.ask(10.9) == []
    assert question.ask(11.0) == [CheckControl()]
    assert ControlQuestion(a_guard(), targets=False, wait=1.0).ask(10.0) == []


def test_it_is_waited_for_until_all_proven_targets_have_spoken_or_the_wait_is_over() -> None:
    question = ControlQuestion(a_guard(), targets=True, wait=1.0)
    question.answered(result("x", 5.0))
    assert not question.waiting(5.0)
    question.ask(10.0)
    assert question.waiting(10.5)
    assert not question.waiting(11.0)
    question.answered(result("x", 9.9))
    question.answered(result("y", 10.1))
    assert question.waiting(10.5), "a word older than the question does not count"
    question.answered(result("x", 10.2))
    assert not question.waiting(10.5)


def test_a_question_is_remembered_over_a_restart() -> None:
    for asked in (False, True):
        question = ControlQuestion(a_guard(), targets=True, wait=1.0)
        if asked:
            question.ask(10.0)
        again = ControlQuestion(a_guard(), targets=True, wait=1.0)
        again.restore(json.loads(json.dumps(question.snapshot())), 100.0)
        assert again.waiting(110.5) is asked
