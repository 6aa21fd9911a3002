from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.core.closing import (
    CLOSE_DOUBT,
    RECOVER_DOUBT,
    clean,
    close_window,
    culprits,
    good_streak,
    recovery,
    relapse,
    runs_needed,
    silent,
    still_failing,
)
from monitor.core.policy import Policy
from monitor.core.pools import pools_of
from monitor.core.standing import Stage, Standing
from monitor.core.window import Entry
from tests.core.timeline import MONO, an_entry, entries, hellos, plan_of, windows_with
from tests.factories import a_probe

POLICY = Policy()
(POOL,) = pools_of("api", plan_of(*hellos(3)), POLICY)
STEP = Standing(stage=Stage.RECOVERING, onset=MONO - 600.0, opened=MONO - 590.0, recovered=MONO)
"""Ten minutes of failure, over at 0."""

SHORT = replace(STEP, onset=MONO - 299.0, opened=MONO - 290.0)


# ------------------------------------------------------------------ the row of good runs


def test_the_row_of_good_runs_is_the_unbroken_one_at_the_end() -> None:
    streak = good_streak(entries(a="..x..", b=".x..."))
    assert [entry.run_id for entry in streak] == ["b@21", "a@30", "b@31", "a@40", "b@41"]
    assert good_streak(entries(a="..x")) == []
    assert len(good_streak(entries(a="..."))) == 3


@pytest.mark.parametrize(
    ("newest", "at", "fails"),
    [
        pytest.param([an_entry("a", 0.0)], 1.0, False, id="a good run"),
        pytest.param([an_entry("a", 0.0, bad=True)], 1.0, True, id="a bad run"),
        pytest.param(
            [an_entry("a", 0.0, bad=True), an_entry("a", 1.0)], 2.0, False, id="a good one after it"
        ),
        pytest.param(
            [an_entry("a", 0.0, bad=True)], 120.0, True, id="three intervals and a time-out"
        ),
        pytest.param([an_entry("a", 0.0, bad=True)], 120.1, False, id="not heard for longer"),
        pytest.param([], 0.0, False, id="never heard"),
    ],
)
def test_a_probe_still_fails_while_its_newest_run_is_a_bad_one(
    newest: list[Entry],
    at: float,
    fails: bool,  # noqa: FBT001  # a table
) -> None:
    assert still_failing(POOL, windows_with(newest), POLICY, MONO + at) is fails


# ------------------------------------------------------------------ is it chance?


@pytest.mark.parametrize(
    ("share", "to_recover", "to_close"),
    [(1.0, 3, 4), (0.75, 5, 8), (0.5, 9, 15), (0.2, 28, 45), (0.0, 619, 986)],
)
def test_a_row_of_good_runs_must_be_longer_than_chance_makes_it(
    share: float, to_recover: int, to_close: int
) -> None:
    assert runs_needed(share, RECOVER_DOUBT) == to_recover
    assert runs_needed(share, CLOSE_DOUBT) == to_close


def test_the_culprits_are_those_that_gave_the_bad_runs() -> None:
    assert culprits(entries(a="x.xx", b="...x", c="....")) == ("a",)
    assert culprits(entries(a="xxxx", b="x.x.", c="x...")) == ("a", "b")
    assert culprits(entries(a="....")) == ()


def recovered(standing: Standing = STEP, **rows: str) -> bool:
    found = windows_with(entries(**rows))
    begun = replace(standing, onset=MONO, recovered=None)
    now = MONO + 10.0 * max(map(len, rows.values()))
    return recovery(begun, POOL, found, POLICY, now) is not None


def test_a_probe_that_failed_half_of_the_time_must_be_good_for_long_by_itself() -> None:
    assert not recovered(a="x.x.x.....", b="..........", c="..........")
    assert recovered(a="x.x.x.........", b="..............", c="..............")
    assert recovered(a="xxxxxxx...", b="..........", c="..........")


def test_a_culprit_that_is_not_heard_any_more_holds_nothing_up() -> None:
    gone = replace(STEP, culprits=("a",))
    assert recovered(gone, a="xxx", b="." * 40, c="." * 40)


def test_what_was_bad_is_forgotten_with_the_windows() -> None:
    assert recovered(a="....", b="....", c="....")


# ------------------------------------------------------------------ relapse


@pytest.mark.parametrize(
    ("rows", "relapses"),
    [
        ({"a": "...x", "b": "...x"}, False),
        ({"a": "..xx", "b": "...x"}, False),
        ({"a": "..xx", "b": "..xx"}, True),
        ({"a": "xxxx", "b": "...."}, False),
        ({"a": "xx........", "b": "xx........"}, False),
    ],
    ids=["two", "three, but one gives two", "four", "one probe alone", "long ago"],
)
def test_three_bad_runs_of_the_last_ten_and_of_two_probes_are_a_relapse(
    rows: dict[str, str],
    relapses: bool,  # noqa: FBT001  # a table
) -> None:
    assert (relapse(POOL, windows_with(entries(**rows)), MONO) is not None) is relapses


def test_a_relapse_says_what_it_counted_and_looks_at_no_run_from_before_the_recovery() -> None:
    windows = windows_with(entries(a="..xx", b="..xx"))
    assert (
        relapse(POOL, windows, MONO) == "relapse: 4 of the last 8 runs of the pool bad (allows 2)"
    )
    assert relapse(POOL, windows, MONO + 30.0) is None


def test_three_bad_runs_of_those_that_had_failed_are_a_relapse_too() -> None:
    windows = windows_with(entries(a="xx.x", b="...."))
    assert relapse(POOL, windows, MONO) is None
    assert relapse(POOL, windows, MONO, ("a",)) == (
        "relapse: 3 of the last 4 runs of a bad (allows 2)"
    )


# ------------------------------------------------------------------ how long it must be clean


@pytest.mark.parametrize(
    ("standing", "seconds", "why"),
    [
        pytest.param(STEP, 120.0, "one clean step of 600 s", id="a clean step"),
        pytest.param(SHORT, 300.0, "short or came in waves", id="under five minutes"),
        pytest.param(
            replace(STEP, opened=MONO - 260.0), 300.0, "short", id="but for a stray bad run before"
        ),
        pytest.param(replace(STEP, relapsed=True), 300.0, "came in waves", id="it relapsed"),
        pytest.param(replace(STEP, reopened=(MONO,)), 300.0, "came in waves", id="it came back"),
        pytest.param(
            replace(STEP, reopened=(MONO, MONO)), 600.0, "2 re-opens within the hour", id="twice"
        ),
        pytest.param(
            replace(STEP, reopened=(MONO,), good=360.0), 540.0, "after 360 good", id="a slow flap"
        ),
        pytest.param(
            replace(STEP, reopened=(MONO,), good=401.0), 300.0, "came in waves", id="too slow a one"
        ),
        pytest.param(replace(STEP, recovered=None), 300.0, "short", id="it never recovered"),
    ],
)
def test_the_close_window_depends_on_how_the_outage_went(
    standing: Standing, seconds: float, why: str
) -> None:
    window, reason = close_window(standing, POOL, POLICY.close)
    assert window == seconds
    assert why in reason


def test_the_close_window_is_long_enough_for_the_slowest_probe() -> None:
    (pool,) = pools_of("api", plan_of(a_probe("a", interval=300.0, burst=False)), POLICY)
    assert close_window(STEP, pool, POLICY.close)[0] == 360.0


# ------------------------------------------------------------------ is it clean?


def told(
    found: list[Entry], *, now: float = 120.0, heard: str = "abc", standing: Standing = STEP
) -> str | None:
    heard_at = dict.fromkeys(heard, MONO + now)
    return clean(standing, POOL, windows_with(found), POLICY, heard_at, MONO + now)


CLEAN = entries(a="." * 12, b="." * 12)


def test_a_clean_window_in_which_every_probe_was_heard_closes() -> None:
    assert told(CLEAN) == (
        "closed: 0 of 24 runs bad in 120 s (allows 5%, needs 15 runs and every probe heard) after "
        "one clean step of 600 s"
    )


def test_one_probe_that_was_not_heard_holds_it_open() -> None:
    assert told(CLEAN, heard="ab") is None
    late = dict.fromkeys("ab", MONO + 120.0) | {"c": MONO - 0.1}
    assert clean(STEP, POOL, windows_with(CLEAN), POLICY, late, MONO + 120.0) is None
    late["c"] = MONO
    assert clean(STEP, POOL, windows_with(CLEAN), POLICY, late, MONO + 120.0) is not None


def test_one_bad_run_of_twenty_is_allowed_and_two_are_not() -> None:
    assert told(entries(a="x" + "." * 11, b="." * 8)) is not None
    assert told(entries(a="x" + "." * 11, b="x" + "." * 7)) is None


def test_fifteen_runs_are_needed() -> None:
    assert told(entries(a="." * 12, b="...")) is not None
    assert told(entries(a="." * 12, b="..")) is None


def test_a_window_that_began_in_silence_is_not_a_whole_one() -> None:
    late = [an_entry(probe, 15.1 + 5 * n) for n in range(15) for probe in "ab"]
    assert told(late) is None
    assert told([*late, an_entry("a", 15.0)]) is not None


def test_runs_from_before_the_window_do_not_count() -> None:
    assert told(CLEAN, now=240.0) is None
    before = [an_entry(probe, -30.0 - n, bad=True) for n in range(9) for probe in "ab"]
    assert told(CLEAN + before) is not None


def test_a_culprit_with_a_bad_run_in_the_window_holds_it_open() -> None:
    rows = {"a": "x" + "." * 11, "b": "." * 12}
    assert told(entries(**rows)) is not None, "one of twenty-four is allowed"
    assert told(entries(**rows), standing=replace(STEP, culprits=("a",))) is None


def test_a_culprit_must_have_been_good_so_often_that_it_is_no_chance() -> None:
    half = replace(STEP, culprits=("a",), share=0.5)
    assert told(entries(a="." * 12, b="." * 12), standing=half) is None
    assert told(entries(a="." * 12, b="." * 12), standing=replace(half, share=0.7)) is not None


def test_a_culprit_that_gave_nothing_usable_leaves_it_to_the_others() -> None:
    gone = replace(STEP, culprits=("c",), share=0.5)
    assert told(CLEAN, standing=gone) is not None


# ------------------------------------------------------------------ can anybody tell?


def test_a_pool_without_a_usable_run_for_two_hours_cannot_be_told_of() -> None:
    held = windows_with([an_entry("a", 0.0)], horizon=1e9)
    assert silent(POOL, held, POLICY, MONO - 9e9, MONO + 7199.0) is None
    assert silent(POOL, held, POLICY, MONO - 9e9, MONO + 7200.0) == (
        "no usable run of the deciding pool for 7200 s (ends after 7200 s)"
    )
    assert silent(POOL, held, POLICY, MONO + 100.0, MONO + 7200.0) is None, "nobody looked before"
    assert silent(POOL, windows_with([]), POLICY, MONO, MONO + 7200.0) is not None
