"""What stands beside our own word, as JSON: the vendor's page, its list of models, other routes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from monitor.core.effects import StatusView
from monitor.core.incident import Alternative, ProviderNote
from monitor.core.lifecycle import ModelReport
from monitor.core.plan import ProbePlan
from monitor.core.provider import ProviderReport, VendorIncident, VendorMaintenance
from monitor.web.words import timestamp

Document = dict[str, Any]

INCIDENTS_SHOWN = 10
"""The vendor's incidents shown: the newest, and every open one."""


def provider(report: ProviderReport | None, now: datetime) -> Document | None:
    """What the vendor's page says; None while it has not been asked."""
    if report is None:
        return None
    shown = [
        incident
        for place, incident in enumerate(report.incidents)
        if place < INCIDENTS_SHOWN or not incident.is_over
    ]
    return {
        **_read(report, now),
        "url": report.url or None,
        "indicator": report.indicator,
        "components": {name: state.value for name, state in report.components},
        "incidents": [_incident(incident) for incident in shown],
        "maintenances": [_maintenance(each) for each in report.maintenances],
        "unknown_components": list(report.unknown_ids),
        "error": report.error,
    }


def word_on(component: str, view: StatusView) -> Document:
    """The vendor's word on one component."""
    report = view.provider or ProviderReport()
    return {
        "state": report.state_of(component, view.at).value,
        **_read(report, view.at),
        "incidents": [
            _incident(incident)
            for incident in report.open_incidents()
            if component in incident.components
        ],
    }


def note(said: ProviderNote | None) -> Document:
    """What the page says beside an incident of ours."""
    known = said or ProviderNote()
    return {
        "indicator": known.indicator,
        "incident_url": known.incident_url,
        "posted_at": timestamp(known.posted_at) if known.posted_at else None,
        "lead_seconds": known.lead_seconds,
    }


def routes(alternatives: Iterable[Alternative]) -> list[Document]:
    """Other routes to a model and how they stand."""
    return [{"name": route.name, "state": route.state.value} for route in alternatives]


def models(report: ModelReport) -> list[Document]:
    """What the lists of models say of those that probes ask."""
    return [
        {
            "model": each.model,
            "probes": list(each.probes),
            "line": each.line,
            "state": each.state,
            "retires_at": timestamp(each.retires_at) if each.retires_at else None,
            "successor": each.successor,
        }
        for each in report.models
    ]


def routes_of(component: str, view: StatusView, probes: Iterable[ProbePlan]) -> list[Document]:
    """Those beside one component."""
    names = {probe.name for probe in probes if probe.alternative_for == component}
    return routes(route for route in view.alternatives if route.name in names)


def _read(report: ProviderReport, now: datetime) -> Document:
    if report.read_at is None:
        return {"read_at": None, "age_seconds": None}
    age = max(0.0, (now - report.read_at).total_seconds())
    return {"read_at": timestamp(report.read_at), "age_seconds": round(age, 3)}


def _incident(incident: VendorIncident) -> Document:
    return {
        "id": incident.id,
        "title": incident.title,
        "url": incident.url,
        "status": incident.status,
        "impact": incident.impact,
        "posted_at": timestamp(incident.posted_at),
        "updated_at": timestamp(incident.updated_at),
        "components": list(incident.components),
    }


def _maintenance(work: VendorMaintenance) -> Document:
    return {
        "id": work.id,
        "title": work.title,
        "status": work.status,
        "starts": timestamp(work.starts),
        "ends": timestamp(work.ends),
        "components": list(work.components),
    }
