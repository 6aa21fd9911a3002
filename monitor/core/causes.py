"""What the vendor itself calls a caller's own affair: by a code, or failing that by its sentence.

`error.details.error_code` decides where it is known (`claude_api.ERROR_CODES`). A few affairs have
no code and are told by a sentence alone, whose wording may change: then the run falls back to what
its type and status say, which is the same outcome for all but the allowlist and its like.

An affair has a scope, so that whoever announces it says it once: what is the organization's own
hits every probe of all its keys at the same time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from monitor.core.claude_api import ERROR_CODES, ErrorCode, Scope
from monitor.core.observation import Answer
from monitor.core.outcome import Outcome

_SERVER_STATUS_MIN = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why an answer is what it is, in the vendor's own words.

    Attributes:
        name: one word for it: the error code, or a name of ours where there is none.
        outcome: what a run that meets it comes to.
        meaning: what happened, for a sentence.
        hint: what the operator can do; empty where nothing.
        scope: whom it hits.
    """

    name: str
    outcome: Outcome
    meaning: str
    hint: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class _Sentence:
    pattern: re.Pattern[str]
    cause: Cause


def _ours(
    pattern: str,
    name: str,
    meaning: str,
    hint: str,
    scope: Scope,
    outcome: Outcome = Outcome.CLIENT_ERROR,
) -> _Sentence:
    cause = Cause(name=name, outcome=outcome, meaning=meaning, hint=hint, scope=scope)
    return _Sentence(re.compile(pattern, re.IGNORECASE), cause)


_SENTENCES: Final = (
    _ours(
        r"^you have reached your specified (?:workspace|organization)?\s?api usage limits",
        "own_spend_limit_reached",
        "our spend limit is reached: the one that we set ourselves",
        "Raise it in the Console under Limits, or wait until it begins anew.",
        Scope.CREDENTIAL,
    ),
    _ours(
        r"credit balance is too low",
        "credit_balance_too_low",
        "our balance is used up",
        "Buy credits in the Console under Billing.",
        Scope.ORGANIZATION,
    ),
    _ours(
        r"organization has been disabled",
        "organization_disabled",
        "our organization has been disabled",
        "Ask the vendor's support; use a key of another organization meanwhile.",
        Scope.ORGANIZATION,
    ),
    _ours(
        r"ip address.{0,40}allowed (?:range|list)|ip allow-?list",
        "ip_allowlist",
        "our address is not in our organization's allowlist",
        "Add the address that this host leaves by to the allowlist in the Console.",
        Scope.ORGANIZATION,
        Outcome.CREDENTIAL_REJECTED,
    ),
    _ours(
        r"disabled api key auth|api key auth\w* (?:is|has been) (?:disabled|turned off)",
        "api_keys_disabled",
        "our organization has switched API keys off",
        "Switch them on in the Console, or leave the probes with a key out.",
        Scope.ORGANIZATION,
        Outcome.CREDENTIAL_REJECTED,
    ),
    _ours(
        r"cors requests are not allowed",
        "cors_not_allowed",
        "our organization refuses requests of browsers, and a header Origin was sent",
        "Take the header out: no probe of the API sends it, a proxy on the way may.",
        Scope.ORGANIZATION,
    ),
    _ours(
        r"data retention",
        "data_retention_required",
        "the model is not for organizations without data retention",
        "Take the model's probe out, or have data retention switched on.",
        Scope.CREDENTIAL,
    ),
)


def cause_of(answer: Answer) -> Cause | None:
    """The cause that `answer` names, by its code, or failing a known one by its sentence."""
    code = ERROR_CODES.get(answer.error_code or "")
    if code is not None and answer.anthropic_error:
        return _of_code(answer.error_code or "", code)
    if not answer.error_message or answer.status >= _SERVER_STATUS_MIN:
        return None
    for sentence in _SENTENCES:
        if sentence.pattern.search(answer.error_message):
            return sentence.cause
    return None


def _of_code(name: str, code: ErrorCode) -> Cause:
    return Cause(
        name=name, outcome=code.outcome, meaning=code.meaning, hint=code.hint, scope=code.scope
    )


def unwrapped(answer: Answer) -> Answer:
    """`answer` with the error of Claude's that a gateway put into its own error's message.

    Only where that is there whole, as one document: a gateway that asks again may quote several.
    """
    inner = answer.wrapped
    if inner is None:
        return answer
    return replace(
        answer,
        error_type=inner.type,
        error_message=inner.message,
        error_code=inner.code,
        anthropic_error=True,
        enveloped=True,
        request_id=inner.request_id or answer.request_id,
    )
