"""How an answer is made: JSON in one form, and what every answer carries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import hdrs, web

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Nothing but our own style and pictures: no script runs, whatever a page should come to show."""


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
    body = json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return web.Response(
        status=status.value,
        body=body.encode() + b"\n",
        content_type="application/json",
        headers=headers,
    )
