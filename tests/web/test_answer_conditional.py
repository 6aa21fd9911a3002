"""Answers that need not be sent twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import aiohttp
import pytest

from monitor.core.incident import State
from tests.factories import a_component_view, a_status_view, an_incident
from tests.web.conftest import Start
from tests.web.fakes import FakeDaemon

ROUTES = ("/api/v1/status", "/api/v1/components", "/api/v1/probes", "/api/v2/summary.json")


@pytest.mark.parametrize("route", ROUTES)
async def test_who_has_the_newest_is_told_so_and_sent_nothing(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon, route: str
) -> None:
    incident = an_incident("api")
    view = a_component_view("api", State.PARTIAL_OUTAGE, incident_id=incident.id)
    daemon.view = a_status_view(daemon.plan, components=(view,), open_incidents=(incident,))
    url = f"{await start()}{route}"
    async with client.get(url) as first:
        tag = first.headers["ETag"]
        assert tag.startswith('W/"')
        assert first.headers["Cache-Control"] == "no-cache"
    daemon.view = replace(daemon.view, at=daemon.view.at + timedelta(seconds=5))
    async with client.get(url, headers={"If-None-Match": f'"other", {tag}'}) as again:
        assert again.status == 304
        assert again.headers["ETag"] == tag
        assert await again.read() == b""


@pytest.mark.parametrize("route", ROUTES)
async def test_what_changed_is_sent(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon, route: str
) -> None:
    url = f"{await start()}{route}"
    async with client.get(url) as first:
        tag = first.headers["ETag"]
    changed = tuple(
        replace(row, state=State.MAJOR_OUTAGE, reason="all fails") for row in daemon.view.components
    )
    probes = tuple(replace(row, last=None) for row in daemon.view.probes)
    daemon.view = replace(daemon.view, components=changed, probes=probes)
    async with client.get(url, headers={"If-None-Match": tag}) as again:
        assert again.status == 200
        assert again.headers["ETag"] != tag


async def test_an_error_is_never_answered_with_not_modified(
    start: Start, client: aiohttp.ClientSession
) -> None:
    url = f"{await start()}/api/v1/components/nope"
    async with client.get(url, headers={"If-None-Match": "*"}) as response:
        assert response.status == 404
        assert "ETag" not in response.headers
