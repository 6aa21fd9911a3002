"""A small picture of a component's state, to be put into other people's pages: an SVG badge."""

from __future__ import annotations

from html import escape

from aiohttp import web

from monitor.core.incident import State
from monitor.web import words
from monitor.web.api import find_component
from monitor.web.ports import DEPS

COLOURS = {
    State.OPERATIONAL: "#18794e",
    State.DEGRADED_PERFORMANCE: "#8a5a00",
    State.PARTIAL_OUTAGE: "#b8430a",
    State.MAJOR_OUTAGE: "#bf1f2f",
    State.UNDER_MAINTENANCE: "#1f5fa8",
    State.UNKNOWN: "#66615a",
}
"""White on each of them has a contrast of at least 4.5 to 1."""

CACHE_SECONDS = 15
TITLE_CHARS_MAX = 60

_HEIGHT = 20
_PADDING = 7
_WIDTHS = {6.9: "mwMW@%", 3.4: "fijlrtI.,:;!|'()[] "}
_WIDTH = 6.0
"""Pixels of a character at 11 px; `textLength` makes any font fit what was reckoned."""


def set_up(app: web.Application) -> None:
    """Add the route."""
    app.router.add_get("/api/v1/components/{component}/badge.svg", badge)


async def badge(request: web.Request) -> web.Response:
    """The badge of a component."""
    row = find_component(request.app[DEPS].status.status(), request.match_info["component"])
    return web.Response(
        text=drawn(row.title, row.state),
        content_type="image/svg+xml",
        headers={
            "Cache-Control": f"public, max-age={CACHE_SECONDS}",
            # A badge is made to be shown elsewhere; a page of ours is not.
            "Cross-Origin-Resource-Policy": "cross-origin",
        },
    )


def drawn(title: str, state: State) -> str:
    """The SVG: `title` on the left, the word for `state` on the right, in its colour."""
    label = words.clean(title)[:TITLE_CHARS_MAX]
    said = words.STATE_WORDS[state].lower()
    left, right = _width(label), _width(said)
    whole = f"{label}: {said}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{_HEIGHT}" '
        f'role="img" aria-label="{escape(whole)}"><title>{escape(whole)}</title>'
        f'<clipPath id="r"><rect width="{left + right}" height="{_HEIGHT}" rx="4"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{left}" height="{_HEIGHT}" fill="#3a3733"/>'
        f'<rect x="{left}" width="{right}" height="{_HEIGHT}" fill="{COLOURS[state]}"/></g>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f"{_text(label, 0, left)}{_text(said, left, right)}</g></svg>"
    )


def _text(text: str, start: int, width: int) -> str:
    inner = width - 2 * _PADDING
    return f'<text x="{start + _PADDING}" y="14" textLength="{inner}">{escape(text)}</text>'


def _width(text: str) -> int:
    """Pixels that `text` takes with its padding, about."""
    taken = sum(
        next((width for width, chars in _WIDTHS.items() if char in chars), _WIDTH) for char in text
    )
    return round(taken) + 2 * _PADDING
