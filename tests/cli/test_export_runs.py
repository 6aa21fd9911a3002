from __future__ import annotations

import asyncio
import io
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.backtest.runs import read_runs
from monitor.cli import main
from monitor.cli.export_runs import line_of, moment
from monitor.clock import VirtualClock
from monitor.core.effects import Judged
from monitor.core.observation import Origin
from monitor.core.outcome import Outcome
from monitor.refusal import Refusal
from monitor.storage.database import open_database
from monitor.storage.lock import only_daemon
from monitor.storage.rows import StoredRun
from monitor.storage.store import PAGE_RUNS, Store
from tests.factories import NOON, a_judged, a_verdict

CONFIG = """
components: {{api: {{title: Claude API}}}}
storage: {{url: "sqlite:///{url}"}}
probes:
  - {{name: one, kind: http, url: "https://a.example/1", components: [api], interval: 30s}}
  - {{name: two, kind: http, url: "https://a.example/2", components: [api], interval: 30s}}
  - {{name: three, kind: http, url: "https://a.example/3", components: [api], interval: 30s}}
"""
PROBES = ("one", "two", "three")
NOW = datetime(2026, 4, 28, 15, 0, tzinfo=UTC)


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A configuration whose store is `monitor.db` beside it."""
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.format(url=tmp_path / "monitor.db"))
    return str(path)


def stored(folder: Path, runs: Sequence[Judged]) -> None:
    """Store `runs` as a daemon does."""

    async def store() -> None:
        database = await open_database(f"sqlite:///{folder / 'monitor.db'}")
        journal = Store(database, "local", VirtualClock())
        await journal.start()
        for run in runs:
            journal.run(run)
        await journal.flush()
        await journal.stop()
        await database.close()

    asyncio.run(store())


def a_run(number: int, outcome: Outcome = Outcome.OK, probe: str | None = None) -> Judged:
    """The run of one of the probes that starts `number` x 10 s after noon."""
    at = NOON + timedelta(seconds=10 * number)
    judged = a_judged(probe or PROBES[number % 3], run_id=f"r{number}", at=at)
    return replace(judged, verdict=a_verdict(outcome))


def an_outage() -> list[Judged]:
    """An hour, twenty minutes of which are an outage."""
    return [
        a_run(number, Outcome.OVERLOADED if 90 <= number < 210 else Outcome.OK)
        for number in range(360)
    ]


def exported(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    assert main(["export-runs", *arguments]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    return [json.loads(line) for line in shown.out.splitlines()]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["export-runs", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 1
    return shown.err


def test_what_is_exported_is_what_backtest_reads(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The incident of a stored outage is found again, where it was."""
    stored(tmp_path, an_outage())
    assert main(["export-runs", "--config", config]) == 0
    runs = tmp_path / "runs.jsonl"
    runs.write_text(capsys.readouterr().out)
    assert main(["backtest", "--config", config, "--runs", str(runs), "--json"]) == 0
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert (document["runs"], shown.err) == (360, "")
    (incident,) = document["incidents"]
    assert (incident["components"], incident["cause"]) == (["api"], "overloaded")
    assert "2026-04-28T12:15:30" < incident["opened_at"] < "2026-04-28T12:18"
    assert "2026-04-28T12:35" < incident["closed_at"] < "2026-04-28T12:42"


def test_runs_come_oldest_first_and_pages_neither_lose_nor_repeat_one(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Many of them at one moment, so that a page ends within it."""
    moments = [number // 3 for number in range(PAGE_RUNS + 500)]
    runs = [
        replace(a_run(at, probe=PROBES[number % 3]).observation, run_id=f"r{number}")
        for number, at in enumerate(moments)
    ]
    stored(tmp_path, [Judged(observation=run, verdict=a_verdict()) for run in reversed(runs)])
    found = exported(capsys, "--config", config)
    assert len({(row["at"], row["probe"]) for row in found}) == len(found) == len(runs)
    assert [row["at"] for row in found] == sorted(str(row["at"]) for row in found)


def test_since_and_until_cut_out_a_part(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored(tmp_path, an_outage())
    found = exported(
        capsys, "--config", config,
        "--since", "2026-04-28T14:10:00+02:00", "--until", "2026-04-28T12:20:00Z",
    )  # fmt: skip
    assert (found[0]["at"], found[-1]["at"]) == ("2026-04-28T12:10:00Z", "2026-04-28T12:19:50Z")
    assert exported(capsys, "--config", config, "--until", "2026-04-28T11:00:00Z") == []


def test_a_daemon_that_holds_the_store_is_not_disturbed(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It holds the lock and is in the middle of a write."""
    stored(tmp_path, [a_run(0)])
    with (
        only_daemon(f"sqlite:///{tmp_path / 'monitor.db'}", NOON),
        sqlite3.connect(tmp_path / "monitor.db", isolation_level=None) as writer,
    ):
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM runs")
        assert len(exported(capsys, "--config", config)) == 1
        writer.execute("ROLLBACK")
    writer.close()


def test_reading_leaves_the_store_as_it_is(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored(tmp_path, [a_run(0)])
    before = (tmp_path / "monitor.db").read_bytes()
    exported(capsys, "--config", config)
    assert (tmp_path / "monitor.db").read_bytes() == before
    assert not (tmp_path / "monitor.db.lock").exists()


def test_without_a_store_it_is_one_line_and_none_is_made(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "monitor.db is no database file" in refused(capsys, "--config", config)
    assert not (tmp_path / "monitor.db").exists()


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", "of another version (schema 9999"),
        ("DROP TABLE alembic_version", "of another version (schema none"),
    ],
)
def test_a_store_of_another_version_is_one_line(
    statement: str, reason: str, config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored(tmp_path, [a_run(0)])
    with sqlite3.connect(tmp_path / "monitor.db") as connection:
        connection.execute(statement)
    connection.close()
    assert reason in refused(capsys, "--config", config)


def test_what_is_no_database_is_one_line(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "monitor.db").write_text("a letter" * 1000)
    assert "is not a SQLite database" in refused(capsys, "--config", config)


def test_a_span_that_runs_backwards_is_refused(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reason = refused(capsys, "--config", config, "--since", "1h", "--until", "2h")
    assert reason.startswith("--since (")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2h", NOW - timedelta(hours=2)),
        ("1d12h", NOW - timedelta(hours=36)),
        ("0", NOW),
        ("2026-04-28T12:00:00Z", NOON),
        ("2026-04-28T14:00:00+02:00", NOON),
    ],
)
def test_a_moment_is_a_time_or_how_long_ago(text: str, expected: datetime) -> None:
    assert moment(text, "--since", NOW) == expected


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-04-28T12:00:00", "2026-04-28", "0001-01-01T00:00:00+23:59", "-2h"]
)
def test_another_text_is_no_moment(text: str) -> None:
    with pytest.raises(Refusal, match=r"^--until: .* is no time; write it like"):
        moment(text, "--until", NOW)


def test_a_line_carries_what_is_known_and_is_read_back() -> None:
    run = StoredRun(
        run_id="r", probe="one", at=NOON + timedelta(microseconds=1), seconds=10.00049,
        outcome=Outcome.TIMEOUT, answered=False, origin=Origin.BURST, reason="no answer in 10 s",
        status=None, request_id=None, cf_ray="9e2f-FRA", phases=(),
    )  # fmt: skip
    line = line_of(run)
    assert json.loads(line) == {
        "at": "2026-04-28T12:00:00.000001Z", "probe": "one", "outcome": "timeout",
        "seconds": 10.0, "answered": False, "origin": "burst", "reason": "no answer in 10 s",
        "cf_ray": "9e2f-FRA",
    }  # fmt: skip
    (back,) = read_runs(io.BytesIO(line), "f", PROBES)
    assert (back.at, back.outcome, back.answered) == (run.at, Outcome.TIMEOUT, False)
