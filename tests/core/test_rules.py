from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from monitor.core.incident import Reason
from monitor.core.noise import Usual
from monitor.core.policy import Fast, Slow, Solo
from monitor.core.rules import Breach, episode_starts, fast, share_limited, slow, solo
from monitor.core.window import Entry
from tests.core.timeline import MONO, an_entry, entries


def bad_runs(*runs: tuple[str, float], answered: int = 99) -> list[Entry]:
    """Bad runs of (probe, start); the first `answered` of them were answered."""
    return [
        an_entry(probe, at, bad=True, answered=number < answered)
        for number, (probe, at) in enumerate(runs)
    ]


SIX = (("a", 0.0), ("b", 2.0), ("a", 4.0), ("b", 6.0), ("a", 8.0), ("b", 10.0))


# ------------------------------------------------------------------ the limit of shares


@pytest.mark.parametrize(
    ("bad", "counted"),
    [
        ({}, 0),
        ({"a": 40}, 0),
        ({"a": 40, "b": 1}, 2),
        ({"a": 3, "b": 3}, 6),
        ({"a": 4, "b": 3}, 6),
        ({"a": 2, "b": 2, "c": 2}, 6),
        ({"a": 4, "b": 2, "c": 2}, 8),
        ({"a": 5, "b": 2, "c": 2}, 8),
    ],
)
def test_no_probe_gives_more_than_half_of_the_bad_runs_that_count(
    bad: dict[str, int], counted: int
) -> None:
    assert share_limited(Counter(bad)) == counted


# ------------------------------------------------------------------ fast


def fast_met(found: list[Entry], size: int = 6, **changes: float) -> Breach | None:
    rule = replace(Fast(), **changes)  # type: ignore[arg-type]  # by name
    return fast(found, rule, 60.0, size)


def test_six_bad_runs_of_two_probes_over_ten_seconds_open() -> None:
    breach = fast_met(bad_runs(*SIX))
    assert breach is not None
    assert breach.reason is Reason.FAST
    assert breach.onset == MONO
    assert breach.window == 60.0
    assert breach.sentence == (
        "fast: 6 of 6 runs bad in 60 s (6 counted with no probe above half; needs 6 and 33%), "
        "2 probes with answers (2 prove the way), spanning 10 s (needs 10 s)"
    )


def test_five_bad_runs_do_not_open() -> None:
    assert fast_met(bad_runs(*SIX[:4], ("b", 20.0))) is None


@pytest.mark.parametrize(
    ("size", "opens"),
    [
        pytest.param(2, False, id="two probes"),
        pytest.param(3, True, id="three probes"),
        pytest.param(4, False, id="four probes"),
    ],
)
def test_five_bad_runs_are_enough_in_a_pool_of_three(
    size: int,
    opens: bool,  # noqa: FBT001  # a table
) -> None:
    found = bad_runs(("a", 0.0), ("b", 3.0), ("c", 5.0), ("a", 8.0), ("b", 10.0))
    breach = fast_met(found, size)
    assert (breach is not None) is opens
    if breach is not None:
        assert "5 of 5 runs bad" in breach.sentence
        assert "needs 5 and 27%" in breach.sentence


def test_in_a_pool_of_three_a_second_probe_in_a_blip_has_two_bad_runs_and_is_not_enough() -> None:
    # 3 and 2 count as 4: it takes a third bad run of the others.
    two = [("a", 0.0), ("a", 5.0), ("a", 10.0), ("b", 12.0), ("b", 20.0)]
    assert fast_met(bad_runs(*two), 3) is None
    assert fast_met(bad_runs(*two, ("c", 21.0)), 3) is not None


@pytest.mark.parametrize(("good", "opens"), [(13, True), (14, False)])
def test_in_a_pool_of_three_a_smaller_share_is_enough(
    good: int,
    opens: bool,  # noqa: FBT001  # a table
) -> None:
    # 5 of 18 are 27.8 %, 5 of 19 are 26.3 %.
    bad = bad_runs(("a", 0.0), ("b", 3.0), ("c", 5.0), ("a", 8.0), ("b", 10.0))
    healthy = [an_entry("c", -20.0 + at) for at in range(good)]
    assert (fast_met(healthy + bad, 3) is not None) is opens


def test_one_probe_can_never_open_however_often_it_is_asked_again() -> None:
    assert fast_met(bad_runs(*(("a", float(at)) for at in range(59)))) is None


def test_one_probe_counts_at_most_as_much_as_all_the_others_together() -> None:
    loud = [("a", float(at)) for at in range(30)]
    assert fast_met(bad_runs(*loud, ("b", 31.0), ("b", 32.0))) is None
    assert fast_met(bad_runs(*loud, ("b", 31.0), ("c", 32.0), ("b", 33.0))) is None
    few = bad_runs(*loud[:6], ("b", 31.0), ("c", 32.0), ("b", 33.0))
    assert fast_met(few) is not None


def test_the_share_is_taken_of_the_runs_that_count_too() -> None:
    bad = bad_runs(*SIX, *(("a", 11.0 + at) for at in range(10)))
    # 16 bad of 20 are 80 %, but only 6 count: 30 % of 20
    good = [an_entry("c", 30.0 + at) for at in range(4)]
    assert fast_met(bad + good) is None
    assert fast_met(bad + good[:2]) is not None


@pytest.mark.parametrize(("good", "opens"), [(12, True), (13, False)])
def test_a_third_of_the_runs_must_be_bad(good: int, opens: bool) -> None:  # noqa: FBT001  # a table
    healthy = [an_entry("c", 0.5 + at) for at in range(good)]
    found = sorted(bad_runs(*SIX) + healthy, key=lambda entry: entry.started)
    assert (fast_met(found) is not None) is opens


@pytest.mark.parametrize(
    ("answered", "span", "opens"),
    [
        (2, 9.9, False),
        (2, 10.0, True),
        (1, 10.0, False),
        (1, 44.9, False),
        (1, 45.0, True),
        (0, 45.0, True),
    ],
)
def test_unanswered_runs_must_last_longer_since_a_path_blip_looks_the_same(
    answered: int,
    span: float,
    opens: bool,  # noqa: FBT001  # a table
) -> None:
    runs = (("a", 0.0), ("b", 0.0), ("a", 4.0), ("b", 6.0), ("a", span), ("b", span))
    found = bad_runs(*runs, answered=answered)
    assert (fast_met(found) is not None) is opens


@pytest.mark.parametrize(
    ("one", "other", "opens"),
    [
        pytest.param((0, 50), (0, 50), True, id="together"),
        pytest.param((0, 50), (5, 50), True, id="the second fails for 45 s too"),
        pytest.param((0, 50), (6, 50), False, id="the second fails for 44 s"),
        pytest.param((0, 44), (0, 50), False, id="the first is well again after 44 s"),
        pytest.param((0, 24), (26, 50), False, id="two blips, one after the other"),
    ],
)
def test_without_answers_it_takes_two_probes_for_the_whole_span(
    one: tuple[int, int],
    other: tuple[int, int],
    opens: bool,  # noqa: FBT001  # a table
) -> None:
    runs = [(name, float(at)) for name, of in (("a", one), ("b", other)) for at in (of[0], of[1])]
    runs += [(name, of[0] + 1.0) for name, of in (("a", one), ("b", other))]
    found = bad_runs(*sorted(runs, key=lambda run: run[1]), answered=0)
    assert (fast_met(found) is not None) is opens


@pytest.mark.parametrize(
    ("failing", "others", "opens"),
    [
        pytest.param("ab", "c", True, id="two of three"),
        pytest.param("ab", "cd", False, id="two of four may be in blips of their own"),
        pytest.param("abc", "d", True, id="three of four"),
    ],
)
def test_of_many_probes_it_takes_answers_of_three(
    failing: str,
    others: str,
    opens: bool,  # noqa: FBT001  # a table
) -> None:
    bad = [(failing[n % len(failing)], 2.0 * n) for n in range(6)]
    good = [an_entry(name, -5.0 - n) for n, name in enumerate(others)]
    assert (fast_met(good + bad_runs(*bad)) is not None) is opens


def test_the_whole_time_counts_where_two_probes_reached_the_vendor() -> None:
    runs = (("a", 0.0), ("a", 12.0), ("a", 24.0), ("b", 26.0), ("b", 38.0), ("b", 50.0))
    found = bad_runs(*runs, answered=0)
    assert fast_met(found) is None
    hanging = [replace(entry, connected=True) for entry in found]
    assert fast_met(hanging) is not None
    assert fast_met([replace(entry, connected=entry.probe == "a") for entry in found]) is None


def test_answers_to_one_probe_say_nothing_of_the_way_that_the_others_go() -> None:
    found = [replace(entry, answered=entry.probe == "a") for entry in bad_runs(*SIX)]
    assert fast_met(found) is None
    assert fast_met(found, span=45.0, span_unanswered=6.0) is not None


def test_the_span_is_that_of_the_bad_runs_only() -> None:
    quick = bad_runs(*((probe, at / 2) for probe, at in SIX))
    assert fast_met([an_entry("c", -20.0), *quick, an_entry("c", 20.0)]) is None


# ------------------------------------------------------------------ solo


def test_five_bad_runs_in_a_row_of_one_probe_over_eighty_seconds_open() -> None:
    breach = solo(bad_runs(*(("a", at) for at in (0.0, 20.0, 40.0, 60.0, 80.0))), Solo())
    assert breach is not None
    assert breach.reason is Reason.SOLO
    assert (breach.onset, breach.window) == (MONO, 80.0)
    assert breach.sentence == (
        "solo: the last 5 runs of a bad without a break (needs 5), spanning 80 s (needs 80 s)"
    )


@pytest.mark.parametrize(
    ("starts", "why"),
    [
        ((0.0, 30.0, 60.0, 90.0), "four runs"),
        ((0.0, 15.0, 30.0, 45.0, 79.9), "a blip of 75 s looks the same"),
        ((), "nothing ran"),
    ],
)
def test_a_shorter_row_does_not_open(starts: tuple[float, ...], why: str) -> None:
    assert solo(bad_runs(*(("a", at) for at in starts)), Solo()) is None, why


def test_one_good_run_breaks_the_row() -> None:
    assert solo(entries(a="xxxxxxxxx.xxxx"), Solo()) is None
    breach = solo(entries(a="xx.xxxxxxxxx"), Solo())
    assert breach is not None
    assert breach.onset == MONO + 30.0


def test_a_row_that_needs_no_span_still_has_a_window() -> None:
    breach = solo(entries(a="x"), Solo(failures=1, span=0.0))
    assert breach is not None
    assert breach.window == 1.0


# ------------------------------------------------------------------ episodes


@pytest.mark.parametrize(
    ("rows", "starts"),
    [
        pytest.param({"a": "....."}, [], id="nothing bad"),
        pytest.param({"a": "xxxxx"}, [0], id="lasting trouble is one episode"),
        pytest.param({"a": "xx.xx"}, [0, 30], id="a good run ends it"),
        pytest.param({"a": "xxx", "b": "xxx"}, [0, 1], id="each probe has its own"),
        pytest.param({"a": "x.x", "b": "..."}, [0, 20], id="only its own good run ends it"),
        pytest.param({"a": "xx", "b": ".."}, [0], id="another probe's good run does not"),
        pytest.param({"a": "o", "b": "o", "c": "o"}, [0], id="a blip of the path fails all"),
        pytest.param({"a": "o", "b": ".", "c": "o"}, [0, 2], id="an answer in between"),
        pytest.param({"a": "o", "b": "x", "c": "o"}, [0, 1, 2], id="even a bad answer"),
        pytest.param({"a": "oo", "b": ".."}, [0], id="the same probe still fails"),
        pytest.param({"a": "x", "b": "o", "c": "o"}, [0, 1], id="after an answered one"),
    ],
)
def test_episodes_begin(rows: dict[str, str], starts: list[float]) -> None:
    assert episode_starts(entries(**rows)) == [MONO + at for at in starts]


# ------------------------------------------------------------------ slow


def slow_met(found: list[Entry], needed: int = 3, **changes: float) -> Breach | None:
    return slow(found, replace(Slow(), **changes), needed, 300.0)  # type: ignore[arg-type]  # by name


def test_enough_episodes_over_half_a_minute_open() -> None:
    breach = slow_met(entries(a="x..x..x"))
    assert breach is not None
    assert breach.reason is Reason.SLOW
    assert (breach.onset, breach.window) == (MONO, 300.0)
    assert breach.sentence == (
        "slow: 3 episodes (needs 3) with 3 of 7 runs bad (needs 10%) in 300 s, the first and the "
        "last 60 s apart (needs 30 s), 3 of the bad runs answered"
    )


def test_a_sentence_says_how_many_episodes_are_for_the_noise_that_is_usual() -> None:
    found = entries(a="x..x..x")
    breach = slow(found, Slow(), 3, 300.0, Usual(share=0.0123, more=2))
    assert breach is not None
    assert "(needs 3, 2 of them since 1.23% of the runs fail here anyway)" in breach.sentence


@pytest.mark.parametrize(("row", "seconds"), [("oo.o.o", 50.0), ("xo.o.o", 50.0)])
def test_episodes_without_two_answers_need_a_longer_span(row: str, seconds: float) -> None:
    assert slow_met(entries(a=row)) is None
    breach = slow_met(entries(a=row), span_unanswered=seconds)
    assert breach is not None
    assert f"(needs {seconds:.0f} s)" in breach.sentence


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ({"a": "x.....x"}, "two episodes"),
        ({"a": "xxxx..x"}, "many bad runs, but two episodes"),
        ({"a": "x.", "b": ".x", "c": "xx"}, "the first and the last 20 s apart"),
        ({"a": "x" + "." * 10 + "x" + "." * 10 + "x" + "." * 10}, "9 % of the runs"),
    ],
)
def test_too_few_or_too_dense_episodes_do_not_open(rows: dict[str, str], why: str) -> None:
    assert slow_met(entries(**rows)) is None, why


def test_a_blip_of_the_path_cannot_buy_episodes_by_hitting_many_probes() -> None:
    rows = dict.fromkeys("abcdef", "o......o")
    assert slow_met(entries(**rows)) is None
    assert slow_met(entries(**dict.fromkeys("abcdef", "x......x"))) is not None
