"""Test events, marked as such, over the senders that the daemon uses; no outbox, no daemon.

An open and its close, so that nothing stays open at the receiver and the way back is tried too.
Ids begin with `test-`, sentences with `TEST`, and the component is called `test`: receivers that
act by themselves can tell.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from monitor.app.build import Configured, configured, notifiers, wording
from monitor.clock import Clock
from monitor.config.problems import did_you_mean
from monitor.config.schema import Config
from monitor.core.incident import (
    Event,
    EventType,
    Evidence,
    Impact,
    Incident,
    IncidentPhase,
    Reason,
    SeverityLevel,
    State,
    event_id,
)
from monitor.core.outcome import Depth, Outcome
from monitor.delivery import Delivered, Delivery, Notifier, Result, Retry, notifier_of
from monitor.probes import LookupThreads
from monitor.refusal import Refusal
from monitor.spec import format_duration

SEND_TIMEOUT = 30.0
"""Seconds for one attempt, as the courier has it."""

TEST_COMPONENT = "test"
TEST_TITLE = "TEST (nothing is wrong)"

_STATES = {
    SeverityLevel.MINOR: State.DEGRADED_PERFORMANCE,
    SeverityLevel.MAJOR: State.PARTIAL_OUTAGE,
    SeverityLevel.CRITICAL: State.MAJOR_OUTAGE,
}


class TrialError(Refusal):
    """There is nobody to try; its text is one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What became of one test event at one notifier."""

    notifier: str
    kind: str
    type: EventType
    result: Result


def trial_events(
    config: Config, now: datetime, severity: SeverityLevel, *, leave_open: bool = False
) -> tuple[Event, ...]:
    """An open of a component that does not exist, and its close unless `leave_open`."""
    incident = Incident(
        id=f"test-{config.vantage}-{now:%Y%m%d-%H%M%S}",
        vantage=config.vantage,
        phase=IncidentPhase.OPEN,
        severity=severity,
        cause=Outcome.SERVER_ERROR,
        depth=Depth.EDGE,
        deepest_good=None,
        reason=Reason.OPERATOR,
        explanation="TEST: somebody ran claude-uptime notify test",
        components=(Impact(component=TEST_COMPONENT, state=_STATES[severity], since=now),),
        started_at=now,
        opened_at=now,
        evidence=Evidence(runs=0, bad=0, error_ratio=0.0, window_seconds=60.0),
    )
    closed = replace(
        incident, phase=IncidentPhase.CLOSED, recovered_at=now, closed_at=now, sequence=2
    )
    opened = _event(EventType.OPENED, incident, now, "TEST, nothing is wrong: an incident opens.")
    over = _event(EventType.CLOSED, closed, now, "TEST, nothing was wrong: the incident closes.")
    return (opened,) if leave_open else (opened, over)


def _event(kind: EventType, incident: Incident, now: datetime, summary: str) -> Event:
    return Event(
        id=event_id(incident.id, incident.sequence),
        type=kind,
        at=now,
        vantage=incident.vantage,
        summary=summary,
        reason=incident.reason,
        incident=incident,
    )


def wanted(config: Config, name: str | None) -> tuple[Configured, ...]:
    """The enabled notifiers, or the one called `name`.

    Raises:
        TrialError: there is none, or it is disabled.
    """
    every = configured(config)
    names = [spec.name for _, spec in every]
    if name is not None and name not in names:
        msg = f"no notifier is called {name}{did_you_mean(name, names)}"
        raise TrialError(msg)
    asked = [(kind, spec) for kind, spec in every if name in (None, spec.name)]
    enabled = tuple((kind, spec) for kind, spec in asked if kind.disabled(spec) is None)
    if not enabled:
        why = "; ".join(f"{spec.name} is disabled: {kind.disabled(spec)}" for kind, spec in asked)
        raise TrialError(why or "the configuration has no notifiers")
    return enabled


async def try_notifiers(
    config: Config, chosen: Sequence[Configured], events: Sequence[Event], clock: Clock
) -> list[Trial]:
    """Send `events` to each of `chosen`, in order; the notifiers side by side.

    Raises:
        TrialError: a file that the configuration names cannot be used.
    """
    lookups = LookupThreads(max(1, len(chosen)))
    try:
        senders = notifiers(config, clock, lookups)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_try(one, sender, config, events, clock))
                for one in chosen
                for sender in senders
                if notifier_of(sender.name) == one[1].name
            ]
    except ValueError as error:
        raise TrialError(str(error)) from None
    finally:
        lookups.shutdown(wait=False)
    return [trial for task in tasks for trial in task.result()]


async def _try(
    one: Configured, sender: Notifier, config: Config, events: Sequence[Event], clock: Clock
) -> list[Trial]:
    kind, spec = one
    said = wording(config)
    said = replace(said, titles={**said.titles, TEST_COMPONENT: TEST_TITLE})
    trials: list[Trial] = []
    arrived: list[bytes] = []

    async def earlier() -> list[bytes]:
        return list(arrived)

    for event in events:
        body = kind.envelope(spec, event, said)
        if body is None:
            continue
        delivery = Delivery(
            id=0,
            event_id=event.id,
            type=event.type.value,
            incident_id=event.incident.id if event.incident else None,
            notifier=sender.name,
            body=body,
            attempts=0,
            created_at=event.at,
            arrived=earlier,
        )
        result = await _send(sender, delivery, clock)
        trials.append(Trial(notifier=sender.name, kind=kind.name, type=event.type, result=result))
        if not isinstance(result, Delivered):
            break
        arrived.append(body)
    return trials


async def _send(sender: Notifier, delivery: Delivery, clock: Clock) -> Result:
    """One attempt, bounded. A bug in one kind is told by its name: its text may hold a URL."""
    try:
        async with clock.timeout(SEND_TIMEOUT):
            return await sender.send(delivery)
    except TimeoutError:
        return Retry(reason=f"not sent within {format_duration(SEND_TIMEOUT)}")
    except Exception as error:  # noqa: BLE001  # the others are still to be tried
        return Retry(reason=f"the notifier failed: {type(error).__name__}")
