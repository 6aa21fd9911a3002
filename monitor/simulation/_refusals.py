"""The errors that the API itself answers, and what an organization's own settings refuse.

Bodies are those that the vendor's documentation and users show. The sentence of an error code has
been quoted by nobody: only its type, status and code are known, from the vendor's Python SDK.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from monitor.core.claude_api import ERROR_CODES
from monitor.simulation import messages
from monitor.simulation._fault import (
    APP_HEADERS,
    JSON,
    FaultKind,
    Parameters,
    Strike,
    api_error,
    api_error_body,
    coded_error,
    cut,
    instead,
    keyed,
    spoken,
)
from monitor.simulation.exchange import SimRequest, SimResponse


def _api(status: int, kind: str, message: str, *, named: bool = True) -> Strike:
    """A fault that answers an error of the API; `message` is the default."""

    def strike(_: SimRequest, healthy: SimResponse, parameters: Parameters) -> SimResponse:
        return api_error(healthy, status, kind, parameters.message or message, named=named)

    return strike


def _rate_limit_429(_: SimRequest, healthy: SimResponse, parameters: Parameters) -> SimResponse:
    message = "Number of requests has exceeded your rate limit"
    refused = api_error(healthy, 429, "rate_limit_error", parameters.message or message)
    wait = f"{parameters.retry_after or 30.0:.0f}"
    more = (
        ("retry-after", wait),
        ("x-should-retry", "true"),
        ("anthropic-ratelimit-requests-remaining", "0"),
    )
    return replace(refused, headers=(*refused.headers, *more))


def _coded(_: SimRequest, healthy: SimResponse, parameters: Parameters) -> SimResponse:
    """An error whose code says what happened; `ramp_limit_exceeded` says how long to wait, too."""
    code = parameters.code or ""
    kind, details = coded_error(code)
    message = parameters.message or spoken(code)
    body = api_error_body(kind, message, healthy.header("request-id"), details)
    headers = cut(healthy, APP_HEADERS, JSON)
    if code == "ramp_limit_exceeded" or parameters.retry_after is not None:
        headers = (*headers, ("retry-after", f"{parameters.retry_after or 30.0:.0f}"))
    return instead(healthy, ERROR_CODES[code].status, headers, body)


def _spend_limit_429(_: SimRequest, healthy: SimResponse, __: Parameters) -> SimResponse:
    """No `retry-after`: it clears with the month."""
    body = api_error_body(
        "rate_limit_error",
        "You have reached your enforced spend limit for this month",
        healthy.header("request-id"),
        {"error_code": "enforced_spend_limit_reached"},
    )
    return instead(healthy, 429, cut(healthy, APP_HEADERS, JSON), body)


def _model_404(request: SimRequest, healthy: SimResponse, _: Parameters) -> SimResponse:
    return api_error(healthy, 404, "not_found_error", f"model: {request.model or 'unknown'}")


def _rewritten(change: Callable[[dict[str, Any], Parameters], dict[str, Any]]) -> Strike:
    """A good message that `change` makes another of; what is no message is left alone."""

    def strike(_: SimRequest, healthy: SimResponse, parameters: Parameters) -> SimResponse:
        if healthy.header("content-type") == messages.EVENT_STREAM:
            document = messages.document_of(healthy.body)
            body, gaps = messages.stream(change(document, parameters))
            return replace(healthy, body=body, gaps=gaps)
        try:
            document = json.loads(healthy.body)
        except ValueError:
            return healthy
        if not isinstance(document, dict) or document.get("type") != "message":
            return healthy
        return replace(healthy, body=messages.document_bytes(change(document, parameters)))

    return strike


def _stopping(document: dict[str, Any], parameters: Parameters) -> dict[str, Any]:
    return {**document, "stop_reason": parameters.stop_reason}


_SAYS = frozenset({"message"})
_LOW_CREDIT = (
    "Your credit balance is too low to access the Anthropic API. "
    "Please go to Plans & Billing to upgrade or purchase credits."
)
_NOT_ALLOWED_ADDRESS = "Your IP address isn't in this organization's allowed range."
_NO_KEYS = "API key authentication is disabled for this organization."
_OWN_LIMIT = (
    "You have reached your specified API usage limits. "
    "You will regain access on the first of next month at 00:00 UTC."
)
_REVOKED = "OAuth token has been revoked. Please obtain a new token."

REFUSALS: Mapping[str, FaultKind] = {
    "json_500": FaultKind(
        strike=_api(500, "api_error", "Internal server error"),
        does="500 api_error of the application",
        takes=_SAYS,
    ),
    "overloaded_500": FaultKind(
        strike=_api(500, "api_error", "Overloaded", named=False),
        does='500 api_error that says "Overloaded", without a request id in the body',
    ),
    "overloaded_529": FaultKind(
        strike=_api(529, "overloaded_error", "Overloaded"), does="529 overloaded_error"
    ),
    "timeout_504": FaultKind(
        strike=_api(504, "timeout_error", "Request timed out"),
        does="504 timeout_error",
        takes=_SAYS,
    ),
    "auth_401": FaultKind(
        strike=_api(401, "authentication_error", "Invalid bearer token"),
        does="401 authentication_error, to a valid key too",
        takes=_SAYS,
    ),
    "permission_403": FaultKind(
        strike=_api(403, "permission_error", _REVOKED), does="403 permission_error", takes=_SAYS
    ),
    "rate_limit_429": FaultKind(
        strike=_rate_limit_429,
        does="429 rate_limit_error with retry-after (30 s unless told otherwise)",
        takes=frozenset({"message", "retry_after"}),
    ),
    "spend_limit_429": FaultKind(
        strike=_spend_limit_429, does="429 of a spend limit: an error code, and no retry-after"
    ),
    "error_code": FaultKind(
        strike=_coded,
        does="an error with an error code (`code`), in the status and type that belong to it",
        takes=frozenset({"code", "message", "retry_after"}),
        needs=frozenset({"code"}),
    ),
    "ip_allowlist_403": FaultKind(
        strike=keyed(_api(403, "permission_error", _NOT_ALLOWED_ADDRESS)),
        does="403 permission_error to keyed requests: our address is not in the allowlist",
        takes=_SAYS,
    ),
    "key_login_off_403": FaultKind(
        strike=keyed(_api(403, "permission_error", _NO_KEYS)),
        does="403 permission_error: our organization takes no API keys any more",
        takes=_SAYS,
    ),
    "usage_limit_400": FaultKind(
        strike=keyed(_api(400, "invalid_request_error", _OWN_LIMIT)),
        does="400: the spend limit that our organization has set itself is reached",
        takes=_SAYS,
    ),
    "organization_disabled_400": FaultKind(
        strike=keyed(_api(400, "invalid_request_error", "This organization has been disabled.")),
        does="400: our organization is disabled, without a code",
        takes=_SAYS,
    ),
    "invalid_400": FaultKind(
        strike=_api(400, "invalid_request_error", "Invalid request"),
        does="400 invalid_request_error",
        takes=_SAYS,
    ),
    "credit_balance_400": FaultKind(
        strike=_api(400, "invalid_request_error", _LOW_CREDIT), does="400: the balance is spent"
    ),
    "billing_402": FaultKind(
        strike=_api(402, "billing_error", "There is an issue with your billing"),
        does="402 billing_error",
        takes=_SAYS,
    ),
    "model_404": FaultKind(
        strike=_model_404, does="404 not_found_error: the model that is asked is retired"
    ),
    "too_large_413": FaultKind(
        strike=_api(413, "request_too_large", "Request exceeds the maximum size"),
        does="413 request_too_large",
    ),
    "refusal": FaultKind(
        strike=_rewritten(lambda document, told: messages.refusal(document, told.category)),
        does="a good message with stop_reason refusal, stop_details and no content",
        takes=frozenset({"category"}),
    ),
    "stop_reason": FaultKind(
        strike=_rewritten(_stopping),
        does="a good message that stops for another reason (`stop_reason`)",
        takes=frozenset({"stop_reason"}),
        needs=frozenset({"stop_reason"}),
    ),
    "thinking_cut": FaultKind(
        strike=_rewritten(lambda document, _: messages.cut_in_thinking(document)),
        does="a message that max_tokens cuts inside its thinking, without its signature",
    ),
    "thinking_redacted": FaultKind(
        strike=_rewritten(lambda document, _: messages.redacted(document)),
        does="a good message whose thinking is redacted: a block without any delta",
    ),
}
"""Faults that the API itself answers."""
