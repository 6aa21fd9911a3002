"""`/metrics`: Prometheus's text format or OpenMetrics, as asked for, compressed when accepted.

Writing a few thousand series takes tens of milliseconds, so it is done in a thread of our own: on
the loop it would be a stall in every run under way, and the loop's default threads may hang in name
look-ups just when the network is down. One scrape at a time; others wait their turn.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from aiohttp import hdrs, web

from monitor.web.ports import DEPS, ScrapeSource

TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

ACCEPT_CHARS_MAX = 1000
"""How much of a header is read for what it accepts."""

_GZIP_LEVEL = 1
"""Ten times smaller at a fraction of the cost of the higher levels."""

_THREAD = web.AppKey("scrape_thread", ThreadPoolExecutor)
_TURN = web.AppKey("scrape_turn", asyncio.Lock)


def set_up(app: web.Application) -> None:
    """Give `app` its thread."""
    app[_TURN] = asyncio.Lock()
    app.cleanup_ctx.append(_thread)


async def metrics(request: web.Request) -> web.Response:
    """The metrics of now."""
    accept = accepted(request.headers.get(hdrs.ACCEPT, ""))
    packed = accepted(request.headers.get(hdrs.ACCEPT_ENCODING, "")).get("gzip", 0.0) > 0.0
    plain = max(accept.get("text/plain", 0.0), accept.get("text/*", 0.0))
    openmetrics = accept.get("application/openmetrics-text", 0.0) > plain
    source = request.app[DEPS].scrape
    async with request.app[_TURN]:
        await source.refresh()
        body = await asyncio.get_running_loop().run_in_executor(
            request.app[_THREAD], _write, source, openmetrics, packed
        )
    headers = {
        hdrs.CONTENT_TYPE: OPENMETRICS_TYPE if openmetrics else TEXT_TYPE,
        hdrs.VARY: "Accept, Accept-Encoding",
    }
    if packed:
        headers[hdrs.CONTENT_ENCODING] = "gzip"
    return web.Response(body=body, headers=headers)


def accepted(header: str) -> dict[str, float]:
    """What an `Accept` or `Accept-Encoding` header allows, by name, with its best weight.

    A weight that is no number counts as 0: what cannot be read is not asked for.
    """
    weights: dict[str, float] = {}
    for part in header[:ACCEPT_CHARS_MAX].lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        if name:
            weights[name] = max(weights.get(name, 0.0), _weight(parameters))
    return weights


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0


def _write(source: ScrapeSource, openmetrics: bool, packed: bool) -> bytes:  # noqa: FBT001  # an executor passes by position
    text = source.render(openmetrics=openmetrics)
    return gzip.compress(text, compresslevel=_GZIP_LEVEL) if packed else text


async def _thread(app: web.Application) -> AsyncIterator[None]:
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="scrape") as pool:
        app[_THREAD] = pool
        yield
