"""What recorded changes of state add up to."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from monitor.core.effects import StateChanged
from monitor.core.history import HOST, NOT_RUNNING, Times, of_host, spans, times
from monitor.core.incident import State
from tests.factories import NOON

UP, DOWN, PARTIAL, UNKNOWN = (
    State.OPERATIONAL,
    State.MAJOR_OUTAGE,
    State.PARTIAL_OUTAGE,
    State.UNKNOWN,
)


def minute(count: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=count)


def changed(after: State, at: float, before: State = UNKNOWN) -> StateChanged:
    """A change of the API so many minutes after noon."""
    return StateChanged(component="api", before=before, after=after, at=minute(at))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param([], [(UNKNOWN, 0, 60)], id="nothing was recorded"),
        pytest.param([(UP, -10)], [(UP, 0, 60)], id="it began before"),
        pytest.param([(DOWN, -20), (UP, -10)], [(UP, 0, 60)], id="the last one before counts"),
        pytest.param([(UP, 0)], [(UP, 0, 60)], id="it began at once"),
        pytest.param([(UP, 15)], [(UNKNOWN, 0, 15), (UP, 15, 60)], id="it began within"),
        pytest.param(
            [(UP, -1), (DOWN, 20), (UP, 30)],
            [(UP, 0, 20), (DOWN, 20, 30), (UP, 30, 60)],
            id="an outage within",
        ),
        pytest.param([(UP, -1), (DOWN, 60), (UP, 70)], [(UP, 0, 60)], id="what comes after"),
        pytest.param([(UP, -1), (DOWN, 20), (UP, 20)], [(UP, 0, 60)], id="two at one moment"),
        pytest.param(
            [(DOWN, 30), (UP, -1)], [(UP, 0, 30), (DOWN, 30, 60)], id="a clock that was set back"
        ),
    ],
)
def test_changes_become_stretches_without_a_hole(
    changes: list[tuple[State, float]], expected: list[tuple[State, float, float]]
) -> None:
    found = spans([changed(*change) for change in changes], NOON, minute(60))
    assert [(span.state, span.since, span.until) for span in found] == [
        (state, minute(since), minute(until)) for state, since, until in expected
    ]


def test_what_comes_after_the_last_sign_of_life_is_unknown() -> None:
    found = spans([changed(UP, -1), changed(DOWN, 50)], NOON, minute(60), heard_until=minute(40))
    assert [(span.state, span.seconds) for span in found] == [(UP, 2400.0), (UNKNOWN, 1200.0)]


@pytest.mark.parametrize("heard", [-30, 90])
def test_a_sign_of_life_outside_the_range_makes_all_of_it_unknown_or_none(heard: float) -> None:
    found = spans([changed(UP, -60)], NOON, minute(60), heard_until=minute(heard))
    assert [span.state for span in found] == [UNKNOWN if heard < 0 else UP]


def test_an_empty_range_has_no_stretch_and_no_coverage() -> None:
    found = spans([changed(UP, -1)], NOON, NOON)
    assert found == ()
    assert times(found) == Times(seconds=())
    assert times(found).coverage == 0.0


def test_unknown_time_lowers_the_coverage_and_is_neither_up_nor_down() -> None:
    changes = [changed(UP, 15), changed(DOWN, 30), changed(PARTIAL, 40), changed(UP, 45)]
    spent = times(spans(changes, NOON, minute(60)))
    assert spent.seconds == ((UP, 1800.0), (PARTIAL, 300.0), (DOWN, 600.0), (UNKNOWN, 900.0))
    assert spent.of(PARTIAL, DOWN) == 900.0
    assert spent.total == 3600.0
    assert spent.known == 2700.0
    assert spent.coverage == 0.75


def test_time_in_which_nobody_watched_is_unknown_whatever_the_state() -> None:
    blind = [
        of_host(sees=False, at=minute(10), reason=NOT_RUNNING),
        of_host(sees=True, at=minute(25), reason=NOT_RUNNING),
    ]
    assert [(change.component, change.before, change.after) for change in blind] == [
        (HOST, UP, UNKNOWN),
        (HOST, UNKNOWN, UP),
    ]
    changes = [changed(UP, -1), changed(DOWN, 20), *blind]
    found = spans(changes, NOON, minute(60))
    assert [(span.state, span.since) for span in found] == [
        (UP, NOON),
        (UNKNOWN, minute(10)),
        (DOWN, minute(25)),
    ]
    assert times(found).of(UNKNOWN) == 900.0


def test_a_range_may_begin_while_nobody_watches() -> None:
    changes = [
        changed(UP, -20),
        of_host(sees=False, at=minute(-10), reason=""),
        of_host(sees=True, at=minute(5), reason=""),
    ]
    assert [span.state for span in spans(changes, NOON, minute(60))] == [UNKNOWN, UP]
