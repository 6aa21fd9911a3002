"""Fakes of the web layer's Protocols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.core.effects import Judged, StatusView
from monitor.core.incident import Event, Incident
from monitor.core.plan import Plan
from monitor.core.rollup import ComponentSums, Period, ProbeSums
from monitor.metrics import Backlog, Metrics
from monitor.web import Health, PastRun
from monitor.web.shapes import row_of
from tests.factories import NOON, a_status_view


@dataclass(frozen=True, kw_only=True)
class FakeStore:
    """The store's health, well unless told otherwise."""

    ok: bool = True
    error: str | None = None
    queued_runs: int = 0
    queued_changes: int = 0
    dropped_runs: int = 0


@dataclass(frozen=True, kw_only=True)
class FakeMute:
    """A component that is muted until noon."""

    component: str = "api"
    reason: str = "<b>known</b>"
    author: str = "ann"
    ends_at: datetime = NOON


A_MUTE = FakeMute()


class FakeDaemon:
    """Status and health, as a test sets them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.view: StatusView = a_status_view(plan)
        self.how = Health()

    def status(self) -> StatusView:
        return self.view

    def health(self) -> Health:
        return self.how


@dataclass
class FakePast:
    """The store, in memory; `broken` is raised instead of an answer."""

    stored: list[Incident] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    runs: list[Judged] = field(default_factory=list)
    """Newest first, as a test writes them."""
    broken: Exception | None = None

    async def incidents(self, limit: int, before: datetime | None) -> Sequence[Incident]:
        self._answer()
        rows = sorted(self.stored, key=lambda row: (row.opened_at, row.id), reverse=True)
        return [row for row in rows if before is None or row.opened_at < before][:limit]

    async def incident(self, incident_id: str) -> Incident | None:
        self._answer()
        return next((row for row in self.stored if row.id == incident_id), None)

    async def events_of(self, incident_id: str) -> Sequence[Event]:
        self._answer()
        return [
            event for event in self.events if event.incident and event.incident.id == incident_id
        ]

    async def recent_runs(self, probe: str, limit: int) -> Sequence[PastRun]:
        self._answer()
        newest = [row_of(run) for run in self.runs if run.observation.probe == probe][:limit]
        return newest[::-1]

    def _answer(self) -> None:
        if self.broken is not None:
            raise self.broken


@dataclass
class FakeHistory:
    """Sums, in memory."""

    components: dict[str, list[ComponentSums]] = field(default_factory=dict)
    probes: dict[str, list[ProbeSums]] = field(default_factory=dict)
    broken: Exception | None = None

    def days(self, component: str) -> Sequence[ComponentSums]:
        return self.components.get(component, [])

    async def probe(
        self, name: str, period: Period, since: datetime, length: timedelta
    ) -> Sequence[ProbeSums]:
        if self.broken is not None:
            raise self.broken
        assert period is Period.HOUR
        found = self.probes.get(name, [])
        return [sums for sums in found if since <= sums.start < since + length]


class FakeScrape:
    """The real metrics, refreshed from the fake daemon."""

    def __init__(self, metrics: Metrics, daemon: FakeDaemon) -> None:
        self.metrics = metrics
        self.daemon = daemon

    async def refresh(self) -> None:
        self.metrics.refresh(
            self.daemon.status(),
            backlog=[
                Backlog(notifier=row.notifier, pending=row.pending, oldest_age=row.oldest_age)
                for row in self.daemon.how.deliveries
            ],
            store=self.daemon.how.store,
        )

    def render(self, *, openmetrics: bool) -> bytes:
        return self.metrics.render(openmetrics=openmetrics)
