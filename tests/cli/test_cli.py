from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from monitor import __version__
from monitor.cli import COMMANDS, main
from tests.e2e.processes import ROOT, ran, without_settings


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"claude-uptime {__version__}\n"


def test_the_module_is_the_command(offline: dict[str, str]) -> None:
    ended = ran("--version", env=offline)
    assert (ended.returncode, ended.stdout) == (0, f"claude-uptime {__version__}\n")
    assert ended.stderr == ""


@pytest.mark.parametrize("arguments", [["fly"], [], ["check", "--configg", "x"], ["--verbose"]])
def test_what_is_no_command_is_told_what_there_is(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("usage: claude-uptime")
    assert "Traceback" not in said


def test_help_names_every_command_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    for command in COMMANDS:
        assert re.search(rf"^    {command}\s+[a-z]", told, re.MULTILINE)


def test_a_reader_who_leaves_early_is_no_error(offline: dict[str, str]) -> None:
    """As `claude-uptime schema | head -1`: no traceback, and nothing to be alarmed about."""
    with subprocess.Popen(  # our own command
        [sys.executable, "-m", "monitor", "schema"],
        env=without_settings(offline),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


@pytest.mark.parametrize("arguments", [["schema"], ["--help"], ["schema", "--help"]])
def test_output_that_a_full_disk_does_not_take_is_one_line_and_exit_2(
    arguments: list[str], offline: dict[str, str]
) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(  # noqa: S603  # our own command
            [sys.executable, "-m", "monitor", *arguments],
            env={key: value for key, value in offline.items() if key != "PYTHONUNBUFFERED"},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (
        2,
        "cannot write the output: No space left on device\n",
    )
