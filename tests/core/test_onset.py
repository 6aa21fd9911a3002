"""The estimate of an impact's start and end, by hand and against known truths."""

from __future__ import annotations

import heapq
import random
import statistics
from collections.abc import Callable

import pytest

from monitor.core.onset import Estimate, end, onset
from monitor.core.window import Entry
from tests.core.timeline import MONO, an_entry, entries

INTERVAL = 30.0
CADENCE = 15.0
LENGTH = 1200.0


def at(found: Estimate | None) -> tuple[float, float, float]:
    """An estimate as seconds of the story: earliest, at, latest."""
    assert found is not None
    return (found.earliest - MONO, found.at - MONO, found.latest - MONO)


# ---------------------------------------------------------------- by hand


def test_where_nothing_is_bad_nothing_began_and_nothing_ended() -> None:
    assert onset([]) is None
    assert end([]) is None
    assert onset(entries(a="....", b="....")) is None
    assert end(entries(a="....", b="....")) is None


def test_a_hard_outage_began_half_a_gap_before_its_first_bad_run() -> None:
    # Rows start a second apart: the last good run is b at 31 s, the first bad one a at 40 s.
    earliest, middle, latest = at(onset(entries(a="....xxxxxx", b="....xxxxxx")))
    assert middle == pytest.approx((31.0 + 40.0) / 2)
    assert latest == 40.0
    assert earliest < 32.0


def test_a_hard_outage_ended_half_a_gap_after_its_last_bad_run() -> None:
    earliest, middle, latest = at(end(entries(a="xxxxxx....", b="xxxxxx....")))
    assert earliest == 51.0
    assert middle == pytest.approx((51.0 + 60.0) / 2)
    assert latest > 59.0


def test_what_grew_began_before_it_grew() -> None:
    grown = entries(a="....xxxxxxxxxxxxxxxxxxxx", **dict.fromkeys("bcde", "." * 16 + "x" * 8))
    assert at(onset(grown))[1] > 150.0
    known = onset(grown, ceiling=MONO + 120.0)
    assert 30.0 < at(known)[1] < 40.0


def test_a_single_failure_long_before_is_noise() -> None:
    _, middle, _ = at(onset(entries(a="x..............xxxxxx", b="...............xxxxxx")))
    assert middle == pytest.approx((141.0 + 150.0) / 2)


def test_a_rarer_failure_leaves_more_room_before_the_first() -> None:
    hard = at(onset(entries(a="....................xxxxxxxxxx")))
    half = at(onset(entries(a="....................x.x.x.x.x.")))
    assert half[1] < hard[1]
    assert half[2] - half[0] > hard[2] - hard[0]


def test_a_dead_probe_among_good_ones_is_estimated_from_its_own_runs() -> None:
    _, middle, latest = at(
        onset(entries(a="......xxxxxxxxxx", b="................", c="................"))
    )
    assert latest == 60.0
    assert middle == pytest.approx(55.0)  # between its own runs at 50 and 60 s


def test_a_probe_that_chance_has_spared_so_far_stays_in() -> None:
    _, middle, _ = at(onset(entries(a="......x.x.x", b="...........")))
    assert middle > 40.0


@pytest.mark.parametrize("marks", ["xxxx", "x"], ids=["several", "one"])
def test_nothing_is_looked_for_before_the_first_run_that_is_known(marks: str) -> None:
    assert at(onset(entries(a=marks))) == (0.0, 0.0, 0.0)
    last = 10.0 * (len(marks) - 1)
    assert at(end(entries(a=marks))) == (last, last, last)


def test_an_impact_began_after_the_last_one_ended() -> None:
    earliest, middle, latest = at(onset(entries(a="....xxxxxx"), MONO + 37.0))
    assert (earliest, middle, latest) == (37.0, 37.0, 40.0)


def test_an_impact_ended_before_the_next_thing_is_known() -> None:
    assert at(end(entries(a="xxxxxx...."), MONO + 53.0)) == (50.0, 53.0, 53.0)


def test_a_floor_after_the_first_bad_run_does_not_move_the_estimate_behind_it() -> None:
    assert at(onset(entries(a="....xxxxxx"), MONO + 45.0)) == (40.0, 40.0, 40.0)


def test_runs_of_one_moment_are_one_moment() -> None:
    same = [an_entry("a", 10.0), *(an_entry(p, 20.0, bad=True) for p in "abcdef")]
    assert at(onset(same))[1:] == (15.0, 20.0)


def test_a_real_result_that_replaces_a_provisional_one_moves_the_estimate() -> None:
    """The run at 30 s was entered as bad at its soft deadline, and was good in the end."""
    first = at(onset(entries(a="...oxxxxx", b="....xxxxx")))
    then = at(onset(entries(a="....xxxxx", b="....xxxxx")))
    assert first[1] < 30.0
    assert then[1] > 31.0


def test_a_burst_after_the_first_bad_run_does_not_sharpen_what_lies_before_it() -> None:
    """The gap before the first bad run is the schedule's, whatever is asked afterwards."""
    calm = [an_entry("a", 30.0 * turn) for turn in range(10)]
    quick = [an_entry("b", 300.0 + 5.0 * turn, bad=True) for turn in range(18)]
    assert at(onset([*calm, *quick]))[1] == pytest.approx(285.0)


# ---------------------------------------------------------------- against the truth


def world(seed: int, share: float, *, dead: str = "abc") -> tuple[float, list[Entry]]:
    """An outage of 20 min: when it begins, and the runs of three probes in order of start.

    Each runs every 30 s until the first bad run, with a burst after it, and every 15 s from a
    minute after the onset on; one run in a thousand is bad for no reason.
    """
    rng = random.Random(seed)
    begins = 400.0 + rng.uniform(0.0, INTERVAL)
    queue = [(INTERVAL * place / 3 + rng.uniform(0.0, 2.0), p, 1) for place, p in enumerate("abc")]
    heapq.heapify(queue)
    found: list[Entry] = []
    calm = True
    while queue[0][0] < begins + LENGTH + 300.0:
        started, probe, scheduled = heapq.heappop(queue)
        hit = probe in dead and begins <= started < begins + LENGTH
        bad = rng.random() < (share if hit else 0.001)
        found.append(an_entry(probe, started, bad=bad, run_id=f"{probe}@{started}"))
        if bad and calm and started > begins:
            calm = False
            for turn in range(1, 7):
                for place, each in enumerate("abc"):
                    heapq.heappush(queue, (started + 5.0 * turn + 0.1 * place, each, 0))
        if scheduled:
            gap = CADENCE if started > begins + 60.0 else INTERVAL
            heapq.heappush(queue, (started + gap, probe, 1))
    return begins, found


def errors(
    share: float, estimate: Callable[[float, list[Entry]], tuple[Estimate | None, float]]
) -> tuple[float, float]:
    """Median absolute error in seconds, and how often the interval holds the truth."""
    off: list[float] = []
    held = 0
    for seed in range(150):
        found, truth = estimate(*world(seed, share))
        if found is None:
            continue  # no bad run yet
        off.append(abs(found.at - MONO - truth))
        held += found.earliest <= truth + MONO <= found.latest
    return statistics.median(off), held / len(off)


@pytest.mark.parametrize(
    ("share", "opens_after", "most"),
    [(1.0, 20.0, 5.0), (0.5, 30.0, 10.0), (0.2, 90.0, 30.0)],
)
def test_the_onset_is_near_the_truth_when_the_incident_opens(
    share: float, opens_after: float, most: float
) -> None:
    def at_open(begins: float, runs: list[Entry]) -> tuple[Estimate | None, float]:
        known = [run for run in runs if run.started - MONO <= begins + opens_after]
        return onset(known), begins

    off, held = errors(share, at_open)
    assert off <= most
    assert held >= 0.85


@pytest.mark.parametrize(("share", "most"), [(1.0, 5.0), (0.5, 10.0), (0.2, 30.0)])
def test_the_onset_is_near_the_truth_with_all_that_came_after(share: float, most: float) -> None:
    def later(begins: float, runs: list[Entry]) -> tuple[Estimate | None, float]:
        known = [run for run in runs if run.started - MONO <= begins + 900.0]
        return onset(known), begins

    off, held = errors(share, later)
    assert off <= most
    assert held >= 0.9


@pytest.mark.parametrize(("share", "most"), [(1.0, 3.0), (0.5, 6.0), (0.2, 20.0)])
def test_the_end_is_near_the_truth_at_close(share: float, most: float) -> None:
    def at_close(begins: float, runs: list[Entry]) -> tuple[Estimate | None, float]:
        return end([run for run in runs if run.started - MONO >= begins]), begins + LENGTH

    off, held = errors(share, at_close)
    assert off <= most
    assert held >= 0.9


def test_one_dead_probe_of_three_is_dated_as_well_as_its_own_interval_allows() -> None:
    off: list[float] = []
    for seed in range(100):
        begins, runs = world(seed, 1.0, dead="a")
        found = onset([run for run in runs if run.started - MONO <= begins + 110.0])
        assert found is not None
        off.append(abs(found.at - MONO - begins))
    assert statistics.median(off) <= INTERVAL / 3
