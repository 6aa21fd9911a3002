"""Our word in Statuspage's form, over real sockets, and read by what reads the vendor's page."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from monitor.core.effects import NetworkView
from monitor.core.incident import EventType, IncidentPhase, State
from monitor.core.plan import Window
from monitor.web.ports import WebDeps
from tests.factories import NOON, a_component_view, a_status_view, an_event, an_incident
from tests.web.conftest import Start
from tests.web.fakes import FakeDaemon, FakePast
from tests.web.golden import assert_golden

ROUTES = (
    "summary",
    "status",
    "components",
    "incidents",
    "incidents/unresolved",
    "scheduled-maintenances",
    "scheduled-maintenances/upcoming",
    "scheduled-maintenances/active",
)


async def get(client: aiohttp.ClientSession, url: str) -> Any:
    async with client.get(url) as response:
        assert response.status == 200, await response.text()
        assert response.content_type == "application/json"
        return await response.json()


@pytest.fixture
def outage(daemon: FakeDaemon, past: FakePast) -> None:
    """The API is down, recovering; an earlier incident of the Console is over."""
    incident = an_incident(
        "api", phase=IncidentPhase.RECOVERING, recovered_at=NOON - timedelta(minutes=1)
    )
    over = an_incident(
        "console",
        opened_at=NOON - timedelta(days=2),
        phase=IncidentPhase.CLOSED,
        closed_at=NOON - timedelta(days=2) + timedelta(minutes=30),
    )
    daemon.view = a_status_view(
        daemon.plan,
        components=(
            a_component_view("api", State.MAJOR_OUTAGE, incident_id=incident.id),
            a_component_view("claude_ai", State.UNKNOWN, reason="seen only through challenges"),
            a_component_view("console"),
        ),
        open_incidents=(incident,),
    )
    past.stored = [incident, over]
    past.events = [
        an_event(EventType.OPENED, incident),
        an_event(EventType.RECOVERING, replace(incident, sequence=2), at=NOON),
    ]


@pytest.mark.usefixtures("outage")
async def test_the_summary_is_what_readers_of_a_statuspage_expect(
    start: Start, client: aiohttp.ClientSession
) -> None:
    assert_golden("statuspage", await get(client, f"{await start()}/api/v2/summary.json"))


@pytest.mark.usefixtures("outage")
async def test_incidents_are_newest_first_with_their_updates_newest_first(
    start: Start, client: aiohttp.ClientSession
) -> None:
    document = await get(client, f"{await start()}/api/v2/incidents.json")
    assert [row["status"] for row in document["incidents"]] == ["monitoring", "resolved"]
    updates = document["incidents"][0]["incident_updates"]
    assert [update["status"] for update in updates] == ["monitoring", "investigating"]


@pytest.mark.usefixtures("outage")
async def test_unresolved_incidents_are_those_that_last(
    start: Start, client: aiohttp.ClientSession
) -> None:
    document = await get(client, f"{await start()}/api/v2/incidents/unresolved.json")
    assert [row["status"] for row in document["incidents"]] == ["monitoring"]


@pytest.mark.parametrize(
    ("state", "indicator"),
    [
        (State.OPERATIONAL, "none"),
        (State.UNKNOWN, "none"),
        (State.DEGRADED_PERFORMANCE, "minor"),
        (State.PARTIAL_OUTAGE, "major"),
        (State.MAJOR_OUTAGE, "critical"),
        (State.UNDER_MAINTENANCE, "maintenance"),
    ],
)
async def test_each_state_has_its_indicator(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon, state: State, indicator: str
) -> None:
    daemon.view = a_status_view(daemon.plan, components=(a_component_view("api", state),))
    document = await get(client, f"{await start()}/api/v2/status.json")
    assert document["status"]["indicator"] == indicator


async def test_what_is_unknown_stops_nobody_and_says_so_beside(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    view = a_component_view("claude_ai", State.UNKNOWN, reason="seen only through challenges")
    daemon.view = a_status_view(daemon.plan, components=(view,))
    (row,) = (await get(client, f"{await start()}/api/v2/components.json"))["components"]
    assert row["status"] == "operational"
    assert row["claude_uptime_state"] == "unknown"
    assert row["description"] == "seen only through challenges"


async def test_without_a_network_nothing_is_claimed(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    daemon.view = replace(daemon.view, network=NetworkView(up=False, guard_active=True, targets=()))
    document = await get(client, f"{await start()}/api/v2/status.json")
    assert document["status"]["indicator"] == "none"
    assert "no network" in document["status"]["description"]


async def test_a_component_has_the_vendors_id_where_one_is_configured(
    start: Start, client: aiohttp.ClientSession, deps: WebDeps
) -> None:
    first, *rest = deps.plan.components
    plan = replace(deps.plan, components=(replace(first, statuspage_id="rwppv331jlwc"), *rest))
    document = await get(client, f"{await start(plan=plan)}/api/v2/components.json")
    ids = [row["id"] for row in document["components"]]
    assert ids[0] == "rwppv331jlwc"
    assert len(set(ids)) == len(ids)


async def test_maintenance_is_told_before_while_and_after(
    start: Start, client: aiohttp.ClientSession, deps: WebDeps
) -> None:
    hour = timedelta(hours=1)
    windows = tuple(
        Window(starts=NOON + shift, ends=NOON + shift + hour, components=("api",), reason=reason)
        for shift, reason in ((-2 * hour, "past"), (-hour / 2, "now"), (2 * hour, "soon"))
    )
    base = f"{await start(plan=replace(deps.plan, maintenance=windows))}/api/v2"
    told = (await get(client, f"{base}/scheduled-maintenances.json"))["scheduled_maintenances"]
    assert [(row["name"], row["status"]) for row in told] == [
        ("past", "completed"),
        ("now", "in_progress"),
        ("soon", "scheduled"),
    ]
    for which, name in (("active", "now"), ("upcoming", "soon")):
        url = f"{base}/scheduled-maintenances/{which}.json"
        found = (await get(client, url))["scheduled_maintenances"]
        assert [row["name"] for row in found] == [name]
    assert len((await get(client, f"{base}/summary.json"))["scheduled_maintenances"]) == 2


@pytest.mark.usefixtures("outage")
@pytest.mark.parametrize("route", ROUTES)
async def test_every_document_begins_with_the_page(
    start: Start, client: aiohttp.ClientSession, route: str
) -> None:
    document = await get(client, f"{await start()}/api/v2/{route}.json")
    assert document["page"]["url"] == "https://uptime.example"
    assert document["page"]["time_zone"] == "Etc/UTC"
