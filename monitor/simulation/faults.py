"""Every fault that a scenario may name, and the errors that the API itself answers.

What others answer in its place stands in `_edge`, what becomes of the connection, the stream and
the pace in `_broken`; `_fault` says what a fault is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from monitor.simulation import _broken, _edge, messages, statusfeed
from monitor.simulation._fault import (
    APP_HEADERS,
    JSON,
    FaultKind,
    Parameters,
    Strike,
    api_error,
    api_error_body,
    cut,
    instead,
)
from monitor.simulation.endpoints import STATUS_HOSTS
from monitor.simulation.exchange import Certificate, SimRequest, SimResponse, Transport


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


def _refusal_200(_: SimRequest, healthy: SimResponse, __: Parameters) -> SimResponse:
    """The model refuses: a healthy answer to a question that it takes for another."""
    if healthy.header("content-type") == messages.EVENT_STREAM:
        opening = messages.split(healthy.body)[0].partition(b"data: ")[2]
        body, gaps = messages.stream(messages.refusal(json.loads(opening)["message"]))
        return replace(healthy, body=body, gaps=gaps)
    try:
        document = json.loads(healthy.body)
    except ValueError:
        return healthy
    if not isinstance(document, dict) or document.get("type") != "message":
        return healthy
    return replace(healthy, body=messages.document_bytes(messages.refusal(document)))


def _status_lying(request: SimRequest, answer: SimResponse, _: Parameters) -> SimResponse:
    """The status page shows a calm day, whatever was posted; other hosts are left alone."""
    if request.host not in STATUS_HOSTS:
        return answer
    calm = statusfeed.answer(request, None, ())
    own = {key for key, _value in calm.headers}
    kept = tuple((key, value) for key, value in answer.headers if key not in own)
    return replace(answer, status=calm.status, headers=(*kept, *calm.headers), body=calm.body)


def _unchanged(_: SimRequest, answer: SimResponse, __: Parameters) -> SimResponse:
    return answer


_SAYS = frozenset({"message"})
_LOW_CREDIT = (
    "Your credit balance is too low to access the Anthropic API. "
    "Please go to Plans & Billing to upgrade or purchase credits."
)
_REVOKED = "OAuth token has been revoked. Please obtain a new token."

_API_ERRORS: Mapping[str, FaultKind] = {
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
        strike=_refusal_200, does="a good message with stop_reason refusal and no content"
    ),
}

_EDGE: Mapping[str, FaultKind] = {
    "envoy_503": FaultKind(
        strike=_edge.envoy,
        does='503 in plain text: "no healthy upstream", or with `reason` a reset before headers',
        takes=frozenset({"reason"}),
    ),
    "page_500": FaultKind(strike=_edge.error_page, does="500 with a web server's page"),
    "rate_exceeded_200": FaultKind(
        strike=_edge.rate_exceeded, does='200 whose whole body is "Rate exceeded"'
    ),
    **{
        f"cf_{status}": FaultKind(
            strike=_edge.cloudflare(status),
            does=f'{status} of Cloudflare, "{heading}": a page, or JSON for who accepts it',
            takes=frozenset({"document", "retry_after"}),
        )
        for status, heading in _edge.CLOUDFLARE_HEADINGS.items()
    },
    **{
        f"challenge_{status}": FaultKind(
            strike=_edge.challenge(status),
            does=f'{status} "Just a moment...": Cloudflare asks for a browser',
            takes=frozenset({"header"}),
        )
        for status in (403, 503)
    },
    "waf_202": FaultKind(
        strike=_edge.waf(202, "challenge"), does="202 without a body: AWS WAF asks for a browser"
    ),
    "waf_405": FaultKind(
        strike=_edge.waf(405, "captcha"), does="405 without a body: AWS WAF asks for a human"
    ),
    "geo_block_403": FaultKind(
        strike=_edge.geo_block, does="403 forbidden: this country or address is not served"
    ),
    "geo_redirect_302": FaultKind(
        strike=_edge.geo_redirect, does="302 to the page for countries that are not served"
    ),
    "egress_407": FaultKind(
        strike=_edge.egress(407, "ERR_CACHE_ACCESS_DENIED"),
        does="407: our own egress proxy wants a password",
    ),
    "egress_502": FaultKind(
        strike=_edge.egress(502, "ERR_CONNECT_FAIL"),
        does="502 by our own egress proxy, with its name",
    ),
}

_BROKEN: Mapping[str, FaultKind] = {
    "dns_failure": FaultKind(
        strike=_broken.broken(Transport.DNS), does="the name does not resolve"
    ),
    "refused": FaultKind(
        strike=_broken.broken(Transport.REFUSED), does="the connection is refused at once"
    ),
    "unreachable": FaultKind(
        strike=_broken.broken(Transport.UNREACHABLE), does="nobody answers to a connection"
    ),
    **{
        f"tls_{certificate}": FaultKind(
            strike=_broken.bad_certificate(certificate), does=does, adds=True
        )
        for certificate, does in (
            (Certificate.EXPIRED, "the certificate has expired"),
            (Certificate.WRONG_HOST, "the certificate is another host's"),
            (Certificate.UNTRUSTED, "the certificate is signed by nobody that is trusted"),
            (Certificate.EXPIRING, "the certificate is good for three more days"),
        )
    },
    "reset": FaultKind(
        strike=_broken.broken(Transport.RESET), does="a reset before the first byte of an answer"
    ),
    "hang": FaultKind(strike=_broken.broken(Transport.HANG), does="no byte ever comes back"),
    "hang_after_headers": FaultKind(
        strike=_broken.silent_after_headers, does="the head of a good answer, and no body"
    ),
    "truncated": FaultKind(
        strike=_broken.truncated, does="half of a good body, and the connection ends"
    ),
    "stream_error": FaultKind(
        strike=_broken.stream_error,
        does="a stream carries an error event after its first content (overloaded_error)",
        takes=_SAYS,
    ),
    "stream_truncated": FaultKind(
        strike=_broken.stream_truncated,
        does="a stream ends in good order, but without message_stop",
    ),
    "stream_reset": FaultKind(
        strike=_broken.stream_reset, does="the connection ends in the middle of a stream"
    ),
    "stream_hang": FaultKind(
        strike=_broken.stream_hang, does="a stream falls silent after its first content"
    ),
    "stream_pings": FaultKind(
        strike=_broken.stream_pings,
        does="a stream sends nothing but pings after its first content",
    ),
    "stream_silent": FaultKind(
        strike=_broken.stream_silent,
        does="a stream sends nothing but pings and never comes to its first content",
    ),
    "stream_gap": FaultKind(
        strike=_broken.stream_gap,
        does="a stream falls silent (30 s) after its first content, and goes on",
        takes=frozenset({"delay"}),
        adds=True,
    ),
    "stream_garbage": FaultKind(
        strike=_broken.stream_garbage, does="what is called a stream is no stream of events"
    ),
    "stream_huge": FaultKind(
        strike=_broken.stream_huge, does="a stream goes on for 10 MB, in good order"
    ),
    "stream_huge_line": FaultKind(
        strike=_broken.stream_huge_line, does="a line of a stream is 5 MB long"
    ),
    "slow_first_token": FaultKind(
        strike=_broken.slow_first_token,
        does="a stream waits (30 s) before its first content; a whole message comes so much later",
        takes=frozenset({"delay"}),
        adds=True,
    ),
    "slow": FaultKind(
        strike=_broken.slow,
        does="any answer begins so much later (20 s)",
        takes=frozenset({"delay"}),
        adds=True,
    ),
    "drip": FaultKind(
        strike=_broken.drip,
        does="any body comes so slowly (one byte a second)",
        takes=frozenset({"rate"}),
        adds=True,
    ),
}

_STATUS_PAGE: Mapping[str, FaultKind] = {
    "status_lying": FaultKind(
        strike=_status_lying, does="the status page shows a calm day, whatever was posted"
    ),
    "status_late": FaultKind(
        strike=_unchanged,
        does="the status page shows each post so much later",
        takes=frozenset({"delay"}),
        adds=True,
        holds_back=True,
    ),
}

FAULTS: Mapping[str, FaultKind] = {**_API_ERRORS, **_EDGE, **_BROKEN, **_STATUS_PAGE}
"""Every fault that a scenario may name."""
