"""The project's own machinery: the lock, the scripts, the image file, the guard of the tests."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests import conftest
from tests.offline import sitecustomize as network

ROOT = Path(__file__).resolve().parent.parent
PUBLIC_INDEX = {"pypi.org", "files.pythonhosted.org"}
FOLDERS = [".ci", "config", "deploy", "docs", "monitor", "tests"]

MACHINE_PATH = re.compile(r"(?<![\w.])(?:/(?:root|work|Users|home/\w+)/|file:/{2})\w")
"""A path that exists on one machine only."""

OTHER_INDEX = re.compile(r"(?:index-url|find-links|index)\s*[=\s]\s*[\"']?(https?://[^\s\"']+)")
"""A setting that names where packages come from."""


def ran(
    *command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A finished program, with what it said."""
    return subprocess.run(  # noqa: S603  # the tests' own commands
        command, capture_output=True, text=True, check=False, cwd=cwd, env=env
    )


def committed() -> Iterator[Path]:
    """Text files of the tree, as a fresh clone would have them; git need not be there."""
    # `.git` is a file in a linked working tree, and no part of a clone's content anywhere.
    files = [
        path
        for path in ROOT.iterdir()
        if path.name != ".git" and not path.name.startswith(".coverage")
    ]
    for folder in FOLDERS:
        files.extend((ROOT / folder).rglob("*"))
    for path in files:
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


# ---------------------------------------------------------------- the lock


def test_the_lock_names_only_the_public_index() -> None:
    urls = re.findall(r'"([a-z]+:/[^"]+)"', (ROOT / "uv.lock").read_text())
    assert len(urls) > 100
    assert {(urlsplit(url).scheme, urlsplit(url).hostname) for url in urls} <= {
        ("https", host) for host in PUBLIC_INDEX
    }


def test_every_locked_package_comes_from_the_index_with_its_hashes() -> None:
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    ours = [each for each in packages if each["name"] == "claude-uptime-monitor"]
    others = [each for each in packages if each not in ours]
    assert [each["source"] for each in ours] == [{"editable": "."}]
    assert {tuple(each["source"].items()) for each in others} == {
        (("registry", "https://pypi.org/simple"),)
    }
    files = [file for each in others for file in [each.get("sdist"), *each.get("wheels", [])]]
    assert all(file["hash"].startswith("sha256:") for file in files if file)


def test_no_file_names_a_path_of_one_machine_or_another_index() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in committed()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if MACHINE_PATH.search(line)
        or any(urlsplit(url).hostname not in PUBLIC_INDEX for url in OTHER_INDEX.findall(line))
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "see /" + "root/notes.txt",
        "find-links = 'file:" + "//x/wheels'",
        "PIP_INDEX=/" + "home/ann/x",
    ],
)
def test_the_search_for_machine_paths_finds_one(line: str) -> None:
    assert MACHINE_PATH.search(line)


def test_the_search_for_other_indexes_finds_one() -> None:
    assert OTHER_INDEX.findall("extra-index-" + "url = https://mirror.corp/simple") == [
        "https://mirror.corp/simple"
    ]


# ---------------------------------------------------------------- scripts


@pytest.mark.parametrize("script", ["run", "check", "setup"])
def test_a_script_can_be_run_and_parses(script: str) -> None:
    path = ROOT / ".ci" / script
    shell = path.read_text().splitlines()[0].split("/")[-1].split()[-1]
    assert os.access(path, os.X_OK)
    parsed = ran(shell, "-n", path)
    assert (parsed.returncode, parsed.stderr) == (0, "")


def fresh_copy(folder: Path) -> Path:
    """The set-up script where nothing is set up yet."""
    (folder / ".ci").mkdir()
    return Path(shutil.copy(ROOT / ".ci" / "setup", folder / ".ci" / "setup"))


def tools(folder: Path, **scripts: str) -> str:
    """A PATH with the few programs of any system, and with these made-up ones before them."""
    folder.mkdir()
    for program in ("sh", "dirname", "cut"):
        (folder / program).symlink_to(shutil.which(program) or "")
    for program, text in scripts.items():
        (folder / program).write_text(f"#!/bin/sh\n{text}\n")
        (folder / program).chmod(0o755)
    return str(folder)


@pytest.mark.parametrize("scripts", [{}, {"python3": "exit 1"}], ids=["no python", "an old python"])
def test_setup_says_which_python_it_needs(tmp_path: Path, scripts: dict[str, str]) -> None:
    setup = fresh_copy(tmp_path)
    path = tools(tmp_path / "bin", **scripts)
    ended = ran(setup, env={"PATH": path})
    assert ended.returncode == 1
    assert "no Python of at least 3.11 found" in ended.stderr
    assert not (tmp_path / ".venv").exists()


def test_setup_says_what_is_missing_when_python_cannot_make_environments(tmp_path: Path) -> None:
    setup = fresh_copy(tmp_path)
    path = tools(tmp_path / "bin", python3='[ "$1" = -m ] && exit 1; exit 0')
    ended = ran(setup, env={"PATH": path})
    assert ended.returncode == 1
    assert "apt-get install python3-venv" in ended.stderr


def test_image_and_machine_install_with_the_same_uv() -> None:
    wanted = re.search(r"^UV=(\S+)", (ROOT / ".ci" / "setup").read_text(), flags=re.MULTILINE)
    assert wanted is not None
    assert f"uv=={wanted[1]}\n" in (ROOT / "Dockerfile").read_text()


def test_continuous_integration_runs_every_suite() -> None:
    assert "for target in test check integration; do" in (ROOT / ".ci" / "run").read_text()


def test_continuous_integration_installs_the_clients_that_others_wrote() -> None:
    assert "\n.ci/clients\n" in (ROOT / ".ci" / "run").read_text()


def test_the_clients_are_pinned_and_come_from_the_public_registry() -> None:
    folder = ROOT / "tests" / "integration" / "clients"
    wanted = json.loads((folder / "package.json").read_text())["dependencies"]
    lock = json.loads((folder / "package-lock.json").read_text())["packages"]
    assert lock[""]["dependencies"] == wanted
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    packages = [package for place, package in lock.items() if place]
    assert {urlsplit(package["resolved"]).hostname for package in packages} == {
        "registry.npmjs.org"
    }
    assert all(package["integrity"].startswith("sha512-") for package in packages)
    lines = (folder / "litellm.txt").read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    assert any(line.startswith("litellm==") for line in lines)


def test_the_licence_is_there_in_full() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


# ---------------------------------------------------------------- the image file


def instructions() -> list[tuple[str, str]]:
    """Instructions of the last stage of the Dockerfile."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    lines = [line.partition(" ") for line in text.splitlines() if line[:1].isalpha()]
    last = max(place for place, line in enumerate(lines) if line[0] == "FROM")
    return [(word, rest) for word, _, rest in lines[last:]]


def test_the_image_runs_without_root_and_stops_on_sigterm() -> None:
    image = dict(instructions())
    assert image["USER"] == "10001:10001"
    assert image["STOPSIGNAL"] == "SIGTERM"
    assert image["VOLUME"] == '["/data"]'
    assert image["ENTRYPOINT"] == '["claude-uptime"]'
    assert image["CMD"] == '["run"]'
    assert image["HEALTHCHECK"].endswith('CMD ["claude-uptime", "health"]')


def test_the_image_file_has_no_findings() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    ended = ran(hadolint, ROOT / "Dockerfile")
    assert (ended.returncode, ended.stdout) == (0, "")


def test_everything_that_the_image_copies_is_in_its_context() -> None:
    copied = {
        source
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    }
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    assert {f"!{source}" for source in copied} <= set(allowed)


# ---------------------------------------------------------------- the guard of the tests


def test_the_guard_lets_this_machine_through() -> None:
    heard: list[str] = []
    guard = network.Guard(heard.append)
    guard.connect(("127.0.0.1", 80))
    guard.connect(("::1", 80, 0, 0))
    guard.connect("a-unix-socket")
    guard.look_up("localhost")
    guard.look_up(None)
    guard.look_up("192.0.2.1")
    assert heard == []


def test_the_guard_refuses_and_reports_what_lies_outside() -> None:
    heard: list[str] = []
    guard = network.Guard(heard.append)
    with pytest.raises(OSError, match="no network here"):
        guard.connect(("192.0.2.1", 80))
    with pytest.raises(socket.gaierror):
        guard.look_up("claude.ai")
    with pytest.raises(socket.gaierror):
        guard.reach("claude.ai", 443)
    with pytest.raises(OSError, match="no network here"):
        guard.reach("192.0.2.1", 443)
    assert len(heard) == 4


async def test_the_guard_stands_in_this_process_and_knows_reserved_names() -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(socket.gaierror):
        await loop.getaddrinfo("nobody.invalid", 80)
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("nobody.test", 80)


OUTWARD = """
import asyncio, errno, socket, sys
async def main():
    loop = asyncio.get_running_loop()
    try:
        await loop.create_connection(asyncio.Protocol, sys.argv[1], 9)
    except socket.gaierror as error:
        print("gaierror", error.errno == socket.EAI_NONAME)
    except OSError as error:
        print("refused", error.errno)
if sys.argv[2] == "uvloop":
    import uvloop
    uvloop.run(main())
else:
    asyncio.run(main())
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize(
    ("host", "answer"),
    [("claude.ai", "gaierror True"), ("192.0.2.1", f"refused {errno.ENETUNREACH}")],
)
def test_a_process_of_ours_can_be_kept_off_the_network(
    offline: dict[str, str], loop: str, host: str, answer: str
) -> None:
    ended = ran(sys.executable, "-c", OUTWARD, host, loop, env=offline)
    assert ended.stdout.strip() == answer


TESTS = """
import socket, pytest

@pytest.mark.integration("buildah")
def test_needs_a_builder(): ...

@pytest.mark.integration("buildah", "chromium")
def test_needs_a_builder_and_a_browser(): ...

def test_hides_its_error():
    with pytest.raises(OSError):
        socket.getaddrinfo("claude.ai", 443)
"""


def run_small_suite(folder: Path, **environment: str) -> str:
    """Run three tests under the conftest of this suite, on a machine without any other program."""
    (folder / "tests" / "offline").mkdir(parents=True)
    for each in ("conftest.py", "offline/sitecustomize.py"):
        shutil.copy(ROOT / "tests" / each, folder / "tests" / each)
    (folder / "tests" / "test_small.py").write_text(TESTS)
    shutil.copy(ROOT / "pyproject.toml", folder)
    ended = ran(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:cov"),
        cwd=folder,
        env={"PATH": str(folder), **environment},
    )
    assert ended.returncode == 1, ended.stdout
    return ended.stdout


def test_absent_programs_are_named_in_one_line_that_says_how_to_get_them(tmp_path: Path) -> None:
    said = run_small_suite(tmp_path)
    lines = [line for line in said.splitlines() if "buildah" in line]
    assert len(lines) == 1
    assert lines[0].startswith("SKIPPED [2] ")
    assert lines[0].endswith(
        "2 integration tests skipped: no buildah, chromium here; "
        "on Debian: apt-get install buildah chromium; then: make integration"
    )


def test_clients_that_others_wrote_are_named_with_the_script_that_installs_them() -> None:
    line = conftest.absent_line({"litellm", "node"}, 3)
    assert line == (
        "3 integration tests skipped: no litellm, node here; "
        "on Debian: apt-get install nodejs; .ci/clients; then: make integration"
    )
    assert "no litellm here; .ci/clients; then" in conftest.absent_line({"litellm"}, 1)


def test_absent_programs_fail_where_they_are_required(tmp_path: Path) -> None:
    said = run_small_suite(tmp_path, CLAUDE_UPTIME_REQUIRE_INTEGRATION="1")
    assert "there is no buildah, chromium here" in said
    assert said.count("ERROR tests/test_small.py::test_needs") == 2


def test_a_test_that_leaves_the_machine_fails_although_it_hid_the_error(tmp_path: Path) -> None:
    said = run_small_suite(tmp_path)
    assert "this test tried to leave the machine: a look-up of 'claude.ai'" in said
