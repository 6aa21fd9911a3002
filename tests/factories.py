"""Valid values by default, one argument for each point that a test is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from monitor.core.effects import (
    ComponentView,
    DepthView,
    Judged,
    NetworkView,
    ProbeView,
    StatusView,
)
from monitor.core.incident import (
    Event,
    EventType,
    Evidence,
    Impact,
    Incident,
    IncidentPhase,
    Reason,
    Sample,
    SeverityLevel,
    State,
    Tally,
    event_id,
    incident_id,
)
from monitor.core.observation import (
    Answer,
    Failure,
    Observation,
    Origin,
    Phase,
    Timings,
    TransportError,
)
from monitor.core.outcome import Depth, Outcome, Verdict
from monitor.core.plan import ComponentPlan, ControlPlan, Plan, ProbePlan
from monitor.delivery import Delivery

NOON = datetime(2026, 4, 28, 12, 0, tzinfo=UTC)
"""The moment at which every default value stands."""

TITLES = {
    "claude_ai": "claude.ai",
    "console": "Claude Console",
    "api": "Claude API",
    "claude_code": "Claude Code",
    "cowork": "Claude Cowork",
    "government": "Claude for Government",
}

_PROBES: tuple[tuple[str, str, Depth, tuple[str, ...], str | None], ...] = (
    ("api_hello", "http", Depth.EDGE, ("api", "claude_code"), None),
    ("platform_hello", "http", Depth.EDGE, ("console", "claude_code", "claude_ai"), None),
    ("api_gate", "claude_json", Depth.GATEWAY, ("api", "claude_code"), None),
    ("claude_ai_page", "http", Depth.EDGE, ("claude_ai", "cowork"), None),
    ("console_page", "http", Depth.EDGE, ("console",), None),
    ("code_release", "http", Depth.EDGE, ("claude_code",), None),
    ("cowork_release", "http", Depth.EDGE, ("cowork",), None),
    ("cowork_page", "http", Depth.EDGE, ("cowork",), None),
    ("government_page", "http", Depth.EDGE, ("government",), None),
    ("government_hello", "http", Depth.EDGE, ("government",), None),
    ("government_oauth_hello", "http", Depth.EDGE, ("government",), None),
    ("api_models", "claude_json", Depth.KEY, ("api", "claude_code", "console"), None),
    ("api_count_tokens", "claude_json", Depth.KEY, ("api",), "claude-haiku-5-5"),
    ("api_message_haiku", "claude_json", Depth.INFERENCE, ("api",), "claude-haiku-5-5"),
    ("api_message_sonnet", "claude_json", Depth.INFERENCE, ("api",), "claude-sonnet-5"),
)


def a_probe(name: str = "api_hello", **changes: object) -> ProbePlan:
    """A keyless hello probe of the API."""
    values: dict[str, object] = {
        "name": name,
        "kind": "http",
        "depth": Depth.EDGE,
        "components": ("api",),
        "interval": 30.0,
    }
    return ProbePlan(**{**values, **changes})  # type: ignore[arg-type]  # a test's own values


def a_plan(*, vantage: str = "local", keyed: bool = True) -> Plan:
    """A plan of the default size: six components, fifteen probes, two controls.

    Without a key (`keyed=False`) the probes that need one are disabled, as in a first run.
    """
    probes = tuple(
        ProbePlan(
            name=name,
            kind=kind,
            depth=depth,
            components=components,
            interval=60.0 if depth.level else 30.0,
            model=model,
            credential_name="main" if depth.level > 1 else None,
            paid=depth is Depth.INFERENCE,
            disabled="credential main is empty" if depth.level > 1 and not keyed else None,
        )
        for name, kind, depth, components, model in _PROBES
    )
    return Plan(
        vantage=vantage,
        components=tuple(ComponentPlan(name=name, title=title) for name, title in TITLES.items()),
        probes=probes,
        controls=(
            ControlPlan(name="control_a", url="https://control-a.example/"),
            ControlPlan(name="control_b", url="https://control-b.example/"),
        ),
    )


def an_answer(status: int = 200, **changes: object) -> Answer:
    """A healthy JSON answer of the vendor."""
    values: dict[str, object] = {
        "status": status,
        "content_type": "application/json",
        "is_json": True,
        "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy",
        "cf_ray": "9e2f1a2b3c4d5e6f-FRA",
        "vendor": True,
        "body_bytes": 20,
    }
    return Answer(**{**values, **changes})  # type: ignore[arg-type]  # a test's own values


def an_observation(
    probe: str = "api_hello", *, seconds: float = 0.25, **changes: object
) -> Observation:
    """A run of `seconds` that got a healthy answer at noon."""
    values: dict[str, object] = {
        "run_id": f"local-{probe}-1",
        "probe": probe,
        "at": NOON,
        "started": 1000.0,
        "ended": 1000.0 + seconds,
        "timings": Timings(
            total=seconds,
            dns=seconds * 0.05,
            connect=seconds * 0.15,
            tls=seconds * 0.2,
            request=seconds * 0.01,
            first_byte=seconds * 0.5,
            transfer=seconds * 0.09,
        ),
        "origin": Origin.SCHEDULED,
        "answer": an_answer(),
    }
    return Observation(**{**values, **changes})  # type: ignore[arg-type]  # a test's own values


def a_timed_out_observation(probe: str = "api_hello", **changes: object) -> Observation:
    """A run that never got an answer: ten seconds, no first byte."""
    values: dict[str, object] = {
        "seconds": 10.0,
        "answer": None,
        "timings": Timings(total=10.0, dns=0.01, connect=0.02),
        "error": TransportError(
            kind=Failure.TIMEOUT, phase=Phase.FIRST_BYTE, message="no answer after 10 s"
        ),
    }
    return an_observation(probe, **{**values, **changes})  # type: ignore[arg-type]  # as above


def a_verdict(
    outcome: Outcome = Outcome.OK,
    reason: str = "every expectation was met",
    *,
    answered: bool = True,
) -> Verdict:
    """A verdict; good unless told otherwise."""
    return Verdict(outcome=outcome, reason=reason, answered=answered)


def a_judged(probe: str = "api_hello", outcome: Outcome = Outcome.OK, **changes: object) -> Judged:
    """A run and its verdict."""
    observation = an_observation(probe, **changes)  # type: ignore[arg-type]  # a test's own values
    return Judged(observation=observation, verdict=a_verdict(outcome))


def an_evidence(**changes: object) -> Evidence:
    """Twelve runs in a minute, nine of them bad."""
    values: dict[str, object] = {
        "runs": 12,
        "bad": 9,
        "error_ratio": 0.75,
        "window_seconds": 60.0,
        "by_outcome": (
            Tally(name="auth_error", runs=9, bad=9),
            Tally(name="ok", runs=3, bad=0),
        ),
        "by_depth": (Tally(name="key", runs=12, bad=9),),
        "by_probe": (
            Tally(name="api_models", runs=6, bad=5),
            Tally(name="api_count_tokens", runs=6, bad=4),
        ),
        "samples": (
            Sample(
                probe="api_models",
                at=NOON - timedelta(minutes=10),
                outcome=Outcome.AUTH_ERROR,
                reason="401 authentication_error to a key that worked before",
                request_id="req_011CSHoEeqs5C35K2UUqR7Fy",
                cf_ray="9e2f1a2b3c4d5e6f-FRA",
            ),
        ),
    }
    return Evidence(**{**values, **changes})  # type: ignore[arg-type]  # a test's own values


def an_incident(*components: str, opened_at: datetime | None = None, **changes: object) -> Incident:
    """An open incident of the API, decided nine minutes ago."""
    names = components or ("api",)
    opened = opened_at or NOON - timedelta(minutes=9)
    started = opened - timedelta(seconds=50)
    values: dict[str, object] = {
        "id": incident_id("local", opened, names[0]),
        "vantage": "local",
        "phase": IncidentPhase.OPEN,
        "severity": SeverityLevel.MAJOR,
        "cause": Outcome.AUTH_ERROR,
        "depth": Depth.KEY,
        "deepest_good": Depth.GATEWAY,
        "reason": Reason.FAST,
        "explanation": "9 of 12 runs of the key pool failed in 60 s (75 %, limit 33 %)",
        "components": tuple(
            Impact(component=name, state=State.PARTIAL_OUTAGE, since=started) for name in names
        ),
        "started_at": started,
        "opened_at": opened,
        "evidence": an_evidence(),
    }
    return Incident(**{**values, **changes})  # type: ignore[arg-type]  # a test's own values


def an_event(
    kind: EventType = EventType.OPENED, incident: Incident | None = None, **changes: object
) -> Event:
    """An announcement about `incident` (an open one of the API when not given)."""
    subject = incident or an_incident()
    values: dict[str, object] = {
        "id": event_id(subject.id, subject.sequence),
        "type": kind,
        "at": subject.opened_at,
        "vantage": subject.vantage,
        "summary": "Claude API: partial outage, valid keys are refused",
        "reason": subject.reason,
        "incident": subject,
    }
    return Event(**{**values, **changes})  # type: ignore[arg-type]  # a test's own values


def a_delivery(notifier: str = "oncall", **changes: object) -> Delivery:
    """An opening on its way, at its first attempt."""
    values: dict[str, object] = {
        "id": 1,
        "event_id": "local-1-1",
        "type": "incident.opened",
        "incident_id": "local-1",
        "notifier": notifier,
        "body": b"{}",
        "attempts": 0,
        "created_at": NOON,
    }
    return Delivery(**{**values, **changes})  # type: ignore[arg-type]  # a test's own values


def a_component_view(
    name: str = "api", state: State = State.OPERATIONAL, **changes: object
) -> ComponentView:
    """A component with one row of evidence."""
    bad = {State.PARTIAL_OUTAGE: 9, State.MAJOR_OUTAGE: 12}.get(state, 0)
    runs = 0 if state is State.UNKNOWN else 12
    values: dict[str, object] = {
        "name": name,
        "title": TITLES.get(name, name),
        "state": state,
        "since": NOON - timedelta(hours=3, minutes=12),
        "reason": "all probes answer" if not bad else f"{bad} of {runs} runs failed in 5 min",
        "error_ratio": bad / runs if runs else None,
        "deciding_depth": Depth.EDGE if runs else None,
        "depths": (DepthView(depth=Depth.EDGE, state=state, probes=2, runs=runs, bad=bad),),
        "suspect": False,
        "incident_id": None,
    }
    return ComponentView(**{**values, **changes})  # type: ignore[arg-type]  # a test's own values


def a_status_view(plan: Plan | None = None, **changes: object) -> StatusView:
    """Everything is well: each component operational, each enabled probe just ran."""
    whole = plan or a_plan()
    values: dict[str, object] = {
        "at": NOON,
        "vantage": whole.vantage,
        "components": tuple(a_component_view(component.name) for component in whole.components),
        "probes": tuple(
            ProbeView(
                name=probe.name,
                proven=probe.enabled,
                last=a_judged(probe.name, at=NOON - timedelta(seconds=7))
                if probe.enabled
                else None,
            )
            for probe in whole.probes
        ),
        "network": NetworkView(
            up=True,
            guard_active=True,
            targets=tuple((control.name, True, True) for control in whole.controls),
        ),
        "open_incidents": (),
    }
    return StatusView(**{**values, **changes})  # type: ignore[arg-type]  # a test's own values
