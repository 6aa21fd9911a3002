"""What answers in Claude's place: Cloudflare, a web application firewall, Envoy, an egress proxy.

A body that users have quoted is reproduced byte for byte; the rest has the marks by which such an
answer is known.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from monitor.simulation._fault import (
    EDGE_HEADERS,
    HTML,
    JSON,
    PROXY_HEADERS,
    TEXT,
    Parameters,
    Strike,
    cut,
    instead,
)
from monitor.simulation.exchange import SimRequest, SimResponse

_UNAVAILABLE = "/app-unavailable-in-region"


def geo_block(_: SimRequest, healthy: SimResponse, __: Parameters) -> SimResponse:
    """The edge does not serve this country or address."""
    body = b'{"error":{"type":"forbidden","message":"Request not allowed"}}'
    return instead(healthy, 403, cut(healthy, EDGE_HEADERS, JSON), body)


def geo_redirect(request: SimRequest, healthy: SimResponse, _: Parameters) -> SimResponse:
    """A site sends who comes from a country that it does not serve to a page that says so."""
    if request.bare_path == _UNAVAILABLE:
        return healthy
    location = ("location", f"https://{request.host}{_UNAVAILABLE}")
    return instead(healthy, 302, (*cut(healthy, EDGE_HEADERS, None), location), b"")


def envoy(_: SimRequest, healthy: SimResponse, parameters: Parameters) -> SimResponse:
    """The proxy before the application finds nobody behind it."""
    text = "no healthy upstream"
    if parameters.reason is not None:
        text = (
            "upstream connect error or disconnect/reset before headers. "
            f"reset reason: {parameters.reason}"
        )
    return instead(healthy, 503, cut(healthy, PROXY_HEADERS, TEXT), text.encode())


def error_page(_: SimRequest, healthy: SimResponse, __: Parameters) -> SimResponse:
    """A web server's own page of an error."""
    body = b"<!DOCTYPE html><html><body><h1>Internal Server Error</h1></body></html>"
    return instead(healthy, 500, cut(healthy, PROXY_HEADERS, HTML), body)


def rate_exceeded(_: SimRequest, healthy: SimResponse, __: Parameters) -> SimResponse:
    """The web tier is throttled by its own infrastructure, and calls that a success."""
    return instead(healthy, 200, cut(healthy, PROXY_HEADERS, TEXT), b"Rate exceeded")


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

CLOUDFLARE_HEADINGS = {status: origin.heading for status, origin in _ORIGIN_ERRORS.items()}
"""What Cloudflare calls each of its errors about an origin."""


def cloudflare(status: int) -> Strike:
    """Cloudflare's word that the origin fails: a page, or a document for who accepts JSON."""
    origin = _ORIGIN_ERRORS[status]

    def strike(request: SimRequest, healthy: SimResponse, parameters: Parameters) -> SimResponse:
        accepts = "application/json" in (request.header("accept") or "")
        form = parameters.document or ("json" if accepts else "html")
        if form == "html":
            headers = cut(healthy, EDGE_HEADERS, HTML)
            return instead(healthy, status, headers, _origin_page(status, origin, request.host))
        headers = cut(healthy, EDGE_HEADERS, JSON)
        document = _origin_document(status, origin, request.host, healthy)
        if document["retryable"]:
            wait = round(parameters.retry_after or _CLOUDFLARE_RETRY_AFTER)
            document["retry_after"] = wait
            headers = (*headers, ("retry-after", str(wait)))
        body = json.dumps(document, separators=(",", ":")).encode()
        return instead(healthy, status, headers, body)

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


def challenge(status: int) -> Strike:
    """Cloudflare asks for a browser."""

    def strike(request: SimRequest, healthy: SimResponse, parameters: Parameters) -> SimResponse:
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
        headers = cut(healthy, EDGE_HEADERS, HTML)
        if parameters.header is not False:
            headers = (*headers, ("cf-mitigated", "challenge"))
        return instead(healthy, status, headers, body.encode())

    return strike


def waf(status: int, action: str) -> Strike:
    """AWS WAF asks for a browser: a body only for who accepts HTML."""

    def strike(request: SimRequest, healthy: SimResponse, _: Parameters) -> SimResponse:
        html = "text/html" in (request.header("accept") or "")
        page = b"<!DOCTYPE html><html><head><title></title></head><body></body></html>"
        marks = (("server", "CloudFront"), ("x-amzn-waf-action", action))
        headers = (*cut(healthy, ("date",), HTML if html else None), *marks)
        return instead(healthy, status, headers, page if html else b"")

    return strike


def egress(status: int, error: str) -> Strike:
    """A proxy on our own side of the way answers, by its name, instead of passing things on."""

    def strike(_: SimRequest, healthy: SimResponse, __: Parameters) -> SimResponse:
        title = f"{status} {HTTPStatus(status).phrase}"
        page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body></body></html>"
        marks = (("server", "squid/6.13"), ("x-squid-error", f"{error} 0"))
        headers = (*cut(healthy, ("date",), HTML), *marks)
        if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            headers = (*headers, ("proxy-authenticate", 'Basic realm="proxy"'))
        return instead(healthy, status, headers, page.encode())

    return strike
