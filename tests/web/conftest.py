"""A daemon as the web layer sees it: everything in memory, each part to be set by a test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import aiohttp
import pytest

from monitor.metrics import Metrics
from monitor.web import WebDeps, WebServer, create_app
from tests.factories import a_plan
from tests.web.fakes import FakeDaemon, FakeHistory, FakePast, FakeScrape


@pytest.fixture
def daemon() -> FakeDaemon:
    return FakeDaemon(a_plan())


@pytest.fixture
def past() -> FakePast:
    return FakePast()


@pytest.fixture
def history() -> FakeHistory:
    return FakeHistory()


@pytest.fixture
def deps(daemon: FakeDaemon, past: FakePast, history: FakeHistory) -> WebDeps:
    metrics = Metrics(daemon.plan, version="0.1.0", notifiers=("oncall",))
    return WebDeps(
        plan=daemon.plan,
        version="0.1.0",
        status=daemon,
        incidents=past,
        history=history,
        health=daemon,
        scrape=FakeScrape(metrics, daemon),
        external_url="https://uptime.example",
        store_errors=(OSError,),
    )


Start = Callable[..., Awaitable[str]]


@pytest.fixture
async def start(deps: WebDeps) -> AsyncIterator[Start]:
    """Start a server over `deps` with the given changes; gives the URL it answers at."""
    servers: list[WebServer] = []

    async def run(**changes: object) -> str:
        app = create_app(replace(deps, **changes))  # type: ignore[arg-type]  # a test's own values
        server = WebServer(app, "127.0.0.1", 0)
        await server.start()
        servers.append(server)
        return f"http://{server.address}"

    yield run
    for server in servers:
        await server.stop()


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session
