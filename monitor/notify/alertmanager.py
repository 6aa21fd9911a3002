"""Alertmanager, over its API v2: one alert for each component that an incident touches.

All alerts of an incident carry its id in the label `incident`: `group_by: [incident]` makes them
one message. An alert begins when the impact did, and ends when it did.

Alertmanager forgets: an alert that is not posted again ends by itself, and a restart empties its
memory. So every alert is posted with an end that lies ahead (`hold`), and posted again every
`repost` for as long as its incident is open: at once after a start of this daemon, too. What is
posted again is what was last delivered, so a notifier that was told of nothing repeats nothing.

Several instances are posted to each by itself, as Prometheus does, and one that takes it is enough:
another that missed an opening gets it with the next repeat, and one that missed a close lets the
alert end by itself when `hold` is over.

A severity that rises makes another alert, for the severity is a label: the one that fires so far is
resolved in the same post, and no other (`to_post`). Posts and repeats of one notifier wait for each
other, so that no repeat can overtake a close.

`monitor.blind` and `monitor.misconfigured` are alerts too, named `ClaudeUptimeNotice`; they end
after a day at most, and the first when the monitor sees again.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator
from pydantic_core.core_schema import ValidationInfo
from yarl import URL

from monitor.core.incident import Event, EventType, Impact, Incident, SeverityLevel, State
from monitor.delivery import Delivered, Delivery, GiveUp, Result, Retry
from monitor.notify._base import NotifierContext, NotifierKind, Wording, one_or_several
from monitor.notify._http import HttpNotifierSpec, Poster, check_url, has_authorization
from monitor.notify._message import timestamp
from monitor.notify._words import Words, plain, words
from monitor.spec import Duration, Secret

INCIDENT_ALERT = "ClaudeUptimeIncident"
NOTICE_ALERT = "ClaudeUptimeNotice"
NOTICE_HOLD = timedelta(days=1)
"""How long a notice is shown that nothing takes back."""

URLS_MAX = 8
LABELS_MAX = 16
COMPONENTS_MAX = 20
ROUTE = "api/v2/alerts"

FINAL = frozenset({400})
"""Answers that mean never: Alertmanager found the alerts malformed."""

_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_OWN_LABELS = frozenset({"alertname", "incident", "component", "severity", "vantage", "subject"})

Alert = dict[str, Any]


# ---------------------------------------------------------------- spec


def _usable(url: Secret, info: ValidationInfo) -> Secret:
    return check_url(url, info.data, "https://alertmanager.example.com")


def _label_names(labels: dict[str, str], *, taken: frozenset[str]) -> dict[str, str]:
    for name in labels:
        if not _LABEL.fullmatch(name):
            msg = "a label's name is made of letters, digits and underscores"
            raise ValueError(msg)
        if name in taken:
            msg = f"the label {name} is set by claude-uptime"
            raise ValueError(msg)
    return labels


Text = Annotated[str, Field(min_length=1, max_length=500)]


class AlertmanagerSpec(HttpNotifierSpec):
    """An Alertmanager, or several that share their state."""

    kind: Literal["alertmanager"]
    """Kind of notifier."""
    timeout: Duration = Field(default=10.0, gt=0, le=12)
    """How long one attempt may take, at most 12s."""
    urls: Annotated[
        tuple[Annotated[Secret, AfterValidator(_usable)], ...], BeforeValidator(one_or_several)
    ] = Field(default=(), max_length=URLS_MAX)
    """Every instance, with its path prefix if it has one; may hold user and password.

    Empty ones are left out; with none left the notifier is disabled."""
    bearer_token: Secret = Secret("")
    """Token for the Authorization header; empty for none."""
    hold: Duration = Field(default=300.0, ge=60, le=86_400)
    """How long an alert lasts that is not posted again, at least 1m."""
    repost: Duration = Field(default=30.0, ge=1)
    """How often open incidents are posted again; at most half of `hold`."""
    severities: dict[SeverityLevel, Text] = Field(default_factory=dict)
    """Values of the label `severity`; `critical: critical, major: warning, minor: ticket`."""
    labels: dict[str, Text] = Field(default_factory=dict, max_length=LABELS_MAX)
    """Labels to put on every alert."""
    annotations: dict[str, Text] = Field(default_factory=dict, max_length=LABELS_MAX)
    """Annotations to put on every alert: a `runbook_url`, for example."""

    @field_validator("bearer_token")
    @classmethod
    def _is_the_only_word(cls, token: Secret, info: ValidationInfo) -> Secret:
        urls: tuple[Secret, ...] = info.data.get("urls", ())
        users = any(URL(url.reveal()).raw_user is not None for url in urls if url)
        if token and (users or has_authorization(info.data)):
            msg = "there is a user in a url or an Authorization in headers: one is enough"
            raise ValueError(msg)
        if not (token.reveal().isascii() and token.reveal().isprintable()):
            msg = "a bearer token is printable ASCII"
            raise ValueError(msg)
        return token

    @field_validator("repost")
    @classmethod
    def _comes_before_the_end(cls, repost: float, info: ValidationInfo) -> float:
        if 2 * repost > info.data.get("hold", 2 * repost):
            msg = "must be at most half of hold: else one lost post resolves the alert"
            raise ValueError(msg)
        return repost

    @field_validator("labels")
    @classmethod
    def _are_labels(cls, labels: dict[str, str]) -> dict[str, str]:
        return _label_names(labels, taken=_OWN_LABELS)

    @field_validator("annotations")
    @classmethod
    def _are_annotations(cls, annotations: dict[str, str]) -> dict[str, str]:
        return _label_names(annotations, taken=frozenset({"summary", "description"}))

    @property
    def instances(self) -> tuple[Secret, ...]:
        """The URLs that are not empty: `${ALERTMANAGER_URL:-}` may be unset."""
        return tuple(url for url in self.urls if url)

    def severity(self, level: SeverityLevel) -> str:
        """The value of the label `severity`."""
        return self.severities.get(level) or _SEVERITIES[level]


_SEVERITIES = {
    SeverityLevel.CRITICAL: "critical",
    SeverityLevel.MAJOR: "warning",
    SeverityLevel.MINOR: "ticket",
}
"""The words of `deploy/prometheus/alerts.yaml`, so that one routing serves both."""


def disabled(spec: AlertmanagerSpec) -> str | None:
    """Why nothing is sent; None when it is."""
    if not spec.enabled:
        return "enabled is false"
    return None if spec.instances else "no urls: set ALERTMANAGER_URL"


# ---------------------------------------------------------------- what is said


def envelope(spec: AlertmanagerSpec, event: Event, wording: Wording) -> bytes | None:
    """The event as alerts. One without `endsAt` lasts: its end is put in when it is sent."""
    if event.type in (EventType.RECOVERING, EventType.REMINDER):
        return None  # the alert lasts on, and Alertmanager reminds by itself
    said = words(event, wording)
    if event.incident is None:
        alerts = [_notice(spec, event, said)]
    else:
        alerts = [
            _incident_alert(spec, event, event.incident, impact, said)
            for impact in event.incident.components[:COMPONENTS_MAX]
        ]
    return json.dumps(alerts, ensure_ascii=False, separators=(",", ":")).encode()


def _incident_alert(
    spec: AlertmanagerSpec, event: Event, incident: Incident, impact: Impact, said: Words
) -> Alert:
    """The alert on one component, over the whole of its impact whatever its state was meanwhile."""
    starts = min(impact.started_at or impact.since, impact.since, event.at)
    labels = {
        "alertname": INCIDENT_ALERT,
        "incident": incident.id,
        "component": impact.component,
        "vantage": incident.vantage,
        "severity": spec.severity(incident.severity),
    }
    ends: datetime | None = None
    if event.type is EventType.CLOSED:
        over = impact.recovered_at or incident.recovered_at or incident.closed_at or event.at
        ends = max(starts, over)
    elif impact.state is State.OPERATIONAL:
        ends = max(starts, impact.recovered_at or event.at)
    alert = _alert(spec, labels, starts, ends)
    alert["annotations"] |= _annotations(event, said) | {"state": impact.state.value}
    if said.link:
        alert["generatorURL"] = said.link
    return alert


def _notice(spec: AlertmanagerSpec, event: Event, said: Words) -> Alert:
    """What the monitor says about itself; `monitor.sighted` ends what `monitor.blind` began."""
    ends = event.at if event.type is EventType.SIGHTED else event.at + NOTICE_HOLD
    labels = {
        "alertname": NOTICE_ALERT,
        "subject": event.subject or "monitor",
        "severity": spec.severity(SeverityLevel.MAJOR),
        "vantage": event.vantage,
    }
    alert = _alert(spec, labels, event.at, ends)
    alert["annotations"] |= _annotations(event, said)
    if said.link:
        alert["generatorURL"] = said.link
    return alert


def _alert(
    spec: AlertmanagerSpec, labels: Mapping[str, str], starts: datetime, ends: datetime | None
) -> Alert:
    alert: Alert = {
        "labels": {**spec.labels, **labels},
        "annotations": dict(spec.annotations),
        "startsAt": timestamp(starts),
    }
    return alert if ends is None else {**alert, "endsAt": timestamp(ends)}


def _annotations(event: Event, said: Words) -> dict[str, str]:
    """Words that a chat may show as they are: Alertmanager's templates escape nothing."""
    return {"summary": plain(event.summary), "description": said.text}


# ---------------------------------------------------------------- what has been said before


def to_post(alerts: Sequence[Alert], arrived: Sequence[bytes], at: datetime) -> list[Alert]:
    """The alerts of an incident as they are posted, by what its receiver has taken of it before.

    Alertmanager tells of an end that it was never told the begin of: such an alert rides along as
    resolved with any that fires in its group. So only what fires there is ended, and all of it that
    does not fire on: a severity that rises makes another alert, whose milder one is over.
    The earliest start of a component stays, as Alertmanager itself keeps it for the same labels.

    Args:
        alerts: those of the event.
        arrived: the earlier bodies that were taken, oldest first.
        at: when the event was decided: the end of what is over without an end of its own.
    """
    bodies: list[list[Alert]] = [json.loads(body) for body in arrived]
    before = {_key(each): each for each in (bodies[-1] if bodies else ()) if "endsAt" not in each}
    starts: dict[str, str] = {}
    for alert in (*(each for body in bodies for each in body), *alerts):
        component = alert["labels"].get("component", "")
        starts[component] = min(starts.get(component, alert["startsAt"]), alert["startsAt"])
    ends = {each["labels"].get("component", ""): each.get("endsAt") for each in alerts}
    kept = [each for each in alerts if "endsAt" not in each or _key(each) in before]
    over = [
        {**each, "endsAt": ends.get(component) or timestamp(at)}
        for key, each in before.items()
        if key not in {_key(one) for one in kept}
        for component in (each["labels"].get("component", ""),)
    ]
    return [
        {**each, "startsAt": starts[each["labels"].get("component", "")]} for each in (*over, *kept)
    ]


def _key(alert: Alert) -> frozenset[tuple[str, str]]:
    """What makes it the same alert: its labels."""
    return frozenset(alert["labels"].items())


# ---------------------------------------------------------------- sending


class AlertmanagerNotifier:
    """Posts alerts to every instance."""

    def __init__(self, spec: AlertmanagerSpec, context: NotifierContext) -> None:
        """ValueError when a file of certificates cannot be used."""
        self.refresh_seconds = spec.repost
        self._name = spec.name
        self._clock = context.clock
        self._hold = timedelta(seconds=spec.hold)
        token = spec.bearer_token.reveal()
        self._posters = tuple(
            Poster(
                spec,
                _route(url),
                context,
                headers={"authorization": f"Bearer {token}"} if token else None,
                hide=(token,) if token else (),
            )
            for url in spec.instances
        )
        self._turn = asyncio.Lock()

    @property
    def name(self) -> str:
        """Its name in the config."""
        return self._name

    async def send(self, delivery: Delivery) -> Result:
        """Post once to each instance; delivered when one of them takes it."""
        async with self._turn:
            alerts = json.loads(delivery.body)
            if delivery.incident_id is not None:
                alerts = to_post(alerts, await delivery.arrived(), delivery.created_at)
            if not alerts:
                return Delivered(detail="nothing of it fires there: nothing to resolve")
            return await self._post(alerts)

    async def refresh(self, told: Callable[[], Awaitable[Sequence[bytes]]]) -> Result:
        """Post again what lasts of the bodies that `told` gives.

        They are asked for when no post is under way, so they are what is in force at that moment.
        """
        async with self._turn:
            bodies = await told()
            lasting = [
                alert for body in bodies for alert in json.loads(body) if "endsAt" not in alert
            ]
            return await self._post(lasting) if lasting else Delivered(detail="nothing is open")

    async def _post(self, alerts: Sequence[Alert]) -> Result:
        """Post to all at once."""
        ends = timestamp(self._clock.now() + self._hold)
        whole = [{"endsAt": ends, **alert} for alert in alerts]
        body = json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()
        async with asyncio.TaskGroup() as group:
            posts = [group.create_task(each.post(body, final=FINAL)) for each in self._posters]
        return joined([post.result() for post in posts])


def joined(results: Sequence[Result]) -> Result:
    """What becomes of a delivery to several instances: one that took it is enough."""
    taken = [each for each in results if isinstance(each, Delivered)]
    if taken:
        return Delivered(detail=f"taken by {len(taken)} of {len(results)}")
    retries = [each for each in results if isinstance(each, Retry)]
    if retries:
        waits = [each.after for each in retries if each.after is not None]
        return Retry(reason=retries[0].reason, after=min(waits, default=None))
    return next(each for each in results if isinstance(each, GiveUp))


def _route(url: Secret) -> Secret:
    """The address of the API below `url`, which may have a path prefix."""
    base = URL(url.reveal())
    return Secret(str(base.with_path(f"{base.path.rstrip('/')}/{ROUTE}")))


KIND = NotifierKind(
    name="alertmanager",
    spec=AlertmanagerSpec,
    build=AlertmanagerNotifier,
    disabled=disabled,
    envelope=envelope,
)
