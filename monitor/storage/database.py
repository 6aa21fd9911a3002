"""One database: how it is opened, how a transaction begins on it, and what its errors mean.

Everything that only SQLite has or does stands in this file, under a name that says what it is for.

Durability. The file is in WAL mode, where a commit survives the death of the process in any case.
What differs is a power cut: at `synchronous=NORMAL` the last commits may be lost (never torn), at
`FULL` each commit is flushed to the disk first. A quiet batch every second is not worth a flush;
a commit that something will be announced from is, because an event that a receiver has seen must
not be unknown to us afterwards. So `writing(durable=True)` is `FULL`, everything else `NORMAL`;
the flush covers the whole log, so that earlier quiet batches become safe with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

import aiosqlite
from sqlalchemy import Connection, Executable, RowMapping, Table, event, inspect, text
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from monitor.storage.tables import REVISION

BUSY_SECONDS: Final = 0.5
"""How long SQLite itself waits for another writer; whoever writes here retries on its own."""

WRITE_WAIT_SECONDS: Final = 5.0
"""How long a write waits for the other writes of this process."""

POOL_SIZE: Final = 5
POOL_OVERFLOW: Final = 5
POOL_WAIT_SECONDS: Final = 5.0
LOG_BYTES_MAX: Final = 64 * 1024 * 1024
"""What the write-ahead log is cut back to after a checkpoint."""

MEMORY: Final = ":memory:"
_DRIVERS = ("sqlite", "sqlite+aiosqlite")
_CAUSE_CHARS_MAX = 200


class StorageError(Exception):
    """The database cannot do what was asked; its text is one line with the place and what to do.

    Attributes:
        transient: the same may work later (locked, full, unreadable); otherwise what was to be
            written is itself at fault.
    """

    def __init__(self, message: str, *, transient: bool = True) -> None:
        """`message` is one line, free of values that were to be stored."""
        super().__init__(message)
        self.transient = transient


class _Mode(Enum):
    """How a transaction begins: what the disk owes us, and whether it takes the write lock."""

    READ = (None, "BEGIN")
    WRITE = ("NORMAL", "BEGIN IMMEDIATE")
    DURABLE = ("FULL", "BEGIN IMMEDIATE")


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What an error code of SQLite says to an operator."""

    code: int
    sentence: str


_MEANINGS = (
    _Meaning(
        sqlite3.SQLITE_BUSY,
        "is locked by another process: stop that process, or point storage.url at another file",
    ),
    _Meaning(sqlite3.SQLITE_LOCKED, "is locked by another connection: try again"),
    _Meaning(sqlite3.SQLITE_FULL, "cannot grow, the disk is full: free some space"),
    _Meaning(sqlite3.SQLITE_READONLY, "may not be written: give this user the file and its folder"),
    _Meaning(sqlite3.SQLITE_PERM, "may not be opened: give this user the file and its folder"),
    _Meaning(
        sqlite3.SQLITE_CANTOPEN,
        "cannot be opened: it must be a file in a folder that this user may write to",
    ),
    _Meaning(
        sqlite3.SQLITE_NOTADB,
        "is not a SQLite database: move it away, or point storage.url at another file",
    ),
    _Meaning(sqlite3.SQLITE_CORRUPT, "is damaged: restore it from a backup, or move it away"),
    _Meaning(sqlite3.SQLITE_IOERR, "cannot be read or written, the disk reports an error"),
)


def explain(place: str, error: BaseException) -> StorageError:
    """What `error` means for the database at `place`; never shows a value that was to be stored."""
    if isinstance(error, StorageError):
        return error
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    driver = next((each for each in _chain(cause) if isinstance(each, sqlite3.Error)), None)
    code = getattr(driver, "sqlite_errorcode", None)
    if code is not None:
        for meaning in _MEANINGS:
            if meaning.code == code & 0xFF:
                return StorageError(f"{place} {meaning.sentence}")
    detail = f": {driver}" if driver is not None else ""
    line = " ".join(f"{type(cause).__name__}{detail}".split())[:_CAUSE_CHARS_MAX]
    transient = isinstance(error, PoolTimeoutError | OperationalError | sqlite3.OperationalError)
    return StorageError(f"{place} refused what was asked of it ({line})", transient=transient)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """`error` and its causes, the driver's own error among them."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__


class Database:
    """An open database. `reading` and `writing` are its only doors; both are transactions."""

    def __init__(
        self, engine: AsyncEngine, place: str, *, write_wait_seconds: float = WRITE_WAIT_SECONDS
    ) -> None:
        """`place` is the path that errors name."""
        self.place = place
        self._engine = engine
        self._write_wait_seconds = write_wait_seconds
        self._writes = asyncio.Lock()
        self._engines = {mode: engine.execution_options(transaction_mode=mode) for mode in _Mode}

    @contextlib.asynccontextmanager
    async def _in_turn(self, mode: _Mode) -> AsyncIterator[AsyncConnection]:
        """A transaction once those that asked before have ended.

        SQLite lets its writers poll for the lock, and under load the unlucky starve: so the
        writers of this process form a queue, and only those of others are met at the lock.
        """
        try:
            async with asyncio.timeout(self._write_wait_seconds):
                await self._writes.acquire()
        except TimeoutError as error:
            message = f"{self.place} is busy with another write of ours: try again"
            raise StorageError(message) from error
        try:
            async with self._transaction(mode) as connection:
                yield connection
        finally:
            self._writes.release()

    @contextlib.asynccontextmanager
    async def _transaction(self, mode: _Mode) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._engines[mode].begin() as connection:
                yield connection
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise explain(self.place, error) from error

    def reading(self) -> contextlib.AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that sees one state of the database and waits for no writer.

        Raises:
            StorageError: on the way in, out or within.
        """
        return self._transaction(_Mode.READ)

    def writing(
        self, *, durable: bool = False
    ) -> contextlib.AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that holds the write lock from its start and commits at its end.

        `durable`: the commit survives a power cut (see the top of this file).

        Raises:
            StorageError: on the way in, out or within; nothing was written then, except where the
                commit itself failed half-way, so what is written should bear being written twice.
        """
        return self._in_turn(_Mode.DURABLE if durable else _Mode.WRITE)

    async def rows(self, question: Executable) -> Sequence[RowMapping]:
        """All rows that answer `question`, in a reading transaction of its own.

        Raises:
            StorageError: it could not be answered.
        """
        async with self.reading() as connection:
            return (await connection.execute(question)).mappings().all()

    async def close(self) -> None:
        """Close every connection. To be called once nothing uses the database any more."""
        await self._engine.dispose()


async def open_database(url: str) -> Database:
    """Open the database at `url`, create what is missing and bring its schema up to date.

    `sqlite:///relative.db`, `sqlite:////absolute.db` or `sqlite://` for one in memory.

    Raises:
        StorageError: one line: the place, what is wrong and what to do.
    """
    path = file_of(url)
    if path != MEMORY:
        make_folder(path)
    database = Database(make_engine(path), path)
    try:
        await _prepare(database)
    except BaseException:
        await database.close()
        raise
    return database


async def open_to_read(url: str) -> Database:
    """Open the database at `url` for questions alone: a daemon that writes it is not disturbed.

    Nothing is created and nothing migrated, and no lock is taken.

    Raises:
        StorageError: there is none, it cannot be read, or its schema is another version's.
    """
    path = file_of(url)
    database = Database(make_engine(path, uri=uri_of(path, "ro"), read_only=True), path)
    try:
        async with database.reading() as connection:
            await connection.run_sync(check_revision, path)
    except BaseException:
        await database.close()
        raise
    return database


def uri_of(path: str, mode: str) -> str:
    """The URI by which SQLite opens an existing file, to read (`ro`) or write (`rw`)."""
    if path == MEMORY or not Path(path).is_file():
        message = f"{path} is no database file: has the daemon run with this storage.url?"
        raise StorageError(message, transient=False)
    return f"{Path(path).absolute().as_uri()}?mode={mode}"


def check_revision(connection: Connection, place: str) -> None:
    """StorageError where the schema is another version's."""
    found = _revision(connection)
    if found != REVISION:
        message = (
            f"{place} is of another version (schema {found or 'none'}, not {REVISION}): "
            "start this version's daemon on it first, or use the version that wrote it"
        )
        raise StorageError(message, transient=False)


def file_of(url: str) -> str:
    """The file that a URL of the config names; `MEMORY` for a database in memory.

    Raises:
        StorageError: it names none.
    """
    hint = "write it like sqlite:///data/claude-uptime.db (relative) or sqlite:////var/lib/x.db"
    try:
        parsed = make_url(url)
    except ArgumentError:
        message = f"storage.url is no database URL: {hint}"
        raise StorageError(message, transient=False) from None
    if parsed.drivername not in _DRIVERS or parsed.host or parsed.query:
        message = f"storage.url names no SQLite file ({parsed.drivername}): {hint}"
        raise StorageError(message, transient=False)
    return parsed.database or MEMORY


def make_folder(path: str) -> None:
    """Make the folder of the database at `path`.

    Raises:
        StorageError: it cannot be made.
    """
    folder = Path(path).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = (
            f"{path} cannot be created, {error.strerror or type(error).__name__} at {folder}: "
            "give this user that folder, or point storage.url elsewhere"
        )
        raise StorageError(message) from error


def make_engine(path: str, *, uri: str | None = None, read_only: bool = False) -> AsyncEngine:
    """The one engine.

    A database in memory belongs to its connection, so it gets exactly one, and whoever needs it
    waits for its turn.
    """

    async def connect() -> aiosqlite.Connection:
        return await _connect(uri or path, uri=uri is not None, read_only=read_only)

    in_memory = path == MEMORY
    engine = create_async_engine(
        "sqlite+aiosqlite://",
        async_creator=connect,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=1 if in_memory else POOL_SIZE,
        max_overflow=0 if in_memory else POOL_OVERFLOW,
        pool_timeout=POOL_WAIT_SECONDS,
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


async def _connect(path: str, *, uri: bool, read_only: bool) -> aiosqlite.Connection:
    """A connection that leaves transactions to us; closed again if it cannot be set up.

    Pragmas go here and not into a pool event, which would leave a half-made connection open.
    """
    connection = aiosqlite.connect(path, uri=uri, isolation_level=None, timeout=BUSY_SECONDS)
    thread = connection._thread  # noqa: SLF001  # as SQLAlchemy's own creator does
    # It must not keep a process alive that died without closing its database.
    thread.daemon = True
    try:
        _ = await connection
    except BaseException:
        # The driver tells its thread to end, but not when it has; it must not outlive the loop.
        await asyncio.to_thread(thread.join, BUSY_SECONDS)
        raise
    try:
        await connection.executescript(
            "PRAGMA query_only=ON;"
            if read_only
            else "PRAGMA foreign_keys=ON; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
            f" PRAGMA journal_size_limit={LOG_BYTES_MAX};"
        )
    except BaseException:
        await connection.close()
        raise
    return connection


def _begin(connection: Connection) -> None:
    """Begin a transaction of the asked kind; the driver is told to begin none itself.

    `BEGIN IMMEDIATE` takes the write lock at once: a transaction that read first and wrote then
    could fail half-way without any wait.
    """
    mode = connection.get_execution_options().get("transaction_mode", _Mode.READ)
    synchronous, begin = mode.value
    if synchronous is not None and connection.info.get("synchronous") != synchronous:
        connection.exec_driver_sql(f"PRAGMA synchronous={synchronous}")
        connection.info["synchronous"] = synchronous
    connection.exec_driver_sql(begin)


async def _prepare(database: Database) -> None:
    """Bring the schema up to date, and find out at once whether the file can be written."""
    async with database.writing(durable=True) as connection:
        if await connection.run_sync(_revision) != REVISION:
            # Alembic costs 0.3 s and 12 MB: only a start that has to migrate pays for it.
            from monitor.storage.upgrade import upgrade  # noqa: PLC0415

            await connection.run_sync(upgrade, database.place)


def _revision(connection: Connection) -> str | None:
    """The revision of the schema, None where there is none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(
        text("SELECT version_num FROM alembic_version")
    ).scalar_one_or_none()
    return found


def insert_new(table: Table, *keys: str) -> Insert:
    """An insert that passes over rows whose `keys` are already there."""
    return insert(table).on_conflict_do_nothing(index_elements=keys)


def insert_or_replace(table: Table, *keys: str) -> Insert:
    """An insert that replaces all other columns of a row whose `keys` are already there."""
    statement = insert(table)
    return statement.on_conflict_do_update(
        index_elements=keys,
        set_={
            column.name: statement.excluded[column.name]
            for column in table.columns
            if column.name not in keys
        },
    )
