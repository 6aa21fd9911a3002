"""Runs the cells on several processes; what is done is kept, so that a broken run goes on."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from monitor.cli._progress import Progress
from tests.bench.detection.cells import CELLS
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
    cells: Iterable[str], jobs: int, *, quick: bool, folder: Path = FOLDER
) -> dict[str, list[Trial]]:
    """The trials of each cell: those that an earlier run kept, and the others made now.

    What is kept belongs to one state of the engine, the config and this benchmark.
    """
    place = folder / f"{state()}{'-quick' if quick else ''}"
    place.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[Trial]] = {}
    with multiprocessing.get_context("fork").Pool(jobs) as pool, Progress(sys.stderr) as progress:
        for name in cells:
            kept = place / f"{name.replace(' ', '_').replace('/', '-').replace(',', '')}.json"
            if kept.is_file():
                found[name] = json.loads(kept.read_text())
                continue
            count = CELLS[name].quick if quick else CELLS[name].count
            found[name] = []
            for part in pool.imap(_do, _pieces(name, quick=quick)):
                found[name] += part
                progress.tell(f"{name}: {len(found[name])} of {count}")
            kept.write_text(json.dumps(found[name]))
    return found


def _pieces(name: str, *, quick: bool) -> Iterator[_Work]:
    cell = CELLS[name]
    count = cell.quick if quick else cell.count
    step = cell.chunk
    for first in range(0, count, step):
        yield _Work(name, first, min(count, first + step), quick)


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
