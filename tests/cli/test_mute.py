from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.cli import main
from monitor.clock import SystemClock
from monitor.storage.database import open_database
from monitor.storage.lock import only_daemon
from monitor.storage.mutes import Mute, Mutes
from tests.cli.test_export_runs import CONFIG
from tests.factories import NOON


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A configuration whose store has been made."""
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.format(url=tmp_path / "monitor.db"))

    async def make() -> None:
        await (await open_database(f"sqlite:///{tmp_path / 'monitor.db'}")).close()

    asyncio.run(make())
    return str(path)


def said(capsys: pytest.CaptureFixture[str], command: str, *arguments: str, status: int = 0) -> str:
    assert main([command, *arguments]) == status
    shown = capsys.readouterr()
    return shown.err if status else shown.out


def lasting(folder: Path) -> tuple[Mute, ...]:
    """The mutes as the daemon finds them."""

    async def look() -> tuple[Mute, ...]:
        database = await open_database(f"sqlite:///{folder / 'monitor.db'}")
        found = await Mutes(database, "local").lasting(SystemClock().now())
        await database.close()
        return found

    return asyncio.run(look())


def test_a_mute_beside_the_daemon_with_author_and_end(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("api", "--for", "2h", "--reason", "vendor knows\x1b[2J", "--config", config)
    with only_daemon(f"sqlite:///{tmp_path / 'monitor.db'}", NOON):
        assert said(capsys, "mute", *arguments, "--author", "ann").startswith("api is muted until")
    (mute,) = lasting(tmp_path)
    assert (mute.component, mute.author) == ("api", "ann")
    assert mute.ends_at - mute.starts_at == timedelta(hours=2)
    assert "\x1b" not in mute.reason
    listed = said(capsys, "mute", "--list", "--config", config)
    assert listed.startswith("api  until 20")
    assert "by ann  vendor knows" in listed


def test_who_runs_the_command_is_the_author(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "bob")
    said(capsys, "mute", "api", "--for", "1m", "--reason", "x", "--config", config)
    assert [mute.author for mute in lasting(tmp_path)] == ["bob"]


def test_a_mute_is_lifted(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "mute", "api", "--for", "2h", "--reason", "x", "--config", config)
    assert said(capsys, "unmute", "api", "--config", config) == "api: 1 ended\n"
    assert lasting(tmp_path) == ()
    assert said(capsys, "unmute", "api", "--config", config) == "api was not muted\n"
    assert said(capsys, "mute", "--list", "--config", config) == "nothing is muted\n"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "say what, for how long and why"),
        (["api", "--for", "2h"], "say what, for how long and why"),
        (["api", "--for", "2h", "--reason", " "], "say what, for how long and why"),
        (["api", "--for", "2", "--reason", "x"], "--for: '2' is no duration"),
        (["api", "--for", "0", "--reason", "x"], "--for lies above 0"),
        (["api", "--for", "31d", "--reason", "x"], "at most at 30d"),
        (["apy", "--for", "2h", "--reason", "x"], "unknown component apy"),
    ],
    ids=str,
)
def test_a_mute_that_makes_no_sense_is_one_line(
    config: str, capsys: pytest.CaptureFixture[str], arguments: list[str], why: str
) -> None:
    told = said(capsys, "mute", *arguments, "--config", config, status=2)
    assert why in told
    assert len(told.splitlines()) == 1
