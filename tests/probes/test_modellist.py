"""The list of models, read over sockets from servers that do it well and badly."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from monitor import probes
from monitor.clock import SystemClock
from monitor.core.models import MODELS_MAX, PAGES_MAX, ModelCatalog
from monitor.core.observation import Timings
from monitor.pipeline import Progress
from monitor.probes import LookupThreads, ModelList, UnreadableError, ask
from monitor.probes._claude import ClaudeSpec
from monitor.probes._modellist import PAGE_BYTES_MAX
from monitor.spec import Secret

Answer = Callable[[web.Request], web.Response]
AGENT = "claude-uptime-monitor/0 (synthetic uptime probe)"
STAGES = ["active", "deprecated", "retired"]


def a_page(*ids: str, more: object = False, last: object = None) -> web.Response:
    models = [{"type": "model", "id": each, "lifecycle": "active"} for each in ids]
    return web.json_response({"data": models, "has_more": more, "last_id": last})


async def read(answer: Answer, *names: str) -> tuple[ModelCatalog, list[web.Request]]:
    """What a reader makes of a server that gives `answer`, and what it was asked."""
    asked: list[web.Request] = []

    async def serve(request: web.Request) -> web.Response:
        asked.append(request)
        return answer(request)

    app = web.Application()
    app.router.add_get("/v1/{rest:.*}", serve)
    lookups = LookupThreads(1)
    async with TestServer(app) as server:
        base: dict[str, Any] = {"base_url": str(server.make_url("")), "name": "p", "kind": "x"}
        models = ModelList(ClaudeSpec.model_validate(base), Secret("sk-1"), names)
        context = probes.context(SystemClock(), AGENT, lookups)
        reading = models.read()
        try:
            request = next(reading)
            while True:
                request = reading.send(await ask(request, context, Progress(), 10.0))
        except StopIteration as done:
            return done.value, asked
        finally:
            lookups.shutdown(wait=False)


def ids(catalog: ModelCatalog) -> list[str]:
    return [model.id for model in catalog.models]


async def test_all_pages_are_read_and_the_retired_models_with_them() -> None:
    def answer(request: web.Request) -> web.Response:
        behind = request.query.get("after_id")
        return a_page("c") if behind == "b" else a_page("a", "b", more=True, last="b")

    catalog, asked = await read(answer)

    assert (ids(catalog), catalog.complete) == (["a", "b", "c"], True)
    assert [request.query.getall("lifecycle[]") for request in asked] == [STAGES, STAGES]
    assert {request.query["limit"] for request in asked} == {"1000"}
    assert asked[0].headers["user-agent"] == AGENT
    assert asked[0].headers["x-api-key"] == "sk-1"


async def test_a_server_that_refuses_the_query_for_lifecycle_is_asked_without_it() -> None:
    def answer(request: web.Request) -> web.Response:
        if "lifecycle[]" in request.query:
            return web.json_response({"type": "error"}, status=400)
        return a_page("b") if "after_id" in request.query else a_page("a", more=True, last="a")

    catalog, asked = await read(answer)

    assert ids(catalog) == ["a", "b"]
    assert len(asked) == 3


async def test_a_list_without_an_end_is_given_up_and_is_not_whole() -> None:
    def endless(request: web.Request) -> web.Response:
        number = int(request.query.get("after_id", "0")) + 1
        return a_page(str(number), more=True, last=str(number))

    catalog, asked = await read(endless)

    assert (len(asked), len(catalog.models), catalog.complete) == (PAGES_MAX, PAGES_MAX, False)


@pytest.mark.parametrize("last", [None, "", 5, "a"])
async def test_a_list_that_goes_on_and_does_not_say_where_is_not_whole(last: object) -> None:
    catalog, asked = await read(lambda _request: a_page("a", more=True, last=last))

    assert (ids(catalog), catalog.complete) == (["a"], False)
    assert len(asked) <= 2


async def test_ten_thousand_models_are_read_and_no_more() -> None:
    def answer(request: web.Request) -> web.Response:
        begin = int(request.query.get("after_id", "-1")) + 1
        return a_page(*(str(n) for n in range(begin, begin + 1000)), more=True, last=begin + 999)

    def huge(request: web.Request) -> web.Response:
        page = json.loads(answer(request).text or "")
        return web.json_response({**page, "last_id": str(page["last_id"])})

    catalog, asked = await read(huge)

    assert (len(catalog.models), len(asked), catalog.complete) == (MODELS_MAX, 10, False)


async def test_a_list_that_changes_while_it_is_read_has_each_model_once() -> None:
    def answer(request: web.Request) -> web.Response:
        behind = request.query.get("after_id")
        return a_page("b", "c") if behind else a_page("new", "b", more=True, last="b")

    catalog, _ = await read(answer)

    assert (ids(catalog), catalog.complete) == (["new", "b", "c"], True)


BAD: dict[str, tuple[Answer, str]] = {
    "empty": (lambda _: a_page(), "the list of models is empty"),
    "html": (
        lambda _: web.Response(text="<html>Sign in</html>", content_type="text/html"),
        "the answer is no list of models",
    ),
    "no data": (lambda _: web.json_response({"data": None}), "the answer is no list of models"),
    "refused": (lambda _: web.Response(status=403), "HTTP 403"),
    "still refused": (lambda _: web.Response(status=400), "HTTP 400"),
    "too long": (
        lambda _: web.Response(body=b" " * (PAGE_BYTES_MAX + 1)),
        f"a page of the list is longer than {PAGE_BYTES_MAX} bytes",
    ),
}


@pytest.mark.parametrize("bad", BAD)
async def test_what_is_no_list_is_said_to_be_none(bad: str) -> None:
    answer, sentence = BAD[bad]

    with pytest.raises(UnreadableError) as caught:
        await read(answer)

    assert str(caught.value) == sentence


async def test_a_list_that_breaks_off_after_its_first_page_is_none() -> None:
    def answer(request: web.Request) -> web.Response:
        if "after_id" in request.query:
            return web.Response(status=529)
        return a_page("a", more=True, last="a")

    with pytest.raises(UnreadableError, match="HTTP 529"):
        await read(answer)


async def test_a_name_that_the_list_lacks_is_resolved_by_the_api_itself() -> None:
    def answer(request: web.Request) -> web.Response:
        name = request.path.removeprefix("/v1/models").strip("/")
        if not name:
            return a_page("a")
        if name == "fast":
            return web.json_response({"type": "model", "id": "a"})
        return web.json_response({"type": "error"}, status=404)

    catalog, asked = await read(answer, "a", "fast", "gone", "fast")

    assert [request.path for request in asked[1:]] == ["/v1/models/fast", "/v1/models/gone"]
    found = catalog.find("fast")
    assert found is not None
    assert (found.id, catalog.find("gone"), catalog.complete) == ("a", None, True)


async def test_a_name_that_nobody_can_resolve_just_now_makes_the_list_no_whole_one() -> None:
    def answer(request: web.Request) -> web.Response:
        return a_page("a") if request.path == "/v1/models" else web.Response(status=500)

    catalog, _ = await read(answer, "gone")

    assert not catalog.complete


async def test_a_server_that_is_not_there_is_no_list() -> None:
    reading = ModelList(ClaudeSpec.model_validate({"name": "p", "kind": "x"}), None).read()
    next(reading)
    nothing = probes.Asked(timings=Timings(total=0.0))

    with pytest.raises(UnreadableError, match="no answer"):
        reading.send(nothing)
