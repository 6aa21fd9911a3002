"""What the web layer needs of the rest of the daemon: Protocols it owns, and their answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from aiohttp import web

from monitor.core.effects import StatusView
from monitor.core.incident import Event, Incident
from monitor.core.observation import Origin, Phase
from monitor.core.outcome import Outcome
from monitor.core.plan import Plan
from monitor.core.rollup import ComponentSums, Period, ProbeSums


class StatusReader(Protocol):
    """Knows how things stand."""

    def status(self) -> StatusView:
        """Everything of now. Cheap: it is asked for on every request."""
        ...


class PastRun(Protocol):
    """A run with the newest verdict on it; what the store keeps of a run has this shape."""

    @property
    def run_id(self) -> str:
        """Unique within the vantage."""
        ...

    @property
    def probe(self) -> str:
        """Name of the probe."""
        ...

    @property
    def at(self) -> datetime:
        """When it started, UTC."""
        ...

    @property
    def seconds(self) -> float:
        """How long it took."""
        ...

    @property
    def outcome(self) -> Outcome:
        """Its class."""
        ...

    @property
    def reason(self) -> str:
        """The verdict's sentence."""
        ...

    @property
    def origin(self) -> Origin:
        """Why it took place."""
        ...

    @property
    def status(self) -> int | None:
        """HTTP status, if an answer came."""
        ...

    @property
    def request_id(self) -> str | None:
        """The vendor's id of the request."""
        ...

    @property
    def cf_ray(self) -> str | None:
        """Cloudflare's id of the request."""
        ...

    @property
    def phases(self) -> tuple[tuple[Phase, float], ...]:
        """The phases that took place, in order, with their seconds."""
        ...


class IncidentReader(Protocol):
    """Knows the past. May raise one of `WebDeps.store_errors` when the store does not answer."""

    async def incidents(self, limit: int, before: datetime | None) -> Sequence[Incident]:
        """At most `limit` incidents, newest `opened_at` first, opened before `before` if given."""
        ...

    async def incident(self, incident_id: str) -> Incident | None:
        """The newest version of one incident, or None."""
        ...

    async def events_of(self, incident_id: str) -> Sequence[Event]:
        """What was announced of an incident, oldest first."""
        ...

    async def recent_runs(self, probe: str, limit: int) -> Sequence[PastRun]:
        """The last `limit` stored runs of a probe, in any order."""
        ...


class HistoryReader(Protocol):
    """Knows the sums of days and hours."""

    def days(self, component: str) -> Sequence[ComponentSums]:
        """The last ninety days of a component, as far as they are on record, oldest first.

        Without I/O: it is asked for on every look at the page.
        """
        ...

    async def probe(
        self, name: str, period: Period, since: datetime, length: timedelta
    ) -> Sequence[ProbeSums]:
        """The sums of a probe, oldest first. May raise as `IncidentReader` does."""
        ...


class MuteNote(Protocol):
    """A component of which nothing is announced for a while; the store's row has this shape."""

    @property
    def component(self) -> str:
        """Which."""
        ...

    @property
    def reason(self) -> str:
        """Why."""
        ...

    @property
    def author(self) -> str:
        """Who asked for it."""
        ...

    @property
    def ends_at(self) -> datetime:
        """Until when."""
        ...


class ScrapeSource(Protocol):
    """Has the metrics."""

    async def refresh(self) -> None:
        """Bring the gauges up to now. Runs on the event loop."""
        ...

    def render(self, *, openmetrics: bool) -> bytes:
        """The metrics as text. Runs in a thread."""
        ...


class StoreHealth(Protocol):
    """How the journal fares; the store's own health has this shape."""

    @property
    def ok(self) -> bool:
        """The last write succeeded and none hangs."""
        ...

    @property
    def error(self) -> str | None:
        """What is wrong and what to do, in one line; None when `ok`."""
        ...

    @property
    def queued_runs(self) -> int:
        """Runs not written yet."""
        ...

    @property
    def queued_changes(self) -> int:
        """Changes not written yet."""
        ...

    @property
    def dropped_runs(self) -> int:
        """Quiet runs lost since the start."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryHealth:
    """What waits for one notifier; `oldest_age` in seconds, 0 when nothing waits."""

    notifier: str
    pending: int = 0
    oldest_age: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the daemon itself does.

    Attributes:
        alive: its own heartbeat came recently: False asks for a restart.
        serving: started, and not stopping.
        loop_lag: seconds by which the event loop was late of late.
        lateness: seconds by which runs started late of late.
        store: the journal; None while there is none.
        deliveries: one row a notifier.
    """

    alive: bool = True
    serving: bool = True
    loop_lag: float = 0.0
    lateness: float = 0.0
    store: StoreHealth | None = None
    deliveries: tuple[DeliveryHealth, ...] = ()


class HealthReader(Protocol):
    """Knows how the daemon itself does."""

    def health(self) -> Health:
        """As of now. Cheap and without I/O."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WebDeps:
    """Everything that the routes may reach.

    Attributes:
        plan: what is probed.
        version: of the daemon.
        status: how things stand.
        incidents: the past.
        history: sums of days and hours.
        health: the daemon itself.
        scrape: the metrics.
        external_url: what links begin with; empty for links relative to the host.
        store_errors: exceptions of `incidents` that mean "not now": they become a 503.
        mutes: what is muted now.
    """

    plan: Plan
    version: str
    status: StatusReader
    incidents: IncidentReader
    history: HistoryReader
    health: HealthReader
    scrape: ScrapeSource
    external_url: str = ""
    store_errors: tuple[type[Exception], ...] = ()
    mutes: Callable[[], Sequence[MuteNote]] = tuple


DEPS = web.AppKey("deps", WebDeps)
"""Where a handler finds them."""
