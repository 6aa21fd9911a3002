from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from monitor.cli import main
from monitor.clock import VirtualClock
from monitor.core.incident import EventType
from monitor.delivery import Delivered, GiveUp
from monitor.pipeline import Change, Envelope, Posting
from monitor.storage.database import Database, open_database
from monitor.storage.lock import only_daemon
from monitor.storage.outbox import SqlOutbox
from monitor.storage.store import Store
from tests.cli.test_export_runs import CONFIG
from tests.factories import NOON, an_event, an_incident

API = an_incident("api", opened_at=NOON)


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.format(url=tmp_path / "monitor.db"))
    return str(path)


def at_the_store(folder: Path, work: Callable[[Database], Awaitable[None]]) -> None:
    """Do something with the database, as a daemon would."""

    async def whole() -> None:
        database = await open_database(f"sqlite:///{folder / 'monitor.db'}")
        await work(database)
        await database.close()

    asyncio.run(whole())


@pytest.fixture
def dead(config: str, tmp_path: Path) -> str:
    """A store with an opening and its close, both given up, and one that has arrived."""

    async def fill(database: Database) -> None:
        store = Store(database, "local", VirtualClock())
        await store.start()
        for kind, notifier in (
            (EventType.OPENED, "oncall"),
            (EventType.CLOSED, "oncall"),
            (EventType.OPENED, "chat"),
        ):
            event = an_event(kind, API, id=f"{API.id}-{kind.value}-{notifier}", at=NOON)
            envelope = Envelope(notifier=notifier, body=b'{"type":"%s"}' % kind.value.encode())
            store.change(Change(postings=(Posting(event=event, envelopes=(envelope,)),)))
        await store.flush()
        outbox = SqlOutbox(database, "local")
        for notifier, result in (
            ("oncall", GiveUp(reason="answered 410: gone")),
            ("oncall", GiveUp(reason="answered 410: gone")),
            ("chat", Delivered()),
        ):
            delivery = await outbox.claim(notifier, NOON, 60.0)
            assert delivery is not None
            await outbox.settle(delivery, result, NOON, None)
        await store.stop()

    at_the_store(tmp_path, fill)
    return config


def said(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert main(["deliveries", *arguments]) == status
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    return shown.err if status else shown.out


def listed(
    capsys: pytest.CaptureFixture[str], config: str, *arguments: str
) -> list[dict[str, object]]:
    told = said(capsys, "list", *arguments, "--json", "--config", config)
    found: list[dict[str, object]] = json.loads(told)
    return found


def test_a_table_with_the_newest_first_and_what_went_wrong(
    dead: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = said(capsys, "list", "--config", dead).splitlines()
    assert lines[0].split() == ["ID", "STATE", "NOTIFIER", "TYPE", "TRIES", "DECIDED", "EVENT"]
    assert [line.split()[:4] for line in lines[1:] if line[0] != " "] == [
        ["3", "delivered", "chat", "incident.opened"],
        ["2", "dead", "oncall", "incident.closed"],
        ["1", "dead", "oncall", "incident.opened"],
    ]
    assert lines[3].strip() == "answered 410: gone"


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--state", "dead"], [2, 1]),
        (["--notifier", "chat"], [3]),
        (["--incident", API.id, "--limit", "1"], [3]),
        (["--state", "pending"], []),
    ],
    ids=str,
)
def test_a_part_of_them(
    dead: str, capsys: pytest.CaptureFixture[str], arguments: list[str], found: list[int]
) -> None:
    assert [row["id"] for row in listed(capsys, dead, *arguments)] == found


def test_one_is_shown_with_its_bytes(dead: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = json.loads(said(capsys, "show", "1", "--config", dead))
    assert (shown["state"], shown["created_at"]) == ("dead", "2026-04-28T12:00:00Z")
    assert shown["body"] == '{"type":"incident.opened"}'


def test_retry_and_discard_beside_a_daemon_that_holds_the_store(
    dead: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with only_daemon(f"sqlite:///{tmp_path / 'monitor.db'}", NOON):
        assert said(capsys, "retry", "1", "--config", dead) == "due now: 1, 2\n"
        assert said(capsys, "discard", "2", "--reason", "known", "--config", dead)
    rows = {row["id"]: row for row in listed(capsys, dead)}
    assert (rows[1]["state"], rows[2]["state"]) == ("pending", "discarded")
    assert str(rows[2]["last_error"]).startswith("discarded: known (")
    told = said(capsys, "retry", "--all", "--notifier", "oncall", "--config", dead)
    assert told == "due now: none\n"


def test_nothing_to_show_is_said(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def nothing(_database: Database) -> None:
        return

    at_the_store(tmp_path, nothing)
    assert said(capsys, "list", "--config", config) == "no deliveries\n"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["show", "99"], "there is no delivery 99"),
        (["retry", "99"], "there is no delivery 99"),
        (["retry", "3"], "has arrived"),
        (["retry"], "name one delivery"),
        (["retry", "1", "--all", "--notifier", "oncall"], "name one delivery"),
        (["retry", "--all"], "name one delivery"),
        (["retry", "1", "--notifier", "oncall"], "name one delivery"),
        (["discard", "3", "--reason", "x"], "has arrived"),
        (["list", "--limit", "0"], "--limit lies between"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_one_line(
    dead: str, capsys: pytest.CaptureFixture[str], arguments: list[str], why: str
) -> None:
    told = said(capsys, *arguments, "--config", dead, status=2)
    assert why in told
    assert len(told.splitlines()) == 1


def test_without_a_store_it_says_so(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is no database file" in said(capsys, "retry", "1", "--config", config, status=2)
