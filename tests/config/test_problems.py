from __future__ import annotations

import pytest

from monitor.config.problems import ConfigError, Place, Problem, did_you_mean, key_of


@pytest.mark.parametrize(
    ("place", "key"),
    [
        (("probes", 3, "interval"), "probes[3].interval"),
        (("control", "targets", 0, "url"), "control.targets[0].url"),
        (("vantage",), "vantage"),
        ((2, "name"), "[2].name"),
        ((), ""),
    ],
)
def test_a_place_is_written_as_people_write_it(place: Place, key: str) -> None:
    assert key_of(place) == key


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        (Problem(file="c.yaml", line=41, key="vantage", message="no"), "c.yaml:41: vantage: no"),
        (Problem(file="c.yaml", line=41, message="no"), "c.yaml:41: no"),
        (Problem(file="c.yaml", message="not\n  there"), "c.yaml: not there"),
    ],
)
def test_a_problem_is_one_line(problem: Problem, line: str) -> None:
    assert str(problem) == line


def test_an_error_holds_its_problems_by_line() -> None:
    late, early = Problem(file="c", line=9, message="b"), Problem(file="c", line=2, message="a")
    error = ConfigError([late, early])
    assert error.problems == (early, late)
    assert str(error) == "c:2: a\nc:9: b"


@pytest.mark.parametrize(
    ("name", "known", "tail"),
    [
        ("intervalx", ["interval", "timeout"], "; did you mean interval?"),
        ("zzz", ["b", "a"], "; known: a, b"),
        ("zzz", [], ""),
        ("zzz", [f"k{number:02}" for number in range(20)], "k11, ..."),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_one(
    name: str, known: list[str], tail: str
) -> None:
    assert did_you_mean(name, known).endswith(tail)
