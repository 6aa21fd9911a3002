from __future__ import annotations

import pytest

from monitor.core.observation import Check, Phase, Timings
from tests.factories import an_observation


def test_the_phases_that_took_place_are_told_in_their_order() -> None:
    timings = Timings(total=1.0, transfer=0.1, dns=0.2, first_byte=0.0)
    assert timings.phases() == (
        (Phase.DNS, 0.2),
        (Phase.FIRST_BYTE, 0.0),
        (Phase.TRANSFER, 0.1),
    )
    assert Timings(total=1.0).phases() == ()


def test_a_run_takes_from_its_start_to_its_end() -> None:
    assert an_observation(started=10.0, ended=12.5).seconds == 2.5


@pytest.mark.parametrize(
    ("ok", "counts", "failed"),
    [(True, True, False), (True, False, False), (False, True, True), (False, False, False)],
)
def test_a_check_fails_where_it_is_not_met_and_counts(
    *, ok: bool, counts: bool, failed: bool
) -> None:
    assert Check(name="answer", ok=ok, counts=counts).failed is failed
