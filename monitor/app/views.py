"""What the web layer reads besides the past: the daemon's own health and the metrics."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

from monitor.clock import Clock
from monitor.core.effects import StatusView
from monitor.core.heartbeat import Signs
from monitor.delivery import Notifier, notifier_of
from monitor.metrics.feed import Metrics
from monitor.metrics.labels import Backlog
from monitor.scheduler import Pulse
from monitor.storage.outbox import SqlOutbox
from monitor.storage.store import Store
from monitor.web.ports import DeliveryHealth, Health

ALIVE_SECONDS = 15.0
"""Machine seconds without a beat of the loop after which it is not alive."""

LAG_SECONDS = 60.0
"""How far back the worst delay of the loop, or of a run, is looked for."""

LATE_KEPT = 1000


class Punctuality:
    """Hears how well the schedule is kept: passes it on to the metrics, and remembers the worst.

    Fits `scheduler.Gauge`.
    """

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        """Nothing was late yet."""
        self._metrics = metrics
        self._clock = clock
        self._late: deque[tuple[float, float]] = deque(maxlen=LATE_KEPT)
        self._begun = clock.monotonic()

    def skipped(self, probe: str, reason: str) -> None:
        """A run did not take place."""
        self._metrics.skipped(probe, reason)

    def late(self, seconds: float) -> None:
        """A run was begun so much after it was due."""
        self._metrics.late(seconds)
        self._begun = self._clock.monotonic()
        self._late.append((self._begun, seconds))

    def loop_lag(self, seconds: float) -> None:
        """A turn of the event loop was late."""
        self._metrics.loop_lag(seconds)

    def unasked(self) -> float:
        """Seconds since a scheduled run was last begun, or since the start."""
        return self._clock.monotonic() - self._begun

    def worst(self) -> float:
        """The worst lateness of a run lately, in machine seconds."""
        since = self._clock.monotonic() - LAG_SECONDS / self._clock.real(1.0)
        return self._clock.real(
            max((late for when, late in self._late if when >= since), default=0.0)
        )


class Vitals:
    """How the daemon itself does. Fits `web.ports.HealthReader`."""

    def __init__(
        self,
        clock: Clock,
        pulse: Pulse,
        punctuality: Punctuality,
        store: Store,
        outbox: SqlOutbox,
        notifiers: Sequence[Notifier],
    ) -> None:
        """Not serving yet."""
        self._clock = clock
        self._pulse = pulse
        self._punctuality = punctuality
        self._store = store
        self._outbox = outbox
        self._names = tuple(dict.fromkeys(notifier_of(each.name) for each in notifiers))
        self._waiting: dict[str, tuple[int, datetime | None]] = {}
        self.serving = False

    async def look(self) -> None:
        """Look into the outbox, so that `health` needs no I/O.

        Raises:
            StorageError: it cannot be read.
        """
        for name in self._names:
            backlog = await self._outbox.pending(name)
            self._waiting[name] = (backlog.waiting, backlog.oldest_created_at)

    def health(self) -> Health:
        """As of now."""
        now = self._clock.monotonic()
        lag = self._pulse.worst_since(now - LAG_SECONDS / self._clock.real(1.0))
        return Health(
            alive=self._clock.real(now - self._pulse.beaten) < ALIVE_SECONDS,
            serving=self.serving,
            loop_lag=self._clock.real(lag),
            lateness=self._punctuality.worst(),
            store=self._store.health(),
            deliveries=tuple(
                DeliveryHealth(notifier=name, pending=pending, oldest_age=age)
                for name, pending, age in self._backlog()
            ),
        )

    def signs(self, *, probing: bool) -> Signs:
        """The same for the heartbeat; `probing`: some probe is enabled."""
        health = self._store.health()
        return Signs(
            lateness=self._punctuality.worst(),
            unasked=self._punctuality.unasked() if probing else None,
            store_error=None if health.ok else health.error,
            stuck=tuple((name, age) for name, pending, age in self._backlog() if pending),
        )

    def backlog(self) -> tuple[Backlog, ...]:
        """The same for the metrics."""
        return tuple(
            Backlog(notifier=name, pending=pending, oldest_age=age)
            for name, pending, age in self._backlog()
        )

    def _backlog(self) -> list[tuple[str, int, float]]:
        now = self._clock.now()
        return [
            (name, pending, max(0.0, (now - oldest).total_seconds()) if oldest else 0.0)
            for name in self._names
            for pending, oldest in (self._waiting.get(name, (0, None)),)
        ]


class Scrape:
    """The metrics. Fits `web.ports.ScrapeSource`."""

    def __init__(
        self,
        metrics: Metrics,
        status: Callable[[], StatusView],
        vitals: Vitals,
        store: Store,
        budget_left: Callable[[], float],
    ) -> None:
        """Join what is counted with what is looked up; `budget_left` gives today's US dollars."""
        self._metrics = metrics
        self._status = status
        self._vitals = vitals
        self._store = store
        self._budget_left = budget_left

    async def refresh(self) -> None:
        """Bring the gauges up to now."""
        self._metrics.refresh(
            self._status(), self._vitals.backlog(), self._store.health(), self._budget_left()
        )

    def render(self, *, openmetrics: bool) -> bytes:
        """The metrics as text."""
        return self._metrics.render(openmetrics=openmetrics)
