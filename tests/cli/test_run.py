from __future__ import annotations

import gc
import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from monitor.cli import main
from tests.e2e.configs import one_probe
from tests.e2e.processes import ROOT


@pytest.fixture(autouse=True)
def _set_up_of_logging_is_undone() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    gc.unfreeze()


@pytest.mark.parametrize("name", ["broken-yaml", "unknown-key", "zero-interval", "duplicate-probe"])
def test_a_configuration_that_cannot_be_used_starts_nothing(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = ROOT / "tests" / "data" / "broken" / f"{name}.yaml"
    assert main(["run", "--config", str(path)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert [line for line in told.err.splitlines() if not line.startswith(f"{path}:")] == []


def a_folder(folder: Path) -> Path:
    place = folder / "state.db"
    place.mkdir()
    return place


def below_a_file(folder: Path) -> Path:
    (folder / "file").touch()
    return folder / "file" / "state.db"


def where_nobody_may_write(_folder: Path) -> Path:
    return Path("/proc/state.db")  # not even root


def a_letter(folder: Path) -> Path:
    place = folder / "state.db"
    place.write_text("Dear Sir or Madam,\n" * 100)
    return place


def of_a_newer_version(folder: Path) -> Path:
    place = folder / "state.db"
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")
    return place


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (a_folder, "must be a file"),
        (below_a_file, "give this user that folder"),
        (where_nobody_may_write, "give this user "),
        (a_letter, "is not a SQLite database"),
        (of_a_newer_version, "was written by a newer version"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_line_and_exit_2(
    made: Callable[[Path], Path], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = made(tmp_path)
    config = one_probe("http://127.0.0.1:9/", place, tmp_path)
    assert main(["run", "--config", str(config)]) == 2
    told = capsys.readouterr()
    (line,) = [line for line in told.err.splitlines() if not line.startswith("{")]
    assert line.startswith(f"{place} ")
    assert words in line
    assert told.out == ""


def test_what_the_daemon_holds_at_its_start_is_never_walked_again(tmp_path: Path) -> None:
    assert gc.get_freeze_count() == 0
    config = one_probe("http://127.0.0.1:9/", a_folder(tmp_path), tmp_path)
    assert main(["run", "--config", str(config)]) == 2
    assert gc.get_freeze_count() > 10_000
