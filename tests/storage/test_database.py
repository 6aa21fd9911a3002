from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Insert, insert, select, text
from sqlalchemy.exc import StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from monitor.storage.database import (
    Database,
    StorageError,
    explain,
    insert_new,
    insert_or_replace,
    open_database,
    open_to_read,
)
from monitor.storage.tables import engine_state
from tests.factories import NOON


def a_state(vantage: str = "local", body: bytes = b"1") -> Insert:
    return insert(engine_state).values(vantage=vantage, at=NOON, body=body)


async def bodies(database: Database) -> list[bytes]:
    rows = await database.rows(select(engine_state.c.body).order_by(engine_state.c.vantage))
    return [row["body"] for row in rows]


async def pragma(database: Database, name: str, *, durable: bool | None = None) -> object:
    opened = database.reading() if durable is None else database.writing(durable=durable)
    async with opened as connection:
        return (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()


# ------------------------------------------------------------------ opening


async def test_a_relative_path_and_its_folders_are_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    database = await open_database("sqlite:///data/deep/claude uptime 100%.db")
    await database.close()
    assert (tmp_path / "data" / "deep" / "claude uptime 100%.db").stat().st_size > 0


async def test_what_was_written_is_there_when_it_is_opened_again(path: Path) -> None:
    first = await open_database(f"sqlite:///{path}")
    async with first.writing() as connection:
        await connection.execute(a_state())
    await first.close()
    second = await open_database(f"sqlite:///{path}")
    assert await bodies(second) == [b"1"]
    await second.close()


async def test_a_database_that_is_opened_to_read_takes_no_write(path: Path) -> None:
    url = f"sqlite:///{path}"
    writer = await open_database(url)
    async with writer.writing() as connection:
        await connection.execute(a_state())
    reader = await open_to_read(url)
    assert await bodies(reader) == [b"1"]
    with pytest.raises(StorageError, match="may not be written"):
        async with reader.writing() as connection:
            await connection.execute(a_state("other"))
    async with writer.writing() as connection:
        await connection.execute(a_state("another", b"2"))
    assert await bodies(reader) == [b"2", b"1"]
    await reader.close()
    await writer.close()


@pytest.mark.parametrize("name", ["", "gone.db", "folder"])
async def test_what_is_not_there_cannot_be_read_and_is_not_made(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    url = f"sqlite:///{tmp_path / name}" if name else "sqlite://"
    with pytest.raises(StorageError, match="is no database file: has the daemon run"):
        await open_to_read(url)
    assert os.listdir(tmp_path) == ["folder"]  # noqa: PTH208  # pathlib may not be asked in a loop


async def test_the_file_keeps_a_log_and_holds_foreign_keys(in_file: Database) -> None:
    assert await pragma(in_file, "journal_mode") == "wal"
    assert await pragma(in_file, "foreign_keys") == 1


async def test_only_a_durable_commit_waits_for_the_disk(in_file: Database) -> None:
    levels = [await pragma(in_file, "synchronous", durable=each) for each in (True, False, True)]
    assert levels == [2, 1, 2]


async def test_nothing_is_left_beside_the_file_after_a_close(path: Path) -> None:
    database = await open_database(f"sqlite:///{path}")
    await database.close()
    assert [each.name for each in path.parent.iterdir()] == [path.name]


# ------------------------------------------------------- errors at the start


async def refusal(url: str) -> str:
    with pytest.raises(StorageError) as caught:
        await open_database(url)
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    "url",
    [
        "",
        "data/claude.db",
        "postgresql://me:hunter2@db/claude",
        "sqlite://host/x.db",
        "sqlite:///x.db?mode=ro",
    ],
)
async def test_a_url_that_names_no_file_is_explained(url: str) -> None:
    line = await refusal(url)
    assert line.startswith("storage.url ")
    assert "sqlite:///data/claude-uptime.db" in line
    assert "hunter2" not in line


async def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = await refusal(f"sqlite:///{tmp_path}/file/x.db")
    assert line.startswith(f"{tmp_path}/file/x.db cannot be created")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder nobody can write to")
async def test_an_unwritable_folder_is_explained() -> None:
    """Nobody, not even root, can create a file in /proc."""
    assert (await refusal("sqlite:////proc/x.db")).startswith("/proc/x.db cannot be opened: ")
    assert (await refusal("sqlite:////proc/x/y.db")).startswith("/proc/x/y.db cannot be created")


async def test_a_folder_in_place_of_the_file_is_explained(tmp_path: Path) -> None:
    assert "cannot be opened: it must be a file" in await refusal(f"sqlite:///{tmp_path}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to a read-only file")
async def test_a_read_only_file_is_explained(path: Path) -> None:
    await (await open_database(f"sqlite:///{path}")).close()
    os.chmod(path, 0o400)  # noqa: PTH101  # one quick call, and asyncio has none
    assert "may not be written" in await refusal(f"sqlite:///{path}")


async def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("a plain text file, and rather longer than a header " * 40)
    before = path.read_bytes()
    assert "is not a SQLite database: move it away" in await refusal(f"sqlite:///{path}")
    assert path.read_bytes() == before


async def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "grafana.db"
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE dashboards (id)")
    assert "holds the tables of another program" in await refusal(f"sqlite:///{path}")
    with contextlib.closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("dashboards",)]


async def test_the_database_of_a_newer_version_is_refused(path: Path) -> None:
    await (await open_database(f"sqlite:///{path}")).close()
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE alembic_version SET version_num = '0042'")
        other.commit()
    line = await refusal(f"sqlite:///{path}")
    assert line.startswith(f"{path} was written by a newer version (schema 0042)")


@pytest.mark.parametrize("known", [True, False], ids=["our database", "an empty one"])
async def test_a_database_that_another_process_holds_is_explained(
    tmp_path: Path, *, known: bool
) -> None:
    path = tmp_path / "x.db"
    if known:
        await (await open_database(f"sqlite:///{path}")).close()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert "is locked by another process" in await refusal(f"sqlite:///{path}")
        other.execute("ROLLBACK")


# ------------------------------------------------------------ transactions


async def test_a_block_that_fails_leaves_nothing(database: Database) -> None:
    async def write() -> None:
        async with database.writing() as connection:
            await connection.execute(a_state())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await write()
    assert await bodies(database) == []


async def test_a_block_that_is_cancelled_leaves_nothing(in_file: Database) -> None:
    begun = asyncio.Event()

    async def write() -> None:
        async with in_file.writing(durable=True) as connection:
            await connection.execute(a_state())
            begun.set()
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(write())
        await begun.wait()
        task.cancel()
    assert await bodies(in_file) == []
    async with in_file.writing() as connection:
        await connection.execute(a_state())
    assert await bodies(in_file) == [b"1"]


async def test_a_reader_waits_for_no_writer_and_sees_what_is_committed(in_file: Database) -> None:
    async with in_file.writing() as connection:
        await connection.execute(a_state())
        assert await bodies(in_file) == []
    assert await bodies(in_file) == [b"1"]


async def test_a_write_of_another_process_is_not_waited_for_long(
    in_file: Database, path: Path
) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="is locked by another process") as caught:
            async with in_file.writing():
                pass
        assert caught.value.transient
        other.execute("ROLLBACK")
    async with in_file.writing() as connection:
        await connection.execute(a_state())


async def test_a_write_waits_for_another_of_ours_but_not_for_ever(database: Database) -> None:
    impatient = Database(database._engine, "x.db", write_wait_seconds=0.01)
    async with impatient.writing():
        with pytest.raises(StorageError, match="is busy with another write of ours") as caught:
            async with impatient.writing():
                pass
    assert caught.value.transient
    async with impatient.writing() as connection:
        await connection.execute(a_state())


async def test_many_writers_take_turns(database: Database) -> None:
    async def add(number: int) -> None:
        async with database.writing() as connection:
            await connection.execute(a_state(vantage=str(number)))

    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(add(number))
    assert len(await bodies(database)) == 8


async def test_an_insert_passes_over_or_replaces_what_is_there(database: Database) -> None:
    row = {"vantage": "local", "at": NOON}
    async with database.writing() as connection:
        await connection.execute(insert_new(engine_state, "vantage"), [{**row, "body": b"1"}])
        await connection.execute(insert_new(engine_state, "vantage"), [{**row, "body": b"2"}])
    assert await bodies(database) == [b"1"]
    async with database.writing() as connection:
        await connection.execute(
            insert_or_replace(engine_state, "vantage"), [{**row, "body": b"3"}]
        )
    assert await bodies(database) == [b"3"]


# ------------------------------------------------------------ what errors say


async def test_a_mistake_in_what_is_written_shows_none_of_its_values(database: Database) -> None:
    async def write() -> None:
        async with database.writing() as connection:
            await connection.execute(a_state(body=b"planted-secret"))

    await write()
    with pytest.raises(StorageError) as caught:
        await write()
    line = str(caught.value)
    assert "UNIQUE constraint failed: engine_state.vantage" in line
    assert "planted-secret" not in line
    assert "planted-secret" not in repr(caught.value.__cause__)
    assert not caught.value.transient


def a_driver_error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("whatever the driver says")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (sqlite3.SQLITE_BUSY, "is locked by another process"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "is locked by another process"),
        (sqlite3.SQLITE_FULL, "the disk is full: free some space"),
        (sqlite3.SQLITE_READONLY_DBMOVED, "may not be written"),
        (sqlite3.SQLITE_PERM, "may not be opened"),
        (sqlite3.SQLITE_CORRUPT, "is damaged"),
        (sqlite3.SQLITE_IOERR_FSYNC, "the disk reports an error"),
    ],
)
def test_an_error_code_becomes_a_sentence_with_the_place(code: int, words: str) -> None:
    error = explain("/data/x.db", a_driver_error(code))
    assert str(error).startswith("/data/x.db ")
    assert words in str(error)
    assert error.transient


def test_a_wait_for_a_connection_that_was_too_long_may_work_later() -> None:
    error = explain("/data/x.db", PoolTimeoutError("QueuePool limit"))
    assert error.transient
    assert str(error) == "/data/x.db refused what was asked of it (TimeoutError)"


def test_a_statement_that_cannot_be_made_is_our_own_mistake() -> None:
    error = explain("/data/x.db", StatementError("m", "INSERT", {}, TypeError("value 42")))
    assert not error.transient
    assert "42" not in str(error)


def test_an_error_that_is_explained_already_stays() -> None:
    error = StorageError("x")
    assert explain("/data/x.db", error) is error
