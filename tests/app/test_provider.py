"""The daemon reads the vendor's page beside its probes, whatever becomes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from monitor.app.build import probe_context
from monitor.app.provider import ProviderWatch
from monitor.clock import ScaledClock
from monitor.config.schema import Config, ProviderStatusSpec
from monitor.core.engine import Engine
from monitor.core.incident import EventType, State
from monitor.core.moment import Moment
from monitor.core.provider import ProviderReport
from monitor.pipeline import Pipeline
from monitor.probes import LookupThreads
from monitor.simulation.exchange import SimRequest, SimResponse
from monitor.simulation.scenario import parse_scenario
from monitor.simulation.world import World
from tests.app.house import START, House, SwitchedWorld, a_house
from tests.fakes.journal import FakeJournal
from tests.fakes.sink import FakeAudience, FakeSink

HOSTS = ("https://status.claude.com", "https://anthropic.statuspage.io")
URLS = (
    f"{HOSTS[0]}/history.atom",
    f"{HOSTS[1]}/history.atom",
    f"{HOSTS[1]}/api/v2/summary.json",
)

POSTED = """
name: posted
title: Written for this test
source: Invented.
visibility: assumed
start: 2026-04-28T11:00:00Z
end: 2026-04-29T11:00:00Z
vendor: {id: 9l93x2ht4s5w, name: Elevated errors, impact: critical}
timeline:
  - at: 2026-04-28T11:59:00Z
    status: investigating
    body: We look into it.
    components: {api: major_outage, console: operational}
"""


class PostedWorld(SwitchedWorld):
    """Claude as it is, and a vendor that has posted something a minute before the start."""

    def __init__(self) -> None:
        super().__init__()
        self._scenario = parse_scenario(POSTED, "posted")

    @override
    def answer(self, request: SimRequest, at: datetime) -> SimResponse:
        if f"https://{request.host}" in HOSTS:  # the page knows nothing of the outage
            return World.answer(self, request, at)
        return super().answer(request, at)


def reading(house: House, *urls: str) -> Config:
    """The house's configuration with the page, moved to the simulated one."""
    spec = ProviderStatusSpec.model_validate({"urls": urls or URLS, "interval": "30s"})
    base = house.claude.base_url
    config = house.config()
    moved = tuple(url.replace("https://", f"{base}/") for url in spec.urls)
    return config.model_copy(update={"provider_status": spec.model_copy(update={"urls": moved})})


@pytest.mark.slow
async def test_the_vendors_word_reaches_incident_api_page_and_metrics(tmp_path: Path) -> None:
    async with (
        a_house(tmp_path, PostedWorld()) as house,
        house.daemon(reading(house)) as living,
    ):
        await living.settled()
        page = await living.page("/", "the vendor says: major outage")
        assert "Elevated errors (investigating)" in page
        said = (await living.document("/api/v1/status"))["provider"]
        assert (said["indicator"], said["error"]) == ("critical", None)
        assert said["components"] == {"api": "major_outage"}
        series = (
            'claude_uptime_provider_component_state{component="api",state="major_outage",'
            'vantage="test"}'
        )
        assert await living.metric(series) == 1.0
        assert (
            await living.metric(
                'claude_uptime_provider_last_read_timestamp_seconds{vantage="test"}'
            )
            >= START.timestamp()
        )
        assert EventType.OPENED not in living.watch.types, "the page alone opened an incident"
        house.world.broken = True
        house.news.told()
        opened = await living.announced(EventType.OPENED)
        assert opened.incident is not None
        note = opened.incident.provider
        assert note is not None
        assert (note.indicator, note.incident_url) == (
            "critical",
            "https://status.claude.com/incidents/9l93x2ht4s5w",
        )
        assert note.lead_seconds is not None
        assert note.lead_seconds < 0
        stored = await living.document(f"/api/v1/incidents/{opened.incident.id}")
        assert stored["provider"]["posted_at"] == "2026-04-28T11:59:00.000Z"


# ---------------------------------------------------------------- the task alone


@asynccontextmanager
async def a_watch(house: House, config: Config) -> AsyncIterator[tuple[ProviderWatch, Pipeline]]:
    """The task with a pipeline of its own."""
    plan = config.plan()
    engine = Engine(plan, config.policy())
    sink, journal = FakeSink(), FakeJournal()
    pipeline = Pipeline(
        engine, house.clock, journal=journal, audience=FakeAudience(), sinks=(sink,), watch=OnTime()
    )
    threads = LookupThreads(2)
    try:
        context = probe_context(config, house.clock, threads)
        yield ProviderWatch(config, plan, context, house.clock), pipeline
    finally:
        threads.shutdown()


class OnTime:
    """The loop was never late."""

    def worst_since(self, _started: float) -> float:
        return 0.0


async def test_without_a_url_the_task_ends_at_once(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        async with a_watch(house, house.config()) as (watch, pipeline):
            await watch.run(pipeline)
        assert pipeline.engine.status(pipeline.now()).provider is None


async def test_a_page_that_cannot_be_read_is_logged_once_and_says_nothing(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        config = reading(house, "https://nobody.example/history.atom")
        async with a_watch(house, config) as (watch, pipeline):
            with capture_logs() as logs:
                for _ in range(3):
                    watch.tell(await watch.read(pipeline), pipeline)
            view = pipeline.engine.status(pipeline.now())
    assert [line["event"] for line in logs] == ["provider.unreadable"]
    assert view.provider is not None
    assert view.provider.error is not None
    assert view.components[0].state is State.UNKNOWN


async def test_components_that_nobody_configured_are_logged_once(tmp_path: Path) -> None:
    async with a_house(tmp_path, PostedWorld()) as house:
        config = reading(house, URLS[2])
        async with a_watch(house, config) as (watch, pipeline):
            with capture_logs() as logs:
                for _ in range(3):
                    watch.tell(await watch.read(pipeline), pipeline)
    named = [line["component"] for line in logs if line["event"] == "provider.unknown_component"]
    assert "yyzkbfz2thpt (Claude Code)" in named
    assert len(named) == len(set(named)) == 6


async def test_it_says_when_the_page_can_be_read_again(tmp_path: Path) -> None:
    async with (
        a_house(tmp_path, PostedWorld()) as house,
        a_watch(house, reading(house, URLS[0])) as (watch, pipeline),
    ):
        good = await watch.read(pipeline)
        bad = ProviderReport(error="HTTP 405")
        with capture_logs() as logs:
            for report in (good, bad, bad, good):
                watch.tell(report, pipeline)
    assert [line["event"] for line in logs] == ["provider.unreadable", "provider.readable"]


class EnoughError(Exception):
    """Ends a loop that never ends."""


class FewTurns(ScaledClock):
    """A clock on which three may wait, at once; the fourth ends it all."""

    turns = 0

    @override
    async def sleep(self, seconds: float) -> None:
        self.turns += 1
        if self.turns > 3:
            raise EnoughError


class Broken(Pipeline):
    """A pipeline with a bug."""

    @override
    def now(self) -> Moment:
        msg = "a bug"
        raise RuntimeError(msg)


async def test_a_bug_in_reading_does_not_end_the_readings(tmp_path: Path) -> None:
    clock = FewTurns(start=START, speed=60.0)
    async with a_house(tmp_path) as house:
        config = reading(house)
        engine = Engine(config.plan(), config.policy())
        broken = Broken(
            engine,
            clock,
            journal=FakeJournal(),
            audience=FakeAudience(),
            sinks=(),
            watch=OnTime(),
        )
        threads = LookupThreads(1)
        watch = ProviderWatch(config, config.plan(), probe_context(config, clock, threads), clock)
        with capture_logs() as logs, pytest.raises(EnoughError):
            await watch.run(broken)
        threads.shutdown()
    assert [line["event"] for line in logs] == ["provider.failed"] * 3
