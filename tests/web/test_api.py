"""The JSON API over real sockets: golden documents, and every way to ask wrongly."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from monitor.core.effects import NetworkView, ProbeView
from monitor.core.incident import (
    Alternative,
    EventType,
    IncidentPhase,
    ProviderNote,
    Reason,
    State,
)
from monitor.core.lifecycle import ModelReport, ModelStanding
from monitor.core.outcome import Depth, Outcome
from monitor.web.api import cut_page
from tests.core.vendorpage import a_report, theirs
from tests.factories import (
    NOON,
    a_component_view,
    a_judged,
    a_plan,
    a_probe,
    a_status_view,
    an_event,
    an_incident,
)
from tests.web.conftest import Start
from tests.web.fakes import A_MUTE, FakeDaemon, FakePast
from tests.web.golden import assert_golden


async def get(client: aiohttp.ClientSession, url: str, status: int = 200) -> Any:
    async with client.get(url) as response:
        assert response.status == status, await response.text()
        kind = "application/json" if status in (200, 503) else "application/problem+json"
        assert response.content_type == kind
        return await response.json(content_type=kind)


def an_outage(daemon: FakeDaemon) -> None:
    """The API is partly down, the Console not to be judged, the rest well; the vendor knows."""
    note = ProviderNote(
        indicator="major",
        incident_url="https://status.claude.com/incidents/9l93x2ht4s5w",
        posted_at=NOON - timedelta(minutes=2),
        lead_seconds=420.0,
    )
    routes = (Alternative(name="bedrock", state=State.OPERATIONAL),)
    incident = an_incident("api", provider=note, alternatives=routes)
    daemon.view = a_status_view(
        daemon.plan,
        components=(
            a_component_view("api", State.PARTIAL_OUTAGE, incident_id=incident.id, suspect=True),
            a_component_view("console", State.UNKNOWN, reason="no usable run in 5 min"),
            a_component_view("claude_ai"),
        ),
        open_incidents=(incident,),
        network=NetworkView(
            up=True,
            guard_active=True,
            targets=(("control_a", True, True), ("control_b", False, None)),
        ),
        provider=a_report(theirs(-2, "api"), read=-1, components=(("api", State.PARTIAL_OUTAGE),)),
        alternatives=routes,
        models=ModelReport(
            models=(
                ModelStanding(
                    model="claude-opus-4-5",
                    probes=("api_message",),
                    listed=True,
                    line="opus",
                    lifecycle="deprecated",
                    retires_at=datetime(2027, 1, 22, tzinfo=UTC),
                    successor="claude-opus-5-5",
                ),
            ),
            unasked=("fable",),
        ),
    )


async def test_status_tells_everything_of_now(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    an_outage(daemon)
    document = await get(client, f"{await start()}/api/v1/status")
    assert_golden("status", document)


async def test_what_is_muted_is_told_with_its_author_and_end(
    start: Start, client: aiohttp.ClientSession
) -> None:
    url = await start(mutes=lambda: (A_MUTE,))
    document = await get(client, f"{url}/api/v1/status")
    assert document["mutes"] == [
        {
            "component": "api",
            "until": "2026-04-28T12:00:00.000Z",
            "reason": "<b>known</b>",
            "author": "ann",
        }
    ]


async def test_components_and_one_of_them(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    an_outage(daemon)
    url = await start()
    rows = (await get(client, f"{url}/api/v1/components"))["components"]
    assert [row["component"] for row in rows] == ["api", "console", "claude_ai"]
    one = await get(client, f"{url}/api/v1/components/api")
    assert_golden("component", one)
    assert {key: one[key] for key in rows[0]} == rows[0]


@pytest.mark.parametrize(
    ("state", "at", "status"),
    [
        (State.OPERATIONAL, "degraded_performance", 200),
        (State.UNKNOWN, "degraded_performance", 200),
        (State.UNDER_MAINTENANCE, "degraded_performance", 200),
        (State.DEGRADED_PERFORMANCE, None, 200),
        (State.DEGRADED_PERFORMANCE, "partial_outage", 200),
        (State.DEGRADED_PERFORMANCE, "degraded_performance", 503),
        (State.PARTIAL_OUTAGE, None, 200),
        (State.PARTIAL_OUTAGE, "partial_outage", 503),
        (State.PARTIAL_OUTAGE, "degraded_performance", 503),
        (State.MAJOR_OUTAGE, None, 503),
        (State.MAJOR_OUTAGE, "major_outage", 503),
        (State.MAJOR_OUTAGE, "partial_outage", 503),
    ],
)
async def test_available_refuses_only_at_the_state_asked_for(
    start: Start,
    client: aiohttp.ClientSession,
    daemon: FakeDaemon,
    state: State,
    at: str | None,
    status: int,
) -> None:
    daemon.view = a_status_view(daemon.plan, components=(a_component_view("api", state),))
    query = f"?at={at}" if at else ""
    url = f"{await start()}/api/v1/components/api/available{query}"
    body = await get(client, url, status)
    assert body["state"] == state.value
    assert body["available"] is (status == 200)
    assert body["at"] == (at or "major_outage")
    assert body["vantage"] == "local"
    async with client.head(url) as response:
        assert response.status == status
        assert ("Retry-After" in response.headers) is (status == 503)


async def test_a_page_of_incidents_leads_to_the_next(
    start: Start, client: aiohttp.ClientSession, past: FakePast
) -> None:
    past.stored = [
        an_incident("api", opened_at=NOON - timedelta(hours=hours)) for hours in range(1, 6)
    ]
    base = await start(external_url="")
    ids: list[str] = []
    url: str | None = "/api/v1/incidents?limit=2"
    pages = 0
    while url:
        page = await get(client, f"{base}{url}")
        ids += [row["id"] for row in page["incidents"]]
        url = page["next"]
        pages += 1
    assert ids == [row.id for row in past.stored]
    assert pages == 3


async def test_links_begin_with_the_external_url(
    start: Start, client: aiohttp.ClientSession, past: FakePast
) -> None:
    past.stored = [an_incident("api"), an_incident("api", opened_at=NOON - timedelta(days=1))]
    page = await get(client, f"{await start()}/api/v1/incidents?limit=1")
    assert page["next"].startswith("https://uptime.example/api/v1/incidents?limit=1&before=2026-")
    identity = past.stored[0].id
    assert page["incidents"][0]["links"]["self"] == f"https://uptime.example/incidents/{identity}"


def test_a_page_is_lengthened_rather_than_cut_within_one_moment() -> None:
    together = [an_incident(name, opened_at=NOON) for name in ("api", "console", "cowork")]
    later = an_incident("api", opened_at=NOON + timedelta(minutes=1))
    earlier = an_incident("api", opened_at=NOON - timedelta(minutes=1))
    rows = [later, *together, earlier]
    assert cut_page(rows, 2) == [later, *together]
    assert cut_page(rows, 4) == [later, *together]
    assert cut_page(rows, 1) == [later]
    assert cut_page(rows, 9) == rows


async def test_an_incident_with_its_announcements(
    start: Start, client: aiohttp.ClientSession, past: FakePast
) -> None:
    incident = an_incident(
        "api",
        phase=IncidentPhase.CLOSED,
        recovered_at=NOON - timedelta(minutes=5),
        closed_at=NOON - timedelta(minutes=3),
        reason=Reason.CLEAN_WINDOW,
    )
    past.stored = [incident]
    past.events = [an_event(EventType.OPENED, incident)]
    document = await get(client, f"{await start()}/api/v1/incidents/{incident.id}")
    assert_golden("incident", document)


async def test_an_open_incident_is_the_engines_not_the_stores(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon, past: FakePast
) -> None:
    an_outage(daemon)
    newer = daemon.view.open_incidents[0]
    past.stored = [replace(newer, explanation="what the store still has")]
    document = await get(client, f"{await start()}/api/v1/incidents/{newer.id}")
    assert document["explanation"] == newer.explanation
    assert document["duration_seconds"] == 590.0


async def test_probes_are_listed_disabled_ones_with_their_reason(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    daemon.plan = a_plan(keyed=False)
    daemon.view = a_status_view(daemon.plan)
    url = await start(plan=daemon.plan)
    rows = {row["probe"]: row for row in (await get(client, f"{url}/api/v1/probes"))["probes"]}
    assert len(rows) == 15
    assert rows["api_models"]["enabled"] is False
    assert rows["api_models"]["disabled_reason"] == "credential main is empty"
    assert rows["api_models"]["last_run"] is None
    assert rows["api_hello"]["last_run"]["outcome"] == "ok"


async def test_a_probe_with_its_recent_runs(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon, past: FakePast
) -> None:
    refused = a_judged("api_models", Outcome.AUTH_ERROR, at=NOON - timedelta(minutes=1))
    past.runs = [refused, a_judged("api_hello")]
    daemon.view = replace(
        daemon.view, probes=(ProbeView(name="api_models", proven=True, last=refused),)
    )
    document = await get(client, f"{await start()}/api/v1/probes/api_models")
    assert_golden("probe", document)


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("components/nope", 404, "there is no component 'nope'"),
        ("components/nope/available", 404, "there is no component 'nope'"),
        ("components/api/available?at=operational", 400, "at is one of major_outage"),
        ("components/api/available?at=", 400, "at is one of major_outage"),
        ("incidents/nope", 404, "there is no incident 'nope'"),
        ("incidents?limit=0", 400, "limit is a number from 1 to 100, not '0'"),
        ("incidents?limit=101", 400, "limit is a number from 1 to 100"),
        ("incidents?limit=-1", 400, "limit is a number from 1 to 100"),
        ("incidents?limit=²", 400, "limit is a number from 1 to 100"),
        (f"incidents?limit={'9' * 3000}", 400, "limit is a number from 1 to 100"),
        ("incidents?before=yesterday", 400, "before is a time with its zone"),
        ("incidents?before=2026-04-28T17:34:10", 400, "before is a time with its zone"),
        ("probes/nope", 404, "there is no probe 'nope'"),
        ("nothing", 404, "there is nothing at /api/v1/nothing"),
        ("components/%3Cscript%3E", 404, "there is no component '<script>'"),
    ],
)
async def test_a_wrong_question_is_a_problem_document(
    start: Start, client: aiohttp.ClientSession, path: str, status: int, says: str
) -> None:
    problem = await get(client, f"{await start()}/api/v1/{path}", status)
    assert problem["status"] == status
    assert problem["detail"].startswith(says)
    assert problem["type"] == "about:blank"
    assert problem["instance"].startswith("/api/v1/")
    assert len(problem["detail"]) <= 300


async def test_a_moment_with_any_zone_is_understood(
    start: Start, client: aiohttp.ClientSession, past: FakePast
) -> None:
    past.stored = [an_incident("api", opened_at=NOON - timedelta(hours=1))]
    url = f"{await start()}/api/v1/incidents"
    assert (await get(client, f"{url}?before=2026-04-28T11:00:00Z"))["incidents"] == []
    page = await get(client, f"{url}?before=2026-04-28T13:00:01%2B02:00")
    assert len(page["incidents"]) == 1


async def test_a_store_that_does_not_answer_is_a_503_and_the_present_is_still_told(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon, past: FakePast
) -> None:
    an_outage(daemon)
    past.broken = OSError("database is locked")
    url = await start()
    async with client.get(f"{url}/api/v1/incidents") as response:
        assert response.status == 503
        assert response.content_type == "application/problem+json"
        assert response.headers["Retry-After"] == "10"
        assert "locked" not in await response.text()
    await get(client, f"{url}/api/v1/status")
    await get(client, f"{url}/api/v1/probes")


async def test_a_bug_is_a_500_that_tells_nothing(
    start: Start, client: aiohttp.ClientSession, past: FakePast
) -> None:
    past.broken = RuntimeError("sk-ant-planted in a traceback")
    problem = await get(client, f"{await start()}/api/v1/incidents", 500)
    assert problem["detail"] == "this is our bug; the log has the rest"


async def test_text_from_outside_leaves_as_plain_ascii(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    hostile = "</script><script>alert(1)</script>\x1b[2J\u202egnp.exe"
    daemon.view = a_status_view(
        daemon.plan, components=(a_component_view("api", State.UNKNOWN, reason=hostile),)
    )
    async with client.get(f"{await start()}/api/v1/status") as response:
        raw = await response.read()
    assert raw.isascii()
    assert b"\x1b" not in raw
    assert (await get(client, f"{await start()}/api/v1/status"))["components"][0][
        "reason"
    ] == hostile


async def test_each_object_carries_the_vantage(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon, past: FakePast
) -> None:
    an_outage(daemon)
    past.stored = list(daemon.view.open_incidents)
    past.runs = [a_judged("api_hello")]
    url = await start()
    status = await get(client, f"{url}/api/v1/status")
    incidents = await get(client, f"{url}/api/v1/incidents")
    probe = await get(client, f"{url}/api/v1/probes/api_hello")
    objects = [
        status,
        *status["components"],
        *status["open_incidents"],
        status["network"],
        incidents,
        *incidents["incidents"],
        probe,
        probe["last_run"],
        *probe["recent_runs"],
    ]
    assert {row["vantage"] for row in objects} == {"local"}


async def test_depths_are_told_in_full(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    component = a_component_view("api", State.MAJOR_OUTAGE, deciding_depth=Depth.EDGE)
    daemon.view = a_status_view(daemon.plan, components=(component,))
    row = await get(client, f"{await start()}/api/v1/components/api")
    assert row["deciding_depth"] == "edge"
    assert row["depths"] == [
        {"depth": "edge", "state": "major_outage", "probes": 2, "runs": 12, "bad": 12}
    ]


async def test_where_else_to_go_stands_in_the_same_document(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    route = a_probe("bedrock", components=(), alternative_for="api")
    daemon.plan = replace(daemon.plan, probes=(*daemon.plan.probes, route))
    an_outage(daemon)
    url = await start(plan=daemon.plan)
    for path in ("api/available", "api"):
        body = await get(client, f"{url}/api/v1/components/{path}")
        assert body["alternatives"] == [{"name": "bedrock", "state": "operational"}]
        assert body["provider"]["state"] == "partial_outage"
    console = await get(client, f"{url}/api/v1/components/console/available")
    assert console["alternatives"] == []
    assert console["provider"]["state"] == "unknown"
    probe = await get(client, f"{url}/api/v1/probes/bedrock")
    assert (probe["alternative_for"], probe["components"]) == ("api", [])
