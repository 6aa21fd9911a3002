"""The vendor's status page, as Atlassian Statuspage serves it: six components, JSON and Atom.

It says what the scenario's vendor has posted so far, and nothing else: it knows nothing of the
faults. Shapes and ids are those captured on 2026-04-28.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from xml.sax.saxutils import escape

from pydantic import Field

from monitor.simulation._fields import Closed, Moment, Word
from monitor.simulation.endpoints import COMPONENTS, STATUS_HOSTS
from monitor.simulation.exchange import SimRequest, SimResponse

PAGE_ID = "tymt9n04zgry"

STATUSPAGE_COMPONENTS = {
    "claude_ai": ("rwppv331jlwc", "claude.ai"),
    "console": ("0qbwn08sd68x", "Claude Console (platform.claude.com)"),
    "api": ("k8w3r06qmzrp", "Claude API (api.anthropic.com)"),
    "claude_code": ("yyzkbfz2thpt", "Claude Code"),
    "cowork": ("bpp5gb3hpjcl", "Claude Cowork"),
    "government": ("0scnb50nvy53", "Claude for Government"),
}
"""Id and name on the vendor's page, by component."""

STATES = (
    "operational",
    "degraded_performance",
    "partial_outage",
    "major_outage",
    "under_maintenance",
)
STATUSES = ("investigating", "identified", "monitoring", "resolved", "postmortem")
IMPACTS = ("none", "minor", "major", "critical")

_OLD_HOST = "status.anthropic.com"
_OPERATIONAL = STATES[0]
_DESCRIPTIONS = {
    "none": "All Systems Operational",
    "minor": "Partially Degraded Service",
    "major": "Partial System Outage",
    "critical": "Major Service Outage",
}
_LISTED_SINCE = datetime(2026, 4, 1, tzinfo=UTC)

Component = Annotated[str, Word("component", COMPONENTS)]
"""One of the six components."""
State = Annotated[str, Word("state", STATES)]
"""A component's state on the page."""


class VendorIncident(Closed):
    """The incident on the vendor's page that the posts belong to."""

    id: str = Field(default="simulated000", pattern=r"^[a-z0-9]{1,40}$")
    """Its id on the page."""
    name: str = Field(default="Simulated incident", min_length=1, max_length=200)
    """Its title on the page."""
    impact: Annotated[str, Word("impact", IMPACTS)] = "major"
    """The label the vendor gave it."""


class Post(Closed):
    """One post on the vendor's page."""

    at: Moment
    """When it was published."""
    status: Annotated[str, Word("status", STATUSES)]
    """The incident's status with this post."""
    body: str = Field(min_length=1, max_length=2000)
    """What it said."""
    components: dict[Component, State] = Field(default_factory=dict)
    """States from this post on; a component that is not named keeps its own."""


def component_states(posts: Sequence[Post]) -> dict[str, str]:
    """The state of each component on the page after `posts`, which are in order."""
    states = dict.fromkeys(COMPONENTS, _OPERATIONAL)
    for post in posts:
        states.update(post.components)
    return states


def answer(
    request: SimRequest, incident: VendorIncident | None, posts: Sequence[Post]
) -> SimResponse:
    """What the page answers once `posts` are published: JSON, Atom, a page, 302, 304 or 404."""
    if request.host == _OLD_HOST:
        moved = ("location", f"https://{STATUS_HOSTS[0]}{request.path}")
        return SimResponse(status=302, headers=(moved,))
    page = _Page(incident or VendorIncident(), posts)
    path = request.bare_path
    if path == "/history.atom":
        content_type, body = "application/atom+xml; charset=utf-8", page.atom()
    elif path == "/":
        content_type, body = "text/html; charset=utf-8", page.html()
    else:
        document = page.json(path)
        content_type = "application/json; charset=utf-8"
        body = json.dumps(document if document is not None else {"error": "not found"})
        if document is None:
            return SimResponse(
                status=404, headers=(("content-type", content_type),), body=body.encode()
            )
    etag = f'W/"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    headers = (("content-type", content_type), ("etag", etag), ("cache-control", "max-age=0"))
    if request.header("if-none-match") == etag:
        return SimResponse(status=304, headers=headers[1:])
    return SimResponse(headers=headers, body=body.encode())


def _stamp(at: datetime) -> str:
    """A time as the page writes it: milliseconds, Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Page:
    """The page after some posts."""

    def __init__(self, incident: VendorIncident, posts: Sequence[Post]) -> None:
        self._incident = incident
        self._posts = posts
        self._states = component_states(posts)
        self._updated = posts[-1].at if posts else _LISTED_SINCE

    def json(self, path: str) -> dict[str, Any] | None:
        """The document at `path`; None where there is none."""
        page = {
            "id": PAGE_ID,
            "name": "Claude",
            "url": "https://status.claude.com",
            "time_zone": "Etc/UTC",
            "updated_at": _stamp(self._updated),
        }
        parts: dict[str, tuple[str, ...]] = {
            "/api/v2/summary.json": (
                "components",
                "incidents",
                "scheduled_maintenances",
                "status",
            ),
            "/api/v2/status.json": ("status",),
            "/api/v2/components.json": ("components",),
            "/api/v2/incidents.json": ("incidents",),
            "/api/v2/incidents/unresolved.json": ("incidents",),
        }
        if path not in parts:
            return None
        whole = {
            "components": [self._component(name) for name in COMPONENTS],
            "incidents": self._incidents(resolved_too=path == "/api/v2/incidents.json"),
            "scheduled_maintenances": [],
            "status": self._status(),
        }
        return {"page": page} | {part: whole[part] for part in parts[path]}

    def _status(self) -> dict[str, str]:
        """The page's indicator: the incident's label for as long as a component is not well."""
        calm = all(state == _OPERATIONAL for state in self._states.values())
        indicator = "none" if calm else self._incident.impact
        return {"indicator": indicator, "description": _DESCRIPTIONS[indicator]}

    def _changed(self, name: str) -> datetime:
        """When the component's state last changed."""
        changed, state = _LISTED_SINCE, _OPERATIONAL
        for post in self._posts:
            if post.components.get(name, state) != state:
                changed, state = post.at, post.components[name]
        return changed

    def _component(self, name: str) -> dict[str, Any]:
        ident, title = STATUSPAGE_COMPONENTS[name]
        return {
            "id": ident,
            "name": title,
            "status": self._states[name],
            "created_at": _stamp(_LISTED_SINCE),
            "updated_at": _stamp(self._changed(name)),
            "position": COMPONENTS.index(name) + 1,
            "description": None,
            "showcase": True,
            "start_date": _LISTED_SINCE.date().isoformat(),
            "group_id": None,
            "page_id": PAGE_ID,
            "group": False,
            "only_show_if_degraded": False,
        }

    def _incidents(self, *, resolved_too: bool) -> list[dict[str, Any]]:
        """The incident, if one is posted and (unless asked for) not yet over."""
        if not self._posts:
            return []
        last, first = self._posts[-1], self._posts[0]
        over = last.status in ("resolved", "postmortem")
        if over and not resolved_too:
            return []
        named = {name for post in self._posts for name in post.components}
        return [
            {
                "id": self._incident.id,
                "name": self._incident.name,
                "status": last.status,
                "created_at": _stamp(first.at),
                "updated_at": _stamp(last.at),
                "monitoring_at": self._first_with("monitoring"),
                "resolved_at": self._first_with("resolved"),
                "impact": self._incident.impact,
                "shortlink": f"https://stspg.io/{self._incident.id}",
                "started_at": _stamp(first.at),
                "page_id": PAGE_ID,
                "incident_updates": self._updates(),
                "components": [self._component(name) for name in COMPONENTS if name in named],
                "reminder_intervals": None,
            }
        ]

    def _first_with(self, status: str) -> str | None:
        return next((_stamp(post.at) for post in self._posts if post.status == status), None)

    def _updates(self) -> list[dict[str, Any]]:
        """The posts, newest first, each with what it changed."""
        updates: list[dict[str, Any]] = []
        for index, post in enumerate(self._posts):
            before = component_states(self._posts[:index])
            updates.append(
                {
                    "id": hashlib.sha256(
                        f"{self._incident.id}/{post.at}/{index}".encode()
                    ).hexdigest()[:12],
                    "status": post.status,
                    "body": post.body,
                    "incident_id": self._incident.id,
                    "created_at": _stamp(post.at),
                    "updated_at": _stamp(post.at),
                    "display_at": _stamp(post.at),
                    "affected_components": [
                        {
                            "code": STATUSPAGE_COMPONENTS[name][0],
                            "name": STATUSPAGE_COMPONENTS[name][1],
                            "old_status": before[name],
                            "new_status": state,
                        }
                        for name, state in post.components.items()
                    ]
                    or None,
                    "deliver_notifications": True,
                    "custom_tweet": None,
                    "tweet_id": None,
                }
            )
        return updates[::-1]

    def atom(self) -> str:
        """The history as Atom: one entry for the incident."""
        entries = "".join(
            "<entry>"
            f"<id>tag:status.claude.com,2005:Incident/{incident['id']}</id>"
            f"<published>{incident['created_at']}</published>"
            f"<updated>{incident['updated_at']}</updated>"
            '<link rel="alternate" type="text/html" '
            f'href="https://status.claude.com/incidents/{incident["id"]}"/>'
            f"<title>{escape(incident['name'])}</title>"
            f'<content type="html">{escape(_history(incident["incident_updates"]))}</content>'
            "</entry>"
            for incident in self._incidents(resolved_too=True)
        )
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<feed xml:lang="en-US" xmlns="http://www.w3.org/2005/Atom">'
            "<id>tag:status.claude.com,2005:/history</id>"
            '<link rel="self" type="application/atom+xml" '
            'href="https://status.claude.com/history.atom"/>'
            "<title>Claude Status - Incident History</title>"
            f"<updated>{_stamp(self._updated)}</updated>"
            f"{entries}</feed>\n"
        )

    def html(self) -> str:
        """The page for people: what the page says in one line."""
        text = escape(self._status()["description"])
        return f"<!DOCTYPE html><title>Claude Status</title><h1>{text}</h1>\n"


def _history(updates: Sequence[dict[str, Any]]) -> str:
    """The posts of an incident as the feed's HTML."""
    return "".join(
        f"<p><small>{update['display_at']}</small><br>"
        f"<strong>{update['status'].capitalize()}</strong> - {escape(update['body'])}</p>"
        for update in updates
    )
