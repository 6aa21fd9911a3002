from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Integer
from sqlalchemy.dialects import sqlite

from monitor.storage.tables import UtcMicroseconds, metadata

DIALECT = sqlite.dialect()


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_moment_comes_back_exactly(at: datetime) -> None:
    kind = UtcMicroseconds()
    assert kind.process_result_value(kind.process_bind_param(at, DIALECT), DIALECT) == at


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_moments_keep_their_order(one: datetime, other: datetime) -> None:
    kind = UtcMicroseconds()
    stored = [kind.process_bind_param(at, DIALECT) for at in (one, other)]
    assert stored[0] is not None
    assert stored[1] is not None
    assert (one < other) == (stored[0] < stored[1])


def test_a_moment_of_another_zone_comes_back_in_utc() -> None:
    kind = UtcMicroseconds()
    at = datetime(2026, 4, 28, 19, 0, tzinfo=timezone(timedelta(hours=2)))
    back = kind.process_result_value(kind.process_bind_param(at, DIALECT), DIALECT)
    assert back == at
    assert back is not None
    assert back.tzinfo is UTC


def test_no_moment_is_null_both_ways() -> None:
    kind = UtcMicroseconds()
    assert kind.process_bind_param(None, DIALECT) is None
    assert kind.process_result_value(None, DIALECT) is None


def test_a_naive_moment_is_refused() -> None:
    with pytest.raises(TypeError):
        UtcMicroseconds().process_bind_param(datetime(2026, 4, 28, 17, 0), DIALECT)  # noqa: DTZ001  # the mistake itself


def test_every_row_carries_the_vantage() -> None:
    assert [name for name, table in metadata.tables.items() if "vantage" not in table.c] == []


def test_what_is_counted_up_is_numbered_by_the_database() -> None:
    for name in ("runs", "deliveries"):
        assert isinstance(metadata.tables[name].c.id.type, Integer)
