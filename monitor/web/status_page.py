"""The pages: rendered on the server, without a script, from the same values as the API.

What comes from outside is shown as text only: the templates escape, and what would steer a terminal
or turn a line is replaced on the way (`words.clean`). The style is a file of its own, so that the
content security policy can forbid everything that stands in a page.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from importlib import resources
from typing import Any, TypeVar

import structlog
from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from monitor.core.effects import ProbeView
from monitor.core.incident import Event, EventType, Incident, IncidentPhase
from monitor.core.observation import Phase
from monitor.core.outcome import counts_as
from monitor.core.plan import ProbePlan
from monitor.web import words
from monitor.web.api import find_incident, find_probe
from monitor.web.ports import DEPS, PastRun, WebDeps
from monitor.web.problem import Problem, unavailable
from monitor.web.shapes import newest_first, row_of

T = TypeVar("T")

STORE_TIMEOUT = 2.0
"""How long a page waits for the store, in seconds, before it does without."""

PAST_INCIDENTS = 10
"""Closed incidents shown on the status page."""

RECENT_RUNS = 30
"""Runs shown on a probe's page."""

REFRESH_SECONDS = 15
"""How often the status page asks again, without a script."""

_STATIC = {"style.css": "text/css", "icon.svg": "image/svg+xml"}
_STATIC_CACHE = "public, max-age=86400"

_EVENT_WORDS = {
    EventType.OPENED: "Opened",
    EventType.UPDATED: "Updated",
    EventType.RECOVERING: "Recovering",
    EventType.CLOSED: "Closed",
    EventType.REOPENED: "Reopened",
    EventType.REMINDER: "Reminder",
}

_PHASE_WORDS = {
    IncidentPhase.SUSPECT: "Suspect, not announced",
    IncidentPhase.OPEN: "Open",
    IncidentPhase.RECOVERING: "Recovering",
    IncidentPhase.CLOSED: "Closed",
    IncidentPhase.WITHDRAWN: "Withdrawn, never announced",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file of ours, with a name for this version of it."""

    body: bytes
    content_type: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One phase of a run as a piece of a bar of 1000 units."""

    phase: Phase
    seconds: float
    x: float
    width: float


class Pages:
    """Templates and assets, read once."""

    def __init__(self, deps: WebDeps) -> None:
        """Prepare the pages of this daemon."""
        self._deps = deps
        self.assets = {name: _asset(name) for name in _STATIC}
        titles = {component.name: component.title for component in deps.plan.components}
        self._environment = Environment(
            loader=PackageLoader("monitor.web"),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_finalize,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "span": words.span,
            "took": words.took,
            "percent": words.percent,
            "moment": words.moment,
            "timestamp": words.timestamp,
            "state_word": lambda state: words.STATE_WORDS[state],
            "event_word": lambda kind: _EVENT_WORDS.get(kind, kind.value),
            "phase_word": lambda phase: _PHASE_WORDS[phase],
            "title_of": lambda name: titles.get(name, name),
            "worse_first": words.worse_first,
            "words": lambda name: str(name).replace("_", " "),
            "bars": bars,
            "counts": lambda outcome: counts_as(outcome).value,
        }
        self._environment.globals |= {
            "vantage": deps.plan.vantage,
            "version": deps.version,
            "assets": {name: asset.url for name, asset in self.assets.items()},
            "refresh": REFRESH_SECONDS,
        }

    def page(
        self, template: str, values: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK
    ) -> web.Response:
        """`template` filled with `values`."""
        text = self._environment.get_template(template).render(values)
        return web.Response(text=text, status=status.value, content_type="text/html")

    def problem(self, problem: Problem) -> web.Response:
        """A problem as a page."""
        response = self.page("problem.html", {"problem": problem}, problem.status)
        response.headers.update(problem.headers)
        return response


PAGES = web.AppKey("pages", Pages)


def set_up(app: web.Application) -> None:
    """Add the routes."""
    app[PAGES] = Pages(app[DEPS])
    app.router.add_get("/", status_page)
    app.router.add_get("/incidents/{id}", incident_page)
    app.router.add_get("/probes/{name}", probe_page)
    app.router.add_get("/static/{name}", static)


async def status_page(request: web.Request) -> web.Response:
    """How everything is, on one page."""
    deps = request.app[DEPS]
    view = deps.status.status()
    plans = {plan.name: plan for plan in deps.plan.probes}
    past = await _or_none(deps, deps.incidents.incidents(PAST_INCIDENTS, None))
    values = {
        "view": view,
        "said": words.headline(view),
        "running": [
            (plans[row.name], row_of(row.last) if row.last else None)
            for row in view.probes
            if plans[row.name].enabled
        ],
        "disabled": [plan for plan in deps.plan.probes if not plan.enabled],
        "past": None if past is None else [row for row in past if not row.is_open],
    }
    return request.app[PAGES].page("status.html", values)


async def incident_page(request: web.Request) -> web.Response:
    """One incident: what it touches, what it rests on, what was announced."""
    deps = request.app[DEPS]
    incident: Incident = await find_incident(deps, request.match_info["id"])
    events: Sequence[Event] | None = await _or_none(deps, deps.incidents.events_of(incident.id))
    values = {"incident": incident, "events": events, "now": deps.status.status().at}
    return request.app[PAGES].page("incident.html", values)


async def probe_page(request: web.Request) -> web.Response:
    """One probe: what it asks, and its recent runs."""
    deps = request.app[DEPS]
    plan: ProbePlan = find_probe(deps, request.match_info["name"])
    view = deps.status.status()
    row: ProbeView | None = next((row for row in view.probes if row.name == plan.name), None)
    runs: Sequence[PastRun] | None = await _or_none(
        deps, deps.incidents.recent_runs(plan.name, RECENT_RUNS)
    )
    values = {
        "plan": plan,
        "proven": bool(row and row.proven),
        "last": row_of(row.last) if row and row.last else None,
        "runs": None if runs is None else newest_first(runs),
    }
    return request.app[PAGES].page("probe.html", values)


async def static(request: web.Request) -> web.Response:
    """The style and the icon."""
    asset = request.app[PAGES].assets.get(request.match_info["name"])
    if asset is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"there is nothing at {request.path}")
    return web.Response(
        body=asset.body,
        content_type=asset.content_type,
        charset="utf-8",
        headers={"Cache-Control": _STATIC_CACHE},
    )


def bars(run: PastRun) -> list[Bar]:
    """The phases of a run side by side, 1000 units in all."""
    unit = 1000 / max(run.seconds, 1e-9)
    pieces: list[Bar] = []
    x = 0.0
    for phase, seconds in run.phases:
        width = min(max(0.0, seconds) * unit, 1000 - x)
        pieces.append(Bar(phase=phase, seconds=seconds, x=round(x, 1), width=round(width, 1)))
        x += width
    return pieces


async def _or_none(deps: WebDeps, asked: Awaitable[T]) -> T | None:
    """What the store says, or None when it does not answer: a page of now must not need it."""
    try:
        async with asyncio.timeout(STORE_TIMEOUT):
            return await asked
    except unavailable(deps) as error:
        structlog.get_logger("web").warning("page.incomplete", error=type(error).__name__)
        return None


def _asset(name: str) -> Asset:
    body = resources.files("monitor.web").joinpath("static", name).read_bytes()
    version = hashlib.sha256(body).hexdigest()[:12]
    return Asset(body=body, content_type=_STATIC[name], url=f"/static/{name}?v={version}")


def _finalize(value: Any) -> Any:
    """Clean every text on its way into a page; what a template itself made stays as it is."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return words.clean(str(value))
    return value
