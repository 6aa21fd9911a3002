"""What came of a rehearsal or a replay, as `--json` prints it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from monitor.core.incident import Event, Incident


def newest(events: Iterable[Event]) -> list[Incident]:
    """The last version of each incident, in the order of their opening."""
    versions: dict[str, Incident] = {}
    for event in events:
        if event.incident is not None:
            versions[event.incident.id] = event.incident
    return list(versions.values())


def incident_row(incident: Incident) -> dict[str, Any]:
    """One incident: the estimated times of the impact, and the times of the decisions."""
    return {
        "id": incident.id,
        "components": list(incident.names),
        "severity": str(incident.severity),
        "cause": str(incident.cause),
        "started_at": stamp(incident.started_at),
        "opened_at": stamp(incident.opened_at),
        "recovered_at": stamp(incident.recovered_at),
        "closed_at": stamp(incident.closed_at),
        "reopens": incident.reopens,
    }


def document(events: Iterable[Event], runs: int) -> dict[str, Any]:
    """The whole outcome."""
    return {"incidents": [incident_row(incident) for incident in newest(events)], "runs": runs}


def stamp(when: datetime | None) -> str | None:
    """RFC 3339 with milliseconds and Z; None stays None."""
    if when is None:
        return None
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
