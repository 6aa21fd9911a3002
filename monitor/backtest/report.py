"""The backtest told to people: one row a scenario and component, medians over the seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from monitor.backtest.score import Row, Score

HEAD = (
    f"{'component':<14}{'detected':>9}{'lead':>10}{'onset':>7}{'end':>7}{'closed':>8}"
    f"{'re-opens':>9}  cause"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One component of one scenario over all seeds: medians, in seconds."""

    component: str
    detected: float | None
    lead: float | None
    onset_error: float | None
    end_error: float | None
    closed: float | None
    reopens: float
    cause: str
    played: int
    false: int


def lines(scores: Sequence[Score]) -> list[Line]:
    """One line for each component that opened in any of these playings, in order."""
    rows: dict[str, list[Row]] = {}
    for one in scores:
        for row in one.rows:
            rows.setdefault(row.component, []).append(row)
    return [_line(component, found) for component, found in rows.items()]


def _line(component: str, rows: Sequence[Row]) -> Line:
    causes = [row.cause for row in rows]
    return Line(
        component=component,
        detected=_median(row.detected for row in rows),
        lead=_median(row.lead for row in rows),
        onset_error=_median(row.onset_error for row in rows),
        end_error=_median(row.end_error for row in rows),
        closed=_median(row.closed for row in rows),
        reopens=median(row.reopens for row in rows),
        cause=max(sorted(set(causes)), key=causes.count),
        played=len(rows),
        false=sum(row.false for row in rows),
    )


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def table(scores: Sequence[Score]) -> str:
    """One scenario's table, with what it missed. Every line fits into 80 columns."""
    name, seeds = scores[0].scenario, len(scores)
    missed = [f"seed {one.seed}: {text}" for one in scores for text in one.missed]
    verdict = "as expected" if not missed else f"MISSED {len(missed)}"
    text = [f"{name} ({scores[0].visibility}, {seeds} seed{'s' * (seeds != 1)}): {verdict}"]
    found = lines(scores)
    if found:
        text.append(f"  {HEAD}")
    text += [f"  {_cells(line)}" for line in found]
    if not found:
        text.append("  nothing opened")
    text += [f"  ! {line}" for line in missed]
    return "\n".join(text)


def _cells(line: Line) -> str:
    false = f"  FALSE {line.false} of {line.played}" if line.false else ""
    return (
        f"{line.component:<14}{_seconds(line.detected):>9}{_lead(line.lead):>10}"
        f"{_seconds(line.onset_error):>7}{_seconds(line.end_error):>7}"
        f"{_seconds(line.closed):>8}{line.reopens:>9g}  {line.cause}{false}"
    )


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} s"


def _lead(value: float | None) -> str:
    return "-" if value is None else f"{value / 60:+.1f} min"


def summary(scores: Sequence[Score]) -> str:
    """All scenarios in a few lines: misses, false opens, and the lead over the vendor's post.

    The lead is a median over the components of `seen` scenarios alone: in the others it would
    measure our own assumptions.
    """
    missed = sum(len(one.missed) for one in scores)
    false = sum(row.false for one in scores for row in one.rows)
    runs = sum(one.runs for one in scores)
    scenarios = len({one.scenario for one in scores})
    leads = [
        row.lead
        for one in scores
        if one.visibility == "seen"
        for row in one.rows
        if row.lead is not None
    ]
    played = f"{scenarios} scenarios, {len(scores)} playings, {runs} runs"
    text = [f"{played}: {missed} missed expectations, {false} false opens"]
    if leads:
        known = len({one.scenario for one in scores if one.visibility == "seen"})
        text.append(
            f"lead over the vendor's first post: {median(leads) / 60:.1f} min in the median over "
            f"{known} `seen` scenario{'s' * (known != 1)}"
        )
    return "\n".join(text)


def side_by_side(name: str, one: Sequence[Score], other: Sequence[Score]) -> str:
    """Two configurations over one scenario: what changes for each component."""
    before = {line.component: line for line in lines(one)}
    after = {line.component: line for line in lines(other)}
    text = [f"{name}"]
    text.append(f"  {'component':<14}{'detected':>20}{'closed':>20}{'re-opens':>14}")
    every = [*before, *(component for component in after if component not in before)]
    text += [_both(component, before.get(component), after.get(component)) for component in every]
    if not before and not after:
        text.append("  nothing opened")
    missed = sum(len(score.missed) for score in one), sum(len(score.missed) for score in other)
    if any(missed):
        text.append(f"  missed expectations: {missed[0]} -> {missed[1]}")
    return "\n".join(text)


def _both(component: str, one: Line | None, other: Line | None) -> str:
    detected = _change(one.detected if one else None, other.detected if other else None)
    closed = _change(one.closed if one else None, other.closed if other else None)
    reopens = _change(one.reopens if one else None, other.reopens if other else None, unit="")
    return f"  {component:<14}{detected:>20}{closed:>20}{reopens:>14}"


def _change(one: float | None, other: float | None, unit: str = " s") -> str:
    first = "-" if one is None else f"{one:.0f}{unit}"
    second = "-" if other is None else f"{other:.0f}{unit}"
    return f"{first} -> {second}"
