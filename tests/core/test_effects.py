from __future__ import annotations

import pytest

from monitor.core.effects import CoverageView, RequestBurst


def test_a_burst_is_spread_over_its_gap_but_for_those_with_a_pace_of_their_own() -> None:
    burst = RequestBurst(runs=(("a", 6), ("b", 2), ("c", 6)), gap=6.0, paced=(("b", 30.0),))
    assert burst.pace() == (("a", 6, 2.0, 6.0), ("b", 2, 30.0, 30.0), ("c", 6, 6.0, 6.0))


@pytest.mark.parametrize(("runs", "usable", "share"), [(4, 1, 0.25), (0, 0, None)])
def test_coverage_is_the_share_of_usable_runs(runs: int, usable: int, share: float | None) -> None:
    assert CoverageView(runs=runs, usable=usable).share == share
