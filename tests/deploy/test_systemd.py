"""The unit of systemd: what it starts exists, what it locks is locked, and systemd takes it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.config.load import load
from tests.deploy.deployed import DEPLOY, ROOT

FOLDER = DEPLOY / "systemd"
UNIT = FOLDER / "claude-uptime.service"
KEYS = FOLDER / "claude-uptime.service.d" / "keys.conf"
CONFIG = ROOT / "config" / "claude.yaml"
EXPOSURE_MAX = 2.0
"""Of ten, as `systemd-analyze security` counts."""

ROOT_ONLY_CALLS = {"fchown"}
"""SQLite asks for these only as root, and these tests may run as root."""


def settings(path: Path) -> dict[str, list[str]]:
    """Every setting with its values in order."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


SETTINGS = settings(UNIT)


def test_it_starts_the_daemon_with_the_config_that_it_names() -> None:
    assert SETTINGS["ExecStart"] == ["/opt/claude-uptime/bin/claude-uptime run"]
    assert 'claude-uptime = "monitor.cli:main"' in (ROOT / "pyproject.toml").read_text()
    assert SETTINGS["Environment"] == ["CLAUDE_UPTIME_CONFIG=/etc/claude-uptime/claude.yaml"]


def test_it_works_where_its_state_is() -> None:
    """The shipped config names its database relative to the working directory."""
    assert SETTINGS["StateDirectory"] == ["claude-uptime"]
    assert SETTINGS["WorkingDirectory"] == ["%S/claude-uptime"]
    assert load(CONFIG, {}).storage.url == "sqlite:///data/claude-uptime.db"


def test_it_stops_by_sigterm_and_has_more_time_than_the_daemon_takes() -> None:
    assert SETTINGS["KillSignal"] == ["SIGTERM"]
    assert SETTINGS["TimeoutStopSec"] == ["10"]


def test_it_is_started_again_however_often_it_fails() -> None:
    assert SETTINGS["Restart"] == ["always"]
    assert SETTINGS["StartLimitIntervalSec"] == ["0"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DynamicUser", "yes"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("PrivateDevices", "yes"),
        ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX AF_NETLINK"),
        ("RestrictNamespaces", "yes"),
        ("MemoryDenyWriteExecute", "yes"),
        ("SystemCallArchitectures", "native"),
        ("UMask", "0077"),
    ],
)
def test_a_door_is_shut(name: str, value: str) -> None:
    assert SETTINGS[name] == [value]


def test_each_credential_reaches_the_config_as_a_secret_file(tmp_path: Path) -> None:
    keys = settings(KEYS)
    environment = {}
    for each in keys["Environment"]:
        name, _, value = each.partition("=")
        environment[name] = value.replace("%d", str(tmp_path))
    files = dict(each.split(":") for each in keys["LoadCredential"])
    for name in files:
        (tmp_path / name).write_text("whsec_" + "A" * 32 + "\n")
    environment["ALERT_WEBHOOK_URL"] = "https://alerts.example.com/"
    config = load(CONFIG, environment)
    assert set(files) == {"anthropic-api-key", "alert-webhook-secret"}
    assert all(path.startswith("/etc/claude-uptime/keys/") for path in files.values())
    assert config.credentials["main"].api_key.reveal() == "whsec_" + "A" * 32
    assert len(config.secrets()) >= 1


# ---------------------------------------------------------------- by systemd's own tools


def analyzed(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """What `systemd-analyze` says; it needs no running systemd for this."""
    tool = shutil.which("systemd-analyze") or ""
    return subprocess.run(  # noqa: S603  # our own arguments
        [tool, *arguments],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env={"PATH": os.environ["PATH"], "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""},
    )


def installed(folder: Path) -> Path:
    """The unit with its drop-in, starting a program that is there."""
    shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
    unit = folder / UNIT.name
    unit.write_text(unit.read_text().replace("/opt/claude-uptime/bin/claude-uptime", "/bin/true"))
    return unit


@pytest.mark.integration("systemd-analyze")
def test_systemd_takes_the_unit_and_its_drop_in(tmp_path: Path) -> None:
    verified = analyzed("verify", "--man=no", installed(tmp_path))
    assert (verified.returncode, verified.stderr) == (0, "")


@pytest.mark.integration("systemd-analyze")
@pytest.mark.parametrize("file", [UNIT, KEYS], ids=["unit", "drop-in"])
def test_systemd_finds_a_setting_that_does_not_exist(tmp_path: Path, file: Path) -> None:
    unit = installed(tmp_path)
    broken = tmp_path / file.relative_to(FOLDER)
    broken.write_text(broken.read_text().replace("[Service]", "[Service]\nProtectSysten=strict"))
    assert "ProtectSysten" in analyzed("verify", "--man=no", unit).stderr


@pytest.mark.integration("systemd-analyze")
def test_systemd_counts_little_exposure(tmp_path: Path) -> None:
    said = analyzed("security", "--offline=true", "--no-pager", installed(tmp_path)).stdout
    level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert level is not None, said
    assert float(level[1]) <= EXPOSURE_MAX


def calls(group: str) -> set[str]:
    """The system calls of one of systemd's groups, and of the groups in it."""
    lines = [
        line.strip() for line in analyzed("syscall-filter", "--no-pager", group).stdout.splitlines()
    ]
    named = {line for line in lines[1:] if line and not line.startswith("#")}
    nested = {name for name in named if name.startswith("@")}
    return (named - nested).union(*(calls(name) for name in nested))


def permitted() -> set[str]:
    """What the unit's filters leave."""
    left: set[str] = set()
    for value in SETTINGS["SystemCallFilter"]:
        groups = value.removeprefix("~").split()
        those = set().union(*(calls(group) for group in groups))
        left = left - those if value.startswith("~") else left | those
    return left


SCENARIO = """
name: short
title: Two minutes in which every endpoint answers 500
source: Invented.
visibility: assumed
start: 2026-04-27T12:00:00Z
end: 12:04:00
phases:
  - {from: "12:01:00", until: "12:03:00", faults: [{fault: json_500, hosts: "*"}]}
expectations: {quiet: []}
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.integration("strace", "systemd-analyze")
def test_the_daemon_asks_the_kernel_for_nothing_that_the_unit_forbids(
    tmp_path: Path, offline: dict[str, str]
) -> None:
    """A whole demo under strace: probes, database, web server, webhooks, start and stop."""
    scenario, trace = tmp_path / "short.yaml", tmp_path / "trace"
    scenario.write_text(SCENARIO)
    played = subprocess.run(  # noqa: S603  # our own arguments
        [
            *(shutil.which("strace") or "", "-f", "-qq", "-o", trace),
            *(sys.executable, "-m", "monitor", "demo", "--json", "--port", "0"),
            *("--speed", "60", "--scenario", scenario),
        ],
        cwd=ROOT,
        env=offline,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert played.returncode == 0, played.stderr[-2000:]
    said = trace.read_text()
    used = set(re.findall(r"^\d+ +([a-z0-9_]+)\(", said, flags=re.MULTILINE))
    assert {"socket", "connect", "fdatasync", "execve"} <= used
    assert used - permitted() - ROOT_ONLY_CALLS == set()
    families = set(re.findall(r" socket\((AF_[A-Z0-9]+)", said))
    assert families <= set(SETTINGS["RestrictAddressFamilies"][0].split())
    assert (
        re.findall(r" mmap\([^)]*PROT_WRITE\|PROT_EXEC.*| mprotect\([^)]*PROT_EXEC.*", said) == []
    )
