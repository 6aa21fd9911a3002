"""PagerDuty, over its Events API v2: an incident of ours is an alert of theirs.

The incident's id is the `dedup_key`, so that repeats and updates find the alert that is there, and
a close resolves it. `incident.reopened` triggers it again; a reminder does too, which matters only
where somebody has resolved it by hand meanwhile. `incident.recovering` is not told: PagerDuty knows
no such state.

`monitor.blind` and `monitor.misconfigured` are alerts of their own, by subject. `monitor.sighted`
resolves the first; the second is resolved by hand, when it is repaired.

A 400 gives up: PagerDuty says that such an event will never be taken, for its routing key is wrong
or its form. All else as in `_http.py`. What is stored holds no routing key: it is put in when sent.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import field_validator
from pydantic_core.core_schema import ValidationInfo

from monitor.core.answer import clean
from monitor.core.incident import Event, EventType, Incident, SeverityLevel
from monitor.delivery import Delivery, Result
from monitor.notify._base import NotifierContext, NotifierKind, Wording
from monitor.notify._http import HttpNotifierSpec, Poster, check_url
from monitor.notify._message import timestamp
from monitor.notify._words import link, words
from monitor.spec import Secret

EVENTS_URL = "https://events.pagerduty.com/v2/enqueue"
ROUTING_KEY_CHARS = 32
SUMMARY_CHARS_MAX = 1024
DEDUP_KEY_CHARS_MAX = 255
COMPONENTS_MAX = 20

FINAL = frozenset({400})
"""Answers that mean never."""

_ACTIONS = {
    EventType.OPENED: "trigger",
    EventType.UPDATED: "trigger",
    EventType.REOPENED: "trigger",
    EventType.REMINDER: "trigger",
    EventType.CLOSED: "resolve",
    EventType.BLIND: "trigger",
    EventType.MISCONFIGURED: "trigger",
    EventType.SIGHTED: "resolve",
}
"""What an event means to PagerDuty; one that is not here is not told."""

_SEVERITIES = {
    SeverityLevel.CRITICAL: "critical",
    SeverityLevel.MAJOR: "error",
    SeverityLevel.MINOR: "warning",
}


class PagerDutySpec(HttpNotifierSpec):
    """A service of PagerDuty."""

    kind: Literal["pagerduty"]
    """Kind of notifier."""
    url: Secret = Secret(EVENTS_URL)
    """Where events go; in the EU service region https://events.eu.pagerduty.com/v2/enqueue."""
    routing_key: Secret = Secret("")
    """Integration key of the service (Events API v2), 32 letters and digits. Empty: disabled."""

    @field_validator("url")
    @classmethod
    def _can_be_posted_to(cls, url: Secret, info: ValidationInfo) -> Secret:
        return check_url(url or Secret(EVENTS_URL), info.data, EVENTS_URL)

    @field_validator("routing_key")
    @classmethod
    def _is_a_key(cls, key: Secret) -> Secret:
        text = key.reveal()
        sound = len(text) == ROUTING_KEY_CHARS and text.isascii() and text.isalnum()
        if text and not sound:
            msg = f"a routing key is {ROUTING_KEY_CHARS} letters and digits"
            raise ValueError(msg)
        return key


def disabled(spec: PagerDutySpec) -> str | None:
    """Why nothing is sent; None when it is."""
    if not spec.enabled:
        return "enabled is false"
    return None if spec.routing_key else "no routing_key"


def envelope(_spec: PagerDutySpec, event: Event, wording: Wording) -> bytes | None:
    """The event in PagerDuty's form, without the routing key; None for what it does not know."""
    action = _ACTIONS.get(event.type)
    if action is None:
        return None
    said = words(event, wording)
    page = link(event, wording)
    document: dict[str, Any] = {
        "event_action": action,
        "dedup_key": _dedup_key(event),
        "client": "claude-uptime",
        **({"client_url": page} if page else {}),
        "links": [{"href": page, "text": "What the monitor knows"}] if page else [],
        "payload": {
            "summary": clean(event.summary, SUMMARY_CHARS_MAX),
            "source": event.vantage,
            "severity": "warning",
            "timestamp": timestamp(event.at),
            "class": event.reason.value,
            "custom_details": {"title": said.title, "message": list(said.lines)},
        },
    }
    if event.incident is not None:
        document["payload"] |= _of_incident(event.incident)
        document["payload"]["custom_details"] |= _details(event.incident)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _dedup_key(event: Event) -> str:
    """What an alert is known by: the incident, or the vantage and what it is about."""
    own = event.incident.id if event.incident else f"{event.vantage}/{event.subject or ''}"
    return own[:DEDUP_KEY_CHARS_MAX]


def _of_incident(incident: Incident) -> dict[str, Any]:
    return {
        "severity": _SEVERITIES[incident.severity],
        "timestamp": timestamp(incident.started_at),
        "component": ", ".join(incident.names[:COMPONENTS_MAX]),
        "group": "claude",
        "class": incident.cause.value,
    }


def _details(incident: Incident) -> dict[str, Any]:
    evidence = incident.evidence
    return {
        "incident": incident.id,
        "components": {
            impact.component: impact.state.value for impact in incident.components[:COMPONENTS_MAX]
        },
        "reason": incident.reason.value,
        "started_at": timestamp(incident.started_at),
        "opened_at": timestamp(incident.opened_at),
        "runs": evidence.runs,
        "bad": evidence.bad,
        "by_outcome": {tally.name: tally.bad for tally in evidence.by_outcome if tally.bad},
    }


class PagerDutyNotifier:
    """Sends events to one service."""

    def __init__(self, spec: PagerDutySpec, context: NotifierContext) -> None:
        """ValueError when a file of certificates cannot be used."""
        self._name = spec.name
        self._key = spec.routing_key.reveal()
        self._poster = Poster(spec, spec.url, context, hide=(self._key,))

    @property
    def name(self) -> str:
        """Its name in the config."""
        return self._name

    async def send(self, delivery: Delivery) -> Result:
        """Post once, with the routing key."""
        event = {"routing_key": self._key, **json.loads(delivery.body)}
        whole = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        return await self._poster.post(whole, final=FINAL)


KIND = NotifierKind(
    name="pagerduty",
    spec=PagerDutySpec,
    build=PagerDutyNotifier,
    disabled=disabled,
    envelope=envelope,
)
