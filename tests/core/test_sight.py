"""Whether anybody watches: blind, not running, asleep."""

from __future__ import annotations

from datetime import timedelta

from monitor.core.effects import SightChanged
from monitor.core.history import ASLEEP, NOT_RUNNING
from monitor.core.sight import Sight
from tests.core.timeline import Story, hellos, moment, plan_of
from tests.factories import NOON


def test_blindness_begins_and_ends_once() -> None:
    sight = Sight()
    assert sight.look(None, moment(0.0)) == []
    (blind,) = sight.look("no control target answers", moment(10.0))
    assert (blind.sees, blind.at) == (False, moment(10.0).wall)
    assert sight.look("nothing answers", moment(20.0)) == []
    (sees,) = sight.look(None, moment(30.0))
    assert (sees.sees, sees.reason) == (True, "over: nothing answers")


def test_after_a_restart_the_time_without_a_daemon_is_unknown_once() -> None:
    sight = Sight()
    assert sight.back(moment(100.0)) == []
    sight.missed(NOON)
    gone, back = sight.back(moment(100.0))
    assert (gone.sees, gone.at, gone.reason) == (False, NOON, NOT_RUNNING)
    assert (back.sees, back.at) == (True, moment(100.0).wall)
    assert sight.back(moment(101.0)) == []


def test_what_is_blind_already_and_a_clock_that_was_set_back_leave_no_gap() -> None:
    sight = Sight()
    sight.missed(NOON + timedelta(hours=1))
    assert sight.back(moment(100.0)) == []
    assert sight.slept(-3600.0, moment(100.0)) == []
    sight.look("no network", moment(100.0))
    sight.missed(NOON)
    assert sight.back(moment(200.0)) == []


def test_a_machine_that_slept_saw_nothing_meanwhile() -> None:
    story = Story(plan_of(*hellos()))
    story.tick(0.0)
    story.tick(1.0)
    story.wall_shift = 600.0
    story.tick(2.0)
    gone, back = story.all(SightChanged)
    assert (gone.sees, gone.at) == (False, moment(2.0).wall)
    assert gone.reason == ASLEEP
    assert (back.sees, back.at) == (True, moment(2.0, wall_shift=600.0).wall)
    story.wall_shift = 0.0
    story.tick(3.0)
    assert len(story.all(SightChanged)) == 2


def test_an_engine_that_is_told_of_a_gap_tells_of_it_when_it_resumes() -> None:
    story = Story(plan_of(*hellos())).play(120.0)
    later = Story(plan_of(*hellos()))
    later.engine.sight.missed(moment(120.0).wall)
    later.adopt(story, 720.0)
    assert [change.sees for change in later.all(SightChanged)] == [False, True]
