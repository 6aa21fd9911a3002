"""The pages: rendered on the server, from the same values as the API; they work without a script.

What comes from outside is shown as text only: the templates escape, and what would steer a terminal
or turn a line is replaced on the way (`words.clean`). The style is a file of its own, and so is the
script, so that the content security policy can forbid everything that stands in a page.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from importlib import resources
from typing import Any, TypeVar

import structlog
from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from monitor.core.history import Times
from monitor.core.incident import EventType, IncidentPhase, State
from monitor.core.outcome import counts_as
from monitor.core.rollup import Period, availability
from monitor.web import charts, words
from monitor.web.ports import DEPS, WebDeps
from monitor.web.problem import Problem, unavailable
from monitor.web.shapes import row_of

T = TypeVar("T")

STORE_TIMEOUT = 2.0
"""How long a page waits for the store, in seconds, before it does without."""

PAST_INCIDENTS = 10
"""Closed incidents shown on the status page."""

REFRESH_SECONDS = 15
"""How often the status page asks again, without a script."""

_STATIC = {"style.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
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
            "share": words.share,
            "lead": words.lead,
            "between": words.between,
            "date": lambda at: f"{at:%Y-%m-%d}",
            "day_state": charts.day_state,
            "availability": availability_word,
            "away": lambda times: words.span(times.of(State.PARTIAL_OUTAGE, State.MAJOR_OUTAGE)),
            "colour": lambda incident: words.worst_of(
                impact.state for impact in incident.components
            ),
            "moment": words.moment,
            "timestamp": words.timestamp,
            "state_word": lambda state: words.STATE_WORDS[state],
            "event_word": lambda kind: _EVENT_WORDS.get(kind, kind.value),
            "phase_word": lambda phase: _PHASE_WORDS[phase],
            "title_of": lambda name: titles.get(name, name),
            "worse_first": words.worse_first,
            "words": lambda name: str(name).replace("_", " "),
            "bars": charts.phase_bars,
            "drawn": Markup,  # numbers of our own charts: nothing to clean, and longer than a text
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
        response = web.Response(text=text, status=status.value, content_type="text/html")
        response.enable_compression()
        return response

    def problem(self, problem: Problem) -> web.Response:
        """A problem as a page."""
        values = {"problem": problem, "now": self._deps.status.status().at, "live": False}
        response = self.page("problem.html", values, problem.status)
        response.headers.update(problem.headers)
        return response


PAGES = web.AppKey("pages", Pages)


def set_up(app: web.Application) -> None:
    """Add the routes."""
    app[PAGES] = Pages(app[DEPS])
    app.router.add_get("/", status_page)
    app.router.add_get("/static/{name}", static)


async def status_page(request: web.Request) -> web.Response:
    """How everything is, on one page."""
    deps = request.app[DEPS]
    view = deps.status.status()
    plans = {plan.name: plan for plan in deps.plan.probes}
    past = await or_none(deps, deps.incidents.incidents(PAST_INCIDENTS, None))
    today = Period.DAY.start_of(view.at)
    values = {
        "now": view.at,
        "live": True,
        "charts": {
            each.name: charts.uptime(deps.history.days(each.name), today)
            for each in view.components
        },
        "view": view,
        "said": words.headline(view),
        "running": [
            (plans[row.name], row_of(row.last) if row.last else None, row.paused)
            for row in view.probes
            if plans[row.name].enabled
        ],
        "disabled": [plan for plan in deps.plan.probes if not plan.enabled],
        "past": None if past is None else [row for row in past if not row.is_open],
        "mutes": deps.mutes(),
    }
    return request.app[PAGES].page("status.html", values)


async def static(request: web.Request) -> web.Response:
    """The style, the script and the icon."""
    asset = request.app[PAGES].assets.get(request.match_info["name"])
    if asset is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"there is nothing at {request.path}")
    response = web.Response(
        body=asset.body,
        content_type=asset.content_type,
        charset="utf-8",
        headers={"Cache-Control": _STATIC_CACHE},
    )
    response.enable_compression()
    return response


async def or_none(deps: WebDeps, asked: Awaitable[T]) -> T | None:
    """What the store says, or None when it does not answer: a page of now must not need it."""
    try:
        async with asyncio.timeout(STORE_TIMEOUT):
            return await asked
    except unavailable(deps) as error:
        structlog.get_logger("web").warning("page.incomplete", error=type(error).__name__)
        return None


def availability_word(times: Times) -> str:
    """An availability in words; a dash where nothing is known."""
    value = availability(times)
    return "\u2013" if value is None else words.share(value)


def _asset(name: str) -> Asset:
    body = resources.files("monitor.web").joinpath("static", name).read_bytes()
    version = hashlib.sha256(body).hexdigest()[:12]
    return Asset(body=body, content_type=_STATIC[name], url=f"/static/{name}?v={version}")


def _finalize(value: Any) -> Any:
    """Clean every text on its way into a page; what a template itself made stays as it is."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return words.clean(str(value))
    return value
