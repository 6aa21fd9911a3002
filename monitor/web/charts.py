"""The geometry of the charts: pure functions from sums to places on a picture. Templates draw them.

Every chart is an SVG of fixed units that stretches with the page, and says the same in words beside
it. Colours come from classes, which the style gives their meaning in light and in dark.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitor.core.incident import Incident, State
from monitor.core.observation import Phase
from monitor.core.outcome import Counts
from monitor.core.rollup import DAY, HOUR, ComponentSums, ProbeSums, add_times, availability
from monitor.web import words
from monitor.web.ports import PastRun

DAYS = 90
DRAWN_DAYS_MAX = 4096
"""Days of components whose drawing is kept: ninety of each of some, and many versions of today."""
DAY_UNITS = 10
BAR_UNITS = 8
BAR_HEIGHT = 32
MAJOR_DAY_SECONDS = 600.0
"""So much of a major outage makes a day a bad one; less is a partial one."""

CHART_WIDTH = 900
LATENCY_HEIGHT = 180
OUTCOME_HEIGHT = 64
HOURS = 7 * 24

_GRID_SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


# ---------------------------------------------------------------- ninety days of a component


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBar:
    """One day: where it stands, how high, in which colour, and its words."""

    x: int
    y: float
    height: float
    state: State
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Uptime:
    """Ninety days of one component.

    Attributes:
        bars: days of which something is known and that are not plainly operational, with words.
        well: path of the operational days, drawn as one.
        figures: a word a day for the script: availability in hundredths of a percent, coverage in
            percent, minutes away; empty where nothing is known.
        first: the first day.
        availability: share of the known time, None when nothing is known.
        coverage: share of the time on record that was known.
        days: how many days are on record.
    """

    bars: tuple[DayBar, ...]
    well: str
    figures: str
    first: datetime
    availability: float | None
    coverage: float
    days: int


def uptime(days: Sequence[ComponentSums], today: datetime) -> Uptime:
    """The chart of the ninety days that end with `today` (midnight, UTC)."""
    first = today - (DAYS - 1) * DAY
    known = {sums.start: sums for sums in days}
    bars: list[DayBar] = []
    well: list[str] = []
    figures: list[str] = []
    for place in range(DAYS):
        sums = known.get(first + place * DAY)
        word, bar = ("-", None) if sums is None else _drawn(sums)
        figures.append(word)
        x = place * DAY_UNITS + 1
        if bar is None:
            continue  # the ground shows: unknown
        if bar.state is State.OPERATIONAL:
            well.append(f"M{x} {bar.y:g}h{BAR_UNITS}v{bar.height:g}h-{BAR_UNITS}z")
        else:
            bars.append(replace(bar, x=x))
    whole = add_times(first, days).times
    return Uptime(
        bars=tuple(bars),
        well="".join(well),
        figures=" ".join(figures),
        first=first,
        availability=availability(whole),
        coverage=whole.coverage,
        days=len(days),
    )


def day_state(sums: ComponentSums) -> State:
    """The colour of a day: the worst that it brought, if it lasted."""
    times = sums.times
    if times.of(State.MAJOR_OUTAGE) >= MAJOR_DAY_SECONDS:
        return State.MAJOR_OUTAGE
    if times.of(State.MAJOR_OUTAGE, State.PARTIAL_OUTAGE):
        return State.PARTIAL_OUTAGE
    if times.of(State.DEGRADED_PERFORMANCE):
        return State.DEGRADED_PERFORMANCE
    if times.of(State.OPERATIONAL):
        return State.OPERATIONAL
    return State.UNDER_MAINTENANCE if times.of(State.UNDER_MAINTENANCE) else State.UNKNOWN


def day_label(sums: ComponentSums) -> str:
    """A day in words: `28 Apr 2026: 94.58 % available, 100 % seen; major outage 1 h 18 min`."""
    times = sums.times
    share = availability(times)
    available = "nothing known" if share is None else f"{words.share(share)} available"
    text = f"{sums.start:%d %b %Y}: {available}, {words.percent(times.coverage)} seen"
    troubles = [
        f"{words.STATE_WORDS[state].lower()} {words.span(seconds)}"
        for state in (State.MAJOR_OUTAGE, State.PARTIAL_OUTAGE, State.DEGRADED_PERFORMANCE)
        if (seconds := times.of(state))
    ]
    return f"{text}; {', '.join(troubles)}" if troubles else text


@functools.lru_cache(maxsize=DRAWN_DAYS_MAX)
def _drawn(sums: ComponentSums) -> tuple[str, DayBar | None]:
    """A day's word for the script and its bar, not put in its place yet; no bar when unknown.

    Kept: of the days on a page only today's changes from look to look.
    """
    if not sums.times.known:
        return _figures(sums), None
    height = round(max(4.0, sums.times.coverage * BAR_HEIGHT), 1)
    bar = DayBar(
        x=0,
        y=round(BAR_HEIGHT - height, 1),
        height=height,
        state=day_state(sums),
        label=day_label(sums),
    )
    return _figures(sums), bar


def _figures(sums: ComponentSums) -> str:
    share = availability(sums.times)
    if share is None:
        return "-"
    away = sums.times.of(State.PARTIAL_OUTAGE, State.MAJOR_OUTAGE)
    return f"{math.floor(share * 10_000)},{round(sums.times.coverage * 100)},{math.ceil(away / 60)}"


# ---------------------------------------------------------------- a week of a probe


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A line of the grid and its words."""

    at: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Percentiles over the hours, on a logarithmic scale.

    Attributes:
        lines: class of each line and its path; a path is broken where an hour has no good run.
        grid: horizontal lines, by latency.
        days: vertical lines, by midnight.
    """

    lines: tuple[tuple[str, str], ...]
    grid: tuple[Tick, ...]
    days: tuple[Tick, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of an hour's bar."""

    x: float
    y: float
    width: float
    height: float
    counts: Counts


def latency(hours: Sequence[ProbeSums], until: datetime) -> Latency | None:
    """The percentiles of the week that ends at `until`; None without a good run."""
    shares = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    found = {name: _points(hours, share, until) for name, share in shares}
    values = [seconds for points in found.values() for _, seconds in points]
    if not values:
        return None
    low, high = min(values) / 1.3, max(values) * 1.3
    scale = LATENCY_HEIGHT / math.log(high / low)

    def y(seconds: float) -> float:
        return round(LATENCY_HEIGHT - math.log(seconds / low) * scale, 1)

    return Latency(
        lines=tuple(
            (name, _path([(x, y(s)) for x, s in points])) for name, points in found.items()
        ),
        grid=tuple(Tick(at=y(s), label=words.took(s)) for s in _GRID_SECONDS if low < s < high),
        days=_midnights(until),
    )


def outcomes(hours: Sequence[ProbeSums], until: datetime) -> tuple[Piece, ...]:
    """A bar an hour of good, bad and excluded runs, as shares of all."""
    pieces: list[Piece] = []
    width = CHART_WIDTH / HOURS
    for sums in hours:
        x = _x(sums.start, until)
        if x < 0 or not sums.runs:
            continue
        top = float(OUTCOME_HEIGHT)
        for counts in (Counts.GOOD, Counts.EXCLUDED, Counts.BAD):
            height = OUTCOME_HEIGHT * sums.counted(counts) / sums.runs
            if height:
                top -= height
                pieces.append(
                    Piece(
                        x=round(x, 1),
                        y=round(top, 1),
                        width=round(width * 0.85, 1),
                        height=round(height, 1),
                        counts=counts,
                    )
                )
    return tuple(pieces)


def _points(hours: Iterable[ProbeSums], share: float, until: datetime) -> list[tuple[float, float]]:
    """Place and seconds of each hour that has a value."""
    half = CHART_WIDTH / HOURS / 2
    return [
        (round(_x(sums.start, until) + half, 1), seconds)
        for sums in hours
        if _x(sums.start, until) >= 0 and (seconds := sums.percentile(share)) is not None
    ]


def _x(at: datetime, until: datetime) -> float:
    return CHART_WIDTH * (1 - (until - at) / (HOURS * HOUR))


def _path(points: Sequence[tuple[float, float]]) -> str:
    """A line through `points`, broken where more than an hour is missing; a lone one is a dot."""
    step = 1.5 * CHART_WIDTH / HOURS
    parts: list[str] = []
    before: float | None = None
    for x, y in points:
        together = before is not None and x - before <= step
        parts.append(f"L{x:g} {y:g}" if together else f"M{x:g} {y:g}h.1")
        before = x
    return "".join(parts)


def _midnights(until: datetime) -> tuple[Tick, ...]:
    midnight = until.replace(hour=0, minute=0, second=0, microsecond=0)
    days = [midnight - timedelta(days=back) for back in range(7)]
    return tuple(Tick(at=round(_x(day, until), 1), label=f"{day:%a %d}") for day in reversed(days))


# ---------------------------------------------------------------- a run


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseBar:
    """One phase of a run as a piece of a bar of 1000 units."""

    phase: Phase
    seconds: float
    x: float
    width: float


def phase_bars(run: PastRun) -> list[PhaseBar]:
    """The phases of a run side by side, 1000 units in all."""
    unit = 1000 / max(run.seconds, 1e-9)
    pieces: list[PhaseBar] = []
    x = 0.0
    for phase, seconds in run.phases:
        width = min(max(0.0, seconds) * unit, 1000 - x)
        pieces.append(PhaseBar(phase=phase, seconds=seconds, x=round(x, 1), width=round(width, 1)))
        x += width
    return pieces


# ---------------------------------------------------------------- an incident on a line


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A moment on the line."""

    x: float
    what: str
    label: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A stretch of the line."""

    x: float
    width: float
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An incident from before its start until after its end."""

    stretches: tuple[Stretch, ...]
    marks: tuple[Mark, ...]


def line(incident: Incident, now: datetime) -> Line:
    """The phases of an incident and the vendor's word, in proportion."""
    moments = [
        ("began", "impact began", incident.started_at),
        ("decided", "we decided", incident.opened_at),
        (
            "vendor",
            "vendor's first post",
            incident.provider.posted_at if incident.provider else None,
        ),
        ("ended", "impact ended", incident.recovered_at),
        ("closed", "we closed", incident.closed_at),
    ]
    known = [(what, label, at) for what, label, at in moments if at is not None]
    last = max(at for _, _, at in known)
    end = max(last, now) if incident.is_open else last
    first = min(at for _, _, at in known)
    margin = max(timedelta(seconds=30), (end - first) * 0.04)
    start, whole = first - margin, end - first + 2 * margin

    def x(at: datetime) -> float:
        return round(CHART_WIDTH * ((at - start) / whole), 1)

    stretches = [_stretch("impact", x(incident.started_at), x(incident.recovered_at or end))]
    if incident.recovered_at is not None:
        stretches.append(_stretch("watching", x(incident.recovered_at), x(end)))
    stretches.extend(
        _stretch("between", x(sure.earliest), x(sure.latest))
        for sure in (incident.started_between, incident.recovered_between)
        if sure is not None
    )
    marks = [Mark(x=x(at), what=what, label=label, at=at) for what, label, at in known]
    return Line(stretches=tuple(stretches), marks=tuple(sorted(marks, key=lambda mark: mark.at)))


def _stretch(what: str, start: float, end: float) -> Stretch:
    start = max(0.0, min(start, CHART_WIDTH))
    end = max(start, min(end, CHART_WIDTH))
    return Stretch(x=start, width=round(max(1.0, end - start), 1), what=what)
