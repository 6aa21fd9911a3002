from __future__ import annotations

import re

import pytest

from monitor.cli import main


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--port", "65536"),
        ("--port", "-1"),
        ("--speed", "0"),
        ("--speed", "-1"),
        ("--speed", "61"),
        ("--speed", "nan"),
    ],
)
def test_an_odd_number_is_one_line_and_exit_2(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", f"{option}={value}"]) == 2
    said = capsys.readouterr().err
    assert re.fullmatch(rf"{option} lies between 0 and \d+, not at {value}\n", said)


def test_an_unknown_scenario_is_one_line_and_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--scenario", "healthyy"]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "did you mean 'healthy'" in said
