"""Our word in Statuspage's form, so that what reads the vendor's page can be pointed at ours.

`/api/v2/summary.json`, `status.json`, `components.json`, `incidents.json` and the rest have the
members that readers of a Statuspage rely on. A component carries the vendor's id for it where the
configuration names one, so that matching by id goes on working.

Statuspage has no word for `unknown`. Here an unknown component is `operational`, with the truth in
its `description` and in `claude_uptime_state`: what is not known must stop nobody. Who can read
`/api/v1` should: it does not have to make that choice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from aiohttp import web

from monitor.core.effects import ComponentView, StatusView
from monitor.core.incident import Event, EventType, Incident, IncidentPhase, State
from monitor.core.plan import ComponentPlan, Window
from monitor.web import words
from monitor.web.answer import tagged_response
from monitor.web.ports import DEPS, WebDeps
from monitor.web.words import timestamp

INCIDENTS_MAX = 50
"""Incidents of `incidents.json`, as on a Statuspage."""

Document = dict[str, Any]

_INDICATORS = {
    State.MAJOR_OUTAGE: "critical",
    State.PARTIAL_OUTAGE: "major",
    State.DEGRADED_PERFORMANCE: "minor",
    State.UNDER_MAINTENANCE: "maintenance",
    State.UNKNOWN: "none",
    State.OPERATIONAL: "none",
}
_STATUSES = {
    IncidentPhase.OPEN: "investigating",
    IncidentPhase.RECOVERING: "monitoring",
    IncidentPhase.CLOSED: "resolved",
}
_EVENT_STATUSES = {EventType.RECOVERING: "monitoring", EventType.CLOSED: "resolved"}


def set_up(app: web.Application) -> None:
    """Add the routes."""
    base = "/api/v2"
    app.router.add_get(f"{base}/summary.json", summary)
    app.router.add_get(f"{base}/status.json", status)
    app.router.add_get(f"{base}/components.json", components)
    app.router.add_get(f"{base}/incidents.json", incidents)
    app.router.add_get(f"{base}/incidents/unresolved.json", unresolved)
    app.router.add_get(f"{base}/scheduled-maintenances.json", maintenances)
    app.router.add_get(f"{base}/scheduled-maintenances/upcoming.json", upcoming)
    app.router.add_get(f"{base}/scheduled-maintenances/active.json", active)


async def summary(request: web.Request) -> web.Response:
    """Page, status, components, what lasts and what is planned."""
    deps = request.app[DEPS]
    view = deps.status.status()
    form = Form(deps, view)
    return tagged_response(
        {
            **form.page(),
            "components": form.components(),
            "incidents": await _with_events(form, deps, view.open_incidents),
            "scheduled_maintenances": form.maintenances(ended=False),
            **form.status(),
        }
    )


async def status(request: web.Request) -> web.Response:
    """The one word over everything."""
    deps = request.app[DEPS]
    form = Form(deps, deps.status.status())
    return tagged_response({**form.page(), **form.status()})


async def components(request: web.Request) -> web.Response:
    """Every component."""
    deps = request.app[DEPS]
    form = Form(deps, deps.status.status())
    return tagged_response({**form.page(), "components": form.components()})


async def incidents(request: web.Request) -> web.Response:
    """The newest incidents, resolved ones too."""
    deps = request.app[DEPS]
    form = Form(deps, deps.status.status())
    rows = await deps.incidents.incidents(INCIDENTS_MAX, None)
    return tagged_response({**form.page(), "incidents": await _with_events(form, deps, rows)})


async def unresolved(request: web.Request) -> web.Response:
    """The incidents that last."""
    deps = request.app[DEPS]
    view = deps.status.status()
    form = Form(deps, view)
    found = await _with_events(form, deps, view.open_incidents)
    return tagged_response({**form.page(), "incidents": found})


async def maintenances(request: web.Request) -> web.Response:
    """Every maintenance window of the configuration."""
    form = _form(request)
    return tagged_response({**form.page(), "scheduled_maintenances": form.maintenances(ended=True)})


async def upcoming(request: web.Request) -> web.Response:
    """The windows that have not begun."""
    form = _form(request)
    found = [row for row in form.maintenances(ended=False) if row["status"] == "scheduled"]
    return tagged_response({**form.page(), "scheduled_maintenances": found})


async def active(request: web.Request) -> web.Response:
    """The windows that last."""
    form = _form(request)
    found = [row for row in form.maintenances(ended=False) if row["status"] == "in_progress"]
    return tagged_response({**form.page(), "scheduled_maintenances": found})


def _form(request: web.Request) -> Form:
    deps = request.app[DEPS]
    return Form(deps, deps.status.status())


async def _with_events(form: Form, deps: WebDeps, rows: Sequence[Incident]) -> list[Document]:
    return [form.incident(row, await deps.incidents.events_of(row.id)) for row in rows]


class Form:
    """Statuspage's documents of one moment."""

    def __init__(self, deps: WebDeps, view: StatusView) -> None:
        """Everything as it stands in `view`."""
        self._deps = deps
        self._view = view
        self._base = deps.external_url.rstrip("/")
        self._id = _short_id(f"page/{deps.plan.vantage}")
        self._plans = {plan.name: plan for plan in deps.plan.components}

    def page(self) -> Document:
        """What every document begins with."""
        return {
            "page": {
                "id": self._id,
                "name": f"Claude, seen from {self._deps.plan.vantage}",
                "url": self._base or "/",
                "time_zone": "Etc/UTC",
                "updated_at": timestamp(self._changed()),
            }
        }

    def _changed(self) -> datetime:
        """When anything changed last."""
        return max((row.since for row in self._view.components), default=self._view.at)

    def status(self) -> Document:
        """Indicator and sentence; without a network nothing is known."""
        known = self._view.network.up
        indicator = _INDICATORS[words.worst(self._view)] if known else "none"
        return {"status": {"indicator": indicator, "description": words.headline(self._view).text}}

    def components(self) -> list[Document]:
        """Every component, in the plan's order."""
        return [
            self._component(place, row) for place, row in enumerate(self._view.components, start=1)
        ]

    def _component(self, place: int, row: ComponentView) -> Document:
        since = timestamp(row.since)
        return {
            "id": self.component_id(row.name),
            "name": row.title,
            "status": _status(row.state),
            "created_at": since,
            "updated_at": since,
            "position": place,
            "description": row.reason,
            "showcase": False,
            "start_date": None,
            "group_id": None,
            "page_id": self._id,
            "group": False,
            "only_show_if_degraded": False,
            "claude_uptime_state": row.state.value,
        }

    def component_id(self, name: str) -> str:
        """The vendor's id of a component; one made of its name where none is configured."""
        plan: ComponentPlan | None = self._plans.get(name)
        return (plan and plan.statuspage_id) or _short_id(f"component/{name}")

    def incident(self, row: Incident, events: Sequence[Event]) -> Document:
        """An incident with its updates, newest first."""
        updates = [self._update(row, event) for event in reversed(events)]
        changed = events[-1].at if events else row.closed_at or row.opened_at
        return {
            "id": row.id,
            "name": self._name(row),
            "status": _STATUSES[row.phase],
            "created_at": timestamp(row.opened_at),
            "updated_at": timestamp(changed),
            "monitoring_at": _maybe(row.recovered_at),
            "resolved_at": _maybe(row.closed_at),
            "impact": row.severity.value,
            "shortlink": f"{self._base}/incidents/{quote(row.id, safe='')}",
            "started_at": timestamp(row.started_at),
            "page_id": self._id,
            "reminder_intervals": None,
            "incident_updates": updates,
            "components": self._touched(row),
        }

    def _name(self, row: Incident) -> str:
        titles = [self._title(name) for name in row.names]
        return f"{words.listed(titles)}: {row.cause.value.replace('_', ' ')}"

    def _title(self, name: str) -> str:
        plan = self._plans.get(name)
        return plan.title if plan else name

    def _touched(self, row: Incident) -> list[Document]:
        known = {each["id"]: each for each in self.components()}
        ids = [self.component_id(name) for name in row.names]
        return [known[each] for each in ids if each in known]

    def _update(self, row: Incident, event: Event) -> Document:
        at = timestamp(event.at)
        version = event.incident or row
        return {
            "id": event.id,
            "status": _EVENT_STATUSES.get(event.type, "investigating"),
            "body": event.summary,
            "incident_id": row.id,
            "created_at": at,
            "updated_at": at,
            "display_at": at,
            "affected_components": [
                {
                    "code": self.component_id(impact.component),
                    "name": self._title(impact.component),
                    "old_status": "operational",
                    "new_status": _status(impact.state),
                }
                for impact in version.components
            ],
            "deliver_notifications": True,
            "custom_tweet": None,
            "tweet_id": None,
        }

    def maintenances(self, *, ended: bool) -> list[Document]:
        """The windows of the configuration; those that have ended only if asked for."""
        now = self._view.at
        return [
            self._maintenance(window, now)
            for window in self._deps.plan.maintenance
            if ended or window.ends > now
        ]

    def _maintenance(self, window: Window, now: datetime) -> Document:
        state = "scheduled" if now < window.starts else "in_progress"
        starts = timestamp(window.starts)
        names = window.components or tuple(self._plans)
        known = {each["id"]: each for each in self.components()}
        return {
            "id": _short_id(f"maintenance/{starts}/{','.join(names)}"),
            "name": window.reason or "Scheduled maintenance",
            "status": "completed" if now >= window.ends else state,
            "created_at": starts,
            "updated_at": starts,
            "monitoring_at": None,
            "resolved_at": timestamp(window.ends) if now >= window.ends else None,
            "impact": "maintenance",
            "shortlink": self._base or "/",
            "started_at": starts,
            "page_id": self._id,
            "incident_updates": [],
            "components": [known[i] for n in names if (i := self.component_id(n)) in known],
            "scheduled_for": starts,
            "scheduled_until": timestamp(window.ends),
        }


def _status(state: State) -> str:
    """Statuspage's word for `state`: it has none for `unknown`, see the module's text."""
    return State.OPERATIONAL.value if state is State.UNKNOWN else state.value


def _short_id(text: str) -> str:
    """Twelve characters that look like one of Statuspage's ids, always the same for `text`."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _maybe(at: datetime | None) -> str | None:
    return None if at is None else timestamp(at)
