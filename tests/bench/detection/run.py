"""Runs the cells on several processes; what is done is kept, so that a broken run goes on."""

from __future__ import annotations

import hashlib
import json
import math
import multiprocessing
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from monitor.cli._progress import Progress
from tests.bench.detection.cells import CELLS, Cell
from tests.bench.detection.products import ROOT, SHIPPED
from tests.bench.detection.trials import Trial

FOLDER = ROOT / "build" / "bench-detection"


@dataclass(frozen=True, slots=True)
class _Work:
    cell: str
    first: int
    last: int
    quick: bool


def results(
    cells: Iterable[str],
    jobs: int,
    *,
    quick: bool,
    scale: float = 1.0,
    quiet: float | None = None,
    folder: Path = FOLDER,
) -> dict[str, list[Trial]]:
    """The trials of each cell: those that earlier runs kept, and the others made now.

    What is kept belongs to one state of the engine, the config and this benchmark. `scale` is the
    share of the trials that is wanted, `quiet` that of the quiet years, where it is another one; a
    larger one later goes on from there, and what an earlier one brought stays.
    """
    place = folder / f"{state()}{'-quick' if quick else ''}"
    place.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[Trial]] = {}
    with multiprocessing.get_context("fork").Pool(jobs) as pool, Progress(sys.stderr) as progress:
        for name in cells:
            share = quiet if quiet is not None and CELLS[name].yearly else scale
            count = wanted(CELLS[name], quick=quick, scale=share)
            kept = place / f"{re.sub('[^a-z0-9.]+', '-', name.lower())}.json"
            trials: list[Trial] = json.loads(kept.read_text()) if kept.is_file() else []
            pieces = _pieces(CELLS[name], len(trials), count, quick=quick)
            for part in pool.imap(_do, pieces):
                trials += part
                progress.tell(f"{name}: {len(trials)} of {count}")
                _keep(kept, trials)
            found[name] = trials
        # They end by themselves: one that is killed while it starts may be waited for for ever.
        pool.close()
        pool.join()
    return found


def wanted(cell: Cell, *, quick: bool, scale: float) -> int:
    """How many trials a cell is to have."""
    if quick:
        return math.ceil(cell.quick * scale)
    return max(cell.quick, math.ceil(cell.count * scale))


def _keep(path: Path, trials: list[Trial]) -> None:
    """Write all of it or nothing."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(trials))
    fresh.replace(path)


def _pieces(cell: Cell, first: int, count: int, *, quick: bool) -> Iterator[_Work]:
    for start in range(first, count, cell.chunk):
        yield _Work(cell.name, start, min(count, start + cell.chunk), quick)


def _do(work: _Work) -> list[Trial]:
    cell = CELLS[work.cell]
    return [cell.try_one(number, quick=work.quick) for number in range(work.first, work.last)]


def state() -> str:
    """A name for the code and numbers that the results come from."""
    digest = hashlib.sha256()
    sources = [
        path
        for package in ("core", "backtest", "simulation")
        for path in (ROOT / "monitor" / package).glob("*.py")
    ]
    here = [Path(__file__).parent / f"{name}.py" for name in MAKING]
    for path in [*sorted(sources), *here, SHIPPED]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


MAKING = ("april", "cells", "comparing", "drive", "fates", "peers", "products", "trials", "world")
"""The modules of this folder that have to do with what comes of a trial."""


def jobs_max() -> int:
    """As many processes as there are processors."""
    return os.cpu_count() or 1
