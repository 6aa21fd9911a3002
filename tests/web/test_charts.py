"""The geometry of the charts: what stands where, in which colour, in which words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.core.history import Times
from monitor.core.incident import Interval, ProviderNote, State
from monitor.core.outcome import Counts, Outcome
from monitor.core.rollup import DAY, HOUR, ComponentSums, ProbeSums, sum_runs
from monitor.web.charts import (
    CHART_WIDTH,
    HOURS,
    LATENCY_HEIGHT,
    OUTCOME_HEIGHT,
    day_label,
    day_state,
    latency,
    line,
    outcomes,
    uptime,
)
from tests.factories import NOON, an_incident

TODAY = NOON.replace(hour=0)
FULL = 86_400.0


def a_day(back: float = 0, **seconds: float) -> ComponentSums:
    spent = tuple((State(name), value) for name, value in seconds.items())
    return ComponentSums(start=TODAY - back * DAY, times=Times(seconds=spent))


def an_hour(back: int, *seconds: float, bad: int = 0) -> ProbeSums:
    runs = [(Outcome.OK, each) for each in seconds] + [(Outcome.SERVER_ERROR, 1.0)] * bad
    return sum_runs(NOON - back * HOUR, runs)


# ---------------------------------------------------------------- ninety days


@pytest.mark.parametrize(
    ("seconds", "state"),
    [
        ({"operational": FULL}, State.OPERATIONAL),
        ({"operational": FULL - 700, "major_outage": 700}, State.MAJOR_OUTAGE),
        ({"operational": FULL - 70, "major_outage": 70}, State.PARTIAL_OUTAGE),
        ({"operational": FULL - 1, "partial_outage": 1}, State.PARTIAL_OUTAGE),
        ({"operational": 10, "degraded_performance": 10}, State.DEGRADED_PERFORMANCE),
        ({"operational": 10, "unknown": FULL}, State.OPERATIONAL),
        ({"unknown": FULL}, State.UNKNOWN),
        ({"under_maintenance": FULL}, State.UNDER_MAINTENANCE),
        ({}, State.UNKNOWN),
    ],
)
def test_a_day_has_the_colour_of_the_worst_that_lasted(
    seconds: dict[str, float], state: State
) -> None:
    assert day_state(a_day(**seconds)) is state


def test_a_day_is_told_in_words() -> None:
    day = a_day(operational=75_600, major_outage=3600, partial_outage=600, unknown=6600)
    assert day_label(day) == (
        "28 Apr 2026: 94.73 % available, 92 % seen; major outage 1 h, partial outage 10 min"
    )
    assert day_label(a_day(unknown=FULL)) == "28 Apr 2026: nothing known, 0 % seen"


def test_ninety_days_end_today_and_well_ones_are_drawn_as_one() -> None:
    days = [a_day(89, operational=FULL), a_day(1, operational=FULL, major_outage=900), a_day(0)]
    chart = uptime([*days[:2], a_day(0, operational=43_200)], TODAY)
    assert chart.well.count("M") == 2
    assert chart.well.startswith("M1 0h8v32h-8z")
    assert [(bar.x, bar.state) for bar in chart.bars] == [(881, State.MAJOR_OUTAGE)]
    figures = chart.figures.split()
    assert len(figures) == 90
    assert (figures[0], figures[1], figures[-1]) == ("10000,100,0", "-", "10000,100,0")
    assert figures[88].split(",")[2] == "15"
    assert chart.first == TODAY - 89 * DAY


def test_a_day_is_as_high_as_it_was_seen() -> None:
    chart = uptime([a_day(0, degraded_performance=FULL / 2, unknown=FULL / 2)], TODAY)
    (bar,) = chart.bars
    assert (bar.y, bar.height) == (16.0, 16.0)
    assert chart.coverage == 0.5
    assert chart.availability == 1.0


def test_a_sliver_that_was_seen_can_be_seen() -> None:
    (bar,) = uptime([a_day(0, partial_outage=60, unknown=FULL - 60)], TODAY).bars
    assert bar.height == 4.0


def test_an_unknown_day_is_left_to_the_ground_and_is_no_success() -> None:
    chart = uptime([a_day(0, unknown=FULL)], TODAY)
    assert (chart.bars, chart.well, chart.coverage) == ((), "", 0.0)
    assert chart.availability is None
    assert chart.figures.endswith("-")


def test_without_a_record_nothing_is_claimed() -> None:
    chart = uptime([], TODAY)
    assert (chart.bars, chart.well, chart.availability, chart.days) == ((), "", None, 0)


# ---------------------------------------------------------------- a week of a probe


def test_latency_is_drawn_from_left_to_right_and_broken_where_hours_are_missing() -> None:
    hours = [an_hour(5, 0.2), an_hour(4, 0.3), an_hour(1, 0.2)]
    chart = latency(hours, NOON)
    assert chart is not None
    paths = dict(chart.lines)
    assert set(paths) == {"p50", "p95", "p99"}
    assert paths["p50"].count("M") == 2
    assert paths["p50"].count("L") == 1
    assert [tick.label for tick in chart.days][-1] == "Tue 28"
    assert all(0 <= tick.at <= LATENCY_HEIGHT for tick in chart.grid)


def test_slower_is_higher() -> None:
    chart = latency([an_hour(2, 0.1), an_hour(1, 10.0)], NOON)
    assert chart is not None
    first, second = dict(chart.lines)["p50"].removeprefix("M").split("h.1L")
    assert float(first.split()[1]) > float(second.split()[1])


def test_without_a_good_run_there_is_no_latency() -> None:
    assert latency([an_hour(1, bad=3)], NOON) is None
    assert latency([], NOON) is None


def test_what_is_older_than_a_week_is_left_out() -> None:
    assert latency([an_hour(HOURS + 1, 0.2)], NOON) is None
    assert outcomes([an_hour(HOURS + 1, 0.2)], NOON) == ()


def test_an_hour_is_a_bar_of_shares_with_the_bad_on_top() -> None:
    pieces = outcomes([an_hour(1, 0.2, 0.2, 0.2, bad=1)], NOON)
    assert [piece.counts for piece in pieces] == [Counts.GOOD, Counts.BAD]
    assert [piece.height for piece in pieces] == [OUTCOME_HEIGHT * 0.75, OUTCOME_HEIGHT * 0.25]
    assert pieces[1].y == 0.0
    assert pieces[0].y == OUTCOME_HEIGHT * 0.25


# ---------------------------------------------------------------- an incident on a line


def test_an_open_incident_goes_on_until_now() -> None:
    incident = an_incident("api")
    drawn = line(incident, NOON)
    assert [mark.what for mark in drawn.marks] == ["began", "decided"]
    (impact,) = drawn.stretches
    assert impact.what == "impact"
    assert 0 < impact.x < impact.x + impact.width < CHART_WIDTH


def test_a_closed_incident_shows_impact_watch_vendor_and_how_sure_it_is() -> None:
    began = NOON - timedelta(minutes=60)
    sure = timedelta(seconds=20)
    incident = an_incident(
        "api",
        opened_at=NOON - timedelta(minutes=58),
        started_at=began,
        recovered_at=NOON - timedelta(minutes=10),
        closed_at=NOON - timedelta(minutes=5),
        started_between=Interval(earliest=began - sure, latest=began + sure),
        provider=ProviderNote(posted_at=NOON - timedelta(minutes=50)),
    )
    drawn = line(incident, NOON)
    assert [mark.what for mark in drawn.marks] == ["began", "decided", "vendor", "ended", "closed"]
    assert [mark.x for mark in drawn.marks] == sorted(mark.x for mark in drawn.marks)
    assert [piece.what for piece in drawn.stretches] == ["impact", "watching", "between"]
    assert all(0 <= piece.x <= piece.x + piece.width <= CHART_WIDTH for piece in drawn.stretches)


def test_an_incident_of_a_moment_has_some_width() -> None:
    drawn = line(an_incident("api", opened_at=NOON, started_at=NOON), NOON)
    assert all(piece.width >= 1 for piece in drawn.stretches)
