"""How an answer is made: JSON in one form, and what every answer carries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; "
        "connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Nothing but our own files: what stands in a page never runs, whatever it should come to show."""

VOLATILE = frozenset({"age_seconds", "duration_seconds"})
"""Members that change with every look though nothing has happened; so does the outermost `at`."""

ETAG_CHARS = 20


@web.middleware
async def conditional(request: web.Request, handler: Handler) -> web.StreamResponse:
    """304 instead of a body that whoever asks has already (RFC 9110, 13.1.2)."""
    response = await handler(request)
    tag = response.headers.get(hdrs.ETAG)
    if tag is None or response.status != HTTPStatus.OK:
        return response
    known = request.if_none_match or ()
    if not any(each.value in (tag.removeprefix("W/").strip('"'), "*") for each in known):
        return response
    headers = {hdrs.ETAG: tag}
    if hdrs.CACHE_CONTROL in response.headers:
        headers[hdrs.CACHE_CONTROL] = response.headers[hdrs.CACHE_CONTROL]
    return web.Response(status=HTTPStatus.NOT_MODIFIED.value, headers=headers)


async def secure(_request: web.Request, response: web.StreamResponse) -> None:
    """Put the security headers on, and take the server's name off, just before sending."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    response.headers.pop(hdrs.SERVER, None)


def json_response(
    document: Mapping[str, Any],
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """`document` as JSON.

    Everything beyond ASCII is escaped, so that text from outside can neither steer a terminal nor
    turn the direction of a line.
    """
    return web.Response(
        status=status.value,
        body=_encoded(document) + b"\n",
        content_type="application/json",
        headers=headers,
    )


def tagged_response(document: Mapping[str, Any]) -> web.Response:
    """`document` as JSON with a weak ETag of all of it that a mere look does not change."""
    headers = {
        "ETag": f'W/"{_digest(document)}"',
        "Cache-Control": "no-cache",  # keep it, and ask whether it still holds
    }
    return json_response(document, headers=headers)


def _encoded(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()


def _digest(document: Mapping[str, Any]) -> str:
    outermost = {name: value for name, value in document.items() if name != "at"}
    return hashlib.sha256(_encoded(_stable(outermost))).hexdigest()[:ETAG_CHARS]


def _stable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _stable(inner) for name, inner in value.items() if name not in VOLATILE}
    return [_stable(inner) for inner in value] if isinstance(value, list) else value
