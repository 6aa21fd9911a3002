"""The JSON that the API speaks: pure functions from the core's values to documents.

Words are the contract's, keys are snake_case, times are RFC 3339 in UTC with `Z`, durations are
seconds. Each object carries the vantage, and every key is always there: what is not known is null.
An incident has the fields that its events have, named the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from monitor.core.effects import (
    ComponentView,
    CoverageView,
    DepthView,
    Judged,
    NetworkView,
    ProbeView,
    StatusView,
)
from monitor.core.incident import Event, Evidence, Impact, Incident, Interval, Note, Tally
from monitor.core.observation import Origin, Phase
from monitor.core.outcome import Outcome, counts_as, fault_of
from monitor.core.plan import ComponentPlan, Plan, ProbePlan
from monitor.core.story import story
from monitor.web import beside, words
from monitor.web.ports import MuteNote, PastRun
from monitor.web.words import timestamp

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """A run that the engine still has, in the shape that the store keeps. Fits `PastRun`."""

    run_id: str
    probe: str
    at: datetime
    seconds: float
    origin: Origin
    outcome: Outcome
    reason: str
    status: int | None
    request_id: str | None
    cf_ray: str | None
    phases: tuple[tuple[Phase, float], ...]


def row_of(judged: Judged) -> LastRun:
    """`judged` in the shape that the store keeps."""
    seen, answer = judged.observation, judged.observation.answer
    return LastRun(
        run_id=seen.run_id,
        probe=seen.probe,
        at=seen.at,
        seconds=seen.seconds,
        origin=seen.origin,
        outcome=judged.verdict.outcome,
        reason=judged.verdict.reason,
        status=answer.status if answer else None,
        request_id=answer.request_id if answer else None,
        cf_ray=answer.cf_ray if answer else None,
        phases=seen.timings.phases(),
    )


def newest_first(runs: Iterable[PastRun]) -> list[PastRun]:
    """Stored runs in the order in which people read them."""
    return sorted(runs, key=lambda run: run.at, reverse=True)


class Shapes:
    """The documents of one daemon: vantage and links are the same in all of them."""

    def __init__(self, vantage: str, external_url: str = "") -> None:
        """Links begin with `external_url`."""
        self._vantage = vantage
        self._base = external_url.rstrip("/")

    def status(self, view: StatusView, mutes: Iterable[MuteNote] = ()) -> Document:
        """The whole of now."""
        said = words.headline(view)
        return {
            "vantage": self._vantage,
            "at": timestamp(view.at),
            "state": said.state.value,
            "summary": said.text,
            "components": [self.component(component) for component in view.components],
            "open_incidents": [
                self.incident(incident, view.at) for incident in view.open_incidents
            ],
            "suspects": [self.incident(incident, view.at) for incident in view.suspects],
            "network": self.network(view.network),
            "provider": beside.provider(view.provider, view.at),
            "alternatives": beside.routes(view.alternatives),
            "models": beside.models(view.models),
            "lines_unasked": list(view.models.unasked),
            "mutes": [
                {
                    "component": mute.component,
                    "until": timestamp(mute.ends_at),
                    "reason": mute.reason,
                    "author": mute.author,
                }
                for mute in mutes
            ],
        }

    def network(self, network: NetworkView) -> Document:
        """What the control targets say of this host."""
        return {
            "vantage": self._vantage,
            "up": network.up,
            "guard_active": network.guard_active,
            "targets": [
                {"target": name, "proven": proven, "ok": ok} for name, proven, ok in network.targets
            ],
        }

    def component(self, component: ComponentView) -> Document:
        """A component as it stands."""
        return {
            "vantage": self._vantage,
            "component": component.name,
            "title": component.title,
            "state": component.state.value,
            "since": timestamp(component.since),
            "reason": component.reason,
            "error_ratio": _number(component.error_ratio),
            "deciding_depth": component.deciding_depth.value if component.deciding_depth else None,
            "depths": [_depth(depth) for depth in component.depths],
            "suspect": component.suspect,
            "coverage": _coverage(component.coverage),
            "shared_with": list(component.shared_with),
            "shared": component.shared or None,
            "incident_id": component.incident_id,
            "links": {
                "self": self._link("api", "v1", "components", component.name),
                "available": self._link("api", "v1", "components", component.name, "available"),
            },
        }

    def component_detail(
        self, view: StatusView, component: ComponentView, plan: ComponentPlan, watched: Plan
    ) -> Document:
        """A component with what is evidence for it, and what stands beside it."""
        probes = watched.probes
        return {
            **self.component(component),
            "statuspage_id": plan.statuspage_id,
            "provider": beside.word_on(plan.name, view),
            "alternatives": beside.routes_of(plan.name, view, probes),
            "probes": [
                {"probe": probe.name, "depth": probe.depth.value, "enabled": probe.enabled}
                for probe in probes
                if plan.name in probe.components
            ],
        }

    def incident(self, incident: Incident, now: datetime) -> Document:
        """An incident; while it lasts, its duration runs until `now`."""
        until = incident.recovered_at or incident.closed_at or now
        duration = max(0.0, (until - incident.started_at).total_seconds())
        return {
            "id": incident.id,
            "vantage": incident.vantage,
            "phase": incident.phase.value,
            "severity": incident.severity.value,
            "cause": incident.cause.value,
            "reason": incident.reason.value,
            "explanation": incident.explanation,
            "depth": incident.depth.value,
            "deepest_good": incident.deepest_good.value if incident.deepest_good else None,
            "components": [_impact(impact) for impact in incident.components],
            "started_at": timestamp(incident.started_at),
            "started_between": _interval(incident.started_between),
            "opened_at": timestamp(incident.opened_at),
            "recovered_at": _maybe(incident.recovered_at),
            "recovered_between": _interval(incident.recovered_between),
            "closed_at": _maybe(incident.closed_at),
            "duration_seconds": round(duration, 3),
            "reopens": incident.reopens,
            "flapping": incident.flapping,
            "model": incident.model,
            "evidence": _evidence(incident.evidence),
            "timeline": [_note(note) for note in incident.timeline],
            "provider": beside.note(incident.provider),
            "alternatives": beside.routes(incident.alternatives),
            "links": {
                "self": self._link("incidents", incident.id),
                "api": self._link("api", "v1", "incidents", incident.id),
            },
        }

    def incident_detail(
        self, incident: Incident, events: Sequence[Event], now: datetime
    ) -> Document:
        """An incident with what was announced of it, and its story in order of time."""
        return {
            **self.incident(incident, now),
            "events": [self.event(event) for event in events],
            "story": [
                {
                    "at": timestamp(line.at),
                    "what": line.what,
                    "text": line.text,
                    "reason": line.reason.value if line.reason else None,
                    "component": line.component,
                    "told": line.told,
                }
                for line in story(incident, events)
            ],
        }

    def event(self, event: Event) -> Document:
        """An announcement."""
        return {
            "id": event.id,
            "vantage": event.vantage,
            "type": event.type.value,
            "at": timestamp(event.at),
            "summary": event.summary,
            "reason": event.reason.value,
        }

    def probe(self, plan: ProbePlan, view: ProbeView | None) -> Document:
        """A probe: its plan, why it does not run if it does not, its last run."""
        last = view.last if view else None
        return {
            "vantage": self._vantage,
            "probe": plan.name,
            "kind": plan.kind,
            "depth": plan.depth.value,
            "components": list(plan.components),
            "alternative_for": plan.alternative_for,
            "model": plan.model,
            "credential": plan.credential_name,
            "interval_seconds": plan.interval,
            "timeout_seconds": plan.timeout,
            "soft_deadline_seconds": plan.soft_deadline,
            "latency_objective_seconds": plan.latency_objective,
            "burst": plan.burst,
            "paid": plan.paid,
            "enabled": plan.enabled,
            "disabled_reason": plan.disabled,
            "paused_reason": view.paused if view else None,
            "proven": bool(view and view.proven),
            "last_run": self.run(row_of(last)) if last else None,
            "links": {
                "self": self._link("probes", plan.name),
                "api": self._link("api", "v1", "probes", plan.name),
            },
        }

    def run(self, run: PastRun) -> Document:
        """A run and its verdict."""
        return {
            "vantage": self._vantage,
            "run_id": run.run_id,
            "probe": run.probe,
            "at": timestamp(run.at),
            "origin": run.origin.value,
            "outcome": run.outcome.value,
            "counts": counts_as(run.outcome).value,
            "fault": fault_of(run.outcome).value,
            "reason": run.reason,
            "seconds": round(run.seconds, 6),
            "phases": {phase.value: round(seconds, 6) for phase, seconds in run.phases},
            "status": run.status,
            "request_id": run.request_id,
            "cf_ray": run.cf_ray,
        }

    def _link(self, *parts: str) -> str:
        return f"{self._base}/{'/'.join(quote(part, safe='') for part in parts)}"


def _depth(depth: DepthView) -> Document:
    return {
        "depth": depth.depth.value,
        "state": depth.state.value,
        "probes": depth.probes,
        "runs": depth.runs,
        "bad": depth.bad,
    }


def _interval(interval: Interval | None) -> Document | None:
    if interval is None:
        return None
    return {
        "earliest": timestamp(interval.earliest),
        "latest": timestamp(interval.latest),
    }


def _coverage(coverage: CoverageView) -> Document:
    return {
        "runs": coverage.runs,
        "usable": coverage.usable,
        "share": _number(coverage.share),
        "lost_to": coverage.lost_to or None,
    }


def _impact(impact: Impact) -> Document:
    return {
        "component": impact.component,
        "state": impact.state.value,
        "since": timestamp(impact.since),
        "worst": (impact.worst or impact.state).value,
        "cause": None if impact.cause is None else impact.cause.value,
    }


def _note(note: Note) -> Document:
    return {
        "at": timestamp(note.at),
        "what": note.what.value,
        "reason": note.reason.value,
        "sentence": note.sentence,
        "component": note.component,
    }


def _evidence(evidence: Evidence) -> Document:
    return {
        "runs": evidence.runs,
        "bad": evidence.bad,
        "error_ratio": _number(evidence.error_ratio),
        "window_seconds": evidence.window_seconds,
        "by_outcome": _tallies(evidence.by_outcome),
        "by_depth": _tallies(evidence.by_depth),
        "by_probe": _tallies(evidence.by_probe),
        "samples": [
            {
                "probe": sample.probe,
                "at": timestamp(sample.at),
                "outcome": sample.outcome.value,
                "reason": sample.reason,
                "request_id": sample.request_id,
                "cf_ray": sample.cf_ray,
            }
            for sample in evidence.samples
        ],
    }


def _tallies(tallies: Iterable[Tally]) -> Document:
    return {tally.name: {"runs": tally.runs, "bad": tally.bad} for tally in tallies}


def _maybe(at: datetime | None) -> str | None:
    return None if at is None else timestamp(at)


def _number(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
