from __future__ import annotations

import pytest

from monitor.core.credential import CredentialBook
from monitor.core.incident import Sample
from monitor.core.outcome import Outcome
from monitor.core.refusals import refusal_reading
from tests.factories import NOON


def a_sample(reason: str) -> Sample:
    return Sample(probe="api_models", at=NOON, outcome=Outcome.AUTH_ERROR, reason=reason)


def in_turn() -> str | None:
    book = CredentialBook()
    book.accepted("main", 0.0)
    book.refused("main", "r1", 10.0)
    book.accepted("main", 20.0)
    return book.evidence("main", 30.0, unkeyed_bad=0)


def together() -> str | None:
    book = CredentialBook()
    for key in ("main", "second"):
        book.accepted(key, 0.0)
        book.refused(key, f"{key}/1", 10.0)
    return book.evidence("main", 30.0, unkeyed_bad=0)


def unkeyed() -> str | None:
    return CredentialBook().evidence("main", 30.0, unkeyed_bad=3)


def said() -> str | None:
    return CredentialBook().evidence("main", 30.0, unkeyed_bad=0, provider_says_auth=True)


@pytest.mark.parametrize(
    ("evidence", "reading"),
    [
        (in_turn(), "the same key is refused and accepted in turn, so no key needs replacing"),
        (together(), "keys that worked are refused together, so no key needs replacing"),
        (unkeyed(), "what needs no key fails too, so no key needs replacing"),
        (said(), "the vendor speaks of authentication, so no key needs replacing"),
    ],
    ids=["in turn", "together", "unkeyed", "the vendor"],
)
def test_each_evidence_of_the_book_is_read_again_from_the_samples(
    evidence: str | None, reading: str
) -> None:
    sample = a_sample(f"answered 401 authentication_error 'invalid x-api-key'; {evidence}")
    assert refusal_reading([a_sample("answered 500"), sample]) == reading


def test_the_strongest_evidence_speaks() -> None:
    samples = [a_sample(str(together())), a_sample(str(in_turn()))]
    assert refusal_reading(samples).startswith("the same key is refused and accepted in turn")


def test_without_evidence_nothing_is_said() -> None:
    assert refusal_reading([]) == ""
    assert refusal_reading([a_sample("answered 401; the key worked before")]) == ""
