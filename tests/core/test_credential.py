from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.credential import (
    EVIDENCE_WINDOW,
    KEYS_MAX,
    REFUSALS_MAX,
    SIBLING_WINDOW,
    CredentialBook,
)

ACCEPTED_BETWEEN = "the same key was accepted after a refusal in the last 10 min"
SIBLING = "another key that worked is refused too"


def a_book(*calls: tuple[str, str, float]) -> CredentialBook:
    """A book that heard (key, `ok` or the refused run's id, at), in this order."""
    book = CredentialBook()
    for key, what, at in calls:
        if what == "ok":
            book.accepted(key, at)
        else:
            book.refused(key, what, at)
    return book


def evidence(book: CredentialBook, at: float, key: str = "main") -> str | None:
    return book.evidence(key, at, unkeyed_bad=0)


# ------------------------------------------------------------------ did it work?


def test_a_key_has_not_worked_until_it_is_accepted() -> None:
    book = a_book(("main", "run-1", 0.0))

    assert not book.worked("main")
    book.accepted("main", 1.0)
    assert book.worked("main")
    assert not book.worked("second")


# ------------------------------------------------------------------ evidence


@pytest.mark.parametrize(
    ("calls", "at", "expected"),
    [
        pytest.param([], 0.0, None, id="an unknown key"),
        pytest.param([("main", "ok", 0.0)], 10.0, None, id="a first refusal"),
        pytest.param(
            [("main", "ok", 0.0), ("main", "r1", 10.0), ("main", "r2", 20.0)],
            30.0,
            None,
            id="refusals only, as of a revoked key",
        ),
        pytest.param(
            [("main", "ok", 0.0), ("main", "r1", 10.0), ("main", "ok", 20.0)],
            30.0,
            ACCEPTED_BETWEEN,
            id="a success in between",
        ),
        pytest.param(
            [("main", "r1", 10.0), ("main", "ok", 20.0)],
            30.0,
            ACCEPTED_BETWEEN,
            id="a first success in between",
        ),
        pytest.param(
            [("main", "ok", 0.0), ("main", "r1", 10.0), ("main", "ok", 20.0)],
            10.0 + EVIDENCE_WINDOW,
            ACCEPTED_BETWEEN,
            id="ten minutes after the refusal",
        ),
        pytest.param(
            [("main", "ok", 0.0), ("main", "r1", 10.0), ("main", "ok", 20.0)],
            10.1 + EVIDENCE_WINDOW,
            None,
            id="later",
        ),
        pytest.param(
            [("main", "r1", 10.0), ("main", "ok", 10.0)],
            20.0,
            None,
            id="a success in the same moment",
        ),
        pytest.param(
            [("main", "ok", 10.0), ("main", "r1", 10.0)],
            20.0,
            None,
            id="a refusal in the same moment",
        ),
        pytest.param(
            [("main", "ok", 0.0), ("main", "r1", 10.0), ("main", "r2", 20.0), ("main", "ok", 10.0)],
            30.0,
            None,
            id="a success in the same moment, told last",
        ),
        pytest.param(
            [("main", "ok", 20.0), ("main", "r1", 10.0)],
            30.0,
            ACCEPTED_BETWEEN,
            id="told in another order",
        ),
        pytest.param(
            [
                ("main", "ok", 0.0),
                ("main", "r1", 10.0),
                ("main", "r2", 30.0),
                ("main", "ok", 20.0),
            ],
            40.0,
            ACCEPTED_BETWEEN,
            id="a success between two refusals, told last",
        ),
        pytest.param(
            [("main", "ok", 0.0), ("main", "r1", 30.0), ("main", "ok", 20.0)],
            40.0,
            None,
            id="a success before the refusal, told last",
        ),
    ],
)
def test_a_success_after_a_refusal_speaks_for_the_key(
    calls: list[tuple[str, str, float]], at: float, expected: str | None
) -> None:
    assert evidence(a_book(*calls), at) == expected


@pytest.mark.parametrize(
    ("calls", "at", "expected"),
    [
        pytest.param([("b", "ok", 0.0), ("b", "r1", 100.0)], 105.0, SIBLING, id="refused too"),
        pytest.param(
            [("b", "ok", 0.0), ("b", "r1", 100.0)],
            100.0 + SIBLING_WINDOW,
            SIBLING,
            id="two minutes ago",
        ),
        pytest.param(
            [("b", "ok", 0.0), ("b", "r1", 100.0)], 100.1 + SIBLING_WINDOW, None, id="earlier"
        ),
        pytest.param([("b", "r1", 100.0)], 105.0, None, id="never worked"),
        pytest.param(
            [("b", "ok", 0.0), ("b", "r1", 100.0), ("b", "ok", 101.0)],
            105.0,
            None,
            id="accepted since",
        ),
        pytest.param([("b", "ok", 100.0)], 105.0, None, id="never refused"),
    ],
)
def test_a_sibling_that_worked_and_is_refused_now_speaks_for_the_key(
    calls: list[tuple[str, str, float]], at: float, expected: str | None
) -> None:
    assert evidence(a_book(("main", "ok", 0.0), *calls), at) == expected


def test_a_key_is_not_its_own_sibling() -> None:
    assert evidence(a_book(("main", "ok", 0.0), ("main", "r1", 100.0)), 105.0) is None


def test_bad_runs_without_a_key_speak_for_it() -> None:
    book = CredentialBook()

    assert book.evidence("main", 0.0, unkeyed_bad=1) is None
    assert book.evidence("main", 0.0, unkeyed_bad=2) == "2 runs without a key failed too"


def test_the_vendors_page_speaks_for_the_key() -> None:
    said = CredentialBook().evidence("main", 0.0, unkeyed_bad=0, provider_says_auth=True)

    assert said == "the vendor's status page speaks of authentication"


# ------------------------------------------------------------------ judging again


def test_refusals_of_a_key_that_worked_wait_to_be_judged_again_once() -> None:
    book = a_book(("main", "ok", 0.0), ("main", "r1", 10.0), ("main", "r2", 20.0))

    assert book.take_pending("main") == ("r1", "r2")
    assert book.take_pending("main") == ()


def test_refusals_before_a_key_ever_worked_are_never_judged_again() -> None:
    book = a_book(("main", "r1", 0.0), ("main", "r2", 10.0), ("main", "ok", 20.0))

    assert book.take_pending("main") == ()


def test_an_unknown_key_has_nothing_to_judge_again() -> None:
    assert CredentialBook().take_pending("main") == ()


def test_refusals_older_than_ten_minutes_are_not_judged_again() -> None:
    book = a_book(
        ("main", "ok", 0.0),
        ("main", "old", 9.9),
        ("main", "new", 10.0),
        ("main", "ok", 10.0 + EVIDENCE_WINDOW),
    )

    assert book.take_pending("main") == ("new",)


def test_only_the_newest_refusals_are_kept() -> None:
    book = a_book(("main", "ok", 0.0))
    for number in range(REFUSALS_MAX + 5):
        book.refused("main", f"r{number}", 1.0)

    pending = book.take_pending("main")

    assert len(pending) == REFUSALS_MAX
    assert (pending[0], pending[-1]) == ("r5", f"r{REFUSALS_MAX + 4}")


def test_a_success_is_remembered_though_its_refusal_was_pushed_out() -> None:
    book = a_book(("main", "ok", 0.0), ("main", "first", 10.0), ("main", "ok", 20.0))
    for number in range(REFUSALS_MAX):
        book.refused("main", f"r{number}", 30.0)

    assert evidence(book, 40.0) == ACCEPTED_BETWEEN


# ------------------------------------------------------------------ bounded


def test_the_key_that_was_spoken_of_longest_ago_is_forgotten_first() -> None:
    book = a_book(("first", "ok", 0.0), ("second", "ok", 1.0), ("first", "ok", 2.0))
    for number in range(KEYS_MAX - 1):
        book.accepted(f"other-{number}", 3.0)

    assert book.worked("first")
    assert not book.worked("second")
    assert len(book.credentials()) == KEYS_MAX


# ------------------------------------------------------------------ snapshot


def test_a_snapshot_survives_json_and_a_restart_with_another_clock() -> None:
    book = a_book(
        ("main", "ok", 1000.0),
        ("main", "r1", 1010.0),
        ("main", "ok", 1020.0),
        ("main", "r2", 1030.0),
        ("second", "x", 1031.0),
    )
    restored = a_book(("forgotten", "ok", 0.0))

    restored.restore(json.loads(json.dumps(book.snapshot())), -1000.0)

    assert restored.credentials() == ("main", "second")
    assert restored.worked("main")
    assert not restored.worked("second")
    assert evidence(restored, 10.0 + EVIDENCE_WINDOW) == ACCEPTED_BETWEEN
    assert evidence(restored, 10.1 + EVIDENCE_WINDOW) is None
    assert restored.take_pending("main") == ("r1", "r2")


def test_a_restored_book_forgets_in_the_same_order() -> None:
    book = a_book(("first", "ok", 0.0), ("second", "ok", 1.0), ("first", "ok", 2.0))
    restored = CredentialBook()
    restored.restore(book.snapshot(), 0.0)
    for number in range(KEYS_MAX - 1):
        restored.accepted(f"other-{number}", 3.0)

    assert restored.worked("first")
    assert not restored.worked("second")


@pytest.mark.parametrize(
    "keys",
    [
        None,
        "main",
        ["main"],
        [{}],
        [{"credential": 7, "refusals": []}],
        [{"credential": "main", "refusals": None}],
        [{"credential": "main", "accepted": 1.0, "refusals": [["r1"]]}],
        [{"credential": "main", "accepted": 1.0, "refusals": [["r1", 1.0]]}],
    ],
)
def test_what_does_not_read_as_a_key_is_left_out(keys: object) -> None:
    book = CredentialBook()

    book.restore({"keys": keys}, 0.0)

    assert book.credentials() == ()


def test_an_empty_snapshot_is_an_empty_book() -> None:
    book = a_book(("main", "ok", 0.0))

    book.restore({}, 0.0)

    assert not book.worked("main")


CALLS = st.lists(
    st.tuples(
        st.sampled_from(["main", "second"]), st.sampled_from(["ok", "run"]), st.floats(0.0, 2000.0)
    ),
    max_size=30,
)


@given(calls=CALLS, cut=st.integers(0, 30), at=st.floats(0.0, 2000.0))
def test_a_restart_at_any_moment_changes_nothing(
    calls: list[tuple[str, str, float]], cut: int, at: float
) -> None:
    whole = a_book(*calls)
    first = a_book(*calls[:cut])
    resumed = CredentialBook()
    resumed.restore(json.loads(json.dumps(first.snapshot())), 0.0)
    for key, what, when in calls[cut:]:
        if what == "ok":
            resumed.accepted(key, when)
        else:
            resumed.refused(key, what, when)

    assert resumed.snapshot() == whole.snapshot()
    assert evidence(resumed, at) == evidence(whole, at)


@given(moments=st.lists(st.floats(0.0, 2000.0), max_size=20))
def test_a_key_that_is_refused_from_one_moment_on_is_never_excused(moments: list[float]) -> None:
    """A revoked key, in whatever order its runs are told: only others could excuse it."""
    book = CredentialBook()
    for at in moments:
        if at < 1000.0:
            book.accepted("main", at)
        else:
            book.refused("main", f"run-{at}", at)

    assert evidence(book, 2000.0) is None
