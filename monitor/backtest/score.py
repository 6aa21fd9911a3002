"""What a scenario expects against what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from monitor.backtest.outcome import newest
from monitor.core.incident import Event, Incident, State
from monitor.simulation.scenario import ExpectedIncident, Scenario

OPERATIONAL = "operational"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One component in one playing of a scenario. Times are seconds, None where there is none.

    Attributes:
        component: its name.
        detected: from the start of the impact to the first announcement that names the component:
            the opening of its incident, or the update that said that it had joined.
        lead: from that moment to the vendor's first word on the component; negative: we were late.
        onset_error: estimated start of the impact minus the true one.
        end_error: estimated end of the impact minus the true one.
        closed: from the end of the impact to the announcement that the component is well again:
            the close of its incident, or the update that said that it had left.
        reopens: how often it came back.
        cause: outcome.
        false: it opened where there was no impact, or on a component that had to stay quiet.
    """

    component: str
    detected: float | None
    lead: float | None
    onset_error: float | None
    end_error: float | None
    closed: float | None
    reopens: int
    cause: str
    false: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One playing of a scenario."""

    scenario: str
    visibility: str
    seed: int
    rows: tuple[Row, ...]
    missed: tuple[str, ...]
    runs: int
    lead: float | None = None
    """From the first opening of all to the vendor's first post, whichever component it names."""


def score(scenario: Scenario, events: Sequence[Event], runs: int, seed: int) -> Score:
    """Hold what came of a scenario against what it expects."""
    incidents, told = newest(events), Told(events)
    rows = [
        _row(scenario, incident, component, told)
        for incident in incidents
        for component in incident.names
    ]
    return Score(
        scenario=scenario.name,
        visibility=scenario.visibility,
        seed=seed,
        rows=tuple(rows),
        missed=tuple(_missed(scenario, incidents, told)),
        runs=runs,
        lead=_lead(scenario, incidents),
    )


def _lead(scenario: Scenario, incidents: Sequence[Incident]) -> float | None:
    """How far ahead of the vendor's page we were, as one figure for the whole scenario.

    Against the first post of all, also where it names no component yet: that is when a reader of
    the page could know.
    """
    posts = [post.at for post in scenario.timeline]
    if not posts or not incidents:
        return None
    return _since(min(incident.opened_at for incident in incidents), min(posts))


def _row(scenario: Scenario, incident: Incident, component: str, told: Told) -> Row:
    impact = scenario.impact
    start = None if impact is None else impact.start
    end = None if impact is None else impact.end
    quiet = component in scenario.expectations.quiet
    known = told.first[incident.id, component]
    outside = start is None or known < start
    return Row(
        component=component,
        detected=_since(start, known),
        lead=_since(known, vendors_word(scenario, component)),
        onset_error=_since(start, incident.started_at),
        end_error=_since(end, incident.recovered_at),
        closed=_since(end, told.over(incident, component)),
        reopens=incident.reopens,
        cause=_cause(incident, component),
        false=quiet or outside,
    )


class Told:
    """What was announced of each component of each incident."""

    def __init__(self, events: Iterable[Event]) -> None:
        """Read all that was announced, in order."""
        self.first: dict[tuple[str, str], datetime] = {}
        """When it was first said that an incident (its id) touches a component."""
        self._well: dict[tuple[str, str], datetime | None] = {}
        for event in events:
            if event.incident is None:
                continue
            for impact in event.incident.components:
                key = event.incident.id, impact.component
                self.first.setdefault(key, event.at)
                well = impact.state is State.OPERATIONAL or not event.incident.is_open
                self._well[key] = (self._well.get(key) or event.at) if well else None

    def over(self, incident: Incident, component: str) -> datetime | None:
        """When it was said for the last time that `component` is well again; None if never."""
        return self._well[incident.id, component]


def _last(when: datetime | None) -> tuple[bool, datetime]:
    """Never is later than any time."""
    return when is None, when or datetime.min.replace(tzinfo=UTC)


def _cause(incident: Incident, component: str) -> str:
    """The cause of the component's own trouble, where the incident is of several."""
    own = next((i.cause for i in incident.components if i.component == component), None)
    return str(own or incident.cause)


def vendors_word(scenario: Scenario, component: str) -> datetime | None:
    """When the vendor's page first said that `component` was not operational."""
    for post in sorted(scenario.timeline, key=lambda post: post.at):
        if post.components.get(component, OPERATIONAL) != OPERATIONAL:
            return post.at
    return None


def _since(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds()


def _missed(scenario: Scenario, incidents: Sequence[Incident], told: Told) -> list[str]:
    """Every expectation that was not met, in words."""
    missed: list[str] = []
    for expected in scenario.expectations.incidents:
        missed += _expectation(scenario, expected, incidents, told)
    for component in scenario.expectations.quiet:
        missed += [
            f"{component}: opened at {told.first[incident.id, component]:%H:%M:%S}, expected quiet"
            for incident in incidents
            if component in incident.names
        ]
    return missed


def _expectation(
    scenario: Scenario, expected: ExpectedIncident, incidents: Sequence[Incident], told: Told
) -> list[str]:
    names = ", ".join(expected.components)
    if scenario.impact is None:
        return [f"{names}: expected without an impact to measure from"]
    touching = [
        incident for incident in incidents if set(expected.components) <= set(incident.names)
    ]
    if not touching:
        return [f"{names}: no incident"]
    first = touching[0]
    missed: list[str] = []
    latest = scenario.impact.start + timedelta(seconds=expected.opened_within)
    known = max(told.first[first.id, component] for component in expected.components)
    if known > latest:
        after = (known - scenario.impact.start).total_seconds()
        missed.append(f"{names}: opened after {after:.0f} s, expected {expected.opened_within:.0f}")
    if known < scenario.impact.start:
        missed.append(f"{names}: opened before the impact")
    if len(touching) > 1:
        missed.append(f"{names}: {len(touching)} incidents, expected one")
    cause = _cause(touching[-1], expected.components[0])
    if expected.cause and cause not in expected.cause:
        missed.append(f"{names}: cause {cause}, expected {' or '.join(expected.cause)}")
    over = max((told.over(touching[-1], name) for name in expected.components), key=_last)
    return missed + _closing(scenario.impact.end, names, expected, over)


def _closing(
    end: datetime, names: str, expected: ExpectedIncident, over: datetime | None
) -> list[str]:
    if expected.closed_within is None:
        return []
    if over is None:
        return [f"{names}: never closed"]
    after = (over - end).total_seconds()
    if after < 0:
        return [f"{names}: closed {-after:.0f} s before the end of the impact"]
    if after > expected.closed_within:
        return [f"{names}: closed after {after:.0f} s, expected {expected.closed_within:.0f}"]
    return []
