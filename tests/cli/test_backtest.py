from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.backtest.runs import LINE_BYTES_MAX
from monitor.cli import main
from tests.e2e.processes import ROOT, without_settings
from tests.factories import NOON

pytestmark = pytest.mark.slow

CONFIG = ROOT / "config" / "claude.yaml"
TOO_HIGH = ROOT / "tests" / "data" / "thresholds-too-high.yaml"


def probes_of(config: Path) -> list[str]:
    """Names of the probes in `config`."""
    return [probe["name"] for probe in yaml.safe_load(config.read_text())["probes"]]


PROBES = [name for name in probes_of(CONFIG) if name in probes_of(TOO_HIGH)]
"""Those of both: the shipped one has two more, off, which run once in half an hour or an hour."""

SHORT = """
name: {name}
title: claude.ai and the keys of the API fail
source: a test
visibility: assumed
start: 2026-04-28T12:00:00Z
impact: {{start: "12:03:00", end: "12:09:00"}}
end: 12:12:00
phases:
  - from: 12:03:00
    until: 12:09:00
    faults:
      - {{fault: envoy_503, components: claude_ai}}
      - {{fault: auth_401, services: [models, count_tokens], keyed: true, probability: 60%}}
expectations:
  incidents:
    - {{components: claude_ai, opened_within: {within}}}
    - {{components: api, opened_within: {within}}}
"""


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("CLAUDE_UPTIME_CONFIG", raising=False)


@pytest.fixture
def scenario(tmp_path: Path) -> str:
    path = tmp_path / "short.yaml"
    path.write_text(SHORT.format(name="short", within="3m"))
    return str(path)


def lines(seconds: int, *, bad: range = range(0)) -> Iterable[str]:
    """Each probe every 30 s; all are overloaded while `bad` lasts."""
    for number in range(seconds // 30 * len(PROBES)):
        second = number * 30 / len(PROBES)
        row = {
            "at": (NOON + timedelta(seconds=second)).isoformat(),
            "probe": PROBES[number % len(PROBES)],
            "outcome": "overloaded" if int(second) in bad else "ok",
            "seconds": 0.25,
        }
        yield json.dumps(row) + "\n"


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Two hours with an outage of half an hour in them."""
    path = tmp_path / "runs.jsonl"
    path.write_text("".join(lines(7200, bad=range(1800, 3600))))
    return path


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["backtest", *arguments])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


# ---------------------------------------------------------------- scenarios


def test_a_scenario_as_json_is_the_contracts_document(
    scenario: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = said(capsys, "--scenario", scenario, "--json")
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert list(document) == ["incidents", "runs"]
    assert document["runs"] > 300
    assert list(document["incidents"][0]) == [
        "id", "components", "severity", "cause", "started_at", "opened_at", "recovered_at",
        "closed_at", "reopens",
    ]  # fmt: skip
    names = {name for incident in document["incidents"] for name in incident["components"]}
    assert {"claude_ai", "api"} <= names


def test_several_playings_as_json_are_told_by_scenario_and_seed(
    scenario: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = said(capsys, "--scenario", scenario, "--seeds", "2", "--json")
    document = json.loads(out)
    assert code == 0
    assert list(document) == ["scenarios"]
    played = document["scenarios"]["short"]
    assert [one["seed"] for one in played] == [0, 1]
    assert set(played[0]) == {"seed", "incidents", "runs", "missed", "lead_seconds"}


def test_a_table_fits_into_80_columns_and_names_the_scenario(
    scenario: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = said(capsys, "--scenario", scenario, "healthy")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "short (assumed, 1 seed): as expected" in out
    assert "2 scenarios, 2 playings" in out


def test_a_missed_expectation_is_exit_1_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "strict.yaml"
    path.write_text(SHORT.format(name="strict", within="1s"))
    code, out, _ = said(capsys, "--scenario", str(path))
    assert code == 1
    assert re.search(r"! seed 0: claude_ai: opened after \d+ s, expected 1", out)


def test_thresholds_that_are_too_high_show_side_by_side(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = said(capsys, "--scenario", "2026-04-28", "--compare", str(CONFIG), str(TOO_HIGH))
    assert code == 1
    assert out.splitlines()[:2] == [f"A: {CONFIG}", f"B: {TOO_HIGH}"]
    assert "missed expectations: 0 -> 3" in out
    assert re.search(r"! B: api: opened after \d+ s, expected 180", out)
    assert "A: 1 scenario, 1 playing" in out


def test_a_comparison_as_json_names_both_configurations(
    scenario: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--scenario", scenario, "--json", "--compare", str(CONFIG), str(TOO_HIGH))
    _, out, _ = said(capsys, *arguments)
    found = json.loads(out)["compare"]
    assert [one["config"] for one in found] == [str(CONFIG), str(TOO_HIGH)]
    touched = [{name for i in one["incidents"] for name in i["components"]} for one in found]
    assert touched[0] > touched[1]


# ---------------------------------------------------------------- recorded runs


def test_recorded_runs_give_incidents(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "--runs", str(recording), "--json")
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert document["runs"] == 240 * len(PROBES)
    assert {i["cause"] for i in document["incidents"]} == {"overloaded"}
    assert all(i["closed_at"] for i in document["incidents"])


def test_recorded_runs_for_people(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "--runs", str(recording))
    assert code == 0
    assert out.startswith(f"{240 * len(PROBES):,} runs from 2026-04-28 12:00:00 to ")
    assert "    critical, overloaded" in out


def test_two_configurations_over_the_same_runs(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--runs", str(recording), "--compare", str(CONFIG), str(TOO_HIGH))
    code, out, _ = said(capsys, *arguments)
    assert code == 0
    assert re.search(rf"^A: {CONFIG}: \d incidents?$", out, flags=re.MULTILINE)
    assert re.search(rf"^B: {TOO_HIGH}: \d incidents?$", out, flags=re.MULTILINE)
    _, out, _ = said(capsys, *arguments, "--json")
    assert [set(one) for one in json.loads(out)["compare"]] == [{"config", "incidents", "runs"}] * 2


def test_gaps_and_probes_without_a_run_are_told_beside_the_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "gap.jsonl"
    kept = [line for line in lines(7200) if PROBES[0] not in line and "T13:0" not in line]
    path.write_text("".join(kept))
    code, out, err = said(capsys, "--runs", str(path), "--json")
    assert code == 0
    assert json.loads(out)["incidents"] == []
    assert "1 gap without any run" in err
    assert f"probes without a run, left out: {PROBES[0]}" in err


def test_an_empty_file_has_no_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.jsonl").touch()
    code, out, _ = said(capsys, "--runs", str(tmp_path / "empty.jsonl"))
    assert (code, out) == (0, "no runs\n\n0 incidents\n")


@pytest.mark.parametrize("size", ["small", "large"])
def test_a_bad_line_is_named_whichever_process_reads_it(
    size: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A large file is read in a second process; where a line is bad must not depend on that."""
    good = list(lines(43_200 if size == "large" else 3600))
    path = tmp_path / "runs.jsonl"
    path.write_text("".join(good) + good[-1][:20])
    assert (path.stat().st_size > 1024 * 1024) == (size == "large")
    code, out, err = said(capsys, "--runs", str(path))
    assert (code, out) == (2, "")
    assert err == (
        f"{path}:{len(good) + 1}: is no JSON, and the last line has no end: "
        "was the file cut short?\n"
    )


def on_stdin(content: bytes, offline: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    ended = subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-m", "monitor", "backtest", "--runs", "-", *arguments],
        input=content,
        capture_output=True,
        env=without_settings(offline),
        cwd=ROOT,
        timeout=50,
        check=False,
    )
    return ended.returncode, ended.stdout.decode(), ended.stderr.decode()


def test_runs_come_from_stdin_too(recording: Path, offline: dict[str, str]) -> None:
    code, out, err = on_stdin(recording.read_bytes(), offline, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["incidents"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{}\n", "stdin:1: has no 'at'"),
        (b"x" * (LINE_BYTES_MAX + 5), "stdin:1: is longer than 64 KiB"),
        (b"\xfe\xff\n", "stdin:1: is UTF-16"),
    ],
)
def test_what_is_wrong_on_stdin_is_one_line_and_exit_2(
    content: bytes, reason: str, offline: dict[str, str]
) -> None:
    code, out, err = on_stdin(content, offline)
    assert (code, out) == (2, "")
    assert err.startswith(reason)
    assert len(err.splitlines()) == 1


# ---------------------------------------------------------------- bad input


def not_there(tmp_path: Path) -> dict[str, tuple[tuple[str, ...], str]]:
    folder, gone = str(tmp_path), str(tmp_path / "gone")
    return {
        "no file": (("--runs", gone), f"{gone}: No such file or directory"),
        "a folder": (("--runs", folder), f"{folder}: "),
        "no config": (("--config", gone), gone),
        "no config to compare": (("--compare", str(CONFIG), gone), gone),
        "no scenario": (("--scenario", "healthyy"), "config/scenarios/healthyy.yaml: there is no"),
        "twice": (("--scenario", "healthy", "healthy"), "two scenarios are called 'healthy'"),
        "no seeds": (("--seeds", "0"), "--seeds lies between 1 and 1000, not at 0"),
        "many seeds": (("--seeds", "1001"), "--seeds lies between 1 and 1000, not at 1001"),
    }


@pytest.mark.parametrize("case", not_there(Path("x")))
def test_what_cannot_be_used_is_one_line_and_exit_2(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, reason = not_there(tmp_path)[case]
    code, out, err = said(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(reason)
    assert len(err.splitlines()) == 1


def test_runs_and_scenarios_are_not_mixed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["backtest", "--runs", "x", "--scenario", "healthy"])
    assert ended.value.code == 2


def test_a_probe_that_only_one_of_two_configurations_has_is_refused(
    tmp_path: Path, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    document["probes"] = [p for p in document["probes"] if p["name"] != PROBES[0]]
    other = tmp_path / "other.yaml"
    other.write_text(yaml.safe_dump(document))
    code, _, err = said(capsys, "--runs", str(recording), "--compare", str(CONFIG), str(other))
    assert code == 2
    assert err.startswith(f"{recording}:1: unknown probe '{PROBES[0]}'")
