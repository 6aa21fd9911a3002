from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.core.closing import clean, close_window, good_streak, relapse, still_failing
from monitor.core.policy import Policy
from monitor.core.pools import pools_of
from monitor.core.standing import Stage, Standing
from monitor.core.window import Entry
from tests.core.timeline import MONO, an_entry, entries, hellos, plan_of, windows_with
from tests.factories import a_probe

POLICY = Policy()
(POOL,) = pools_of("api", plan_of(*hellos(3)), POLICY)
STEP = Standing(stage=Stage.RECOVERING, onset=MONO - 600.0, recovered=MONO)
"""Ten minutes of failure, over at 0."""

SHORT = replace(STEP, onset=MONO - 299.0)


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


# ------------------------------------------------------------------ how long it must be clean


@pytest.mark.parametrize(
    ("standing", "seconds", "why"),
    [
        pytest.param(STEP, 120.0, "one clean step of 600 s", id="a clean step"),
        pytest.param(SHORT, 300.0, "short or came in waves", id="under five minutes"),
        pytest.param(replace(STEP, relapsed=True), 300.0, "came in waves", id="it relapsed"),
        pytest.param(replace(STEP, reopened=(MONO,)), 300.0, "came in waves", id="it came back"),
        pytest.param(
            replace(STEP, reopened=(MONO, MONO)), 600.0, "2 re-opens within the hour", id="twice"
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
