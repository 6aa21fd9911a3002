"""The vocabulary of the Claude API is consistent in itself; `tests/drift` holds it to the SDK."""

from __future__ import annotations

import pytest

from monitor.core.claude_api import ERROR_CODES, ErrorCode
from monitor.core.outcome import Counts, Fault, counts_as, fault_of


@pytest.mark.parametrize("name", sorted(ERROR_CODES))
def test_a_code_that_is_the_organizations_own_affair_never_counts(name: str) -> None:
    code = ERROR_CODES[name]
    counted = counts_as(code.outcome) is Counts.BAD
    assert counted == (name in {"cmek_context_unavailable", "compaction_unavailable"})
    assert counted == (fault_of(code.outcome) is Fault.PROVIDER)


@pytest.mark.parametrize("code", ERROR_CODES.values())
def test_whoever_can_act_is_told_what_to_do(code: ErrorCode) -> None:
    assert code.hint or fault_of(code.outcome) is Fault.PROVIDER
