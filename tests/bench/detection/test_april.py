"""The outage of 28 April, measured."""

from __future__ import annotations

import pytest

from tests.bench.detection.april import april

pytestmark = pytest.mark.slow


def test_the_outage_is_announced_within_a_minute_and_closed_within_five() -> None:
    found = april("test")

    assert found["opened"] is not None
    assert found["closed"] is not None
    assert 0 < found["opened"] < 60
    assert 0 < found["closed"] < 300
    assert found["components"] == 1
    assert found["reopens"] == 0
