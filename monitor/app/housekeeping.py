"""What the store needs now and then: sums of what has been, and an end to what is old."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from monitor.app.history import History
from monitor.clock import Clock
from monitor.core.plan import Plan
from monitor.storage.database import Database, StorageError
from monitor.storage.retention import prune
from monitor.storage.rollups import Rollups
from monitor.storage.store import Store

PRUNE_SECONDS = 3600.0

log = structlog.get_logger("monitor")


class Housekeeping:
    """Sums up every minute and forgets every hour, while `run` runs."""

    def __init__(
        self, database: Database, store: Store, plan: Plan, keep_runs: float, clock: Clock
    ) -> None:
        """`keep_runs` is how long single runs stay, in seconds."""
        names = [component.name for component in plan.components]
        self._rollups = Rollups(database, plan.vantage, names, store)
        self._database = database
        self._vantage = plan.vantage
        self._keep = timedelta(seconds=keep_runs)
        self._clock = clock
        self.history = History(self._rollups, clock)

    async def run(self) -> None:
        """Both, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.history.run(), name="history")
            tasks.create_task(self._prune(), name="prune")

    async def _prune(self) -> None:
        while True:
            await self._clock.sleep(PRUNE_SECONDS)
            try:
                log.debug("store.pruned", rows=await self.prune())
            except StorageError as error:
                log.warning("store.prune_failed", error=str(error))

    async def prune(self) -> int:
        """Forget what is older than it is kept; how many rows went.

        Raises:
            StorageError: what was deleted before stays deleted.
        """
        now = self._clock.now()
        gone = await prune(self._database, self._vantage, self._keep, now)
        return gone + await self._rollups.prune(now)
