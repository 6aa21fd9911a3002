"""Open incidents on record that nobody remembers: the memory is lost, or the component is gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from monitor.core.effects import Announce
from monitor.core.incident import (
    Event,
    EventType,
    Incident,
    IncidentPhase,
    Reason,
    event_id,
)
from monitor.core.moment import Moment
from monitor.core.standing import Stage, Standing


def adopted(incident: Incident, now: Moment) -> Standing:
    """Where a component stands that has this incident: open, so that it must recover anew.

    It began when the incident's impact did, by the wall clock.
    """
    return Standing(
        stage=Stage.OPEN,
        incident=replace(incident, phase=IncidentPhase.OPEN, recovered_at=None),
        depth=incident.depth,
        state=incident.components[0].state,
        onset=now.mono - max(0.0, (now.wall - incident.started_at).total_seconds()),
        relapsed=incident.phase is IncidentPhase.RECOVERING,
        told=incident.phase is IncidentPhase.RECOVERING,
    )


def closed_without_evidence(
    incident: Incident, describe: Callable[[EventType, Incident], str], now: Moment
) -> Announce:
    """The close of an incident whose component is not watched any more."""
    closed = replace(
        incident,
        phase=IncidentPhase.CLOSED,
        reason=Reason.EVIDENCE_GONE,
        explanation="its component is not in the configuration any more",
        closed_at=now.wall,
        sequence=incident.sequence + 1,
    )
    return Announce(
        event=Event(
            id=event_id(closed.id, closed.sequence),
            type=EventType.CLOSED,
            at=now.wall,
            vantage=closed.vantage,
            summary=describe(EventType.CLOSED, closed),
            reason=closed.reason,
            incident=closed,
        )
    )
