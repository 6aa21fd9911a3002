"""The rows of the table, and what passes."""

from __future__ import annotations

import math

import pytest

from tests.bench.detection import table
from tests.bench.detection.cells import CELLS
from tests.bench.detection.rows import ROWS, Line, Row, at, extra_runs, measured, share_of, yearly
from tests.bench.detection.stats import Figure
from tests.bench.detection.trials import Trial

TRIALS: list[Trial] = [
    {"years": 0.5, "opened": 3.0, "extra": 2.0, "scheduled": 100.0},
    {"years": 0.5, "opened": 1.0, "extra": 4.0, "scheduled": 100.0},
]


def line(value: float, target: float | None, *, least: bool = False) -> Line:
    row = Row(
        quantity="it", cell="c", measure=at("opened", 0.5), unit="s", target=target, least=least
    )
    return Line(row=row, figure=Figure(value=value, low=value - 1, high=value + 1))


@pytest.mark.parametrize(
    ("value", "target", "least", "passed"),
    [
        (17.0, 17.0, False, True),
        (17.1, 17.0, False, False),
        (99.0, 99.0, True, True),
        (98.9, 99.0, True, False),
        (5.0, None, False, None),
        (math.inf, 17.0, False, False),
    ],
)
def test_a_value_is_held_against_its_target(
    value: float,
    target: float | None,
    least: bool,  # noqa: FBT001
    passed: bool | None,  # noqa: FBT001
) -> None:
    assert line(value, target, least=least).passed is passed


def test_a_time_that_never_came_is_null_in_the_file_and_a_word_in_the_table() -> None:
    assert line(math.inf, 17.0).as_json()["value"] is None
    assert "never" in table.text([line(math.inf, 17.0)])
    assert "MISSED" in table.text([line(math.inf, 17.0)])


def test_false_incidents_are_counted_by_the_year() -> None:
    assert yearly("opened")(TRIALS).value == 4.0


def test_extra_runs_are_a_share_of_the_scheduled_ones() -> None:
    assert extra_runs(TRIALS).value == pytest.approx(3.0)


def test_what_holds_of_half_of_the_trials_is_fifty_percent() -> None:
    assert share_of(lambda trial: trial["opened"] == 1)(TRIALS).value == 50.0


def test_every_row_has_a_cell_and_a_name_of_its_own() -> None:
    assert {row.cell for row in ROWS} <= set(CELLS)
    assert len({row.quantity for row in ROWS}) == len(ROWS)


def test_rows_without_results_are_left_out() -> None:
    assert measured({}, ROWS) == []


def test_a_line_of_the_table_fits_on_a_terminal() -> None:
    lines = [Line(row=row, figure=Figure(value=1234.5, low=1000.0, high=2000.0)) for row in ROWS]

    assert max(map(len, table.text(lines).splitlines())) <= 100
