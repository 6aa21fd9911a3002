"""The pages that the status page leads to: one incident, one probe, and all that has been."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import web

from monitor.core.effects import ProbeView
from monitor.core.incident import Event, Incident
from monitor.core.plan import ComponentPlan, ProbePlan
from monitor.core.rollup import HOUR, Period, add_up
from monitor.web import charts, words
from monitor.web.api import before_of, cursor, cut_page, find_incident, find_probe
from monitor.web.ports import DEPS, PastRun, WebDeps
from monitor.web.problem import Problem
from monitor.web.shapes import newest_first, row_of
from monitor.web.status_page import PAGES, or_none

RECENT_RUNS = 30
"""Runs shown on a probe's page."""

HISTORY_INCIDENTS = 50
"""Incidents on a page of the history."""

TIES_MAX = 20
"""So many incidents of one moment may lengthen a page, so that none is lost between two."""

LEEWAY = timedelta(minutes=2)
"""How far beside an incident a point of a graph may lie: graphs have steps."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECONDS_DIGITS_MAX = 14

WEEK = charts.HOURS * HOUR
_SHARES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


def set_up(app: web.Application) -> None:
    """Add the routes."""
    app.router.add_get("/incidents", incident_of_a_moment)
    app.router.add_get("/incidents/{id}", incident_page)
    app.router.add_get("/probes/{name}", probe_page)
    app.router.add_get("/history", history_page)


async def incident_page(request: web.Request) -> web.Response:
    """One incident: what it touches, how it went, what it rests on, what was announced."""
    deps = request.app[DEPS]
    incident: Incident = await find_incident(deps, request.match_info["id"])
    events: Sequence[Event] | None = await or_none(deps, deps.incidents.events_of(incident.id))
    now = deps.status.status().at
    values = {
        "incident": incident,
        "events": events,
        "line": charts.line(incident, now),
        "now": now,
        "live": incident.is_open,
    }
    return request.app[PAGES].page("incident.html", values)


async def incident_of_a_moment(request: web.Request) -> web.Response:
    """Leads from `?component=` and `?at=` to the incident that touched it then.

    `at` is in milliseconds since 1970, as Grafana has it. Without such an incident, or without a
    question, it leads to the history.
    """
    deps = request.app[DEPS]
    component = _component(deps, request.query.get("component"))
    found = None
    if "at" in request.query:
        found = await _touching(deps, component.name, _moment(request.query["at"]))
    where = f"/incidents/{quote(found.id, safe='')}" if found else "/history"
    return web.Response(status=HTTPStatus.FOUND.value, headers={"Location": where})


async def _touching(deps: WebDeps, component: str, at: datetime) -> Incident | None:
    """The newest incident of `component` whose time from start to close holds `at`."""
    rows = await deps.incidents.incidents(HISTORY_INCIDENTS, at + LEEWAY)
    for row in rows:
        if component not in row.names or at < row.started_at - LEEWAY:
            continue
        if row.closed_at is None or at <= row.closed_at + LEEWAY:
            return row
    return None


def _moment(text: str) -> datetime:
    """The moment so many milliseconds after 1970; raises a 400 `Problem` for what is none."""
    if text.isascii() and text.isdigit() and len(text) <= MILLISECONDS_DIGITS_MAX:
        return EPOCH + timedelta(milliseconds=int(text))
    raise Problem(HTTPStatus.BAD_REQUEST, f"at is milliseconds since 1970, not {text!r}")


async def probe_page(request: web.Request) -> web.Response:
    """One probe: what it asks, how it has been for a week, and its recent runs."""
    deps = request.app[DEPS]
    plan: ProbePlan = find_probe(deps, request.match_info["name"])
    view = deps.status.status()
    row: ProbeView | None = next((row for row in view.probes if row.name == plan.name), None)
    runs: Sequence[PastRun] | None = await or_none(
        deps, deps.incidents.recent_runs(plan.name, RECENT_RUNS)
    )
    values = {
        "now": view.at,
        "live": False,
        "plan": plan,
        "proven": bool(row and row.proven),
        "paused": row.paused if row else None,
        "last": row_of(row.last) if row and row.last else None,
        "runs": None if runs is None else newest_first(runs),
        **await _week(deps, plan.name),
    }
    return request.app[PAGES].page("probe.html", values)


async def _week(deps: WebDeps, probe: str) -> dict[str, Any]:
    """The charts of a probe's last seven days; empty where nothing is on record."""
    until = Period.HOUR.start_of(deps.status.status().at) + HOUR
    asked = deps.history.probe(probe, Period.HOUR, until - WEEK, WEEK)
    hours = await or_none(deps, asked) or ()
    whole = add_up(until - WEEK, hours)
    return {
        "whole": whole,
        "latency": charts.latency(hours, until),
        "outcomes": charts.outcomes(hours, until),
        "week": [
            (name, words.took(value))
            for name, share in _SHARES
            if (value := whole.percentile(share)) is not None
        ],
    }


async def history_page(request: web.Request) -> web.Response:
    """Every incident, a page at a time, and every day of one component."""
    deps = request.app[DEPS]
    before = before_of(request)
    component = _component(deps, request.query.get("component"))
    asked = deps.incidents.incidents(HISTORY_INCIDENTS + TIES_MAX, before)
    rows: Sequence[Incident] | None = await or_none(deps, asked)
    page = None if rows is None else cut_page(rows, HISTORY_INCIDENTS)
    older = None
    if rows is not None and page and len(page) < len(rows):
        older = urlencode({"before": cursor(page[-1].opened_at), "component": component.name})
    values = {
        "now": deps.status.status().at,
        "live": False,
        "before": before,
        "incidents": page,
        "older": older,
        "component": component,
        "components": deps.plan.components,
        "days": list(reversed(deps.history.days(component.name))),
    }
    return request.app[PAGES].page("history.html", values)


def _component(deps: WebDeps, name: str | None) -> ComponentPlan:
    """The component asked for, the first one without a question; raises a 404 `Problem`."""
    for plan in deps.plan.components:
        if name in (None, plan.name):
            return plan
    raise Problem(HTTPStatus.NOT_FOUND, f"there is no component {name!r}")
