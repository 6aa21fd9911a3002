"""An affair of our own is told by its code, or by the vendor's sentence, and by nothing else."""

from __future__ import annotations

import pytest

from monitor.core.causes import cause_of, unwrapped
from monitor.core.claude_api import ERROR_CODES, Scope
from monitor.core.observation import WrappedError
from monitor.core.outcome import Outcome
from tests.factories import an_answer

SENTENCES = (
    (400, "You have reached your specified API usage limits. Access returns on 2026-12-01.",
     "own_spend_limit_reached", Outcome.CLIENT_ERROR),
    (400, "You have reached your specified workspace API usage limits.",
     "own_spend_limit_reached", Outcome.CLIENT_ERROR),
    (400, "Your credit balance is too low to access the API.",
     "credit_balance_too_low", Outcome.CLIENT_ERROR),
    (400, "This organization has been disabled.", "organization_disabled", Outcome.CLIENT_ERROR),
    (403, "Your IP address isn't in this organization's allowed range.",
     "ip_allowlist", Outcome.CREDENTIAL_REJECTED),
    (403, "Your organization has disabled API key authentication.",
     "api_keys_disabled", Outcome.CREDENTIAL_REJECTED),
    (401, "CORS requests are not allowed for this Organization.",
     "cors_not_allowed", Outcome.CLIENT_ERROR),
    (400, "This model needs data retention to be switched on.",
     "data_retention_required", Outcome.CLIENT_ERROR),
)  # fmt: skip


@pytest.mark.parametrize("name", sorted(ERROR_CODES))
@pytest.mark.parametrize("status", [None, 200], ids=["body", "stream"])
def test_a_known_code_is_believed_whatever_the_type_and_the_sentence_say(
    name: str, status: int | None
) -> None:
    code = ERROR_CODES[name]
    answer = an_answer(
        status or code.status,
        anthropic_error=True,
        error_type="api_error",
        error_code=name,
        error_message="Overloaded",
    )
    cause = cause_of(answer)
    assert cause is not None
    assert (cause.name, cause.outcome, cause.scope) == (name, code.outcome, code.scope)


def test_a_code_outside_of_an_error_document_is_no_code() -> None:
    assert cause_of(an_answer(400, error_code="organization_on_hold")) is None


def test_an_unknown_code_leaves_the_word_to_type_and_status() -> None:
    answer = an_answer(403, anthropic_error=True, error_type="permission_error", error_code="new")
    assert cause_of(answer) is None


@pytest.mark.parametrize(("status", "message", "name", "outcome"), SENTENCES)
def test_an_affair_without_a_code_is_told_by_its_sentence(
    status: int, message: str, name: str, outcome: Outcome
) -> None:
    cause = cause_of(an_answer(status, anthropic_error=True, error_message=message))
    assert cause is not None
    assert (cause.name, cause.outcome) == (name, outcome)
    assert cause.hint
    assert cause.scope is not Scope.PROBE


def test_a_sentence_in_a_failure_of_the_vendors_own_is_no_excuse() -> None:
    message = "Your credit balance is too low to access the API."
    assert cause_of(an_answer(500, anthropic_error=True, error_message=message)) is None
    assert cause_of(an_answer(400, anthropic_error=True, error_message="Bad request")) is None


def test_what_a_gateway_quotes_stands_in_the_place_of_its_own_words() -> None:
    inner = WrappedError(type="overloaded_error", message="Overloaded", code=None, request_id="r")
    own = an_answer(500, error_type="api_error", error_message="upstream said no", wrapped=inner)
    read = unwrapped(own)
    assert (read.error_type, read.error_message, read.request_id) == (
        "overloaded_error", "Overloaded", "r",
    )  # fmt: skip
    assert read.anthropic_error
    assert read.enveloped
    plain = an_answer(500, error_type="api_error")
    assert unwrapped(plain) is plain
