"""A second process at the store of a running daemon: the commands that change something there."""

from __future__ import annotations

from monitor.storage.database import Database, check_revision, file_of, make_engine, uri_of


async def open_beside(url: str) -> Database:
    """Open the database at `url` to read and write, beside the daemon whose it is.

    Nothing is created and nothing migrated. A write waits its turn for half a second at most.

    Raises:
        StorageError: there is none, it cannot be opened, or its schema is another version's.
    """
    path = file_of(url)
    database = Database(make_engine(path, uri=uri_of(path, "rw")), path)
    try:
        async with database.reading() as connection:
            await connection.run_sync(check_revision, path)
    except BaseException:
        await database.close()
        raise
    return database
