"""The tables. Every row carries the vantage; times are microseconds since 1970 in UTC.

A change here needs a migration, and `REVISION` names the newest one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from typing_extensions import override

REVISION: Final = "0004"
"""The revision that these tables are: the head of `migrations/versions`."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECONDS = 1_000_000


class UtcMicroseconds(TypeDecorator[datetime]):
    """An aware moment, kept as a whole number: exact, ordered and the same in every database."""

    impl = BigInteger
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Microseconds since 1970; a naive moment is a mistake (TypeError)."""
        if value is None:
            return None
        passed = value - _EPOCH
        return (passed.days * 86_400 + passed.seconds) * _MICROSECONDS + passed.microseconds

    @override
    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """The moment, aware, in UTC."""
        return None if value is None else _EPOCH + timedelta(microseconds=value)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", String, nullable=False),
    Column("vantage", String, nullable=False),
    Column("probe", String, nullable=False),
    Column("at", UtcMicroseconds, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("outcome", String, nullable=False),
    Column("counts", String, nullable=False),
    Column("answered", Boolean, nullable=False),
    Column("origin", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("status", Integer),
    Column("request_id", Text),
    Column("cf_ray", Text),
    Column("phases", Text, nullable=False),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    UniqueConstraint("vantage", "run_id"),
    Index(None, "vantage", "at"),
    Index(None, "vantage", "probe", "at"),
)
"""One row a run. `at` is its start; `phases` is a JSON object of seconds by phase."""

incidents = Table(
    "incidents",
    metadata,
    Column("id", String, primary_key=True),
    Column("vantage", String, nullable=False),
    Column("phase", String, nullable=False),
    Column("severity", String, nullable=False),
    Column("cause", String, nullable=False),
    Column("started_at", UtcMicroseconds, nullable=False),
    Column("opened_at", UtcMicroseconds, nullable=False),
    Column("recovered_at", UtcMicroseconds),
    Column("closed_at", UtcMicroseconds),
    Column("sequence", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Index(None, "vantage", "opened_at"),
    Index(None, "vantage", "phase"),
)
"""The newest version of each incident: `body` is all of it as JSON, the rest is for search."""

incident_events = Table(
    "incident_events",
    metadata,
    Column("id", String, primary_key=True),
    Column("vantage", String, nullable=False),
    Column("incident_id", String),
    Column("type", String, nullable=False),
    Column("at", UtcMicroseconds, nullable=False),
    Column("sequence", Integer),
    Column("body", Text, nullable=False),
    Index(None, "vantage", "at"),
    Index(None, "incident_id"),
)
"""What was announced; `incident_id` and `sequence` are empty for `monitor.*`."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("vantage", String, nullable=False),
    Column("event_id", String, ForeignKey("incident_events.id"), nullable=False),
    Column("notifier", String, nullable=False),
    Column("incident_id", String),
    Column("line", String, nullable=False),
    Column("type", String, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", UtcMicroseconds, nullable=False),
    Column("due_at", UtcMicroseconds, nullable=False),
    Column("touched_at", UtcMicroseconds, nullable=False),
    Column("lease_until", UtcMicroseconds),
    Column("settled_at", UtcMicroseconds),
    Column("last_error", Text),
    Column("requeued_at", UtcMicroseconds),
    UniqueConstraint("event_id", "notifier"),
    Index(None, "vantage", "notifier", "state", "line", "id"),
    Index(None, "vantage", "line", "id"),
    sqlite_autoincrement=True,
)
"""The outbox: one row for each event and notifier.

`line` is what keeps its order: the incident's id, empty for `monitor.*`. `touched_at` is when the
row was last written: a moment in the future shows that the wall clock has been set back since.
Numbers are never given twice, so that the order of a line is that of its ids. `requeued_at` is when
an operator asked for it again; its age counts from then.
"""

mutes = Table(
    "mutes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("vantage", String, nullable=False),
    Column("component", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("author", String, nullable=False),
    Column("starts_at", UtcMicroseconds, nullable=False),
    Column("ends_at", UtcMicroseconds, nullable=False),
    Index(None, "vantage", "ends_at"),
)
"""Components of which nothing is announced for a while; one that is lifted ends early."""

engine_state = Table(
    "engine_state",
    metadata,
    Column("vantage", String, primary_key=True),
    Column("at", UtcMicroseconds, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""The engine's last snapshot."""

component_states = Table(
    "component_states",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("vantage", String, nullable=False),
    Column("component", String, nullable=False),
    Column("before", String, nullable=False),
    Column("after", String, nullable=False),
    Column("at", UtcMicroseconds, nullable=False),
    Column("reason", Text, nullable=False),
    UniqueConstraint("vantage", "component", "at", "after"),
    Index(None, "vantage", "at"),
)
"""One row a change of a component's state; time in which nobody watched is `unknown`."""

orders = Table(
    "orders",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("vantage", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("author", String, nullable=False),
    Column("created_at", UtcMicroseconds, nullable=False),
    Column("taken_at", UtcMicroseconds),
    Column("done_at", UtcMicroseconds),
    Column("ok", Boolean),
    Column("result", Text),
    Index(None, "vantage", "done_at"),
    sqlite_autoincrement=True,
)
"""What operators want of the daemon, put down by another process; `body` is a JSON object.

Taken before it is carried out and done after it, so that whoever waits knows which it is.
"""

rollups = Table(
    "rollups",
    metadata,
    Column("vantage", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("period", String, primary_key=True),
    Column("start", UtcMicroseconds, primary_key=True),
    Column("body", Text, nullable=False),
    Index(None, "vantage", "period", "start"),
)
"""Sums of an hour or a day: `kind` is `probe` or `component`, `body` is JSON (see `rollups.py`)."""
