from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.cli import main
from tests.e2e.processes import ROOT, ran, without_settings

BROKEN = sorted((ROOT / "tests" / "data" / "broken").glob("*.yaml"))
SHIPPED = ROOT / "config" / "claude.yaml"
PLANTED = "planted-key-4711-0815"
COMPONENTS = ("claude_ai", "console", "api", "claude_code", "cowork", "government")


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_API_KEY_2", "ALERT_WEBHOOK_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PLANTED", PLANTED)
    return iter(())


def test_the_shipped_configuration_is_valid_and_its_plan_fits_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", "--config", str(SHIPPED)]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.startswith(f"{SHIPPED}: valid\n")
    assert [line for line in told.out.splitlines() if len(line) > 80 and " " in line.strip()] == []
    for component in COMPONENTS:
        assert re.search(rf"^{component} \(.*\)\n  opens +after about \d", told.out, re.MULTILINE)
    assert "set ANTHROPIC_API_KEY\n" in told.out


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_a_broken_file_is_one_line_for_each_problem_and_exit_2(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--config", str(path)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    wanted = len(re.findall(r"^# expect: ", path.read_text(), re.MULTILINE))
    lines = told.err.splitlines()
    assert len(lines) == wanted
    for line in lines:
        assert re.match(rf"{re.escape(str(path))}:\d+: \S", line), line
    assert "Traceback" not in told.err
    assert PLANTED not in told.err


def test_a_file_that_is_not_there_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "none.yaml"
    assert main(["check", "--config", str(path)]) == 2
    wanted = f"{path}: cannot read the configuration: No such file or directory\n"
    assert capsys.readouterr().err == wanted


def test_the_environment_may_name_the_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = ROOT / "tests" / "data" / "broken" / "unknown-key.yaml"
    monkeypatch.setenv("CLAUDE_UPTIME_CONFIG", str(path))
    assert main(["check"]) == 2
    assert capsys.readouterr().err.startswith(f"{path}:9: ")


def test_a_process_says_the_same(offline: dict[str, str]) -> None:
    env = without_settings(offline)
    good = ran("check", env=env)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.startswith("config/claude.yaml: valid\n")
    bad = ran("check", "--config", "tests/data/broken/several-at-once.yaml", env=env)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert len(bad.stderr.splitlines()) == 5
    assert bad.stderr.startswith("tests/data/broken/several-at-once.yaml:13: probes[0].interval: ")


def test_a_ca_file_that_is_not_there_is_said_before_the_daemon_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "config" / "claude.yaml").read_text()
    config = tmp_path / "claude.yaml"
    config.write_text(text.replace("ca_file: null", "ca_file: /no/such/ca.pem"))
    assert main(["check", "--config", str(config)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "/no/such/ca.pem" in told.err
    assert len(told.err.splitlines()) == 1


def test_a_file_of_a_notifier_that_cannot_be_used_is_one_line_with_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "claude.yaml"
    hook = (
        "{name: oncall, kind: webhook, url: 'http://hook.test/', ca_file: /none.pem, "
        "secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}"
    )
    path.write_text(
        "components: {api: {title: Claude API}}\n"
        "probes:\n"
        "  - {name: a, kind: http, url: 'https://a.test/', components: [api], interval: 30s}\n"
        "  - {name: b, kind: http, url: 'https://b.test/', components: [api], interval: 30s}\n"
        f"notifiers: [{hook}]\n"
    )
    assert main(["check", "--config", str(path)]) == 2
    wanted = "notifier oncall: cannot read certificates from /none.pem: No such file or directory\n"
    assert capsys.readouterr().err == wanted


def test_a_webhook_without_a_secret_is_valid_and_told_to_be_disabled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "claude.yaml"
    path.write_text(
        "components: {api: {title: Claude API}}\n"
        "probes:\n"
        "  - {name: a, kind: http, url: 'https://a.test/', components: [api], interval: 30s}\n"
        "  - {name: b, kind: http, url: 'https://b.test/', components: [api], interval: 30s}\n"
        "notifiers: [{name: oncall, kind: webhook, url: 'http://hook.test/'}]\n"
    )
    assert main(["check", "--config", str(path)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "disabled: no secret: set ALERT_WEBHOOK_SECRET" in told
