"""The bound for a fixed schedule: how soon the best of all rules can know.

Among rules that look at independent runs at a fixed rate and give a false alarm as rarely, CUSUM
with the true rates has the shortest worst-case mean delay (Lorden 1971, Moustakides 1986). Its run
lengths are the solution of a linear system over a grid of scores. A rule that asks again after a
bad run changes the rate, and may be faster: the theorem does not speak of it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

GRID = 150
"""Steps between 0 and the threshold."""
YEAR = 365.25 * 86_400.0


def run_length(threshold: float, p0: float, p1: float, rate: float) -> float:
    """Mean number of runs until CUSUM for p0 against p1 alarms, when each is bad with `rate`.

    From the score 0, which is the worst case. `p1` is below 1.
    """
    up, down = math.log(p1 / p0), math.log((1 - p0) / (1 - p1))
    scores = np.linspace(0.0, threshold, GRID, endpoint=False)
    system = np.eye(GRID)
    _spread(system, scores + up, rate, threshold)
    _spread(system, np.maximum(scores - down, 0.0), 1 - rate, threshold)
    lengths = np.linalg.solve(system, np.ones(GRID))
    return float(lengths[0])


def _spread(
    system: NDArray[np.float64], after: NDArray[np.float64], chance: float, threshold: float
) -> None:
    """Move `chance` to the two grid points beside each score; past the threshold it is over."""
    rows = np.flatnonzero(after < threshold)
    places = after[rows] / threshold * GRID
    low = places.astype(int)
    part = places - low
    np.subtract.at(system, (rows, low), chance * (1 - part))
    inside = low + 1 < GRID
    np.subtract.at(system, (rows[inside], low[inside] + 1), chance * part[inside])


def delay(p0: float, p1: float, gap: float, false_alarms: float = 1.0) -> float:
    """Mean seconds from the onset to the alarm of the best rule for a run every `gap` seconds.

    With so many false alarms a year. The onset falls anywhere between two runs.
    """
    wanted = YEAR / gap / false_alarms
    if p1 >= 1:
        return _row_delay(p0, gap, wanted)
    low, high = 0.0, 2 * math.log(wanted)
    for _ in range(25):
        middle = (low + high) / 2
        enough = run_length(middle, p0, p1, p0) >= wanted
        low, high = (low, middle) if enough else (middle, high)
    return run_length(high, p0, p1, p1) * gap - gap / 2


def _row_delay(p0: float, gap: float, wanted: float) -> float:
    """Against certain failure CUSUM is a row of bad runs: one good run sets it back to 0."""
    row = 1
    while (p0**-row - 1) / (1 - p0) < wanted:
        row += 1
    return row * gap - gap / 2
