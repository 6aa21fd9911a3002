"""The bound, against the figures of the study and a simulation."""

from __future__ import annotations

import math
from random import Random

import pytest

from tests.bench.detection.bound import delay, run_length


@pytest.mark.parametrize(("rate", "seconds"), [(1.0, 25), (0.5, 55), (0.2, 146), (0.1, 329)])
def test_the_bound_at_one_run_every_ten_seconds(rate: float, seconds: float) -> None:
    assert delay(0.001, rate, 10.0) == pytest.approx(seconds, rel=0.06)


def test_fewer_false_alarms_take_longer() -> None:
    assert delay(0.001, 0.2, 10.0, 0.1) > delay(0.001, 0.2, 10.0) * 1.1


def test_run_lengths_are_those_of_a_simulation() -> None:
    chance = Random("test")
    up, down = math.log(0.3 / 0.05), math.log(0.95 / 0.7)

    def once() -> int:
        score, runs = 0.0, 0
        while score < 4.0:
            runs += 1
            score = max(0.0, score + (up if chance.random() < 0.3 else -down))
        return runs

    mean = sum(once() for _ in range(4000)) / 4000
    assert run_length(4.0, 0.05, 0.3, 0.3) == pytest.approx(mean, rel=0.05)
