"""The scrape: which format, how packed, and what it costs the loop."""

from __future__ import annotations

import asyncio
import gzip
import threading

import aiohttp
import pytest
from typing_extensions import override

from monitor.core.incident import State
from monitor.metrics import Metrics
from monitor.web.scrape import accepted
from tests.factories import a_component_view, a_judged, a_status_view
from tests.web.conftest import Start
from tests.web.fakes import FakeDaemon, FakeScrape

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        pytest.param(PROMETHEUS_2, True, id="Prometheus 2"),
        pytest.param(PROMETHEUS_3, True, id="Prometheus 3"),
        pytest.param("*/*", False, id="curl"),
        pytest.param("text/html,application/xhtml+xml,*/*;q=0.8", False, id="a browser"),
        pytest.param("text/plain;version=0.0.4", False, id="text only"),
        pytest.param("application/openmetrics-text;q=0", False, id="explicitly not"),
        pytest.param("text/plain, application/openmetrics-text;q=0.5", False, id="text first"),
        pytest.param("APPLICATION/OPENMETRICS-TEXT", True, id="in capitals"),
        pytest.param("application/openmetrics-text;q=lots", False, id="no weight at all"),
        pytest.param(",;,;;=," * 500, False, id="noise"),
    ],
)
async def test_the_format_is_what_was_asked_for(
    start: Start, client: aiohttp.ClientSession, accept: str, *, openmetrics: bool
) -> None:
    async with client.get(f"{await start()}/metrics", headers={"Accept": accept}) as response:
        text = await response.text()
    kind = "application/openmetrics-text" if openmetrics else "text/plain"
    version = "1.0.0" if openmetrics else "0.0.4"
    assert response.headers["Content-Type"] == f"{kind}; version={version}; charset=utf-8"
    assert response.headers["Vary"] == "Accept, Accept-Encoding"
    assert text.endswith("# EOF\n") is openmetrics


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [("gzip", True), ("deflate, GZIP;q=0.5", True), ("gzip;q=0", False), ("identity", False)],
)
async def test_it_is_compressed_when_that_is_accepted(
    start: Start, encoding: str, *, packed: bool
) -> None:
    url = await start()
    headers = {"Accept-Encoding": encoding}
    async with (
        aiohttp.ClientSession(auto_decompress=False) as client,
        client.get(f"{url}/metrics", headers=headers) as response,
    ):
        body = await response.read()
    assert (response.headers.get("Content-Encoding") == "gzip") is packed
    text = gzip.decompress(body) if packed else body
    assert text.startswith(b"# HELP ")
    if packed:
        assert len(body) < len(text) / 10


async def test_the_gauges_are_those_of_the_moment(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    url = await start()
    line = 'claude_uptime_component_state{component="api",state="major_outage",vantage="local"}'
    async with client.get(f"{url}/metrics") as response:
        assert f"{line} 0.0" in await response.text()
    down = (a_component_view("api", State.MAJOR_OUTAGE),)
    daemon.view = a_status_view(daemon.plan, components=down)
    async with client.get(f"{url}/metrics") as response:
        assert f"{line} 1.0" in await response.text()


class Recorder:
    """A source that tells where and when it was asked."""

    def __init__(self) -> None:
        self.inside = 0
        self.together = 0
        self.threads: set[str] = set()

    async def refresh(self) -> None:
        self.inside += 1
        self.together = max(self.together, self.inside)
        assert threading.current_thread() is threading.main_thread()

    def render(self, *, openmetrics: bool) -> bytes:
        self.threads.add(threading.current_thread().name.rstrip("_0123456789"))
        self.inside -= 1
        return b"# EOF\n"


async def test_one_scrape_at_a_time_in_a_thread_of_its_own(
    start: Start, client: aiohttp.ClientSession
) -> None:
    recorder = Recorder()
    url = await start(scrape=recorder)

    async def scrape() -> int:
        async with client.get(f"{url}/metrics") as response:
            await response.read()
            return response.status

    async with asyncio.TaskGroup() as group:
        scrapes = [group.create_task(scrape()) for _ in range(20)]
    assert [done.result() for done in scrapes] == [200] * 20
    assert recorder.together == 1
    assert recorder.threads == {"scrape"}


async def test_a_source_that_fails_is_a_500_and_the_next_scrape_works(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    class Failing(Recorder):
        broken = True

        @override
        async def refresh(self) -> None:
            if self.broken:
                msg = "no gauges"
                raise RuntimeError(msg)

    failing = Failing()
    url = await start(scrape=failing)
    async with client.get(f"{url}/metrics") as response:
        assert response.status == 500
    failing.broken = False
    async with client.get(f"{url}/metrics") as response:
        assert response.status == 200


def test_weights_are_read_with_care() -> None:
    assert accepted("gzip;q=0.5, gzip, br;q=2, x;q=-1, y;q=nan, z;level=3") == {
        "gzip": 1.0,
        "br": 1.0,
        "x": 0.0,
        "y": 0.0,
        "z": 1.0,
    }
    assert accepted("") == {}
    assert len(accepted("a," * 10_000)) == 1


async def test_runs_reach_the_scrape_with_their_request_id(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    metrics = Metrics(daemon.plan, version="0.1.0")
    metrics.publish([a_judged("api_hello")])
    url = await start(scrape=FakeScrape(metrics, daemon))
    async with client.get(f"{url}/metrics", headers={"Accept": PROMETHEUS_2}) as response:
        assert 'request_id="req_011CSHoEeqs5C35K2UUqR7Fy"' in await response.text()
