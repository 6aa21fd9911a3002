"""Incidents and the events that tell of them: frozen, complete, nothing to look up.

An incident is never changed, only replaced by its next version. Its id is made of vantage, time and
first component, so that a replay of the same runs gives the same ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from monitor.core.outcome import Depth, Outcome


class State(StrEnum):
    """The state of a component (Statuspage's words, and `unknown`)."""

    OPERATIONAL = "operational"
    DEGRADED_PERFORMANCE = "degraded_performance"
    PARTIAL_OUTAGE = "partial_outage"
    MAJOR_OUTAGE = "major_outage"
    UNDER_MAINTENANCE = "under_maintenance"
    UNKNOWN = "unknown"


class SeverityLevel(StrEnum):
    """How bad an incident is: the worst it has been."""

    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


class IncidentPhase(StrEnum):
    """Where an incident stands.

    A suspect rests on runs that never reached the vendor and has not been announced; it opens or is
    withdrawn, without a word.
    """

    SUSPECT = "suspect"
    OPEN = "open"
    RECOVERING = "recovering"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


class Reason(StrEnum):
    """Why a decision was taken: a closed list, carried unchanged into log, metric and message."""

    FAST = "fast"
    SOLO = "solo"
    SLOW = "slow"
    LATENCY = "latency"
    CONFIRMED = "confirmed"
    NOT_CONFIRMED = "not_confirmed"
    GOOD_STREAK = "good_streak"
    RELAPSE = "relapse"
    CLEAN_WINDOW = "clean_window"
    SEVERITY_CHANGED = "severity_changed"
    COMPONENT_JOINED = "component_joined"
    COMPONENT_LEFT = "component_left"
    WIDENED = "widened"
    FLAPPING = "flapping"
    EVIDENCE_GONE = "evidence_gone"
    OPERATOR = "operator"
    REMINDER = "reminder"
    CONTROLS_FAILED = "controls_failed"
    NOTHING_ANSWERS = "nothing_answers"
    NETWORK_BACK = "network_back"
    CREDENTIAL_REJECTED = "credential_rejected"
    CLIENT_ERROR = "client_error"
    UNPROVEN = "unproven"
    GUARD_OFF = "guard_off"
    BUDGET_SPENT = "budget_spent"
    MODEL_RETIRES = "model_retires"
    MODEL_RETIRED = "model_retired"
    MODEL_NOT_LISTED = "model_not_listed"
    DELIVERY_FAILED = "delivery_failed"
    MONITOR_ERROR = "monitor_error"


class EventType(StrEnum):
    """What is announced."""

    OPENED = "incident.opened"
    UPDATED = "incident.updated"
    RECOVERING = "incident.recovering"
    CLOSED = "incident.closed"
    REOPENED = "incident.reopened"
    REMINDER = "incident.reminder"
    BLIND = "monitor.blind"
    SIGHTED = "monitor.sighted"
    MISCONFIGURED = "monitor.misconfigured"


class Happening(StrEnum):
    """What happened to an incident, announced or not."""

    SUSPECTED = "suspected"
    OPENED = "opened"
    JOINED = "joined"
    LEFT = "left"
    CHANGED = "changed"
    WIDENED = "widened"
    RECOVERING = "recovering"
    RELAPSED = "relapsed"
    FLAPPING = "flapping"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"
    REOPENED = "reopened"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One line of an incident's story.

    Attributes:
        at: when it was decided.
        what: what happened.
        reason: why, from the closed list.
        sentence: that reason with its counters, to recompute it by hand.
        component: whom it is about; None for the incident as a whole.
    """

    at: datetime
    what: Happening
    reason: Reason
    sentence: str
    component: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """One component as an incident touches it.

    Attributes:
        component: its name.
        state: how it is now; operational once it is well again.
        since: since when it has been so.
        worst: the worst that it was.
        joined_at: when it was decided that it is touched; None where that was not recorded.
        cause: the commonest bad outcome of its own runs; None where that was not recorded.
        started_at: estimated start of its impact, of the first one where it came back; None where
            that was not recorded.
        recovered_at: estimated end of its impact; None while it lasts.
    """

    component: str
    state: State
    since: datetime
    worst: State | None = None
    joined_at: datetime | None = None
    cause: Outcome | None = None
    started_at: datetime | None = None
    recovered_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Runs and bad runs under one name (an outcome, a depth or a probe)."""

    name: str
    runs: int
    bad: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run shown as evidence."""

    probe: str
    at: datetime
    outcome: Outcome
    reason: str
    request_id: str | None = None
    cf_ray: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a decision rests on: counts over the deciding window, and a few runs."""

    runs: int
    bad: int
    error_ratio: float
    window_seconds: float
    by_outcome: tuple[Tally, ...] = ()
    by_depth: tuple[Tally, ...] = ()
    by_probe: tuple[Tally, ...] = ()
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Between which two moments an estimated one lies, at about 95 %."""

    earliest: datetime
    latest: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderNote:
    """What the vendor's own page says beside an incident of ours. Never evidence.

    Attributes:
        indicator: the page's overall word: `none`, `minor`, `major`, `critical`, `maintenance`.
        incident_url: the page of the vendor's incident that fits ours, if there is one.
        posted_at: when the vendor's first word on it was posted.
        lead_seconds: from our opening to that post; negative when the vendor spoke first.
    """

    indicator: str | None = None
    incident_url: str | None = None
    posted_at: datetime | None = None
    lead_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Another route to a model and how it stands: what a failover may go to."""

    name: str
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """What opens and closes.

    Attributes:
        id: stable; the same over re-opens.
        vantage: the place that saw it.
        phase: open, recovering or closed.
        severity: the worst so far.
        cause: the commonest bad outcome.
        depth: the pool that decided; `deepest_good` is the deepest depth that still works.
        reason: the rule of the last decision.
        explanation: that rule's sentence with its counters, to recompute it by hand.
        components: what it touches, with state and since when.
        started_at: estimated start of the impact.
        opened_at: when it was decided that it is one.
        recovered_at: estimated end of the impact, or None while it lasts.
        closed_at: when it was decided that it is over, or None.
        reopens: how often it came back within the time to re-open.
        sequence: number of its last event, from 1.
        evidence: counts and samples of the last decision.
        started_between: how sure `started_at` is; None where nothing was estimated.
        recovered_between: the same of `recovered_at`.
        provider: what the vendor's page says meanwhile; None while it has not been read.
        alternatives: other routes to a model, as they stood.
        flapping: it keeps coming back; that is told once, not each time.
        model: the one family of models that is dead, while all others are well.
        asked: the one family of models of which anything is known, where that is no more.
        timeline: its story, announced or not; the beginning and the newest are kept.
    """

    id: str
    vantage: str
    phase: IncidentPhase
    severity: SeverityLevel
    cause: Outcome
    depth: Depth
    deepest_good: Depth | None
    reason: Reason
    explanation: str
    components: tuple[Impact, ...]
    started_at: datetime
    opened_at: datetime
    recovered_at: datetime | None = None
    closed_at: datetime | None = None
    reopens: int = 0
    sequence: int = 1
    evidence: Evidence
    started_between: Interval | None = None
    recovered_between: Interval | None = None
    provider: ProviderNote | None = None
    alternatives: tuple[Alternative, ...] = ()
    flapping: bool = False
    model: str | None = None
    asked: str | None = None
    timeline: tuple[Note, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The components it touches."""
        return tuple(impact.component for impact in self.components)

    @property
    def is_open(self) -> bool:
        """Whether it lasts, announced or not."""
        return self.phase not in (IncidentPhase.CLOSED, IncidentPhase.WITHDRAWN)

    @property
    def is_announced(self) -> bool:
        """Whether anybody was told of it."""
        return self.phase not in (IncidentPhase.SUSPECT, IncidentPhase.WITHDRAWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One announcement. `id` is stable and becomes the webhook's id.

    Attributes:
        id: unique and repeatable.
        type: what is announced.
        at: wall time of the decision, UTC.
        vantage: the place that decided.
        summary: one sentence for a tired reader.
        reason: why, from the closed list.
        incident: the incident's version at that moment, for `incident.*`.
        subject: what a `monitor.*` event is about: `network`, `credential/main`, `probe/NAME`,
            `notifier/NAME`, `budget`.
        detail: what to check, for `monitor.*`.
    """

    id: str
    type: EventType
    at: datetime
    vantage: str
    summary: str
    reason: Reason
    incident: Incident | None = None
    subject: str | None = None
    detail: str = ""


TIMELINE_FIRST = 15
TIMELINE_LAST = 35


def noted(timeline: tuple[Note, ...], note: Note) -> tuple[Note, ...]:
    """The story with one more line; of a long one the beginning and the newest lines are kept."""
    longer = (*timeline, note)
    if len(longer) <= TIMELINE_FIRST + TIMELINE_LAST:
        return longer
    return longer[:TIMELINE_FIRST] + longer[-TIMELINE_LAST:]


def incident_id(vantage: str, opened_at: datetime, component: str) -> str:
    """A readable, repeatable id: `local-20260428-173412-api`."""
    return f"{vantage}-{opened_at:%Y%m%d-%H%M%S}-{component}"


def event_id(incident: str, sequence: int) -> str:
    """The id of an incident's event: stable over retries, restarts and replays.

    It becomes the webhook's id, in which Standard Webhooks wants no full stop.
    """
    return f"{incident}-{sequence}"
