from __future__ import annotations

from datetime import timedelta

from monitor.core.moment import Moment
from tests.factories import NOON


def test_a_monotonic_time_is_told_in_wall_time_by_the_clocks_as_they_stand() -> None:
    now = Moment(mono=100.0, wall=NOON)
    assert now.wall_at(100.0) == NOON
    assert now.wall_at(70.5) == NOON - timedelta(seconds=29.5)
    assert now.wall_at(160.0) == NOON + timedelta(minutes=1)
