"""The pages behind the status page: an incident, a probe, the history; over real sockets."""

from __future__ import annotations

from datetime import timedelta

import aiohttp
import pytest

from monitor.core.history import Times
from monitor.core.incident import IncidentPhase, Interval, ProviderNote, State
from monitor.core.outcome import Outcome
from monitor.core.rollup import DAY, HOUR, ComponentSums, sum_runs
from monitor.web.details import HISTORY_INCIDENTS
from tests.factories import NOON, a_status_view, an_incident
from tests.web.conftest import Start
from tests.web.fakes import FakeDaemon, FakeHistory, FakePast
from tests.web.test_status_page import fetch


async def test_an_incident_tells_how_it_went_and_how_sure_that_is(
    start: Start, client: aiohttp.ClientSession, past: FakePast
) -> None:
    began = NOON - timedelta(hours=2)
    incident = an_incident(
        "api",
        "claude_code",
        opened_at=began + timedelta(seconds=40),
        started_at=began,
        started_between=Interval(
            earliest=began - timedelta(seconds=5), latest=began + timedelta(seconds=9)
        ),
        recovered_at=NOON - timedelta(hours=1),
        closed_at=NOON - timedelta(minutes=55),
        phase=IncidentPhase.CLOSED,
        provider=ProviderNote(posted_at=began + timedelta(minutes=8), lead_seconds=440.0),
    )
    past.stored = [incident]
    page = await fetch(client, f"{await start()}/incidents/{incident.id}")
    assert "Claude API, Claude Code: auth error" in page.text
    assert "(09:59:55 to 10:00:09)" in page.text
    assert "7 min 20 s after our decision" in page.text
    assert not [tag for tag in page.all("main") if "data-live" in tag]


async def test_an_open_incident_has_a_running_clock(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    incident = an_incident("api")
    daemon.view = a_status_view(daemon.plan, open_incidents=(incident,))
    page = await fetch(client, f"{await start()}/incidents/{incident.id}")
    clocks = [tag["data-since"] for tag in page.all("b") if "data-since" in tag]
    assert clocks == ["2026-04-28T11:50:10.000Z"]
    assert [tag for tag in page.all("main") if "data-live" in tag]


async def test_a_probe_shows_a_week_of_latency_and_outcomes(
    start: Start, client: aiohttp.ClientSession, history: FakeHistory
) -> None:
    history.probes["api_hello"] = [
        sum_runs(NOON - back * HOUR, [(Outcome.OK, 0.2)] * 9 + [(Outcome.TIMEOUT, 30.0)])
        for back in range(1, 30)
    ]
    page = await fetch(client, f"{await start()}/probes/api_hello")
    assert "Latency of good runs, seven days" in page.text
    assert "timeout 29" in page.text
    labels = [str(tag.get("aria-label")) for tag in page.all("svg")]
    assert "Runs by the hour: 261 good, 29 bad, 0 excluded" in labels


@pytest.mark.parametrize("broken", [None, OSError("shut"), TimeoutError()])
async def test_a_probe_page_needs_no_record(
    start: Start,
    client: aiohttp.ClientSession,
    history: FakeHistory,
    broken: Exception | None,
) -> None:
    history.broken = broken
    page = await fetch(client, f"{await start()}/probes/api_hello")
    assert "seven days" not in page.text


async def test_the_history_shows_every_day_of_a_component(
    start: Start, client: aiohttp.ClientSession, history: FakeHistory
) -> None:
    midnight = NOON.replace(hour=0)
    history.components["api"] = [
        ComponentSums(start=midnight - DAY, times=Times(seconds=((State.UNKNOWN, 86_400.0),))),
        ComponentSums(
            start=midnight,
            times=Times(seconds=((State.OPERATIONAL, 32_400.0), (State.MAJOR_OUTAGE, 3600.0))),
        ),
    ]
    page = await fetch(client, f"{await start()}/history?component=api")
    assert "2026-04-28 Major outage 90.00 % 100 % 1 h" in page.text
    assert "2026-04-27 Unknown \u2013 0 % 0 s" in page.text
    assert page.text.index("2026-04-28") < page.text.index("2026-04-27")


async def test_the_history_is_turned_page_by_page(
    start: Start, client: aiohttp.ClientSession, past: FakePast
) -> None:
    past.stored = [
        an_incident(
            "api",
            opened_at=NOON - number * DAY,
            phase=IncidentPhase.CLOSED,
            closed_at=NOON - number * DAY + timedelta(minutes=20),
        )
        for number in range(HISTORY_INCIDENTS + 5)
    ]
    url = await start()
    first = await fetch(client, f"{url}/history")
    (older,) = [str(tag["href"]) for tag in first.all("a") if "before=" in str(tag["href"])]
    second = await fetch(client, f"{url}{older}")
    shown = [
        [tag["href"] for tag in page.all("a") if str(tag["href"]).startswith("/incidents/")]
        for page in (first, second)
    ]
    assert [len(each) for each in shown] == [HISTORY_INCIDENTS, 5]
    assert not set(shown[0]) & set(shown[1])


async def test_the_history_says_when_the_database_does_not_answer(
    start: Start, client: aiohttp.ClientSession, past: FakePast
) -> None:
    past.broken = OSError("shut")
    page = await fetch(client, f"{await start()}/history")
    assert "The database does not answer just now." in page.text


@pytest.mark.parametrize(
    ("query", "status"), [("component=nope", 404), ("before=yesterday", 400), ("before=", 400)]
)
async def test_a_wrong_question_to_the_history_is_answered(
    start: Start, client: aiohttp.ClientSession, query: str, status: int
) -> None:
    await fetch(client, f"{await start()}/history?{query}", status)
