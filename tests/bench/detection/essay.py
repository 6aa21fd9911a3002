"""Puts the figures into `docs/`: the table, the peers and the plot of `docs/detection.md`.

They are kept as `docs/detection.json`, from which a test makes them anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.detection.cells import SHARES
from tests.bench.detection.curve import Curve, as_json
from tests.bench.detection.plot import draw
from tests.bench.detection.products import ROOT
from tests.bench.detection.rows import Line
from tests.bench.detection.table import number

PAGE = ROOT / "docs" / "detection.md"
FIGURES = ROOT / "docs" / "detection.json"
PLOT = ROOT / "docs" / "img" / "detection.svg"


def publish(lines: Sequence[Line], curves: Sequence[Curve], note: str) -> None:
    """Write figures, plot and page."""
    document = {
        "note": note,
        "rows": [line.as_json() for line in lines],
        "curves": [as_json(curve) for curve in curves],
    }
    FIGURES.write_text(json.dumps(document, indent=1) + "\n")
    draw(curves, PLOT)
    PAGE.write_text(filled(PAGE.read_text(), json.loads(FIGURES.read_text())))


def filled(page: str, document: Any) -> str:
    """The page with every generated part made of the figures."""
    for name, text in (
        ("note", document["note"]),
        ("rows", _rows(document["rows"])),
        ("curves", _curves(document["curves"])),
    ):
        mark = re.compile(
            rf"(<!-- {name}: made by make bench-detection -->\n).*?(<!-- /{name} -->)", re.DOTALL
        )
        page = mark.sub(lambda found, text=text: f"{found[1]}\n{text}\n\n{found[2]}", page)  # type: ignore[misc]
    return page


def _rows(rows: Sequence[dict[str, Any]]) -> str:
    head = (
        "| quantity | value | 95 % interval | target | reached | over |\n|---|---|---|---|---|---|"
    )
    return "\n".join([head, *map(_row, rows)])


def _row(row: dict[str, Any]) -> str:
    unit = {"a year": " a year", "": ""}.get(row["unit"], f" {row['unit']}")
    target = "-"
    if row["target"] is not None:
        target = f"{'at least' if row['least'] else 'at most'} {number(row['target'])}"
    reached = {True: "yes", False: "**no**", None: "-"}[row["pass"]]
    value, low, high = (_shown(row[name]) for name in ("value", "low", "high"))
    between = f"{low} to {high}"
    cells = (row["quantity"], f"{value}{unit}", between, target, reached, row["over"])
    return f"| {' | '.join(cells)} |"


def _curves(curves: Sequence[dict[str, Any]]) -> str:
    shares = SHARES[::2]
    head = " | ".join(["rule", "false a year", *(f"{share} %" for share in shares)])
    rule = "|".join(["---"] * (2 + len(shares)))
    return "\n".join([f"| {head} |", f"|{rule}|", *map(_curve, curves)])


def _curve(curve: dict[str, Any]) -> str:
    middle, late = curve["middle"], curve["p95"] or [None] * len(SHARES)
    cells = [
        _shown(middle[place]) + (f" / {_shown(late[place])}" if curve["p95"] else "")
        for place in range(0, len(SHARES), 2)
    ]
    return f"| {' | '.join([curve['name'], number(curve['false_yearly'][0]), *cells])} |"


def _shown(value: float | None) -> str:
    return "never" if value is None else number(value)


def page_is_current(page: Path = PAGE, figures: Path = FIGURES) -> bool:
    """Whether the page says what the figures say."""
    text = page.read_text()
    return text == filled(text, json.loads(figures.read_text()))
