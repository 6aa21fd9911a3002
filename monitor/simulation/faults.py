"""What each fault does to a healthy answer.

One function per fault, from the request, the healthy answer and the fault's parameters to what
comes instead. Ids are taken from the healthy answer, so a fault rolls no dice; headers are cut to
those of whoever writes the answer: the application, the proxy before it, or the edge. A body that
users have quoted is reproduced byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from pydantic import Field

from monitor.simulation import statusfeed
from monitor.simulation._fields import Closed
from monitor.simulation.endpoints import STATUS_HOSTS
from monitor.simulation.exchange import SimRequest, SimResponse, Transport
from monitor.spec import Duration

HTML = "text/html; charset=UTF-8"
JSON = "application/json"
TEXT = "text/plain"

_EDGE_HEADERS = ("date", "server", "cf-ray")
_PROXY_HEADERS = (*_EDGE_HEADERS, "via")
_APP_HEADERS = (
    *_PROXY_HEADERS,
    "request-id",
    "anthropic-organization-id",
    "x-envoy-upstream-service-time",
)


class Parameters(Closed):
    """What a fault may be told. Each fault takes only some of these; see `FAULTS`."""

    message: str | None = Field(default=None, min_length=1, max_length=500)
    """The sentence in an error body."""
    reason: str | None = Field(default=None, min_length=1, max_length=200)
    """Envoy's reason for a reset; without one it has no healthy upstream."""
    delay: Duration | None = Field(default=None, gt=0)
    """What `slow` adds before the first byte."""
    retry_after: Duration | None = Field(default=None, gt=0)
    """What the answer asks the client to wait."""
    rate: int | None = Field(default=None, ge=1)
    """Bytes per second of `drip`."""
    header: bool | None = None
    """Whether a challenge carries its `cf-mitigated` header."""
    document: Literal["html", "json"] | None = None
    """The form of Cloudflare's error; as the request accepts, when not given."""


Strike = Callable[[SimRequest, SimResponse, Parameters], SimResponse]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultKind:
    """One kind of fault.

    Attributes:
        strike: (request, answer so far, parameters) to what comes instead.
        takes: the parameters it takes.
        adds: it changes an answer rather than replacing it, so it combines with one that does.
    """

    strike: Strike
    takes: frozenset[str] = frozenset()
    adds: bool = False


def api_error_body(kind: str, message: str, request_id: str | None) -> bytes:
    """An error document of the vendor's API."""
    document = {
        "type": "error",
        "error": {"type": kind, "message": message},
        "request_id": request_id,
    }
    return json.dumps(document, separators=(",", ":")).encode()


def _cut(
    healthy: SimResponse, keep: tuple[str, ...], content_type: str | None
) -> tuple[tuple[str, str], ...]:
    """The headers of `healthy` that `keep` names, and the content type (None for no body)."""
    kept = tuple((key, value) for key, value in healthy.headers if key in keep)
    return kept if content_type is None else (*kept, ("content-type", content_type))


def api_error(
    healthy: SimResponse, status: int, kind: str, message: str, *, named: bool = True
) -> SimResponse:
    """An error that the application answers; `named` is whether its body carries the id."""
    request_id = healthy.header("request-id") if named else None
    return replace(
        healthy,
        status=status,
        headers=_cut(healthy, _APP_HEADERS, JSON),
        body=api_error_body(kind, message, request_id),
    )


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


def _model_404(request: SimRequest, healthy: SimResponse, _: Parameters) -> SimResponse:
    try:
        asked = json.loads(request.body or b"{}")
    except ValueError:
        asked = {}
    model = asked.get("model", "unknown") if isinstance(asked, dict) else "unknown"
    return api_error(healthy, 404, "not_found_error", f"model: {model}")


def _geo_block_403(_: SimRequest, healthy: SimResponse, __: Parameters) -> SimResponse:
    body = b'{"error":{"type":"forbidden","message":"Request not allowed"}}'
    return replace(healthy, status=403, headers=_cut(healthy, _EDGE_HEADERS, JSON), body=body)


def _envoy_503(_: SimRequest, healthy: SimResponse, parameters: Parameters) -> SimResponse:
    text = "no healthy upstream"
    if parameters.reason is not None:
        text = (
            "upstream connect error or disconnect/reset before headers. "
            f"reset reason: {parameters.reason}"
        )
    headers = _cut(healthy, _PROXY_HEADERS, TEXT)
    return replace(healthy, status=503, headers=headers, body=text.encode())


def _page_500(_: SimRequest, healthy: SimResponse, __: Parameters) -> SimResponse:
    body = b"<!DOCTYPE html><html><body><h1>Internal Server Error</h1></body></html>"
    return replace(healthy, status=500, headers=_cut(healthy, _PROXY_HEADERS, HTML), body=body)


def _rate_exceeded_200(_: SimRequest, healthy: SimResponse, __: Parameters) -> SimResponse:
    headers = _cut(healthy, _PROXY_HEADERS, TEXT)
    return replace(healthy, status=200, headers=headers, body=b"Rate exceeded")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    """One of Cloudflare's errors about an origin: its heading, and its name in JSON."""

    heading: str
    name: str
    category: str = "origin"


_ORIGIN_ERRORS = {
    504: _Origin(heading="Gateway time-out", name="gateway_timeout"),
    520: _Origin(heading="Web server is returning an unknown error", name="unknown_error"),
    521: _Origin(heading="Web server is down", name="web_server_down"),
    522: _Origin(heading="Connection timed out", name="connection_timeout"),
    523: _Origin(heading="Origin is unreachable", name="origin_unreachable"),
    524: _Origin(heading="A timeout occurred", name="origin_response_timeout"),
    525: _Origin(heading="SSL handshake failed", name="ssl_handshake_failed", category="ssl"),
    526: _Origin(heading="Invalid SSL certificate", name="invalid_ssl_certificate", category="ssl"),
}
_CLOUDFLARE_RETRY_AFTER = 120


def _cloudflare(status: int) -> Strike:
    """Cloudflare's word that the origin fails: a page, or a document for who accepts JSON."""
    origin = _ORIGIN_ERRORS[status]

    def strike(request: SimRequest, healthy: SimResponse, parameters: Parameters) -> SimResponse:
        accepts = "application/json" in (request.header("accept") or "")
        form = parameters.document or ("json" if accepts else "html")
        if form == "html":
            headers = _cut(healthy, _EDGE_HEADERS, HTML)
            body = _origin_page(status, origin, request.host)
            return replace(healthy, status=status, headers=headers, body=body)
        headers = _cut(healthy, _EDGE_HEADERS, JSON)
        document = _origin_document(status, origin, request.host, healthy)
        if document["retryable"]:
            wait = round(parameters.retry_after or _CLOUDFLARE_RETRY_AFTER)
            document["retry_after"] = wait
            headers = (*headers, ("retry-after", str(wait)))
        body = json.dumps(document, separators=(",", ":")).encode()
        return replace(healthy, status=status, headers=headers, body=body)

    return strike


def _origin_page(status: int, origin: _Origin, host: str) -> bytes:
    """Cloudflare's error page, in its older form."""
    return (
        "<!DOCTYPE html>\n"
        '<html class="no-js" lang="en-US">\n<head>\n\n\n'
        f"<title>{host} | {status}: {origin.heading}</title>\n"
        '<meta charset="UTF-8" />\n'
        '<link rel="stylesheet" id="cf_styles-css" href="/cdn-cgi/styles/main.css" />\n'
        "</head>\n<body>\n"
        '<div id="cf-wrapper"><div id="cf-error-details">\n'
        f"<h1><span>{origin.heading}</span> <span>Error code {status}</span></h1>\n"
        "</div></div>\n</body>\n</html>\n"
    ).encode()


def _origin_document(
    status: int, origin: _Origin, host: str, healthy: SimResponse
) -> dict[str, Any]:
    """Cloudflare's error as a problem document."""
    ray = (healthy.header("cf-ray") or "").partition("-")[0]
    date = healthy.header("date")
    at = parsedate_to_datetime(date).astimezone(UTC) if date else None
    return {
        "type": "https://developers.cloudflare.com/support/troubleshooting/http-status-codes/"
        f"cloudflare-5xx-errors/error-{status}/",
        "title": f"Error {status}: {origin.heading}",
        "status": status,
        "instance": ray,
        "error_code": status,
        "error_name": origin.name,
        "error_category": origin.category,
        "ray_id": ray,
        "timestamp": f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else None,
        "zone": host,
        "cloudflare_error": True,
        "retryable": origin.category != "ssl",
        "owner_action_required": True,
    }


def _challenge_403(
    request: SimRequest, healthy: SimResponse, parameters: Parameters
) -> SimResponse:
    body = (
        '<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title>'
        '<meta name="robots" content="noindex,nofollow"></head><body>'
        '<div class="main-wrapper"><noscript><span id="challenge-error-text">'
        "Enable JavaScript and cookies to continue</span></noscript></div>"
        f"<script>window._cf_chl_opt = {{cZone: '{request.host}'}};"
        "var a = document.createElement('script');"
        "a.src = '/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1';"
        "</script></body></html>"
    )
    headers = _cut(healthy, _EDGE_HEADERS, HTML)
    if parameters.header is not False:
        headers = (*headers, ("cf-mitigated", "challenge"))
    return replace(healthy, status=403, headers=headers, body=body.encode())


def _waf(status: int, action: str) -> Strike:
    """AWS WAF asks for a browser: a body only for who accepts HTML."""

    def strike(request: SimRequest, healthy: SimResponse, _: Parameters) -> SimResponse:
        html = "text/html" in (request.header("accept") or "")
        page = b"<!DOCTYPE html><html><head><title></title></head><body></body></html>"
        kept = tuple((key, value) for key, value in healthy.headers if key == "date")
        headers = (*kept, ("server", "CloudFront"), ("x-amzn-waf-action", action))
        if html:
            headers = (*headers, ("content-type", HTML))
        return replace(healthy, status=status, headers=headers, body=page if html else b"")

    return strike


def _broken(transport: Transport) -> Strike:
    """No answer: the conversation breaks as `transport` says."""

    def strike(_: SimRequest, healthy: SimResponse, __: Parameters) -> SimResponse:
        delay = healthy.delay if transport is Transport.RESET else 0.0
        return SimResponse(status=0, transport=transport, delay=delay)

    return strike


def _slow(_: SimRequest, answer: SimResponse, parameters: Parameters) -> SimResponse:
    return replace(answer, delay=answer.delay + (parameters.delay or 20.0))


def _drip(_: SimRequest, answer: SimResponse, parameters: Parameters) -> SimResponse:
    return replace(answer, bytes_per_second=float(parameters.rate or 1))


def _status_lying(request: SimRequest, answer: SimResponse, _: Parameters) -> SimResponse:
    """The status page shows a calm day, whatever was posted; other hosts are left alone."""
    if request.host not in STATUS_HOSTS:
        return answer
    calm = statusfeed.answer(request, None, ())
    own = {key for key, _value in calm.headers}
    kept = tuple((key, value) for key, value in answer.headers if key not in own)
    return replace(answer, status=calm.status, headers=(*kept, *calm.headers), body=calm.body)


_SAYS = frozenset({"message"})
_LOW_CREDIT = (
    "Your credit balance is too low to access the Anthropic API. "
    "Please go to Plans & Billing to upgrade or purchase credits."
)

FAULTS: Mapping[str, FaultKind] = {
    "json_500": FaultKind(strike=_api(500, "api_error", "Internal server error"), takes=_SAYS),
    "overloaded_500": FaultKind(strike=_api(500, "api_error", "Overloaded", named=False)),
    "overloaded_529": FaultKind(strike=_api(529, "overloaded_error", "Overloaded")),
    "envoy_503": FaultKind(strike=_envoy_503, takes=frozenset({"reason"})),
    "page_500": FaultKind(strike=_page_500),
    **{
        f"cf_{status}": FaultKind(
            strike=_cloudflare(status), takes=frozenset({"document", "retry_after"})
        )
        for status in _ORIGIN_ERRORS
    },
    "challenge_403": FaultKind(strike=_challenge_403, takes=frozenset({"header"})),
    "waf_202": FaultKind(strike=_waf(202, "challenge")),
    "waf_405": FaultKind(strike=_waf(405, "captcha")),
    "geo_block_403": FaultKind(strike=_geo_block_403),
    "auth_401": FaultKind(
        strike=_api(401, "authentication_error", "Invalid bearer token"), takes=_SAYS
    ),
    "permission_403": FaultKind(
        strike=_api(
            403,
            "permission_error",
            "OAuth token has been revoked. Please obtain a new token.",
        ),
        takes=_SAYS,
    ),
    "rate_exceeded_200": FaultKind(strike=_rate_exceeded_200),
    "rate_limit_429": FaultKind(
        strike=_rate_limit_429, takes=frozenset({"message", "retry_after"})
    ),
    "credit_balance_400": FaultKind(strike=_api(400, "invalid_request_error", _LOW_CREDIT)),
    "model_404": FaultKind(strike=_model_404),
    "refused": FaultKind(strike=_broken(Transport.REFUSED)),
    "reset": FaultKind(strike=_broken(Transport.RESET)),
    "hang": FaultKind(strike=_broken(Transport.HANG)),
    "slow": FaultKind(strike=_slow, takes=frozenset({"delay"}), adds=True),
    "drip": FaultKind(strike=_drip, takes=frozenset({"rate"}), adds=True),
    "status_lying": FaultKind(strike=_status_lying),
}
"""Every fault that a scenario may name."""
