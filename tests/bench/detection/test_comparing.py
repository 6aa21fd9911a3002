"""The peers in the simulated world."""

from __future__ import annotations

import pytest

from tests.bench.detection.comparing import compare, compare_quiet
from tests.bench.detection.products import product
from tests.bench.detection.world import Noise

STILL = Noise(p0=0.0, blips=0.0, network=0.0)
R0 = product("r0")


def test_three_in_a_row_of_one_probe_take_a_minute_and_the_wait_for_the_first() -> None:
    found = compare(R0, STILL, 1.0, "test")

    assert found["Gatus, 3 failures / 2 successes"] == pytest.approx(65, abs=7)
    assert found["Uptime Kuma, no retries"] == pytest.approx(5, abs=7)
    assert found["Uptime Kuma, 3 retries"] == pytest.approx(95, abs=7)


def test_without_noise_no_peer_raises_a_false_alarm() -> None:
    found = compare_quiet(R0, STILL, "test", days=1.0)

    assert [value for name, value in found.items() if name != "years"] == [0.0] * (len(found) - 1)


def test_single_failures_alarm_who_does_not_retry() -> None:
    found = compare_quiet(R0, Noise(p0=0.01, blips=0.0, network=0.0), "test", days=1.0)

    assert found["Uptime Kuma, no retries"] == pytest.approx(86, abs=30)
    assert found["Uptime Kuma, 3 retries"] == 0
