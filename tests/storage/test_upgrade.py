from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect

from monitor.storage.database import Database, StorageError
from monitor.storage.tables import REVISION, metadata
from monitor.storage.upgrade import config, upgrade


async def test_the_migrations_make_exactly_the_tables(database: Database) -> None:
    def differences(connection: Connection) -> object:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return compare_metadata(context, metadata)

    async with database.reading() as connection:
        assert await connection.run_sync(differences) == []


def test_the_newest_migration_is_the_one_that_the_tables_name() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        assert ScriptDirectory.from_config(config(connection)).get_heads() == [REVISION]
    engine.dispose()


def test_the_comparison_would_see_a_difference() -> None:
    """A database without the tables differs in each of them, so an empty list means something."""
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    assert len([each for each in found if each[0] == "add_table"]) == len(metadata.tables)


def test_an_upgrade_that_is_rolled_back_leaves_nothing() -> None:
    engine = create_engine("sqlite://", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        upgrade(connection, "x.db")
        assert set(inspect(connection).get_table_names()) > set(metadata.tables)
        connection.exec_driver_sql("ROLLBACK")
        assert inspect(connection).get_table_names() == []
    engine.dispose()


def test_an_upgrade_of_what_is_up_to_date_changes_nothing() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        upgrade(connection, "x.db")
        upgrade(connection, "x.db")
        assert MigrationContext.configure(connection).get_current_revision() == REVISION
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'later'")
        with pytest.raises(StorageError, match="was written by a newer version"):
            upgrade(connection, "x.db")
    engine.dispose()
