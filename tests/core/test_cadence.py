from __future__ import annotations

from monitor.core.cadence import Cadences
from monitor.core.effects import SetCadence
from tests.core.timeline import Story, Trouble, hellos, plan_of
from tests.factories import a_probe

PLAN = plan_of(*hellos(2), a_probe("paid", paid=True, interval=60.0))


def test_who_has_hurried_and_need_not_any_more_goes_back_to_its_own_interval() -> None:
    story = Story(PLAN, world=Trouble(100.0, 9e9)).play(300.0)
    cadences = Cadences(PLAN, story.policy, story.engine._detectors)
    raised = SetCadence(probes=("a", "b"), interval=15.0)
    assert cadences.changes() == [raised]
    assert cadences.changes() == []
    assert cadences.anew() == [raised]
    story.engine._detectors["api"].stopped(story.moment(300.0))
    assert cadences.changes() == [SetCadence(probes=("a", "b"), interval=None)]


def test_a_schedule_that_goes_on_as_it_is_need_not_be_told() -> None:
    story = Story(PLAN, world=Trouble(100.0, 9e9)).play(300.0)
    cadences = Cadences(PLAN, story.policy, story.engine._detectors)
    cadences.settle()
    assert cadences.changes() == []
