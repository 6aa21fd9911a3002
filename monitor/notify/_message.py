"""An event as the JSON document that receivers get. Pure: the same event gives the same bytes.

The bytes are made once, when the event is decided, and go into the outbox; a retry next day sends
the same. What a document holds, field by field, is a promise to whoever reads it:

* every field is always there; what is not known is null;
* times are RFC 3339 in UTC, to the millisecond, with `Z`; durations are seconds;
* `by_outcome`, `by_depth` and `by_probe` are objects, name to `{"runs", "bad"}`;
* fields stand in a fixed order, the most telling first.

A document stays under 20 kB, as Standard Webhooks asks. Texts are cut at a length that no honest
text reaches; where the whole is still too long, samples go first (the last first), then rows of
`by_probe`, then components.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from monitor.core.incident import Event, Evidence, Incident, Interval, Tally

BODY_BYTES_MAX = 20_000
"""Size of a whole document."""

NAME_CHARS_MAX = 64
ID_CHARS_MAX = 200
SENTENCE_CHARS_MAX = 500
LINK_CHARS_MAX = 1000

SAMPLES_MAX = 20
PROBES_MAX = 50
COMPONENTS_MAX = 50
OUTCOMES_MAX = 24
DEPTHS_MAX = 8

_CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], " ")
"""Control characters would let probed content move a terminal's cursor."""

Document = dict[str, Any]


def body(event: Event, *, external_url: str) -> bytes:
    """The document of `event`, as UTF-8; links start at `external_url`.

    Never longer than `BODY_BYTES_MAX`, whatever the event holds.
    """
    data = _incident(event, event.incident, external_url) if event.incident else None
    document = {
        "type": event.type.value,
        "timestamp": timestamp(event.at),
        "data": data or _monitor(event, external_url),
    }
    encoded = _encode(document)
    for rows in _expendable(data):
        while rows and len(encoded) > BODY_BYTES_MAX:
            rows.pop() if isinstance(rows, list) else rows.popitem()
            encoded = _encode(document)
    return encoded


def timestamp(at: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond, with `Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _encode(document: Document) -> bytes:
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _expendable(data: Document | None) -> Iterator[list[Any] | Document]:
    """What may go when a document is too long, the least telling first."""
    if data is not None:
        yield data["evidence"]["samples"]
        yield data["evidence"]["by_probe"]
        yield data["components"]


# ---------------------------------------------------------------- the two shapes


def _incident(event: Event, incident: Incident, external_url: str) -> Document:
    return {
        "id": _text(incident.id, ID_CHARS_MAX),
        "vantage": _text(incident.vantage, NAME_CHARS_MAX),
        "severity": incident.severity.value,
        "cause": incident.cause.value,
        "summary": _text(event.summary, SENTENCE_CHARS_MAX),
        "reason": event.reason.value,
        "components": [
            {
                "component": _text(impact.component, NAME_CHARS_MAX),
                "state": impact.state.value,
                "since": timestamp(impact.since),
            }
            for impact in incident.components[:COMPONENTS_MAX]
        ],
        "started_at": timestamp(incident.started_at),
        "started_between": _interval(incident.started_between),
        "opened_at": timestamp(incident.opened_at),
        "recovered_at": _maybe(incident.recovered_at),
        "recovered_between": _interval(incident.recovered_between),
        "closed_at": _maybe(incident.closed_at),
        "duration_seconds": _duration(event, incident),
        "evidence": _evidence(incident.evidence),
        # Nothing is known yet of the vendor's own page nor of other routes to a model: the fields
        # are promised, so receivers find them.
        "provider": dict.fromkeys(("indicator", "incident_url", "posted_at", "lead_seconds")),
        "alternatives": [],
        "links": {"self": _link(external_url, "incidents", incident.id)},
    }


def _monitor(event: Event, external_url: str) -> Document:
    kind, _, name = (event.subject or "").partition("/")
    page = ("probes", name) if kind == "probe" and name else ()
    return {
        "vantage": _text(event.vantage, NAME_CHARS_MAX),
        "subject": None if event.subject is None else _text(event.subject, ID_CHARS_MAX),
        "summary": _text(event.summary, SENTENCE_CHARS_MAX),
        "reason": event.reason.value,
        "detail": _text(event.detail, 2 * SENTENCE_CHARS_MAX),
        "links": {"self": _link(external_url, *page)},
    }


def _evidence(evidence: Evidence) -> Document:
    return {
        "runs": evidence.runs,
        "bad": evidence.bad,
        "error_ratio": _number(evidence.error_ratio),
        "window_seconds": _number(evidence.window_seconds),
        "by_outcome": _tallies(evidence.by_outcome[:OUTCOMES_MAX]),
        "by_depth": _tallies(evidence.by_depth[:DEPTHS_MAX]),
        "by_probe": _tallies(evidence.by_probe[:PROBES_MAX]),
        "samples": [
            {
                "probe": _text(sample.probe, NAME_CHARS_MAX),
                "at": timestamp(sample.at),
                "outcome": sample.outcome.value,
                "reason": _text(sample.reason, SENTENCE_CHARS_MAX),
                "request_id": _maybe_text(sample.request_id),
                "cf_ray": _maybe_text(sample.cf_ray),
            }
            for sample in evidence.samples[:SAMPLES_MAX]
        ],
    }


def _tallies(tallies: Iterable[Tally]) -> Document:
    return {
        _text(tally.name, NAME_CHARS_MAX): {"runs": tally.runs, "bad": tally.bad}
        for tally in tallies
    }


# ---------------------------------------------------------------- values


def _duration(event: Event, incident: Incident) -> float:
    """Seconds of impact: until its end where that is known, else until the event."""
    until = incident.recovered_at or event.at
    return max(0.0, round((until - incident.started_at).total_seconds(), 3))


def _link(external_url: str, *parts: str) -> str | None:
    """A page of ours; None when it would be too long to be one."""
    path = "/".join(quote(part, safe="", errors="replace") for part in parts)
    link = _text(f"{external_url.rstrip('/')}/{path}", LINK_CHARS_MAX + 1)
    return link if len(link) <= LINK_CHARS_MAX else None


def _text(value: str, chars_max: int) -> str:
    """`value` on one line, cut, and fit to be encoded."""
    sound = value.encode("utf-8", "replace").decode().translate(_CONTROLS).strip()
    return sound if len(sound) <= chars_max else sound[: chars_max - 1] + "…"


def _maybe_text(value: str | None) -> str | None:
    return None if value is None else _text(value, ID_CHARS_MAX)


def _maybe(at: datetime | None) -> str | None:
    return None if at is None else timestamp(at)


def _interval(interval: Interval | None) -> Document | None:
    if interval is None:
        return None
    return {
        "earliest": timestamp(interval.earliest),
        "latest": timestamp(interval.latest),
    }


def _number(value: float) -> float | None:
    """JSON has no infinity and no NaN."""
    return round(value, 6) if math.isfinite(value) else None
