"""Why keys are refused, in the words of an incident: which evidence says that it is not the key.

Three things can say so, and a reader does something else with each. The evidence stands in the
reasons of the incident's samples, as the book of keys put it there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from monitor.core import credential
from monitor.core.incident import Sample

NO_KEY_NEEDS_REPLACING = "no key needs replacing"

_READINGS: Final = (
    (credential.ACCEPTED_BETWEEN, "the same key is refused and accepted in turn"),
    (credential.SIBLING_REFUSED, "keys that worked are refused together"),
    (credential.UNKEYED_FAILED, "what needs no key fails too"),
    (credential.PROVIDER_SAYS, "the vendor speaks of authentication"),
)
"""Phrase in a verdict's reason, and what it means to the reader; the strongest evidence first."""


def refusal_reading(samples: Sequence[Sample]) -> str:
    """Why the refusals among `samples` are not the keys' fault; empty when none of them says."""
    for phrase, meaning in _READINGS:
        if any(phrase in sample.reason for sample in samples):
            return f"{meaning}, so {NO_KEY_NEEDS_REPLACING}"
    return ""
