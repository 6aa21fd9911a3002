from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config.places import config_file, scenario_folder, shipped


def test_what_came_with_this_version_is_there() -> None:
    assert (shipped() / "claude.yaml").is_file()
    assert (shipped() / "scenarios" / "2026-04-28.yaml").is_file()


@pytest.mark.parametrize(
    ("given", "environment", "wanted"),
    [
        ("a.yaml", {}, "a.yaml"),
        ("a.yaml", {"CLAUDE_UPTIME_CONFIG": "b.yaml"}, "a.yaml"),
        (None, {"CLAUDE_UPTIME_CONFIG": "b.yaml"}, "b.yaml"),
        ("", {"CLAUDE_UPTIME_CONFIG": "b.yaml"}, "b.yaml"),
    ],
)
def test_a_named_file_wins_and_the_option_over_the_environment(
    given: str | None, environment: dict[str, str], wanted: str
) -> None:
    assert config_file(given, environment) == Path(wanted)


def test_the_working_directory_is_looked_in_before_what_was_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert config_file(None, {"CLAUDE_UPTIME_CONFIG": ""}) == shipped() / "claude.yaml"
    assert scenario_folder() == shipped() / "scenarios"
    (tmp_path / "config" / "scenarios").mkdir(parents=True)
    (tmp_path / "config" / "claude.yaml").touch()
    assert config_file(None, {}) == Path("config/claude.yaml")
    assert scenario_folder() == Path("config/scenarios")
