"""The rows as text, and the peers beside them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from tests.bench.detection.cells import SHARES
from tests.bench.detection.curve import Curve
from tests.bench.detection.rows import Line

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


def curves(found: Sequence[Curve]) -> str:
    """Detect time on the three-probe product by error rate, and false incidents a year."""
    head = f"{'':32}{'false/year':>11}" + "".join(f"{f'{share} %':>14}" for share in SHARES[::2])
    return "\n".join([head, *map(_curve, found)])


def _curve(curve: Curve) -> str:
    late = curve.p95 or (None,) * len(SHARES)
    pairs = [
        _shown(curve.middle[place]) + (f" / {_shown(late[place])}" if curve.p95 else "")
        for place in range(0, len(SHARES), 2)
    ]
    false = number(curve.false_yearly[0])
    return f"{curve.name:32}{false:>11}" + "".join(f"{pair:>14}" for pair in pairs)


def _shown(value: float | None) -> str:
    return "never" if value is None else number(value)
