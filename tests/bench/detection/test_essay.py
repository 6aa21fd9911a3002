"""The page says what the figures say, and the engine still reaches them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bench.detection.curve import Curve
from tests.bench.detection.essay import FIGURES, PAGE, PLOT, filled, page_is_current
from tests.bench.detection.plot import draw
from tests.bench.detection.rows import ROWS, Line, measured
from tests.bench.detection.run import jobs_max, results

SLACK = 0.15
"""So much a short run's interval may lie beside the published one before it is a step back."""

SPARED = ("six", "0.5 %", "70 %", "30 %", ", 5 %", "ramp", "2 minutes, 50", "6/6", "3 minutes")
"""Cells that cost more than they would tell here; `make bench-detection QUICK=1` has them all."""

SHARE = 0.2
"""Of the trials of a quick run: it sees that something broke, not that something slipped."""

DOCUMENT: dict[str, Any] = json.loads(FIGURES.read_text())


def test_the_page_says_what_the_figures_say() -> None:
    assert page_is_current(), "make bench-detection PUBLISH=1 writes both"


def test_every_part_of_the_page_is_made_of_the_figures() -> None:
    page = PAGE.read_text()

    for name in ("note", "rows", "curves"):
        assert f"<!-- {name}: made by make bench-detection -->" in page
        assert f"<!-- /{name} -->" in page


def test_other_figures_would_change_the_page() -> None:
    page = PAGE.read_text()
    changed = {**DOCUMENT, "rows": [{**DOCUMENT["rows"][0], "value": 123456.0}]}

    assert "123456" in filled(page, changed)


def test_the_plot_is_small_and_stands_in_the_page() -> None:
    assert PLOT.stat().st_size < 60_000
    assert f"({PLOT.relative_to(PAGE.parent).as_posix()})" in PAGE.read_text()


def test_the_same_curves_give_the_same_plot(tmp_path: Path) -> None:
    curves = [Curve(**curve) for curve in DOCUMENT["curves"]]

    for name in ("one.svg", "other.svg"):
        draw(curves, tmp_path / name)

    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "other.svg").read_bytes()


def worse(line: Line, low: float | None, high: float | None) -> bool:
    """Whether a row's interval lies beyond the published one, on the bad side of its target too."""
    target = line.row.target
    if target is None:
        return False
    if line.row.least:
        return low is not None and line.figure.high < (1 - SLACK) * min(low, target)
    return high is not None and line.figure.low > (1 + SLACK) * max(high, target)


@pytest.mark.slow
@pytest.mark.no_cover
@pytest.mark.timeout(1200)
def test_a_short_run_is_no_worse_than_what_was_published(tmp_path: Path) -> None:
    published = {row["quantity"]: row for row in DOCUMENT["rows"]}
    cells = {row.cell for row in ROWS if not any(word in row.cell for word in SPARED)}

    found = results(sorted(cells), jobs_max(), quick=True, scale=SHARE, folder=tmp_path)
    lines = measured(found, ROWS)

    assert len(lines) > len(ROWS) / 2
    assert [
        f"{line.row.quantity}: {line.figure}"
        for line in lines
        if worse(line, published[line.row.quantity]["low"], published[line.row.quantity]["high"])
    ] == []
