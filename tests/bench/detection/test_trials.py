"""Trials: their measures are told from the true moments."""

from __future__ import annotations

from random import Random

import pytest

from tests.bench.detection.cells import subject
from tests.bench.detection.products import product
from tests.bench.detection.trials import BEFORE, flapping, outage, try_once, weeks
from tests.bench.detection.world import Noise

STILL = Noise(p0=0.0, blips=0.0, network=0.0)
R0 = product("r0")


def test_an_onset_falls_anywhere_on_the_grid() -> None:
    onsets = [outage(subject)(R0, Random(seed)).onset for seed in range(50)]

    assert min(onsets) < BEFORE + R0.round / 4
    assert max(onsets) > BEFORE + R0.round * 3 / 4


def test_a_step_is_measured_from_its_onset_and_its_end() -> None:
    found = try_once(R0, STILL, outage(subject, seconds=600.0, closing=True), "test")

    opened, recovering, closed = (found[name] for name in ("opened", "recovering", "closed"))
    assert opened is not None
    assert recovering is not None
    assert closed is not None
    assert 10 < opened < 30
    assert 20 < recovering < closed < 130
    assert found["reopens"] == 0
    assert found["openings"] == 1
    assert found["onset_error"] is not None


def test_what_never_opens_has_no_times() -> None:
    found = try_once(R0, STILL, outage(subject, 0.0, seconds=60.0), "test")

    assert found["opened"] is found["closed"] is found["onset_error"] is None


def test_a_flap_has_as_many_stretches_as_cycles() -> None:
    scene = flapping(2.0, cycles=3)(R0, Random(0))

    assert [each.end - each.start for each in scene.troubles] == [120.0] * 3
    assert scene.troubles[1].start - scene.troubles[0].start == 240.0
    assert scene.end == scene.troubles[-1].end


def test_weeks_without_noise_open_nothing() -> None:
    found = weeks(R0, STILL, "test", days=1.0)

    assert found["opened"] == found["extra"] == 0
    assert found["years"] == pytest.approx(1 / 365.25)


def test_weeks_tell_rule_and_depth_of_what_opened() -> None:
    found = weeks(R0, Noise(p0=0.06), "test", days=1.0)

    assert found["opened"]
    assert sum(value or 0.0 for name, value in found.items() if "/" in name) == found["opened"]
