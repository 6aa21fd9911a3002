"""What is done is kept, and a longer run goes on from there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.detection import run
from tests.bench.detection.cells import CELLS, Cell

NAME = "three probes, 100 %"


def files(folder: Path) -> list[Path]:
    return list(folder.rglob("*.json"))


def test_a_longer_run_goes_on_where_a_shorter_one_ended(tmp_path: Path) -> None:
    short = run.results([NAME], 1, quick=False, scale=0.001, folder=tmp_path)[NAME]
    (kept,) = files(tmp_path)
    marked = [{**trial, "opened": -1.0} for trial in json.loads(kept.read_text())]
    kept.write_text(json.dumps(marked))

    found = run.results([NAME], 1, quick=False, scale=0.032, folder=tmp_path)[NAME]

    assert len(short) == CELLS[NAME].quick
    assert found[: len(short)] == marked
    assert len(found) == 64
    assert all(trial["opened"] is not None and trial["opened"] > 0 for trial in found[60:])


def test_a_quick_run_has_chance_of_its_own(tmp_path: Path) -> None:
    quick = run.results([NAME], 1, quick=True, folder=tmp_path)[NAME]
    slow = run.results([NAME], 1, quick=False, scale=0.001, folder=tmp_path)[NAME]

    assert len(files(tmp_path)) == 2
    assert quick != slow


@pytest.mark.parametrize(
    ("quick", "scale", "count"),
    [(True, 1.0, 3), (True, 0.5, 2), (False, 1.0, 100), (False, 0.5, 50), (False, 0.001, 3)],
)
def test_how_many_trials_are_wanted(quick: bool, scale: float, count: int) -> None:  # noqa: FBT001
    cell = Cell(name="cell", count=100, quick=3, trial=lambda _seed: {})

    assert run.wanted(cell, quick=quick, scale=scale) == count


def test_the_state_names_every_module_that_has_to_do_with_a_trial() -> None:
    for name in run.MAKING:
        assert (Path(run.__file__).parent / f"{name}.py").is_file(), name
