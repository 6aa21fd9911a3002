"""The backtest told to people: one row a scenario and component, medians over the seeds."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from monitor.backtest.playback import Played
from monitor.backtest.score import Row, Score
from monitor.core.incident import Incident
from monitor.spec import format_duration

WIDTH = 80
"""What fits into a terminal that nobody has made wider."""

LONG_SECONDS = 9_999.5
"""From here on hours are told."""

HEAD = (
    f"{'component':<13}{'detected':>9}{'lead':>10}{'onset':>7}{'end':>7}{'closed':>8}"
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
    text = _folded(f"{name} ({scores[0].visibility}, {counted(seeds, 'seed')}): {verdict}", "  ")
    found = lines(scores)
    if found:
        text.append(f"  {HEAD}")
    for line in found:
        text.append(f"  {_cells(line)}")
        if line.false:
            text.append(f"    FALSE: opened without an impact in {line.false} of {seeds} playings")
    if not found:
        text.append("  nothing opened")
    for miss in missed:
        text += _folded(f"  ! {miss}", "    ")
    return "\n".join(text)


def _folded(line: str, indent: str) -> list[str]:
    return textwrap.wrap(line, WIDTH, subsequent_indent=indent, break_on_hyphens=False)


def _cells(line: Line) -> str:
    return (
        f"{line.component:<13}{_seconds(line.detected):>9}{_lead(line.lead):>10}"
        f"{_seconds(line.onset_error):>7}{_seconds(line.end_error):>7}"
        f"{_seconds(line.closed):>8}{line.reopens:>9g}  {line.cause}"
    )


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f} s" if abs(value) < LONG_SECONDS else f"{value / 3600:.1f} h"


def _lead(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value / 60:+.1f} min" if abs(value) < LONG_SECONDS else f"{value / 3600:+.1f} h"


def lead_over(scores: Sequence[Score]) -> tuple[float, int] | None:
    """Lead over the vendor's first post in seconds, and over how many scenarios; None for none.

    A median over scenarios of each one's median over its seeds, and over `seen` scenarios alone: in
    the others it would measure our own assumptions.
    """
    leads: dict[str, list[float]] = {}
    for one in scores:
        if one.visibility == "seen" and one.lead is not None:
            leads.setdefault(one.scenario, []).append(one.lead)
    if not leads:
        return None
    return median(median(of) for of in leads.values()), len(leads)


def summary(scores: Sequence[Score]) -> str:
    """All scenarios in a few lines: misses, false opens, and the lead over the vendor's post."""
    missed = sum(len(one.missed) for one in scores)
    false = sum(row.false for one in scores for row in one.rows)
    runs = sum(one.runs for one in scores)
    played = ", ".join(
        (
            counted(len({one.scenario for one in scores}), "scenario"),
            counted(len(scores), "playing"),
            counted(runs, "run"),
        )
    )
    found = ", ".join((counted(missed, "missed expectation"), counted(false, "false open")))
    text = [f"{played}: {found}"]
    lead = lead_over(scores)
    if lead is not None:
        text.append(f"lead over the vendor's first post: {lead[0] / 60:+.1f} min")
        text.append(f"  median over {counted(lead[1], 'scenario')} of visibility `seen`")
    return "\n".join(text)


def counted(number: int, word: str) -> str:
    """`1 run`, `12,345 runs`."""
    return f"{number:,} {word}{'s' * (number != 1)}"


def side_by_side(one: Sequence[Score], other: Sequence[Score]) -> str:
    """Two configurations over one scenario: what changes for each component, and what is missed."""
    before = {line.component: line for line in lines(one)}
    after = {line.component: line for line in lines(other)}
    text = [f"{one[0].scenario}"]
    every = [*before, *(component for component in after if component not in before)]
    if every:
        text.append(f"  {'component':<14}{'detected':>20}{'closed':>20}{'re-opens':>14}")
    text += [_both(component, before.get(component), after.get(component)) for component in every]
    if not every:
        text.append("  nothing opened")
    missed = sum(len(score.missed) for score in one), sum(len(score.missed) for score in other)
    if any(missed):
        text.append(f"  missed expectations: {missed[0]} -> {missed[1]}")
    for mark, scores in (("A", one), ("B", other)):
        for line in dict.fromkeys(line for score in scores for line in score.missed):
            text += _folded(f"  ! {mark}: {line}", "    ")
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


# ---------------------------------------------------------------- recorded runs


def incident_lines(incidents: Iterable[Incident]) -> list[str]:
    """A block an incident: when it opened and closed, what it was and whom it touched."""
    text: list[str] = []
    for incident in incidents:
        closed = "still open"
        if incident.closed_at is not None:
            seconds = (incident.closed_at - incident.opened_at).total_seconds()
            closed = f"{incident.closed_at:%m-%d %H:%M:%S}  {seconds / 60:.1f} min"
        reopens = f", {counted(incident.reopens, 're-open')}" if incident.reopens else ""
        text += [
            f"  {incident.opened_at:%Y-%m-%d %H:%M:%S} to {closed}",
            f"    {incident.severity}, {incident.cause}{reopens}",
        ]
        text += _folded(f"    {', '.join(incident.names)}", "    ")
    return text


def recording(played: Played) -> list[str]:
    """What there is to say of a recording itself: its extent, its gaps, who is not in it."""
    if played.first is None or played.last is None:
        return ["no runs"]
    first, last = (f"{when:%Y-%m-%d %H:%M:%S}" for when in (played.first, played.last))
    text = [f"{counted(played.runs, 'run')} from {first} to {last}"]
    if played.longest_gap is not None:
        start, seconds = played.longest_gap
        text.append(
            f"{counted(played.gap_count, 'gap')} without any run, "
            f"{format_duration(round(played.gap_seconds))} in all; the longest of "
            f"{format_duration(round(seconds))} from {start:%Y-%m-%d %H:%M:%S}"
        )
    if played.absent:
        text.append(f"probes without a run, left out: {', '.join(played.absent)}")
    return [part for line in text for part in _folded(line, "  ")]
