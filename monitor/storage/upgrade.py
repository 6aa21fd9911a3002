"""Brings the schema of an open database up to date, with Alembic, from the installed package."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from monitor.storage.database import StorageError

MIGRATIONS = Path(__file__).parent / "migrations"


def config(connection: Connection) -> Config:
    """Alembic's configuration for the migrations of this package over `connection`."""
    made = Config(attributes={"connection": connection})
    # Alembic interpolates percent signs, which a path may hold.
    made.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return made


def upgrade(connection: Connection, place: str) -> None:
    """Apply the missing migrations within the caller's transaction: all of them or none.

    Raises:
        StorageError: the database is a newer version's, or another program's.
    """
    made = config(connection)
    found = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(made).walk_revisions()}
    if found is None and inspect(connection).get_table_names():
        message = (
            f"{place} holds the tables of another program: point storage.url at a file of its own"
        )
        raise StorageError(message, transient=False)
    if found is not None and found not in known:
        message = (
            f"{place} was written by a newer version (schema {found}): "
            "run that version, or point storage.url at another file"
        )
        raise StorageError(message, transient=False)
    command.upgrade(made, "head")
