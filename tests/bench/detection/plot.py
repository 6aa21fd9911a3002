"""Draws the curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from tests.bench.detection.cells import SHARES
from tests.bench.detection.curve import BOUND, OURS, Curve

NEVER = 7200.0
"""Seconds that an outage of the benchmark lasts: what takes longer never came."""
TICKS = (5, 10, 20, 60, 120, 300, 900, 1800, 3600, 7200)
DRAWN = {
    "Gatus, 3 failures / 2 successes": ("#d55e00", "s"),
    "Uptime Kuma, 1 retry": ("#cc79a7", "v"),
    "Uptime Kuma, 3 retries": ("#999999", "^"),
    "3 of the last 5": ("#b8860b", "D"),
    "burn rate 14.4, 99.9 %": ("#56b4e9", "x"),
}
"""The peers that are drawn, with colour and mark: those that make sense beside ours."""


def draw(curves: Sequence[Curve], path: Path) -> None:
    """Write the plot; its kind follows from the file's name. The same curves give the same file."""
    with mpl.rc_context():
        mpl.rc("svg", hashsalt="detection", fonttype="none")
        mpl.rc("font", size=9.0)
        figure = Figure(figsize=(7.6, 5.0), layout="constrained")
        axes = figure.add_subplot()
        for curve in curves:
            _draw(axes, curve)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(4.5, 112)
        axes.set_ylim(5, 7200)
        axes.xaxis.set_major_locator(FixedLocator(list(SHARES)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:g} %"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(FixedLocator(list(TICKS)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda seconds, _: _words(seconds)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.grid(visible=True, color="#dddddd", linewidth=0.6)
        axes.set_xlabel("share of runs that fail during the outage")
        axes.set_ylabel("time until the incident opens (median)")
        axes.set_title("Three probes, each every 30 s; in brackets: false incidents a year")
        axes.legend(loc="upper right", fontsize=8, framealpha=0.95)
        path.parent.mkdir(parents=True, exist_ok=True)
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, dpi=120, metadata=metadata)


def _draw(axes: Axes, curve: Curve) -> None:
    middle = _known(curve.middle)
    if curve.name == OURS:
        false, low, high = curve.false_yearly
        label = f"{curve.name} [{false:.2g}; {low:.2g}-{high:.2g}], band to p95"
        axes.plot(SHARES, middle, color="#0072b2", marker="o", linewidth=2.4, label=label)
        axes.fill_between(SHARES, middle, _known(curve.p95), color="#0072b2", alpha=0.15)
    elif curve.name == BOUND:
        label = f"{curve.name} [1]"
        axes.plot(SHARES, middle, color="black", linestyle="--", linewidth=1.4, label=label)
    elif curve.name in DRAWN:
        colour, mark = DRAWN[curve.name]
        label = f"{curve.name} [{curve.false_yearly[0]:.3g}]"
        axes.plot(SHARES, middle, color=colour, marker=mark, linewidth=1.2, label=label)


def _known(values: Sequence[float | None]) -> list[float]:
    """What never came leaves a gap."""
    return [math.nan if value is None or value > NEVER else value for value in values]


def _words(seconds: float) -> str:
    return f"{seconds:g} s" if seconds < 120 else f"{seconds / 60:g} min"
