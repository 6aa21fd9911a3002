from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter

from monitor.simulation._fields import Moment, nearest, parse_moment

START = datetime(2026, 5, 1, 23, 50, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("23:50", START),
        ("9:05", datetime(2026, 5, 2, 9, 5, tzinfo=UTC)),
        ("23:49:59.5", datetime(2026, 5, 2, 23, 49, 59, 500_000, tzinfo=UTC)),
        ("+90s", datetime(2026, 5, 1, 23, 51, 30, tzinfo=UTC)),
        ("2026-05-01T20:00:00-05:00", datetime(2026, 5, 2, 1, tzinfo=UTC)),
        (START, START),
    ],
)
def test_a_moment_is_a_date_a_time_of_day_or_an_offset(value: object, moment: datetime) -> None:
    assert parse_moment(value, START) == moment


def test_a_time_of_day_without_a_start_is_no_moment() -> None:
    with pytest.raises(ValueError, match="is no moment"):
        parse_moment("17:34", None)


def test_outside_a_scenario_only_full_dates_are_taken() -> None:
    adapter: TypeAdapter[datetime] = TypeAdapter(Moment)

    assert adapter.validate_python("2026-05-01T23:50:00Z") == START


def test_the_nearest_word_is_named_or_else_all() -> None:
    assert nearest("messagez", ("messages", "models")) == "did you mean 'messages'?"
    assert nearest("zzz", ("models", "messages")) == "known are: messages, models"
