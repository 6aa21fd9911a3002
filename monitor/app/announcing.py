"""What is announced besides what a run decides, and what is not: the parts, joined.

The calendar of maintenance and mutes, the audience with its routes, the herald of what is overdue,
the dead letters and the heartbeat.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from monitor.app.build import audience, heartbeat_limits
from monitor.app.calendar import Calendar
from monitor.app.dead_letters import DeadLetters
from monitor.app.heartbeat import Heartbeat, Line
from monitor.app.herald import Herald, Journal
from monitor.app.views import Vitals
from monitor.clock import Clock
from monitor.config.schema import Config
from monitor.core.incident import Incident
from monitor.core.plan import Plan, Window
from monitor.metrics.feed import Metrics
from monitor.storage.database import Database, StorageError
from monitor.storage.mutes import Mute, Mutes
from monitor.storage.outbox import SqlOutbox
from monitor.storage.store import Store

LOOK_SECONDS = 2.0
"""How often mutes are read and what is overdue is announced."""

log = structlog.get_logger("monitor")


class Announcing:
    """The parts of one daemon. What needs the store begins with `open`."""

    def __init__(
        self, config: Config, plan: Plan, clock: Clock, metrics: Metrics, line: Line | None
    ) -> None:
        """`line` takes heartbeats; None where none is configured."""
        self._config = config
        self._plan = plan
        self._clock = clock
        self._metrics = metrics
        self._line = line
        self.calendar = Calendar(config.maintenance)
        self.audience = audience(config, self.calendar.quiet)

    def open(
        self,
        database: Database,
        store: Store,
        outbox: SqlOutbox,
        lasting: Callable[[], tuple[Incident, ...]],
    ) -> None:
        """Join what needs the store; `lasting` are the engine's open incidents."""
        self._mutes = Mutes(database, self._plan.vantage)
        self._herald = Herald(
            self.audience,
            outbox,
            self._clock,
            lasting,
            Journal(store.change, lambda: bool(store.health().queued_changes)),
            {component.name: component.title for component in self._plan.components},
        )
        self.letters = DeadLetters(
            self._metrics, self.audience, store.change, self._clock, self._plan.vantage
        )

    async def recall(self) -> None:
        """Read the mutes.

        Raises:
            StorageError: they cannot be read.
        """
        self.calendar.muted(await self._mutes.lasting(self._clock.now()))

    def maintenance(self) -> tuple[Window, ...]:
        """The windows of planned work around now."""
        return self.calendar.maintenance(self._clock.now())

    def mutes(self) -> tuple[Mute, ...]:
        """What is muted now."""
        return self.calendar.mutes(self._clock.now())

    async def run(self) -> None:
        """Every two seconds: read the mutes, and announce what is overdue; until cancelled."""
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            try:
                await self.recall()
                await self._herald.look()
            except StorageError as error:
                log.warning("store.unreadable", error=str(error))
            except Exception:
                log.exception("herald.failed")

    async def beat(self, vitals: Vitals) -> None:
        """The dead man's switch, where one is configured; until cancelled."""
        if self._line is None:
            return
        probing = bool(self._plan.enabled())
        heartbeat = Heartbeat(
            self._line,
            self._clock,
            lambda: vitals.signs(probing=probing),
            heartbeat_limits(self._config, self._plan),
            self._metrics.heartbeat,
        )
        await heartbeat.beat(self._config.heartbeat.interval)
