"""What the vendor's page says, as a test wants it: reports, and documents of its own shape."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from monitor.core.incident import State
from monitor.core.plan import ComponentPlan
from monitor.core.provider import ProviderReport, VendorIncident, VendorUpdate
from tests.factories import NOON, TITLES

IDS = {
    "claude_ai": ("rwppv331jlwc", "claude.ai"),
    "console": ("0qbwn08sd68x", "Claude Console (platform.claude.com)"),
    "api": ("k8w3r06qmzrp", "Claude API (api.anthropic.com)"),
    "claude_code": ("yyzkbfz2thpt", "Claude Code"),
    "cowork": ("bpp5gb3hpjcl", "Claude Cowork"),
    "government": ("0scnb50nvy53", "Claude for Government"),
}
"""Id and name on the page."""

COMPONENTS = tuple(
    ComponentPlan(name=name, title=TITLES[name], statuspage_id=IDS[name][0]) for name in IDS
)


def minutes(count: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=count)


def stamp(at: datetime) -> str:
    """A time as the page writes it."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


# ---------------------------------------------------------------- reports


def theirs(posted: float = 0.0, *components: str, **changes: object) -> VendorIncident:
    """An open incident of the vendor's, posted some minutes after noon."""
    values: dict[str, object] = {
        "id": "9l93x2ht4s5w",
        "title": "Elevated errors",
        "url": "https://status.claude.com/incidents/9l93x2ht4s5w",
        "status": "investigating",
        "impact": "major",
        "posted_at": minutes(posted),
        "updated_at": minutes(posted),
        "components": components,
    }
    return VendorIncident(**{**values, **changes})  # type: ignore[arg-type]  # a test's own values


def saying_auth(*components: str) -> VendorIncident:
    """One that speaks of authentication."""
    text = "Requests to the API get elevated authentication errors."
    update = VendorUpdate(at=NOON, status="identified", text=text)
    return theirs(0.0, *components, updates=(update,))


def a_report(*incidents: VendorIncident, read: float = 0.0, **changes: object) -> ProviderReport:
    """A reading some minutes after noon."""
    values: dict[str, object] = {
        "read_at": minutes(read),
        "url": "https://status.claude.com/history.atom",
        "indicator": "major" if incidents else "none",
        "components": tuple((name, State.OPERATIONAL) for name in IDS),
        "incidents": incidents,
    }
    return ProviderReport(**{**values, **changes})  # type: ignore[arg-type]  # a test's own values


# ---------------------------------------------------------------- documents


def component(name: str, status: str = "operational", **changes: object) -> dict[str, Any]:
    """A component as `summary.json` lists it."""
    ident, title = IDS[name]
    row = {"id": ident, "name": title, "status": status, "group": False, "position": 1}
    return {**row, **changes}


def affected(name: str, new: str, **changes: object) -> dict[str, Any]:
    """A component as an update lists it."""
    ident, title = IDS[name]
    return {"code": ident, "name": title, "old_status": "operational", "new_status": new, **changes}


def update(at: float, status: str, body: str = "We look into it.", **more: Any) -> dict[str, Any]:
    """A post some minutes after noon."""
    row = {"id": f"u{at:g}", "status": status, "body": body, "created_at": stamp(minutes(at))}
    return {**row, "display_at": stamp(minutes(at - 5)), "affected_components": None, **more}


def incident(**changes: object) -> dict[str, Any]:
    """An incident as `summary.json` lists it: two posts, the newest first."""
    row: dict[str, Any] = {
        "id": "9l93x2ht4s5w",
        "name": "Claude.ai unavailable and elevated errors on the API",
        "status": "identified",
        "created_at": stamp(minutes(0)),
        "updated_at": stamp(minutes(10)),
        "monitoring_at": None,
        "resolved_at": None,
        "impact": "critical",
        "shortlink": "https://stspg.io/abc",
        "started_at": stamp(minutes(0)),
        "incident_updates": [
            update(10, "identified", affected_components=[affected("api", "partial_outage")]),
            update(0, "investigating", affected_components=[affected("claude_ai", "major_outage")]),
        ],
        "components": [component("claude_ai", "major_outage"), component("console")],
        "reminder_intervals": "[]",
    }
    return {**row, **changes}


def summary(*incidents: object, **changes: object) -> dict[str, Any]:
    """`summary.json`."""
    document: dict[str, Any] = {
        "page": {
            "id": "tymt9n04zgry",
            "name": "Claude",
            "url": "https://status.claude.com",
            "time_zone": "Etc/UTC",
            "updated_at": stamp(NOON),
        },
        "components": [component(name) for name in IDS],
        "incidents": list(incidents),
        "scheduled_maintenances": [],
        "status": {"indicator": "none", "description": "All Systems Operational"},
    }
    return {**document, **changes}


def maintenance(*names: str, **changes: object) -> dict[str, Any]:
    """Announced work of an hour, from noon on."""
    row = {
        "id": "m41nt3nance0",
        "name": "Database upgrade",
        "status": "scheduled",
        "scheduled_for": stamp(minutes(0)),
        "scheduled_until": stamp(minutes(60)),
        "components": [component(name) for name in names],
    }
    return {**row, **changes}


def post(when: str, status: str, text: str) -> str:
    """A post in an entry's HTML."""
    return f"<p><small>{when}</small><br /><strong>{status}</strong> - {text}</p>"


def entry(content: str, **changes: str) -> str:
    """An entry of `history.atom`, posted at noon."""
    values = {
        "id": "tag:status.claude.com,2005:Incident/25712345",
        "published": "2026-04-28T12:00:00Z",
        "updated": "2026-04-28T12:30:00Z",
        "href": "https://status.claude.com/incidents/9l93x2ht4s5w",
        "title": "Elevated errors on Claude Opus",
        **changes,
    }
    escaped = content.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return (
        f"<entry><id>{values['id']}</id><published>{values['published']}</published>"
        f"<updated>{values['updated']}</updated>"
        f'<link rel="alternate" type="text/html" href="{values["href"]}"/>'
        f'<title>{values["title"]}</title><content type="html">{escaped}</content></entry>'
    )


def feed(*entries: str) -> bytes:
    """`history.atom`."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<feed xml:lang="en-US" xmlns="http://www.w3.org/2005/Atom">'
        "<id>tag:status.claude.com,2005:/history</id><title>Claude Status</title>"
        f"<updated>2026-04-28T12:30:00Z</updated>{''.join(entries)}</feed>"
    ).encode()


def without(document: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """`document` without some members."""
    return {key: value for key, value in document.items() if key not in keys}
