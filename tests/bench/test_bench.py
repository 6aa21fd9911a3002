"""The benchmark's own rules: a figure that misses or breaks is seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench import bench


def figure(name: str, value: float, target: float) -> bench.Figure:
    return bench.Figure(name=name, unit="us", target=target, measure=lambda _seconds: value)


def breaks(_seconds: float) -> float:
    message = "nothing to measure"
    raise RuntimeError(message)


BROKEN = bench.Figure(name="broken", unit="s", target=1.0, measure=breaks)


def run(out: Path, *figures: bench.Figure, only: tuple[str, ...] = ()) -> tuple[int, object]:
    chosen = ["--only", *only] if only else []
    code = bench.main(["--out", str(out), *chosen], figures)
    return code, json.loads(out.read_text())


def test_a_figure_within_its_target_passes(tmp_path: Path) -> None:
    assert run(tmp_path / "build" / "b.json", figure("cost", 149.99951, 150)) == (
        0,
        [{"figure": "cost", "value": 150.0, "unit": "us", "target": 150, "pass": True}],
    )


def test_a_figure_past_its_target_is_missed_and_the_table_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, rows = run(tmp_path / "b.json", figure("cost", 151, 150), figure("other", 1, 2))
    assert code == 1
    assert isinstance(rows, list)
    assert [row["pass"] for row in rows] == [False, True]
    assert "MISSED" in capsys.readouterr().out.splitlines()[1]


def test_of_a_speed_the_target_is_the_least(tmp_path: Path) -> None:
    code, rows = run(
        tmp_path / "b.json",
        bench.Figure(name="fast", unit="1/s", target=10, measure=lambda _: 11.0, least=True),
        bench.Figure(name="slow", unit="1/s", target=10, measure=lambda _: 9.0, least=True),
    )
    assert code == 1
    assert isinstance(rows, list)
    assert [row["pass"] for row in rows] == [True, False]


def test_a_figure_that_breaks_is_missed_without_hiding_the_others(tmp_path: Path) -> None:
    code, rows = run(tmp_path / "b.json", BROKEN, figure("other", 1, 2))
    assert code == 1
    assert isinstance(rows, list)
    assert rows[0] == {
        "figure": "broken",
        "value": None,
        "unit": "s",
        "target": 1.0,
        "pass": False,
        "error": "RuntimeError: nothing to measure",
    }
    assert rows[1]["pass"] is True


def test_one_figure_can_be_measured_alone(tmp_path: Path) -> None:
    code, rows = run(tmp_path / "b.json", BROKEN, figure("other", 1, 2), only=("other",))
    assert code == 0
    assert isinstance(rows, list)
    assert len(rows) == 1


def test_an_unknown_figure_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        run(tmp_path / "b.json", BROKEN, only=("speed",))


def test_figures_have_unique_names() -> None:
    names = [each.name for each in bench.FIGURES]
    assert len(names) == len(set(names))
