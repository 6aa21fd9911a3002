"""`make bench-detection`: the shipped engine in a simulated world, held against its targets."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench.detection import essay, table
from tests.bench.detection.cells import CELLS, OUTAGES, OUTAGES_THREE, SEED, SEED_THREE, YEARS
from tests.bench.detection.curve import complete, curves
from tests.bench.detection.plot import draw
from tests.bench.detection.products import ROOT
from tests.bench.detection.proof import prove
from tests.bench.detection.rows import ROWS, measured
from tests.bench.detection.run import jobs_max, results

OUT = ROOT / "build" / "bench-detection.json"
NOTE = (
    f"The whole benchmark has {OUTAGES} outages a cell ({OUTAGES_THREE} of the three-probe "
    f"product) and {YEARS:.0f} product-years for false incidents; the last column says how much "
    f"each row was measured over. The source of all chance is called `{SEED}`, for the three-probe "
    f"product `{SEED_THREE}`."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every target is reached, 1 when one is missed."""
    options = _options(arguments)
    if options.prove:
        return prove(options.prove, options.jobs)
    names = [name for name in CELLS if not options.only or any(o in name for o in options.only)]
    found = results(
        names, options.jobs, quick=options.quick, scale=options.scale, quiet=options.quiet
    )
    lines = measured(found, ROWS)
    print(table.text(lines))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps([line.as_json() for line in lines], indent=1) + "\n")
    if complete(found):
        drawn = curves(found)
        draw(drawn, options.out.with_suffix(".png"))
        print(f"\n{table.curves(drawn)}")
        if options.publish:
            essay.publish(lines, drawn, NOTE)
    missed = sum(line.passed is False for line in lines)
    print(f"\n{len(lines)} rows, {missed} of them missed: {options.out}")
    return 1 if missed else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench-detection", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few trials of each kind")
    parser.add_argument("--only", nargs="+", help="only cells whose name holds one of these")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the trials, above 0")
    parser.add_argument("--quiet", type=float, help="share of the quiet years, if another one")
    parser.add_argument("--jobs", type=int, default=jobs_max(), help="processes")
    parser.add_argument("--out", type=Path, default=OUT, help="where the rows are written")
    parser.add_argument("--publish", action="store_true", help="write the figures into docs/")
    parser.add_argument(
        "--prove",
        type=float,
        metavar="DAYS",
        help="hold the fast way against the plain one over so many days, and nothing else",
    )
    options = parser.parse_args(arguments)
    if options.publish and (options.quick or options.only):
        parser.error("--publish needs a whole run: neither --quick nor --only")
    return options


if __name__ == "__main__":
    sys.exit(main())
