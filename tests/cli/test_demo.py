from __future__ import annotations

import re
from pathlib import Path

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


def test_a_file_that_exists_is_not_taken_for_the_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept.db"
    kept.write_text("mine")
    assert main(["demo", "--keep", str(kept)]) == 2
    said = capsys.readouterr().err
    assert said == f"--keep {kept}: it exists already, and a demo begins a record of its own\n"
    assert kept.read_text() == "mine"


def test_an_unknown_scenario_is_one_line_and_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--scenario", "healthyy"]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "did you mean 'healthy'" in said
