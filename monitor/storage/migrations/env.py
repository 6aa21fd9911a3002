"""Runs the migrations over the connection that `monitor.storage.upgrade` hands in."""

from __future__ import annotations

from alembic import context

from monitor.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
