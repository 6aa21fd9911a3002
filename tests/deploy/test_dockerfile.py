"""The image's file: nothing of one machine in it, and in step with the daemon that it carries."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from monitor.cli import build_parser
from monitor.cli.health import TIMEOUT_SECONDS, URL
from monitor.config.load import load
from monitor.spec import parse_duration
from tests.deploy.deployed import ROOT

TEXT = (ROOT / "Dockerfile").read_text()
IGNORED = [
    line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"
]
LINES = [
    tuple(line.split(" ", 1))
    for line in re.sub(r"\\\n\s*", "", TEXT).splitlines()
    if line[:1].isupper()
]
LAST = LINES[max(place for place, line in enumerate(LINES) if line[0] == "FROM") :]
ENVIRONMENT = dict(
    pair.split("=", 1) for word, rest in LAST if word == "ENV" for pair in rest.split()
)


def one(word: str) -> str:
    """The only instruction of that name in the last stage."""
    (rest,) = [line[1] for line in LAST if line[0] == word]
    return rest


def test_both_stages_begin_from_the_one_base_that_may_be_pinned_from_outside() -> None:
    assert LINES[0] == ("ARG", "PYTHON=python:3.13-slim")
    assert [rest for word, rest in LINES if word == "FROM"] == ["${PYTHON} AS build", "${PYTHON}"]


def test_nothing_of_the_machine_that_builds_is_in_it() -> None:
    found = re.findall(r"(?i)ssl_cert|ca-certificates|\.pem|\.crt|index-url|find-links|proxy", TEXT)
    assert found == []


def test_it_installs_what_the_lock_names_and_the_project_as_a_wheel() -> None:
    installs = [rest for word, rest in LINES if word == "RUN" and "uv sync" in rest]
    assert [each.split()[2:] for each in installs] == [
        ["--frozen", "--no-dev", "--no-install-project"],
        ["--frozen", "--no-dev", "--no-editable"],
    ]


def test_bytecode_does_not_depend_on_the_times_of_files() -> None:
    (built,) = [rest for word, rest in LINES if word == "ENV" and "UV_COMPILE_BYTECODE=1" in rest]
    assert "PYC_INVALIDATION_MODE=UNCHECKED_HASH" in built.split()
    assert ENVIRONMENT["PYTHONDONTWRITEBYTECODE"] == "1"


def test_all_that_is_written_goes_to_the_volume() -> None:
    (volume,) = json.loads(one("VOLUME"))
    assert ENVIRONMENT["TMPDIR"] == volume
    assert one("WORKDIR") == "/"
    config = load(ROOT / "config" / "claude.yaml", {})
    assert config.storage.url.removeprefix("sqlite:///").startswith(volume.strip("/") + "/")


def test_the_health_check_is_a_command_that_ends_in_time() -> None:
    options, _, command = one("HEALTHCHECK").partition(" CMD ")
    program, *arguments = json.loads(command)
    assert [program] == json.loads(one("ENTRYPOINT"))
    assert build_parser().parse_args(arguments).command == "health"
    timeout = re.search(r"--timeout=(\S+)", options)
    assert timeout is not None
    assert parse_duration(timeout[1]) > TIMEOUT_SECONDS
    assert f":{one('EXPOSE')}/-/healthy" in URL


def test_what_it_runs_is_a_command() -> None:
    assert build_parser().parse_args(json.loads(one("CMD"))).command == "run"


def sent(path: str) -> bool:
    """Whether a file of the tree is sent to the builder: the last pattern that fits decides."""
    verdict = True
    for line in IGNORED:
        keeps, pattern = line.startswith("!"), line.removeprefix("!")
        folders = [path.rsplit("/", depth)[0] for depth in range(path.count("/") + 1)]
        if any(fnmatch(each, pattern.replace("**/", "*")) for each in folders):
            verdict = keeps
    return verdict


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("pyproject.toml", True),
        ("uv.lock", True),
        ("config/claude.yaml", True),
        ("monitor/cli/run.py", True),
        ("monitor/cli/__pycache__/run.cpython-313.pyc", False),
        (".git/config", False),
        (".env", False),
        (".venv/bin/python", False),
        ("data/claude-uptime.db", False),
        ("tests/conftest.py", False),
    ],
)
def test_the_builder_gets_what_the_image_is_made_of_and_no_more(path: str, expected: Any) -> None:
    assert sent(path) is expected


def test_a_finding_would_be_found() -> None:
    ended = subprocess.run(  # noqa: S603  # our own arguments
        [Path(sys.executable).with_name("hadolint"), "-"],
        input="FROM python\nRUN apt-get install curl\n",
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert ended.returncode == 1
    assert "DL3015" in ended.stdout
