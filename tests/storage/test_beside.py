from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from monitor.storage.beside import open_beside
from monitor.storage.database import Database, StorageError


async def test_a_second_process_writes_beside_the_daemon(in_file: Database, path: Path) -> None:
    beside = await open_beside(f"sqlite:///{path}")
    async with beside.writing() as connection:
        await connection.execute(text("INSERT INTO engine_state VALUES ('x', 1, x'00')"))
    await beside.close()
    assert len(await in_file.rows(text("SELECT * FROM engine_state"))) == 1


async def test_a_store_that_is_not_there_is_not_made(path: Path) -> None:
    with pytest.raises(StorageError, match="is no database file"):
        await open_beside(f"sqlite:///{path}")
    assert not path.exists()  # noqa: ASYNC240  # a look at a file, in a test


async def test_a_store_of_another_version_is_left_alone(in_file: Database, path: Path) -> None:
    await in_file.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'later'")
    connection.close()
    with pytest.raises(StorageError, match="is of another version"):
        await open_beside(f"sqlite:///{path}")
