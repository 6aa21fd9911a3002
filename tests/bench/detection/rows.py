"""The rows of the table: what must be reached, and whether it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.detection.stats import Figure, mean, percentile, proportion, rate
from tests.bench.detection.trials import Trial

Results = Mapping[str, Sequence[Trial]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One quantity: the cell that it comes from, how, and what it must reach.

    Attributes:
        unit: `s`, `%`, `a year` or none.
        target: the most that it may be; with `least` the least; None where it is only told.
    """

    quantity: str
    cell: str
    measure: Callable[[Sequence[Trial]], Figure]
    unit: str
    target: float | None
    least: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row, measured `over` so many trials or years."""

    row: Row
    figure: Figure
    over: str = ""

    @property
    def passed(self) -> bool | None:
        """Whether the value reaches the target; None without one."""
        target = self.row.target
        if target is None:
            return None
        return self.figure.value >= target if self.row.least else self.figure.value <= target

    def as_json(self) -> dict[str, object]:
        """The row of the file; a time that never came is null."""
        return {
            "quantity": self.row.quantity,
            "value": _plain(self.figure.value),
            "low": _plain(self.figure.low),
            "high": _plain(self.figure.high),
            "target": self.row.target,
            "pass": self.passed,
            "unit": self.row.unit,
            "least": self.row.least,
            "over": self.over,
        }


def _plain(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


def measured(results: Results, rows: Iterable[Row]) -> list[Line]:
    """The rows of which there are results."""
    return [
        Line(row=row, figure=row.measure(results[row.cell]), over=_over(results[row.cell]))
        for row in rows
        if row.cell in results
    ]


def _over(trials: Sequence[Trial]) -> str:
    years = sum(trial.get("years") or 0.0 for trial in trials)
    return f"{years:.1f} years" if years else f"{len(trials)} trials"


# ------------------------------------------------------------------ ways to measure


def at(name: str, share: float) -> Callable[[Sequence[Trial]], Figure]:
    """A percentile of a measure; what never came is infinite."""

    def measure(trials: Sequence[Trial]) -> Figure:
        return percentile([_or_never(trial[name]) for trial in trials], share)

    return measure


def _or_never(value: float | None) -> float:
    return math.inf if value is None else value


def average(name: str) -> Callable[[Sequence[Trial]], Figure]:
    """The mean of a measure."""
    return lambda trials: mean([trial[name] or 0.0 for trial in trials])


def total(name: str) -> Callable[[Sequence[Trial]], Figure]:
    """The sum of a measure, with the interval of a Poisson count."""
    return lambda trials: rate(round(_sum(trials, name)), 1.0)


def share_of(holds: Callable[[Trial], bool]) -> Callable[[Sequence[Trial]], Figure]:
    """The percentage of the trials of which something holds."""

    def measure(trials: Sequence[Trial]) -> Figure:
        found = proportion(sum(map(holds, trials)), len(trials))
        return Figure(value=100 * found.value, low=100 * found.low, high=100 * found.high)

    return measure


def yearly(name: str) -> Callable[[Sequence[Trial]], Figure]:
    """Events a year."""
    return lambda trials: rate(round(_sum(trials, name)), _sum(trials, "years"))


def extra_runs(trials: Sequence[Trial]) -> Figure:
    """Extra runs in percent of the scheduled ones."""
    found = mean([100 * (t["extra"] or 0.0) / (t["scheduled"] or 1.0) for t in trials])
    return Figure(value=found.value, low=max(0.0, found.low), high=found.high)


def _sum(trials: Sequence[Trial], name: str) -> float:
    return math.fsum(trial.get(name) or 0.0 for trial in trials)


# ------------------------------------------------------------------ the rows


def _pair(
    quantity: str, cell: str, targets: tuple[float, float] | None, measure: str = "opened"
) -> Iterable[Row]:
    for word, share, target in zip(
        ("median", "p95"), (0.5, 0.95), targets or (None, None), strict=True
    ):
        yield Row(
            quantity=f"{quantity}, {word}",
            cell=cell,
            measure=at(measure, share),
            unit="s",
            target=target,
        )


def _detection() -> Iterable[Row]:
    for name, percents in {
        "all depths": {100: (17, 27), 60: (20, 35), 20: (95, 180)},
        "key and deeper": {100: (21, 37), 60: (28, 56), 20: (130, 330)},
        "inference only": {100: (36, 70), 60: (120, 260), 20: (580, 1500)},
    }.items():
        for share, targets in percents.items():
            cell = f"api, {name}, {share} %"
            yield from _pair(cell, cell, targets)
    wanted = {50: (28, 65), 20: (85, 270), 10: (240, 660)}
    for share in (100, 50, 20, 10, 5):
        cell = f"three probes, {share} %"
        yield from _pair(cell, cell, wanted.get(share))
    yield from _pair("one stream (60 s) dead", "api, one stream dead", (130, 165))
    yield from _pair("one probe of three (30 s) dead", "three probes, one dead", (110, 125))
    for title in ("api", "three probes"):
        yield from _pair(f"{title}, unanswered, announced", f"{title}, unanswered", (95, 110))
        yield from _pair(f"{title}, hang", f"{title}, hang", (68, 80))
        yield from _pair(f"{title}, ramp of 5 min to 100 %", f"{title}, ramp", (110, 150))
        for share, least in ((100, 99.0), (50, 97.0)):
            yield Row(
                quantity=f"{title}, 2-minute outage at {share} %, detected",
                cell=f"{title}, 2 minutes, {share} %",
                measure=share_of(lambda trial: trial["opened"] is not None),
                unit="%",
                target=least,
                least=True,
            )


def _quiet() -> Iterable[Row]:
    for title in ("api", "three probes"):
        for name, most in (("0.1 %", 1.0), ("0.5 %", 1.0), ("1 %", 5.0)):
            cell = f"{title}, quiet, {name}"
            yield Row(
                quantity=f"{title}, false incidents, p0 {name}",
                cell=cell,
                measure=yearly("opened"),
                unit="a year",
                target=most,
            )
        for word, measure, most in (("incidents", "incidents", 3.0), ("announced", "opened", 1.0)):
            yield Row(
                quantity=f"{title}, with path blips 0.1 a day, {word}",
                cell=f"{title}, quiet, path blips",
                measure=yearly(measure),
                unit="a year",
                target=most,
            )
    for name in ("0.1 %", "0.5 %"):
        yield Row(
            quantity=f"six components together, false incidents, p0 {name}",
            cell=f"six components, quiet, {name}",
            measure=yearly("opened"),
            unit="a year",
            target=None,
        )
    for title in ("api", "three probes"):
        for name, most in (("0.1 %", 4.0), ("0.5 %", 12.0)):
            yield Row(
                quantity=f"{title}, extra runs, p0 {name}",
                cell=f"{title}, quiet, {name}",
                measure=extra_runs,
                unit="%",
                target=most,
            )


def _harmless() -> Iterable[Row]:
    for name in ("own-network blip", "429 storm", "challenge wave", "only key revoked"):
        yield Row(
            quantity=f"{name}: incidents in all",
            cell=f"api, {name}",
            measure=total("openings"),
            unit="",
            target=0.0,
        )


def _closing() -> Iterable[Row]:
    for share, targets in ((100, (125.0, 140.0)), (50, None)):
        cell = f"api, 20 minutes, {share} %"
        yield from _pair(f"recovering after the end, {share} %", cell, (55, 85), "recovering")
        yield from _pair(f"closed after the end, clean step, {share} %", cell, targets, "closed")
    yield from _pair(
        "closed after the end, 3-minute outage", "api, 3 minutes, 100 %", (300, 330), "closed"
    )
    yield from _pair(
        "closed after the end, flapping 4/4 min", "api, flapping 4/4", (300, 330), "closed"
    )
    for name, cell, most in (
        ("20 minutes at 100 %", "api, 20 minutes, 100 %", 0.0),
        ("20 minutes at 50 %", "api, 20 minutes, 50 %", 0.0),
        ("20 minutes at 20 %", "api, 20 minutes, 20 %", None),
        ("flapping 2/2 min", "api, flapping 2/2", 0.02),
        ("flapping 4/4 min", "api, flapping 4/4", 0.02),
        ("flapping 6/6 min", "api, flapping 6/6", None),
    ):
        yield Row(
            quantity=f"re-opens an outage, {name}",
            cell=cell,
            measure=average("reopens"),
            unit="",
            target=most,
        )
    for share, most in ((100, 5.0), (50, 10.0), (20, 30.0)):
        yield Row(
            quantity=f"error of the onset, {share} %, median",
            cell=f"api, 20 minutes, {share} %",
            measure=at("onset_error", 0.5),
            unit="s",
            target=most,
        )


def _april() -> Iterable[Row]:
    def row(quantity: str, measure: Callable[[Sequence[Trial]], Figure], target: float) -> Row:
        return Row(
            quantity=f"28 April, {quantity}",
            cell="28 April",
            measure=measure,
            unit="%",
            target=target,
            least=True,
        )

    yield row("one incident", share_of(lambda trial: trial["incidents"] == 1), 100.0)
    yield row("the four components", share_of(lambda trial: trial["components"] == 1), 100.0)
    yield row("never re-opened", share_of(lambda trial: trial["reopens"] == 0), 100.0)
    yield Row(
        quantity="28 April, first announcement after 17:34, p95",
        cell="28 April",
        measure=at("opened", 0.95),
        unit="s",
        target=50.0,
    )
    yield Row(
        quantity="28 April, closed after 18:52, latest",
        cell="28 April",
        measure=at("closed", 1.0),
        unit="s",
        target=300.0,
    )


ROWS = (*_detection(), *_quiet(), *_harmless(), *_closing(), *_april())
