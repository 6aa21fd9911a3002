"""Open incidents on record that nobody remembers: the memory is lost, or the component is gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from monitor.core.case import Case, Member
from monitor.core.incident import Impact, Incident, IncidentPhase, State
from monitor.core.moment import Moment
from monitor.core.standing import Stage, Standing


def case_of(incident: Incident, now: Moment) -> Case:
    """The case of an incident on record: open, so that it must recover anew.

    It began when the incident's impact did, by the wall clock. Its runs are counted from now on.
    """
    onset = _mono(incident.started_at, now)
    suspect = incident.phase is IncidentPhase.SUSPECT
    phase = IncidentPhase.SUSPECT if suspect else IncidentPhase.OPEN
    members = (_member(impact, incident, onset) for impact in incident.components)
    return Case(
        incident=replace(incident, phase=phase, recovered_at=None),
        members={member.component: member for member in members},
        onset=now.mono,
        joined=onset,
        suspected=now.mono if suspect else None,
        told=tuple(i.component for i in incident.components if i.state is not State.OPERATIONAL),
        told_severity=incident.severity,
        told_model=incident.model,
        told_depth=incident.depth,
        recovery_told=incident.phase is IncidentPhase.RECOVERING,
    )


def _member(impact: Impact, incident: Incident, onset: float) -> Member:
    well = impact.state is State.OPERATIONAL
    return Member(
        component=impact.component,
        stage=Stage.CALM if well else Stage.OPEN,
        state=impact.state,
        since=impact.since,
        worst=impact.worst or impact.state,
        joined_at=impact.joined_at or incident.opened_at,
        depth=incident.depth,
        deepest_good=incident.deepest_good,
        family=incident.model,
        cause=impact.cause,
        onset=onset,
    )


def standing_of(member: Member, incident: Incident) -> Standing:
    """Where a component stands that has this member: open, so that it must recover anew."""
    return Standing(
        stage=Stage.OPEN,
        depth=member.depth,
        family=member.family,
        state=member.state,
        onset=member.onset,
        opened=member.onset,
        relapsed=incident.phase is IncidentPhase.RECOVERING,
    )


def _mono(at: datetime, now: Moment) -> float:
    return now.mono - max(0.0, (now.wall - at).total_seconds())
