"""Errors as documents: `application/problem+json` (RFC 9457) for programs, a page for browsers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from monitor.web.answer import json_response
from monitor.web.ports import DEPS, WebDeps

PROBLEM_TYPE = "application/problem+json"

HANDLER_TIMEOUT = 10.0
"""How long a handler may take, in seconds."""

ENDLESS = frozenset({"/api/v1/events"})
"""Paths whose answer goes on for as long as somebody listens; they bound each write instead."""

DETAIL_CHARS_MAX = 300
"""How much of what was asked is repeated in an answer, in characters."""

_MACHINE_PREFIXES = ("/api/", "/-/", "/metrics", "/static/")


class Problem(Exception):  # noqa: N818  # RFC 9457's word: it is an answer, not a defect
    """An answer that is not the one asked for; becomes a problem document."""

    def __init__(
        self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """`detail` is a sentence for whoever asked; `headers` join the answer."""
        super().__init__(detail)
        self.status = status
        self.detail = detail[:DETAIL_CHARS_MAX]
        self.headers = dict(headers or {})


def not_found(name: str, *, kind: str) -> Problem:
    """There is no such thing."""
    return Problem(HTTPStatus.NOT_FOUND, f"there is no {kind} {name!r}")


def unavailable(deps: WebDeps) -> tuple[type[Exception], ...]:
    """What it may raise to ask the store: "not now"."""
    return (TimeoutError, *deps.store_errors)


def problem_response(problem: Problem, path: str) -> web.Response:
    """The problem as JSON."""
    document = {
        "type": "about:blank",
        "title": problem.status.phrase,
        "status": problem.status.value,
        "detail": problem.detail,
        "instance": path[:DETAIL_CHARS_MAX],
    }
    response = json_response(document, problem.status, problem.headers)
    response.content_type = PROBLEM_TYPE
    return response


def wants_page(request: web.Request) -> bool:
    """Whether a person is looking: a browser asks for HTML, and not below the machine's paths."""
    return "text/html" in request.headers.get("Accept", "") and not request.path.startswith(
        _MACHINE_PREFIXES
    )


async def as_problem(request: web.Request, handler: Handler) -> web.StreamResponse | Problem:
    """What `handler` answers, in bounded time, or the problem that kept it from answering."""
    try:
        async with asyncio.timeout(None if request.path in ENDLESS else HANDLER_TIMEOUT):
            return await handler(request)
    except Problem as problem:
        return problem
    except web.HTTPException as refusal:
        return _of_refusal(request, refusal)
    except unavailable(request.app[DEPS]) as error:
        structlog.get_logger("web").warning(
            "request.unavailable", path=request.path, error=type(error).__name__
        )
        return Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "the database does not answer; probing goes on",
            {"Retry-After": "10"},
        )
    except Exception:  # noqa: BLE001  # the edge: whatever it is becomes a 500 and a log line
        structlog.get_logger("web").exception("request.failed", path=request.path)
        return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "this is our bug; the log has the rest")


def _of_refusal(request: web.Request, refusal: web.HTTPException) -> Problem:
    """The router's refusals in our words; their bodies are dropped."""
    status = HTTPStatus(refusal.status)
    headers = {"Allow": refusal.headers["Allow"]} if "Allow" in refusal.headers else {}
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"{request.method} is not possible here: everything is read-only"
    elif status is HTTPStatus.NOT_FOUND:
        detail = f"there is nothing at {request.path}"
    else:
        detail = status.description or status.phrase
    return Problem(status, detail, headers)
