from __future__ import annotations

import itertools

import pytest

from monitor.core import window
from monitor.core.window import Entry, Windows
from tests.core.timeline import MONO, an_entry, windows_with


def names(found: list[Entry]) -> list[str]:
    return [entry.run_id for entry in found]


@pytest.mark.parametrize("order", list(itertools.permutations([0.0, 10.0, 20.0])))
def test_entries_stand_in_the_order_of_their_start_however_late_they_come(
    order: tuple[float, ...],
) -> None:
    windows = windows_with(an_entry("a", at) for at in order)
    assert names(windows.of("a")) == ["a@0", "a@10", "a@20"]


def test_the_real_result_of_a_run_replaces_its_provisional_entry() -> None:
    windows = windows_with([an_entry("a", 0.0), an_entry("a", 10.0, bad=True, run_id="r")])
    windows.put(an_entry("a", 20.0))

    before = windows.put(an_entry("a", 10.0, run_id="r"))

    assert before is not None
    assert before.bad
    assert [entry.bad for entry in windows.of("a")] == [False, False, False]
    assert windows.put(an_entry("a", 10.0, run_id="other")) is None
    assert len(windows.of("a")) == 4


def test_the_entry_of_an_unusable_run_is_taken_back_and_only_that_one() -> None:
    windows = windows_with([an_entry("a", 0.0, run_id="r"), an_entry("a", 0.0, run_id="s")])
    gone = windows.remove("a", "s", MONO)
    assert gone is not None
    assert gone.run_id == "s"
    assert windows.remove("a", "s", MONO) is None
    assert windows.remove("a", "r", MONO + 1) is None
    assert names(windows.of("a")) == ["r"]


def test_several_probes_are_read_together_in_order_of_start_from_a_moment_on() -> None:
    windows = windows_with([an_entry("b", 5.0), an_entry("a", 0.0), an_entry("a", 10.0)])
    assert names(windows.since("ab", MONO)) == ["a@0", "b@5", "a@10"]
    assert names(windows.since("ab", MONO + 5.0)) == ["b@5", "a@10"]
    assert names(windows.since("a", MONO + 11.0)) == []


def test_the_last_run_is_the_one_that_started_last() -> None:
    windows = windows_with([an_entry("a", 10.0), an_entry("a", 0.0)])
    last = windows.last("a")
    assert last is not None
    assert last.run_id == "a@10"
    assert windows.last("b") is None


def test_what_is_older_than_the_horizon_is_forgotten() -> None:
    windows = windows_with([an_entry("a", at) for at in (0.0, 10.0, 20.0)], horizon=30.0)
    windows.prune(MONO + 30.0)
    assert names(windows.of("a")) == ["a@0", "a@10", "a@20"]
    windows.prune(MONO + 41.0)
    assert names(windows.of("a")) == ["a@20"]


def test_a_probe_has_a_bounded_number_of_entries_and_keeps_the_newest() -> None:
    windows = Windows("a", horizon=1e9)
    for number in range(window.ENTRIES_MAX + 3):
        windows.put(an_entry("a", float(number)))
    windows.prune(MONO)
    assert len(windows.of("a")) == window.ENTRIES_MAX
    assert windows.of("a")[0].started == MONO + 3


def test_everything_can_be_forgotten() -> None:
    windows = windows_with([an_entry("a", 0.0), an_entry("b", 1.0)])
    windows.clear()
    assert windows.since("ab", 0.0) == []


def test_a_snapshot_is_a_copy_and_is_restored_for_the_probes_that_still_exist() -> None:
    windows = windows_with([an_entry("a", 10.0), an_entry("b", 0.0)])
    saved = windows.snapshot()
    windows.clear()
    assert {name: names(found) for name, found in saved.items()} == {"a": ["a@10"], "b": ["b@0"]}

    other = Windows("a", horizon=1.0)
    other.restore({"a": [an_entry("a", 20.0), an_entry("a", 10.0)], "b": saved["b"]})
    assert names(other.since("a", 0.0)) == ["a@10", "a@20"]
    assert other.snapshot().keys() == {"a"}
