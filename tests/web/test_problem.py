"""Problems: which document, which page, and for whom."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from http import HTTPStatus

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from monitor.web import WebDeps
from monitor.web.ports import DEPS
from monitor.web.problem import Problem, as_problem, not_found, problem_response, wants_page


class DatabaseShutError(Exception):
    """What a store may raise."""


@pytest.mark.parametrize(
    ("path", "accept", "page"),
    [
        ("/", "text/html,*/*;q=0.8", True),
        ("/probes/nope", "text/html", True),
        ("/favicon.ico", "text/html", True),
        ("/", "*/*", False),
        ("/", "application/json", False),
        ("/api/v1/nope", "text/html", False),
        ("/-/nope", "text/html", False),
        ("/metrics", "text/html", False),
        ("/static/nope", "text/html", False),
    ],
)
def test_a_page_is_for_a_browser_outside_the_machines_paths(
    path: str, accept: str, *, page: bool
) -> None:
    request = make_mocked_request("GET", path, headers={"Accept": accept})
    assert wants_page(request) is page


def test_a_problem_is_a_document_of_bounded_length() -> None:
    problem = not_found("x" * 5000, kind="probe")
    response = problem_response(problem, "/" + "y" * 5000)
    assert response.content_type == "application/problem+json"
    assert isinstance(response.body, bytes)
    document = json.loads(response.body)
    assert set(document) == {"type", "title", "status", "detail", "instance"}
    assert document["title"] == "Not Found"
    assert document["status"] == response.status == 404
    assert len(document["detail"]) == len(document["instance"]) == 300


@pytest.mark.parametrize(
    ("raised", "status", "detail"),
    [
        (Problem(HTTPStatus.BAD_REQUEST, "so not"), 400, "so not"),
        (web.HTTPNotFound(text="theirs"), 404, "there is nothing at /x"),
        (
            web.HTTPMethodNotAllowed("GET", ["HEAD"]),
            405,
            "GET is not possible here: everything is read-only",
        ),
        (
            web.HTTPRequestEntityTooLarge(max_size=1, actual_size=2),
            413,
            HTTPStatus(413).description or HTTPStatus(413).phrase,
        ),
        (TimeoutError(), 503, "the database does not answer; probing goes on"),
        (DatabaseShutError("path"), 503, "the database does not answer; probing goes on"),
        (RuntimeError("secret"), 500, "this is our bug; the log has the rest"),
    ],
)
async def test_whatever_is_raised_becomes_a_problem_in_our_words(
    deps: WebDeps, raised: Exception, status: int, detail: str
) -> None:
    async def handler(_request: web.Request) -> web.StreamResponse:
        raise raised

    app = web.Application()
    app[DEPS] = replace(deps, store_errors=(DatabaseShutError,))
    problem = await as_problem(make_mocked_request("GET", "/x", app=app), handler)
    assert isinstance(problem, Problem)
    assert (problem.status.value, problem.detail) == (status, detail)


async def test_a_request_that_is_given_up_stays_given_up(deps: WebDeps) -> None:
    async def handler(_request: web.Request) -> web.StreamResponse:
        raise asyncio.CancelledError

    app = web.Application()
    app[DEPS] = deps
    with pytest.raises(asyncio.CancelledError):
        await as_problem(make_mocked_request("GET", "/x", app=app), handler)
