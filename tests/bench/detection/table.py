"""The rows as text, and the peers beside them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from tests.bench.detection.cells import SHARES
from tests.bench.detection.peers import PEERS
from tests.bench.detection.rows import Line, Results, at, yearly
from tests.bench.detection.stats import Figure

WIDTH = 52


def text(lines: Iterable[Line]) -> str:
    """One line a row, 90 columns wide."""
    head = f"{'':{WIDTH}} {'value':>7} {'95 % interval':>15} {'target':>8}"
    return "\n".join([head, *(_line(line) for line in lines)])


def _line(line: Line) -> str:
    row, figure = line.row, line.figure
    quantity = f"{row.quantity} [{row.unit}]" if row.unit else row.quantity
    between = f"{number(figure.low)}-{number(figure.high)}"
    target = "" if row.target is None else f"{'>=' if row.least else '<='} {number(row.target)}"
    missed = " MISSED" if line.passed is False else ""
    return f"{quantity:{WIDTH}} {number(figure.value):>7} {between:>15} {target:>8}{missed}"


def number(value: float) -> str:
    """Three digits or so."""
    if not math.isfinite(value):
        return "never"
    return f"{value:.0f}" if abs(value) >= 20 else f"{value:.3g}"


def peers(results: Results) -> str:
    """Detect time of the peers on the three-probe product, and their false alarms a year."""
    head = f"{'':32}{'false/year':>11}" + "".join(f"{f'{share} %':>13}" for share in SHARES[::2])
    return "\n".join([head, *(_peer(results, name) for name in PEERS)])


def _peer(results: Results, name: str) -> str:
    cells = [f"peers, {share} %" for share in SHARES[::2]]
    pairs = [_pair([at(name, part)(results[cell]) for part in (0.5, 0.95)]) for cell in cells]
    false = number(yearly(name)(results["peers, quiet"]).value)
    return f"{name:32}{false:>11}" + "".join(f"{pair:>13}" for pair in pairs)


def _pair(figures: Sequence[Figure]) -> str:
    return " / ".join(number(figure.value) for figure in figures)
