"""What the API says of itself, against what it does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from monitor.core.incident import EventType, State
from monitor.web import WebDeps, create_app
from monitor.web.openapi import document
from tests.factories import a_component_view, a_judged, a_status_view, an_event, an_incident
from tests.web.conftest import Start
from tests.web.fakes import FakeDaemon, FakePast


@pytest.fixture
def spec() -> dict[str, Any]:
    return document("0.1.0", "https://uptime.example/")


@pytest.fixture
def busy(daemon: FakeDaemon, past: FakePast) -> None:
    """Something of everything."""
    incident = an_incident("api")
    down = a_component_view("api", State.MAJOR_OUTAGE, incident_id=incident.id)
    rest = tuple(row for row in daemon.view.components if row.name != "api")
    daemon.view = a_status_view(daemon.plan, components=(down, *rest), open_incidents=(incident,))
    past.stored = [incident]
    past.events = [an_event(EventType.OPENED, incident)]
    past.runs = [a_judged("api_hello")]


def test_it_is_an_openapi_document(spec: dict[str, Any]) -> None:
    validate(spec)


def test_every_route_of_the_api_is_in_it(deps: WebDeps, spec: dict[str, Any]) -> None:
    routes = {resource.canonical for resource in create_app(deps).router.resources()}
    ours = {route for route in routes if route.startswith("/api/v1/")}
    assert set(spec["paths"]) == ours - {"/api/v1/openapi.json"}


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize(
    ("route", "place", "status"),
    [
        ("/api/v1/status", "", 200),
        ("/api/v1/components", "", 200),
        ("/api/v1/components/{component}", "console", 200),
        ("/api/v1/components/{component}/available", "console", 200),
        ("/api/v1/components/{component}/available", "api", 503),
        ("/api/v1/components/{component}", "nope", 404),
        ("/api/v1/incidents", "", 200),
        ("/api/v1/incidents/{id}", "local-20260428-115100-api", 200),
        ("/api/v1/probes", "", 200),
        ("/api/v1/probes/{name}", "api_hello", 200),
    ],
)
async def test_an_answer_is_what_the_document_says(
    start: Start,
    client: aiohttp.ClientSession,
    spec: dict[str, Any],
    route: str,
    place: str,
    status: int,
) -> None:
    name = route[route.find("{") : route.find("}") + 1] if place else "-"
    async with client.get(f"{await start()}{route.replace(name, place)}") as response:
        assert response.status == status
        body = await response.json(content_type=None)
        kind = response.content_type
    answers = spec["paths"][route]["get"]["responses"]
    schema = answers.get(str(status), answers["default"])["content"][kind]["schema"]
    validator = Draft202012Validator({**schema, "components": spec["components"]})
    assert [f"{e.json_path}: {e.message}" for e in validator.iter_errors(body)] == []


async def test_it_is_served_with_its_place_and_version(
    start: Start, client: aiohttp.ClientSession, deps: WebDeps
) -> None:
    url = await start(version="9.9")
    async with client.get(f"{url}/api/v1/openapi.json") as response:
        assert response.status == 200
        found = await response.json()
    assert found["info"]["version"] == "9.9"
    assert found["servers"] == [{"url": deps.external_url}]


def test_without_an_address_it_speaks_of_where_it_stands(deps: WebDeps) -> None:
    assert document("1", replace(deps, external_url="").external_url)["servers"] == [{"url": "/"}]
