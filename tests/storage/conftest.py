"""Databases to test with: in memory, and in a file as in production."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from monitor.clock import VirtualClock
from monitor.storage.database import Database, open_database
from monitor.storage.store import Store

Running = Callable[..., AbstractAsyncContextManager[Store]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "monitor.db"


@pytest.fixture(params=["memory", "file"])
def url(request: pytest.FixtureRequest, path: Path) -> str:
    return "sqlite://" if request.param == "memory" else f"sqlite:///{path}"


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """An empty database, once in memory and once in a file."""
    opened = await open_database(url)
    yield opened
    await opened.close()


@pytest.fixture
async def in_file(path: Path) -> AsyncIterator[Database]:
    """An empty database in a file, for what needs a second connection or a disk."""
    opened = await open_database(f"sqlite:///{path}")
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def running(clock: VirtualClock) -> Running:
    """A store that writes while the block lasts."""

    @contextlib.asynccontextmanager
    async def make(database: Database, vantage: str = "local") -> AsyncIterator[Store]:
        store = Store(database, vantage, clock)
        await store.start()
        try:
            yield store
        finally:
            await store.stop()

    return make


@contextlib.contextmanager
def full_disk(database: Database) -> Iterator[None]:
    """Let the file not grow by one page more, as on a disk without room."""

    def limit(connection: Any, *_: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA max_page_count=1")
        cursor.close()

    def free(connection: Any, *_: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA max_page_count=1073741823")
        cursor.close()

    pool = database._engine.sync_engine.pool
    event.listen(pool, "checkout", limit)
    try:
        yield
    finally:
        event.remove(pool, "checkout", limit)
        event.listen(pool, "checkout", free)
