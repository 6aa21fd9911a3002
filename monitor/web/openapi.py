"""What the API says of itself: an OpenAPI document, made of the same enums as the answers.

Objects are closed: a member that the API sends and this file does not know fails a test.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from monitor.core.incident import EventType, IncidentPhase, Reason, SeverityLevel, State
from monitor.core.observation import Origin
from monitor.core.outcome import Counts, Depth, Fault, Outcome
from monitor.web.answer import tagged_response
from monitor.web.openapi_parts import (
    COUNT,
    FLAG,
    INTERVAL,
    LINK,
    NOTE,
    NUMBER,
    PROVIDER,
    RATIO,
    ROUTES,
    SELF_AND_API,
    TALLIES,
    TEXT,
    TIME,
    WORD,
    Schema,
    closed,
    many,
    maybe,
    named,
    one_of,
    ref,
)
from monitor.web.ports import DEPS

RUN = {
    "vantage": TEXT,
    "run_id": TEXT,
    "probe": TEXT,
    "at": TIME,
    "origin": one_of(Origin),
    "outcome": one_of(Outcome),
    "counts": one_of(Counts),
    "fault": one_of(Fault),
    "reason": TEXT,
    "seconds": NUMBER,
    "phases": named(NUMBER),
    "status": maybe(COUNT),
    "request_id": maybe(TEXT),
    "cf_ray": maybe(TEXT),
}
PROBE = {
    "vantage": TEXT,
    "probe": TEXT,
    "kind": TEXT,
    "depth": one_of(Depth),
    "components": many(TEXT),
    "alternative_for": maybe(TEXT),
    "model": maybe(TEXT),
    "credential": maybe(TEXT),
    "interval_seconds": NUMBER,
    "timeout_seconds": NUMBER,
    "soft_deadline_seconds": NUMBER,
    "latency_objective_seconds": NUMBER,
    "burst": FLAG,
    "paid": FLAG,
    "enabled": FLAG,
    "disabled_reason": maybe(TEXT),
    "paused_reason": maybe(TEXT),
    "proven": FLAG,
    "last_run": maybe(ref("Run")),
    "links": SELF_AND_API,
}
EVIDENCE = {
    "runs": COUNT,
    "bad": COUNT,
    "error_ratio": maybe(RATIO),
    "window_seconds": NUMBER,
    "by_outcome": TALLIES,
    "by_depth": TALLIES,
    "by_probe": TALLIES,
    "samples": many(
        closed(
            {
                "probe": TEXT,
                "at": TIME,
                "outcome": one_of(Outcome),
                "reason": TEXT,
                "request_id": maybe(TEXT),
                "cf_ray": maybe(TEXT),
            }
        )
    ),
}
INCIDENT = {
    "id": TEXT,
    "vantage": TEXT,
    "phase": one_of(IncidentPhase),
    "severity": one_of(SeverityLevel),
    "cause": one_of(Outcome),
    "reason": one_of(Reason),
    "explanation": TEXT,
    "depth": one_of(Depth),
    "deepest_good": maybe(one_of(Depth)),
    "components": many(
        closed(
            {
                "component": TEXT,
                "state": one_of(State),
                "since": TIME,
                "worst": one_of(State),
                "cause": maybe(one_of(Outcome)),
            }
        )
    ),
    "started_at": TIME,
    "started_between": INTERVAL,
    "opened_at": TIME,
    "recovered_at": maybe(TIME),
    "recovered_between": INTERVAL,
    "closed_at": maybe(TIME),
    "duration_seconds": NUMBER,
    "reopens": COUNT,
    "flapping": FLAG,
    "model": maybe(TEXT),
    "evidence": ref("Evidence"),
    "timeline": many(
        closed(
            {
                "at": TIME,
                "what": TEXT,
                "reason": one_of(Reason),
                "sentence": TEXT,
                "component": maybe(TEXT),
            }
        )
    ),
    "provider": NOTE,
    "alternatives": ROUTES,
    "links": SELF_AND_API,
}
EVENT = {
    "id": TEXT,
    "vantage": TEXT,
    "type": one_of(EventType),
    "at": TIME,
    "summary": TEXT,
    "reason": one_of(Reason),
}
NETWORK = {
    "vantage": TEXT,
    "up": FLAG,
    "guard_active": FLAG,
    "targets": many(closed({"target": TEXT, "proven": FLAG, "ok": maybe(FLAG)})),
}
COMPONENT = {
    "vantage": TEXT,
    "component": TEXT,
    "title": TEXT,
    "state": one_of(State),
    "since": TIME,
    "reason": TEXT,
    "error_ratio": maybe(RATIO),
    "deciding_depth": maybe(one_of(Depth)),
    "depths": many(
        closed(
            {
                "depth": one_of(Depth),
                "state": one_of(State),
                "probes": COUNT,
                "runs": COUNT,
                "bad": COUNT,
            }
        )
    ),
    "suspect": FLAG,
    "incident_id": maybe(TEXT),
    "coverage": closed(
        {"runs": COUNT, "usable": COUNT, "share": maybe(RATIO), "lost_to": maybe(TEXT)}
    ),
    "shared_with": many(TEXT),
    "shared": maybe(TEXT),
    "links": closed({"self": LINK, "available": LINK}),
}
COMPONENT_DETAIL = {
    **COMPONENT,
    "statuspage_id": maybe(TEXT),
    "probes": many(closed({"probe": TEXT, "depth": one_of(Depth), "enabled": FLAG})),
    "provider": WORD,
    "alternatives": ROUTES,
}
AVAILABLE = {
    "vantage": TEXT,
    "component": TEXT,
    "state": one_of(State),
    "since": TIME,
    "reason": TEXT,
    "at": one_of(State),
    "available": FLAG,
    "alternatives": ROUTES,
    "provider": WORD,
}
STATUS = {
    "vantage": TEXT,
    "at": TIME,
    "state": one_of(State),
    "summary": TEXT,
    "components": many(ref("Component")),
    "open_incidents": many(ref("Incident")),
    "suspects": many(ref("Incident")),
    "network": ref("Network"),
    "provider": maybe(ref("Provider")),
    "alternatives": ROUTES,
    "models": many(
        closed(
            {
                "model": TEXT,
                "probes": many(TEXT),
                "line": maybe(TEXT),
                "state": maybe(TEXT),
                "retires_at": maybe(TIME),
                "successor": maybe(TEXT),
            }
        )
    ),
    "lines_unasked": many(TEXT),
    "mutes": many(closed({"component": TEXT, "until": TIME, "reason": TEXT, "author": TEXT})),
}
STORY = many(
    closed(
        {
            "at": TIME,
            "what": TEXT,
            "text": TEXT,
            "reason": maybe(one_of(Reason)),
            "component": maybe(TEXT),
            "told": FLAG,
        }
    )
)
PROBLEM = {"type": TEXT, "title": TEXT, "status": COUNT, "detail": TEXT, "instance": TEXT}

SCHEMAS: Mapping[str, Mapping[str, Schema]] = {
    "Status": STATUS,
    "Component": COMPONENT,
    "ComponentDetail": COMPONENT_DETAIL,
    "Components": {"vantage": TEXT, "at": TIME, "components": many(ref("Component"))},
    "Available": AVAILABLE,
    "Incident": INCIDENT,
    "IncidentDetail": {**INCIDENT, "events": many(ref("Event")), "story": STORY},
    "Incidents": {"vantage": TEXT, "incidents": many(ref("Incident")), "next": maybe(LINK)},
    "Evidence": EVIDENCE,
    "Event": EVENT,
    "Network": NETWORK,
    "Provider": PROVIDER,
    "Probe": PROBE,
    "ProbeDetail": {**PROBE, "recent_runs": many(ref("Run"))},
    "Probes": {"vantage": TEXT, "at": TIME, "probes": many(ref("Probe"))},
    "Run": RUN,
    "Problem": PROBLEM,
}

_LIMIT = {
    "name": "limit",
    "in": "query",
    "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
}
_BEFORE = {"name": "before", "in": "query", "schema": TIME, "description": "Opened before this."}
_AT = {
    "name": "at",
    "in": "query",
    "description": "From which state on the component counts as not available.",
    "schema": {
        "type": "string",
        "enum": ["major_outage", "partial_outage", "degraded_performance"],
        "default": "major_outage",
    },
}


def document(version: str, url: str) -> Schema:
    """The whole document, for the daemon of this `version` at `url`."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Claude uptime monitor",
            "version": version,
            "summary": "Whether the products of Claude work, as seen from one place. Read-only.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": url.rstrip("/") or "/"}],
        "paths": _paths(),
        "components": {"schemas": {name: closed(of) for name, of in SCHEMAS.items()}},
    }


def _paths() -> Schema:
    base = "/api/v1"
    return {
        f"{base}/status": _get("Everything of now", "Status"),
        f"{base}/components": _get("Every component", "Components"),
        f"{base}/components/{{component}}": _get("One component", "ComponentDetail", "component"),
        f"{base}/components/{{component}}/available": _available(),
        f"{base}/components/{{component}}/badge.svg": _other(
            "A picture of its state", "image/svg+xml", "component"
        ),
        f"{base}/incidents": _get("Incidents, newest first", "Incidents", query=(_LIMIT, _BEFORE)),
        f"{base}/incidents/{{id}}": _get("One incident", "IncidentDetail", "id"),
        f"{base}/probes": _get("Every probe", "Probes"),
        f"{base}/probes/{{name}}": _get("One probe with its recent runs", "ProbeDetail", "name"),
        f"{base}/events": _other("What happens, as it happens", "text/event-stream"),
    }


def _get(
    summary: str, schema: str, place: str | None = None, query: tuple[Schema, ...] = ()
) -> Schema:
    """A route that answers with JSON."""
    return _route(summary, {"200": _answer("As asked.", schema)}, place, query)


def _available() -> Schema:
    answers = {
        "200": _answer("It may be used, or nothing is known.", "Available"),
        "503": _answer("It is as bad as `at`; `Retry-After` says when to ask again.", "Available"),
    }
    return _route("Whether a component may be used", answers, "component", (_AT,))


def _other(summary: str, kind: str, place: str | None = None) -> Schema:
    """A route that answers with something else than JSON."""
    answer = {"description": "As asked.", "content": {kind: {"schema": TEXT}}}
    return _route(summary, {"200": answer}, place, ())


def _route(summary: str, answers: Schema, place: str | None, query: tuple[Schema, ...]) -> Schema:
    parameters = list(query)
    answers = {**answers, "default": _problem()}
    if place is not None:
        parameters.insert(0, {"name": place, "in": "path", "required": True, "schema": TEXT})
    return {"get": {"summary": summary, "parameters": parameters, "responses": answers}}


def _answer(text: str, schema: str) -> Schema:
    return {"description": text, "content": {"application/json": {"schema": ref(schema)}}}


def _problem() -> Schema:
    content = {"application/problem+json": {"schema": ref("Problem")}}
    return {"description": "A problem document (RFC 9457).", "content": content}


def set_up(app: web.Application) -> None:
    """Add the route."""
    deps = app[DEPS]
    made = document(deps.version, deps.external_url)

    async def openapi(_request: web.Request) -> web.Response:
        """What the API says of itself."""
        return tagged_response(made)

    app.router.add_get("/api/v1/openapi.json", openapi)
