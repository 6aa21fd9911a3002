from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitor.config.load import load
from monitor.config.problems import ConfigError
from monitor.core.policy import Policy

ROOT = Path(__file__).resolve().parents[2]
BROKEN = sorted((ROOT / "tests" / "data" / "broken").glob("*.yaml"))
PLANTED = "planted-key-4711-0815"

EXPECTED = re.compile(r"# expect: (\d*): (.*)")

GOOD = """
components:
  api: {title: Claude API}
credentials:
  main: {api_key: "KEY"}
probes:
  - name: api_hello
    kind: http
    url: https://api.anthropic.com/api/hello
    components: [api]
"""


def problems_of(path: Path, environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path, {"PLANTED": PLANTED} if environment is None else environment)
    assert [str(problem) for problem in caught.value.problems] == str(caught.value).splitlines()
    return str(caught.value).splitlines()


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "claude.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# ---------------------------------------------------------------- what is wrong is told


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_every_problem_is_one_line_with_file_line_and_key(path: Path) -> None:
    """Each file names its problems in its first lines: `# expect: LINE: KEY: MESSAGE`."""
    expected = [
        match.groups()
        for line in path.read_text().splitlines()
        if (match := EXPECTED.fullmatch(line))
    ]
    assert expected
    found = problems_of(path)
    assert len(found) == len(expected), found
    for line, words in expected:
        start = f"{path}:{line}: " if line else f"{path}:"
        assert [text for text in found if text.startswith(start) and words in text], found


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_no_problem_shows_a_secret(path: Path) -> None:
    shown = "\n".join(problems_of(path))
    assert "planted" not in shown.replace(str(path), "")


def test_a_file_that_does_not_exist_is_told_without_a_line(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    assert problems_of(path) == [
        f"{path}: cannot read the configuration: No such file or directory"
    ]


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    assert problems_of(tmp_path) == [f"{tmp_path}: cannot read the configuration: Is a directory"]


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD + "#" * 1024 * 1024)
    assert problems_of(path) == [f"{path}: the file is longer than 1024 KiB"]


def test_what_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, b"vantage: here\ncontact: \xff\n")
    assert problems_of(path) == [f"{path}:2: this is not UTF-8"]


def test_problems_come_in_the_order_of_their_lines() -> None:
    path = next(path for path in BROKEN if path.stem == "several-at-once")
    lines = [int(text.removeprefix(f"{path}:").split(":")[0]) for text in problems_of(path)]
    assert lines == sorted(lines)


# ---------------------------------------------------------------- secrets


def test_a_secret_file_stands_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"\n{PLANTED}\n")
    path = written(tmp_path, GOOD.replace("KEY", "file:key"))
    assert load(path, {}).credentials["main"].api_key.reveal() == PLANTED


def test_a_variable_may_name_a_secret_file(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text(PLANTED)
    path = written(tmp_path, GOOD.replace("KEY", "${KEY_OF_API}"))
    config = load(path, {"KEY_OF_API": f"file:{secret}"})
    assert config.credentials["main"].api_key.reveal() == PLANTED


@pytest.mark.parametrize(
    ("content", "why"),
    [(b" \n", "it is empty"), (b"\xff", "it is not UTF-8"), (b"x" * 65_537, "it is longer")],
    ids=["empty", "not text", "too long"],
)
def test_a_secret_file_that_cannot_be_one_is_told(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "key").write_bytes(content)
    path = written(tmp_path, GOOD.replace("KEY", "file:key"))
    (problem,) = problems_of(path)
    assert problem.startswith(
        f"{path}:5: credentials.main.api_key: cannot read the secret file key: {why}"
    )


def test_a_secret_file_in_the_wrong_place_does_not_show_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(PLANTED * 20)
    path = written(tmp_path, GOOD + "    interval: file:key\n")
    (problem,) = problems_of(path)
    assert "planted" not in problem
    assert "probes[0].interval: what the environment or a secret file gives" in problem


def test_a_short_secret_is_not_shown_either(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD + '    interval: "${SHORT}"\n')
    (problem,) = problems_of(path, {"SHORT": "hun2"})
    assert "hun2" not in problem


# ---------------------------------------------------------------- the shipped one


def test_the_shipped_configuration_loads_with_nothing_in_the_environment() -> None:
    config = load(ROOT / "config" / "claude.yaml", {})
    assert list(config.components) == [
        "claude_ai", "console", "api", "claude_code", "cowork", "government",
    ]  # fmt: skip
    assert all(forecast.opening for forecast in config.forecast())


def test_the_shipped_configuration_needs_no_key_for_what_is_keyless() -> None:
    plan = load(ROOT / "config" / "claude.yaml", {}).plan()
    disabled = {probe.name: probe.disabled for probe in plan.probes if probe.disabled}
    assert {probe.credential_name for probe in plan.probes if probe.name in disabled} == {
        None, "main", "second",
    }  # fmt: skip
    assert disabled["api_models"] == "credential main has no api_key: set ANTHROPIC_API_KEY"
    assert disabled["government_hello"] == "switched off in the config (enabled: false)"
    assert not [probe for probe in plan.enabled() if probe.credential_name]


def test_the_shipped_configuration_spells_the_defaults_out() -> None:
    assert load(ROOT / "config" / "claude.yaml", {}).policy() == Policy()
