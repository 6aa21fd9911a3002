"""Detect time against error rate on the three-probe product: ours, the peers', the bound."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tests.bench.detection.bound import delay
from tests.bench.detection.cells import SHARES
from tests.bench.detection.peers import PEERS
from tests.bench.detection.rows import Results, at, yearly

OURS = "this monitor"
BOUND = "bound at a fixed rate (mean)"
P0 = 0.001
GAP_SECONDS = 10.0
"""Three probes, each every 30 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One rule: seconds until it opens at each of `SHARES`, None for never, and its false alarms.

    `p95` is empty for the bound, which is a mean; `false_yearly` has its interval.
    """

    name: str
    middle: tuple[float | None, ...]
    p95: tuple[float | None, ...]
    false_yearly: tuple[float, float, float]


def curves(results: Results) -> list[Curve]:
    """Ours, then the bound, then the peers."""
    mine = [f"three probes, {share} %" for share in SHARES]
    quiet = yearly("opened")(results["three probes, quiet, 0.1 %"])
    found = [
        Curve(
            name=OURS,
            middle=_percentiles(results, mine, "opened", 0.5),
            p95=_percentiles(results, mine, "opened", 0.95),
            false_yearly=(quiet.value, quiet.low, quiet.high),
        ),
        Curve(
            name=BOUND,
            middle=tuple(delay(P0, share / 100, GAP_SECONDS) for share in SHARES),
            p95=(),
            false_yearly=(1.0, 1.0, 1.0),
        ),
    ]
    theirs = [f"peers, {share} %" for share in SHARES]
    for name in PEERS:
        false = yearly(name)(results["peers, quiet"])
        found.append(
            Curve(
                name=name,
                middle=_percentiles(results, theirs, name, 0.5),
                p95=_percentiles(results, theirs, name, 0.95),
                false_yearly=(false.value, false.low, false.high),
            )
        )
    return found


def complete(results: Results) -> bool:
    """Whether all is there that the curves need."""
    needed = [f"{kind}, {share} %" for kind in ("three probes", "peers") for share in SHARES]
    return all(name in results for name in (*needed, "three probes, quiet, 0.1 %", "peers, quiet"))


def _percentiles(
    results: Results, cells: Sequence[str], measure: str, share: float
) -> tuple[float | None, ...]:
    values = (at(measure, share)(results[cell]).value for cell in cells)
    return tuple(round(value, 1) if math.isfinite(value) else None for value in values)


def as_json(curve: Curve) -> dict[str, object]:
    """As plain values."""
    return asdict(curve)
