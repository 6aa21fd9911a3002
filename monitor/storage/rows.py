"""Values of the core as rows, and runs back from rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import RowMapping

from monitor.core.effects import Judged, StateChanged
from monitor.core.incident import Event, Incident, State
from monitor.core.observation import Origin, Phase, Timings
from monitor.core.outcome import Outcome
from monitor.pipeline import Envelope
from monitor.storage.codec import encode
from monitor.storage.tables import runs

RunRow = tuple[Any, ...]
"""A row of `runs` in the order of `RUN_COLUMNS`: half the size of a dict while it waits."""

RUN_COLUMNS: Final = (
    "run_id",
    "vantage",
    "probe",
    "at",
    "seconds",
    "outcome",
    "counts",
    "answered",
    "origin",
    "reason",
    "status",
    "request_id",
    "cf_ray",
    "phases",
    "input_tokens",
    "output_tokens",
)

STATE_REASON_CHARS_MAX: Final = 500

PENDING: Final = "pending"
DELIVERED: Final = "delivered"
DEAD: Final = "dead"
DISCARDED: Final = "discarded"
"""The states of a delivery: waiting or on its way; taken; given up; struck off by an operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A run as it was recorded, with the newest verdict on it.

    Attributes:
        run_id: unique within the vantage.
        probe: name of the probe.
        at: start, UTC.
        seconds: how long it took.
        outcome, reason: the verdict.
        answered: an HTTP answer of the vendor or its edge came.
        origin: why it took place.
        status: HTTP status, if an answer came.
        request_id, cf_ray: the vendor's and Cloudflare's ids, if an answer carried them.
        phases: the phases that took place, in order, with their seconds.
    """

    run_id: str
    probe: str
    at: datetime
    seconds: float
    outcome: Outcome
    answered: bool
    origin: Origin
    reason: str
    status: int | None
    request_id: str | None
    cf_ray: str | None
    phases: tuple[tuple[Phase, float], ...]


STORED_RUN = (
    runs.c.run_id,
    runs.c.probe,
    runs.c.at,
    runs.c.seconds,
    runs.c.outcome,
    runs.c.answered,
    runs.c.origin,
    runs.c.reason,
    runs.c.status,
    runs.c.request_id,
    runs.c.cf_ray,
    runs.c.phases,
)
"""What to select for `stored_run`."""


def run_row(vantage: str, judged: Judged) -> RunRow:
    """The row of a run: called for every run, so it keeps to what a row needs."""
    seen = judged.observation
    verdict = judged.verdict
    answer = seen.answer
    return (
        seen.run_id,
        vantage,
        seen.probe,
        seen.at,
        seen.seconds,
        verdict.outcome.value,
        verdict.counts.value,
        verdict.answered,
        seen.origin.value,
        storable(verdict.reason),
        answer.status if answer else None,
        storable(answer.request_id) if answer and answer.request_id else None,
        storable(answer.cf_ray) if answer and answer.cf_ray else None,
        _phases(seen.timings),
        seen.input_tokens,
        seen.output_tokens,
    )


def run_values(row: RunRow) -> dict[str, Any]:
    """The row by column name, as an insert wants it."""
    return dict(zip(RUN_COLUMNS, row, strict=True))


def stored_run(row: RowMapping) -> StoredRun:
    """A run from a row of `STORED_RUN`."""
    phases = json.loads(row["phases"])
    return StoredRun(
        run_id=row["run_id"],
        probe=row["probe"],
        at=row["at"],
        seconds=row["seconds"],
        outcome=Outcome(row["outcome"]),
        answered=row["answered"],
        origin=Origin(row["origin"]),
        reason=row["reason"],
        status=row["status"],
        request_id=row["request_id"],
        cf_ray=row["cf_ray"],
        phases=tuple((Phase(name), seconds) for name, seconds in phases.items()),
    )


def storable(text: str) -> str:
    """`text` as UTF-8 can write it.

    A header with wrong bytes reaches us with lone surrogates in it, which no database takes.
    """
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _phases(timings: Timings) -> str:
    """The phases as a JSON object, to the microsecond."""
    return json.dumps(
        {phase.value: round(seconds, 6) for phase, seconds in timings.phases()},
        separators=(",", ":"),
    )


def incident_values(incident: Incident) -> dict[str, Any]:
    """A row of `incidents`."""
    return {
        "id": incident.id,
        "vantage": incident.vantage,
        "phase": incident.phase.value,
        "severity": incident.severity.value,
        "cause": incident.cause.value,
        "started_at": incident.started_at,
        "opened_at": incident.opened_at,
        "recovered_at": incident.recovered_at,
        "closed_at": incident.closed_at,
        "sequence": incident.sequence,
        "body": encode(incident),
    }


def event_values(event: Event) -> dict[str, Any]:
    """A row of `incident_events`."""
    return {
        "id": event.id,
        "vantage": event.vantage,
        "incident_id": event.incident.id if event.incident else None,
        "type": event.type.value,
        "at": event.at,
        "sequence": event.incident.sequence if event.incident else None,
        "body": encode(event),
    }


def state_values(vantage: str, change: StateChanged) -> dict[str, Any]:
    """A row of `component_states`."""
    return {
        "vantage": vantage,
        "component": change.component,
        "before": change.before.value,
        "after": change.after.value,
        "at": change.at,
        "reason": storable(change.reason[:STATE_REASON_CHARS_MAX]),
    }


def state_changed(row: RowMapping) -> StateChanged:
    """A change of state from a row of `component_states`."""
    return StateChanged(
        component=row["component"],
        before=State(row["before"]),
        after=State(row["after"]),
        at=row["at"],
        reason=row["reason"],
    )


def delivery_values(event: Event, envelopes: Iterable[Envelope]) -> Iterator[Mapping[str, Any]]:
    """Rows of `deliveries`: one for each envelope, due at once."""
    incident = event.incident.id if event.incident else None
    for envelope in envelopes:
        yield {
            "vantage": event.vantage,
            "event_id": event.id,
            "notifier": envelope.notifier,
            "incident_id": incident,
            "line": incident or "",
            "type": event.type.value,
            "body": envelope.body,
            "state": PENDING,
            "attempts": 0,
            "created_at": event.at,
            "due_at": event.at,
            "touched_at": event.at,
        }
