from __future__ import annotations

from datetime import timedelta
from typing import Any

from monitor.backtest.playback import Played
from monitor.backtest.report import (
    WIDTH,
    incident_lines,
    lead_over,
    recording,
    side_by_side,
    summary,
    table,
)
from monitor.backtest.score import Row, Score
from tests.factories import NOON, TITLES, an_incident


def row(component: str = "api", **changes: Any) -> Row:
    values: dict[str, Any] = {
        "component": component,
        "detected": 60.0,
        "lead": 480.0,
        "onset_error": 5.0,
        "end_error": -2.0,
        "closed": 120.0,
        "reopens": 0,
        "cause": "auth_error",
        "false": False,
    }
    return Row(**{**values, **changes})


def a_score(*rows: Row, **changes: Any) -> Score:
    values: dict[str, Any] = {
        "scenario": "2026-04-28",
        "visibility": "seen",
        "seed": 0,
        "rows": rows,
        "missed": (),
        "runs": 1000,
        "lead": None,
    }
    return Score(**{**values, **changes})


WIDE = [
    row(name, detected=-99999.0, lead=-600000.0, onset_error=-9999.0, end_error=12345.0,
        closed=-99999.0, reopens=12, cause="stream_broken", false=True)
    for name in TITLES
]  # fmt: skip


def test_a_table_has_a_row_for_each_component_with_medians_over_the_seeds() -> None:
    text = table([a_score(row(detected=50.0)), a_score(row(detected=60.0)), a_score(row())])
    assert text.splitlines() == [
        "2026-04-28 (seen, 3 seeds): as expected",
        "  component     detected      lead  onset    end  closed re-opens  cause",
        "  api               60 s  +8.0 min    5 s   -2 s   120 s        0  auth_error",
    ]


def test_what_nobody_said_or_knows_is_a_dash() -> None:
    cells = table([a_score(row(lead=None, closed=None))]).splitlines()[-1].split()
    assert cells == ["api", "60", "s", "-", "5", "s", "-2", "s", "-", "0", "auth_error"]


def test_every_line_fits_into_80_columns() -> None:
    missed = ("api, claude_code, claude_ai, console: " + "closed after 12345 s, expected 600 " * 4,)
    score = a_score(*WIDE, missed=missed, scenario="a" * 63, visibility="invisible")
    for text in (table([score]), side_by_side([score], [score]), summary([score])):
        assert max(map(len, text.splitlines())) <= WIDTH


def test_a_false_open_and_a_miss_are_marked() -> None:
    text = table([a_score(row(false=True), missed=("console: opened, expected quiet",), seed=4)])
    assert text.splitlines()[0].endswith("1 seed): MISSED 1")
    assert "    FALSE: opened without an impact in 1 of 1 playings" in text.splitlines()
    assert text.splitlines()[-1] == "  ! seed 4: console: opened, expected quiet"


def test_where_nothing_opened_the_table_says_so() -> None:
    assert table([a_score()]).splitlines()[1:] == ["  nothing opened"]


def test_the_lead_is_a_median_over_seen_scenarios_alone() -> None:
    scores = [
        a_score(scenario="a", lead=100.0),
        a_score(scenario="a", lead=300.0),
        a_score(scenario="b", lead=600.0),
        a_score(scenario="c", lead=-60.0),
        a_score(scenario="d", lead=None),
        a_score(scenario="e", lead=9000.0, visibility="assumed"),
    ]
    assert lead_over(scores) == (200.0, 3)
    assert "+3.3 min" in summary(scores)
    assert "median over 3 scenarios of visibility `seen`" in summary(scores)


def test_without_a_seen_scenario_no_lead_is_claimed() -> None:
    scores = [a_score(lead=100.0, visibility="assumed")]
    assert lead_over(scores) is None
    assert "lead" not in summary(scores)


def test_the_summary_counts() -> None:
    scores = [a_score(row(false=True), missed=("a", "b")), a_score(row())]
    assert summary(scores) == (
        "1 scenario, 2 playings, 2,000 runs: 2 missed expectations, 1 false open"
    )


def test_side_by_side_shows_the_change_and_whose_miss_it_is() -> None:
    one = a_score(row(), row("console"))
    other = a_score(row(detected=956.0, reopens=2), missed=("api: opened after 956 s",))
    text = side_by_side([one], [other]).splitlines()
    assert " ".join(text[2].split()) == "api 60 s -> 956 s 120 s -> 120 s 0 -> 2"
    assert " ".join(text[3].split()) == "console 60 s -> - 120 s -> - 0 -> -"
    assert text[4:] == ["  missed expectations: 0 -> 1", "  ! B: api: opened after 956 s"]


def test_side_by_side_of_two_quiet_ones() -> None:
    assert side_by_side([a_score()], [a_score()]).splitlines() == ["2026-04-28", "  nothing opened"]


def test_an_incident_of_a_recording_is_a_block() -> None:
    open_one = an_incident("api", "claude_code", opened_at=NOON)
    closed = an_incident(opened_at=NOON, closed_at=NOON + timedelta(minutes=78), reopens=1)
    assert incident_lines([open_one, closed]) == [
        "  2026-04-28 12:00:00 to still open",
        "    major, auth_error",
        "    api, claude_code",
        "  2026-04-28 12:00:00 to 04-28 13:18:00  78.0 min",
        "    major, auth_error, 1 re-open",
        "    api",
    ]


def test_a_recording_says_what_is_missing_in_it() -> None:
    played = Played(
        runs=1234, gap_count=2, gap_seconds=5400.0, longest_gap=(NOON, 3600.0),
        absent=("api_models", "console_page"), first=NOON, last=NOON + timedelta(days=1),
    )  # fmt: skip
    assert recording(played) == [
        "1,234 runs from 2026-04-28 12:00:00 to 2026-04-29 12:00:00",
        "2 gaps without any run, 1h30m in all; the longest of 1h from 2026-04-28 12:00:00",
        "probes without a run, left out: api_models, console_page",
    ]
    assert recording(Played()) == ["no runs"]
