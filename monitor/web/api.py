"""The JSON API under `/api/v1`: read-only, one handler a route."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlencode

from aiohttp import web

from monitor.core.effects import ComponentView, StatusView
from monitor.core.incident import Incident, State
from monitor.core.plan import ComponentPlan, ProbePlan
from monitor.web.answer import json_response, tagged_response
from monitor.web.ports import DEPS, WebDeps
from monitor.web.problem import Problem, not_found
from monitor.web.shapes import Shapes, newest_first
from monitor.web.words import timestamp

LIMIT_DEFAULT = 20
LIMIT_MAX = 100
"""Incidents a page of the list."""

TIES_MAX = 20
"""So many incidents of one and the same moment may lengthen a page, so that none is lost."""

RECENT_RUNS = 50
"""Runs shown of a probe."""

RETRY_AFTER = 30
"""Seconds after which it is worth asking again whether a component is available."""

_OUTAGES = (State.DEGRADED_PERFORMANCE, State.PARTIAL_OUTAGE, State.MAJOR_OUTAGE)
"""From bad to worst: at which of them a component counts as not available."""


def set_up(app: web.Application) -> None:
    """Add the routes."""
    base = "/api/v1"
    app.router.add_get(f"{base}/status", status)
    app.router.add_get(f"{base}/components", components)
    app.router.add_get(f"{base}/components/{{component}}", component)
    app.router.add_get(f"{base}/components/{{component}}/available", available)
    app.router.add_get(f"{base}/incidents", incidents)
    app.router.add_get(f"{base}/incidents/{{id}}", incident)
    app.router.add_get(f"{base}/probes", probes)
    app.router.add_get(f"{base}/probes/{{name}}", probe)


async def status(request: web.Request) -> web.Response:
    """Everything of now."""
    deps = request.app[DEPS]
    return tagged_response(_shapes(deps).status(deps.status.status()))


async def components(request: web.Request) -> web.Response:
    """Every component."""
    deps = request.app[DEPS]
    view, shapes = deps.status.status(), _shapes(deps)
    return tagged_response(
        {**_head(view), "components": [shapes.component(row) for row in view.components]}
    )


async def component(request: web.Request) -> web.Response:
    """One component with its probes."""
    deps = request.app[DEPS]
    row = find_component(deps.status.status(), request.match_info["component"])
    plan = find_component_plan(deps, row.name)
    return tagged_response(_shapes(deps).component_detail(row, plan, deps.plan.probes))


async def available(request: web.Request) -> web.Response:
    """200 while a component may be used, 503 once it is as bad as `?at=` (a major outage).

    `unknown`, blindness and maintenance are 200: what is not known must not stop anybody.
    """
    deps = request.app[DEPS]
    row = find_component(deps.status.status(), request.match_info["component"])
    limit = _at(request)
    broken = row.state in _OUTAGES and _OUTAGES.index(row.state) >= _OUTAGES.index(limit)
    body = {
        "vantage": deps.plan.vantage,
        "component": row.name,
        "state": row.state.value,
        "since": timestamp(row.since),
        "reason": row.reason,
        "at": limit.value,
        "available": not broken,
    }
    if broken:
        headers = {"Retry-After": str(RETRY_AFTER)}
        return json_response(body, HTTPStatus.SERVICE_UNAVAILABLE, headers)
    return json_response(body)


async def incidents(request: web.Request) -> web.Response:
    """Incidents, newest first, a page at a time; `next` leads to the older ones."""
    deps = request.app[DEPS]
    limit, before = _limit(request), before_of(request)
    rows = await deps.incidents.incidents(limit + TIES_MAX, before)
    page = cut_page(rows, limit)
    now, shapes = deps.status.status().at, _shapes(deps)
    following = None
    if len(page) < len(rows):
        query = urlencode({"limit": limit, "before": cursor(page[-1].opened_at)})
        following = f"{deps.external_url.rstrip('/')}/api/v1/incidents?{query}"
    return tagged_response(
        {
            "vantage": deps.plan.vantage,
            "incidents": [shapes.incident(row, now) for row in page],
            "next": following,
        }
    )


async def incident(request: web.Request) -> web.Response:
    """One incident with what was announced of it, and its story."""
    deps = request.app[DEPS]
    row = await find_incident(deps, request.match_info["id"])
    events = await deps.incidents.events_of(row.id)
    return tagged_response(_shapes(deps).incident_detail(row, events, deps.status.status().at))


async def probes(request: web.Request) -> web.Response:
    """Every probe, disabled ones too."""
    deps = request.app[DEPS]
    view, shapes = deps.status.status(), _shapes(deps)
    known = {row.name: row for row in view.probes}
    rows = [shapes.probe(plan, known.get(plan.name)) for plan in deps.plan.probes]
    return tagged_response({**_head(view), "probes": rows})


async def probe(request: web.Request) -> web.Response:
    """One probe with its recent runs."""
    deps = request.app[DEPS]
    plan = find_probe(deps, request.match_info["name"])
    known = {row.name: row for row in deps.status.status().probes}
    shapes = _shapes(deps)
    runs = await deps.incidents.recent_runs(plan.name, RECENT_RUNS)
    return tagged_response(
        {
            **shapes.probe(plan, known.get(plan.name)),
            "recent_runs": [shapes.run(run) for run in newest_first(runs)],
        }
    )


# ---------------------------------------------------------------- look-ups, shared with the pages


def find_component(view: StatusView, name: str) -> ComponentView:
    """The component called `name`; raises a 404 `Problem`."""
    for row in view.components:
        if row.name == name:
            return row
    raise not_found(name, kind="component")


def find_component_plan(deps: WebDeps, name: str) -> ComponentPlan:
    """The plan of a component; raises a 404 `Problem`."""
    for row in deps.plan.components:
        if row.name == name:
            return row
    raise not_found(name, kind="component")


def find_probe(deps: WebDeps, name: str) -> ProbePlan:
    """The plan of a probe; raises a 404 `Problem`."""
    try:
        return deps.plan.probe(name)
    except KeyError:
        raise not_found(name, kind="probe") from None


async def find_incident(deps: WebDeps, incident_id: str) -> Incident:
    """An incident, open or not; raises a 404 `Problem`.

    An open one is taken from the engine: it is newer there, and is there when the store is shut.
    """
    view = deps.status.status()
    for row in (*view.open_incidents, *view.suspects):
        if row.id == incident_id:
            return row
    stored = await deps.incidents.incident(incident_id)
    if stored is None:
        raise not_found(incident_id, kind="incident")
    return stored


def cut_page(rows: Sequence[Incident], limit: int) -> Sequence[Incident]:
    """The first `limit` of `rows`, and those opened at the same moment as the last of them.

    The next page begins before that moment, so whoever shares it has to be on this one.
    """
    if len(rows) <= limit:
        return rows
    last = rows[limit - 1].opened_at
    end = limit
    while end < len(rows) and rows[end].opened_at == last:
        end += 1
    return rows[:end]


# ---------------------------------------------------------------- what was asked


def _shapes(deps: WebDeps) -> Shapes:
    return Shapes(deps.plan.vantage, deps.external_url)


def _head(view: StatusView) -> dict[str, str]:
    return {"vantage": view.vantage, "at": timestamp(view.at)}


def cursor(at: datetime) -> str:
    """A moment to the last digit: the list goes on from it."""
    return at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def _bad(text: str, *, asked: str, allowed: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, f"{asked} is {allowed}, not {text!r}")


def _at(request: web.Request) -> State:
    text = request.query.get("at", State.MAJOR_OUTAGE.value)
    for state in _OUTAGES:
        if state.value == text:
            return state
    words = ", ".join(state.value for state in reversed(_OUTAGES))
    raise _bad(text, asked="at", allowed=f"one of {words}")


def _limit(request: web.Request) -> int:
    text = request.query.get("limit", str(LIMIT_DEFAULT))
    if text.isascii() and text.isdigit() and len(text) <= len(str(LIMIT_MAX)):
        limit = int(text)
        if 1 <= limit <= LIMIT_MAX:
            return limit
    raise _bad(text, asked="limit", allowed=f"a number from 1 to {LIMIT_MAX}")


def before_of(request: web.Request) -> datetime | None:
    """The moment of `?before=`, None without; raises a 400 `Problem` for what is no moment."""
    text = request.query.get("before")
    if text is None:
        return None
    try:
        before = datetime.fromisoformat(text)
    except ValueError:
        before = None
    if before is None or before.tzinfo is None:
        allowed = "a time with its zone, like 2026-04-28T17:34:10Z"
        raise _bad(text, asked="before", allowed=allowed)
    return before
