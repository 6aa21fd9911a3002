from __future__ import annotations

import io

import pytest
from rich.console import Console

from monitor.cli import _look, _runs
from monitor.core.effects import Judged
from monitor.core.observation import Timings
from monitor.core.outcome import Outcome
from tests.factories import a_judged, a_timed_out_observation, a_verdict, an_answer


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def printed(*judged: Judged, brief: bool = False, terminal: bool = False) -> str:
    out = io.StringIO()
    on = _look.console(out, force_terminal=terminal)
    on.print(_runs.table(judged, on, brief=brief))
    return out.getvalue()


def bar(**phases: float) -> str:
    seen = a_judged(timings=Timings(total=sum(phases.values()), **phases)).observation
    on = Console(file=io.StringIO(), width=80)
    return _runs.phases(seen, 10, on).plain


@pytest.mark.parametrize(
    ("phases", "drawn"),
    [
        ({"dns": 1.0, "connect": 1.0, "first_byte": 8.0}, "dcwwwwwwww"),
        ({"dns": 0.001, "tls": 0.001, "transfer": 5.0}, "dtbbbbbbbb"),
        ({"request": 0.5}, "rrrrrrrrrr"),
        ({}, "          "),
        ({"dns": 0.0}, "          "),
    ],
    ids=["shares", "each is seen", "one", "none", "no time"],
)
def test_a_bar_shows_where_the_time_went(phases: dict[str, float], drawn: str) -> None:
    assert bar(**phases) == drawn


def test_a_run_is_a_line_and_its_sentence_with_the_id_to_ask_with() -> None:
    text = printed(a_judged("api_hello"))
    first, second, _, legend, tally = text.splitlines()
    assert first.startswith("api_hello ok")
    assert first.endswith("250 ms")
    assert second == "  every expectation was met  req_011CSHoEeqs5C35K2UUqR7Fy"
    assert legend.startswith("d dns  c connect  t tls")
    assert tally == "1 good"


def test_without_a_request_id_the_edge_s_own_is_shown_and_without_an_answer_none() -> None:
    edge = a_judged("a", answer=an_answer(503, request_id=None))
    assert "cf-ray:9e2f1a2b3c4d5e6f-FRA" in printed(edge)
    silent = Judged(observation=a_timed_out_observation("b"), verdict=a_verdict(Outcome.TIMEOUT))
    bare = a_judged("c", answer=an_answer(503, request_id=None, cf_ray=None))
    assert "req_" not in printed(silent, bare)
    assert "1 good, 1 bad" in printed(silent, bare)


def test_in_brief_only_what_is_not_well_has_a_sentence() -> None:
    text = printed(a_judged("a"), a_judged("b", Outcome.OVERLOADED), brief=True)
    assert text.count("every expectation was met") == 1


def test_colour_tells_good_from_bad_on_a_terminal_only() -> None:
    good, bad = a_judged("a"), a_judged("b", Outcome.OVERLOADED)
    assert "\x1b" not in printed(good, bad)
    coloured = printed(good, bad, terminal=True)
    assert "\x1b[32mok" in coloured
    assert "\x1b[1;31moverloaded" in coloured
    assert "█" in coloured


@pytest.mark.parametrize("length", [1, 40, 63])
def test_no_line_is_longer_than_a_terminal(length: int) -> None:
    text = printed(a_judged("a" * length, Outcome.CREDENTIAL_REJECTED))
    assert max(map(len, text.splitlines())) <= max(80, length + 30)
    assert ("w wait" in text) is True


def test_nothing_asked_is_said() -> None:
    assert printed() == "no probe is enabled\n"


def test_a_line_for_a_pipe_has_it_all() -> None:
    assert _runs.line(a_judged("api_hello")) == (
        "12:00:00 api_hello ok 250 ms every expectation was met req_011CSHoEeqs5C35K2UUqR7Fy"
    )


@pytest.mark.parametrize(("seconds", "said"), [(0.084, "84 ms"), (2.306, "2.31 s")])
def test_how_long_it_took(seconds: float, said: str) -> None:
    assert _runs.took(seconds) == said
