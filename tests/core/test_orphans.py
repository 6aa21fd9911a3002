from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from monitor.clock import VirtualClock
from monitor.core.effects import Announce, SetCadence
from monitor.core.engine import Engine
from monitor.core.incident import EventType, Impact, IncidentPhase, Reason, State
from monitor.core.moment import Moment
from monitor.core.plan import ComponentPlan, Plan
from monitor.core.policy import Policy
from tests.factories import a_probe, an_incident

START = VirtualClock().now()
NOW = Moment(mono=5000.0, wall=START)
OPEN = an_incident(
    id="local-20260428-165000-api",
    phase=IncidentPhase.OPEN,
    components=(Impact(component="api", state=State.MAJOR_OUTAGE, since=START),),
    started_at=START - timedelta(minutes=10),
    closed_at=None,
    recovered_at=None,
    sequence=3,
)


def an_engine(component: str = "api") -> Engine:
    plan = Plan(
        vantage="local",
        components=(ComponentPlan(name=component, title="Claude API"),),
        probes=(a_probe("api_hello", components=(component,), interval=30.0),),
    )
    return Engine(plan, Policy())


def test_an_open_incident_that_the_memory_lacks_goes_on_as_it_stands() -> None:
    engine = an_engine()
    engine.adopt([OPEN], NOW)
    assert engine.open_incidents() == (OPEN,)
    (view,) = engine.status(NOW).components
    assert view.state is State.MAJOR_OUTAGE
    assert view.incident_id == OPEN.id


def test_an_adopted_incident_brings_its_cadence_and_announces_nothing() -> None:
    engine = an_engine()
    engine.adopt([OPEN], NOW)
    effects = engine.resume(NOW)
    assert any(isinstance(effect, SetCadence) for effect in effects)
    assert not any(isinstance(effect, Announce) for effect in effects)


def test_an_adopted_incident_that_was_recovering_has_to_recover_anew() -> None:
    engine = an_engine()
    recovering = replace(OPEN, phase=IncidentPhase.RECOVERING, recovered_at=START)
    engine.adopt([recovering], NOW)
    (incident,) = engine.open_incidents()
    assert incident.phase is IncidentPhase.OPEN
    assert incident.recovered_at is None


def test_an_incident_that_the_memory_has_is_not_adopted_again() -> None:
    engine = an_engine()
    engine.adopt([OPEN], NOW)
    engine.adopt([OPEN], NOW)
    assert engine.open_incidents() == (OPEN,)


def test_an_incident_whose_component_is_not_watched_any_more_is_closed_once() -> None:
    engine = an_engine("console")
    engine.adopt([OPEN], NOW)
    (said,) = (effect for effect in engine.resume(NOW) if isinstance(effect, Announce))
    event = said.event
    assert event.type is EventType.CLOSED
    assert event.reason is Reason.EVIDENCE_GONE
    assert event.incident is not None
    assert event.incident.id == OPEN.id
    assert event.incident.sequence == OPEN.sequence + 1
    assert event.incident.closed_at == START
    assert not any(isinstance(effect, Announce) for effect in engine.resume(NOW))
