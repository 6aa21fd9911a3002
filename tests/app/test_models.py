"""The daemon reads the list of models beside its probes, and keeps what it knows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from monitor.app.build import probe_context
from monitor.app.models import ModelWatch, questioned
from monitor.clock import SystemClock
from monitor.config.load import from_text
from monitor.core.lifecycle import ModelStanding
from monitor.probes import LookupThreads
from monitor.probes._modellist import INTERVAL, RETRY_SECONDS

CONFIG = """
vantage: test
credentials: {{main: {{api_key: sk-1}}, none: {{api_key: ""}}}}
prices: {{claude-haiku-4-5: {{input: 1, output: 5}}}}
components: {{api: {{title: Claude API}}}}
probes:
  - {{name: haiku, kind: claude_json, call: message, model: claude-haiku-4-5, credential: main,
      base_url: "{url}", components: [api]}}
  - {{name: count, kind: claude_json, call: count_tokens, model: claude-haiku-4-5, credential: main,
      base_url: "{url}", components: [api]}}
  - {{name: off, kind: claude_json, call: count_tokens, model: claude-opus-5-5, credential: none,
      base_url: "{url}", components: [api]}}
  - {{name: gateway, kind: claude_json, call: models, base_url: "{url}", components: [api]}}
"""

MODELS = {
    "data": [
        {"id": "claude-fable-5-2", "lifecycle": "active", "line": "fable"},
        {"id": "claude-haiku-4-5-20251001", "lifecycle": "retired", "line": "haiku"},
    ],
    "has_more": False,
}


class Vendor:
    """A server whose answer a test changes."""

    def __init__(self) -> None:
        self.answer: object = MODELS
        self.asked = 0

    async def serve(self, _request: web.Request) -> web.Response:
        self.asked += 1
        if self.answer is None:
            return web.Response(status=500)
        return web.json_response(self.answer)


@asynccontextmanager
async def a_watch() -> AsyncIterator[tuple[ModelWatch, Vendor]]:
    vendor = Vendor()
    app = web.Application()
    app.router.add_get("/v1/models", vendor.serve)
    lookups = LookupThreads(1)
    clock = SystemClock()
    async with TestServer(app) as server:
        text = CONFIG.format(url=str(server.make_url("")).rstrip("/"))
        config = from_text(text, "test.yaml", {}, lambda _name: "")
        context = probe_context(config, clock, lookups)
        yield ModelWatch(config, config.plan(), context, clock), vendor
    lookups.shutdown(wait=False)


async def test_one_request_for_each_key_and_address_that_asks_a_model() -> None:
    async with a_watch() as (watch, vendor):
        report = await watch.refresh()
        again = await watch.refresh()

        assert vendor.asked == 1
        assert again == report
        assert report.unasked == ("fable",)
        assert report.models == (
            ModelStanding(
                model="claude-haiku-4-5",
                probes=("haiku", "count"),
                listed=True,
                line="haiku",
                lifecycle="retired",
            ),
        )


async def test_a_probe_is_told_what_its_model_takes() -> None:
    async with a_watch() as (watch, _):
        plans = {plan.name: plan for plan in watch._plan.probes}
        assert watch.info(plans["haiku"]) is None

        await watch.refresh()

        info = watch.info(plans["haiku"])
        assert info is not None
        assert info.id == "claude-haiku-4-5-20251001"
        assert watch.info(plans["off"]) is None


async def test_a_list_that_cannot_be_read_is_said_once_and_the_last_one_is_kept() -> None:
    async with a_watch() as (watch, vendor):
        (source,) = watch.sources
        known = await watch.refresh()
        waits = []
        with capture_logs() as logs:
            for answer in (None, None, MODELS):
                vendor.answer, source.due = answer, 0.0
                assert await watch.refresh() == known
                waits.append(round(source.due - watch._clock.monotonic(), -1))

        assert [(line["event"], line["list"]) for line in logs] == [
            ("models.unreadable", "credential main"),
            ("models.readable", "credential main"),
        ]
        assert waits == [RETRY_SECONDS, 2 * RETRY_SECONDS, INTERVAL]


async def test_who_gives_up_waiting_leaves_a_list_that_failed() -> None:
    async with a_watch() as (watch, vendor):
        watch.postpone("no answer within 10 s")

        assert watch.sources[0].error == "no answer within 10 s"
        await watch.refresh()
        assert vendor.asked == 0


async def test_only_who_asks_for_an_answer_needs_to_know_what_a_model_takes() -> None:
    async with a_watch() as (watch, _):
        names = ("haiku", "count", "gateway")
        assert [each.name for each in questioned(watch._plan, names).probes] == ["haiku"]
        assert questioned(watch._plan, ("count",)).probes == ()
