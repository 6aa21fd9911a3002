"""The past as the pages show it: summed up once a minute, so that a page need not ask the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from monitor.clock import Clock
from monitor.core.rollup import DAY, ComponentSums, Period, ProbeSums
from monitor.storage.database import StorageError

DAYS = 90
"""Days shown of a component, today included."""

TURN_SECONDS = 60.0
CATCH_UP_SECONDS = 1.0
"""Between two turns while there is more to sum up than fits into one."""

log = structlog.get_logger("monitor")


class Sums(Protocol):
    """Where the sums are kept; `storage.rollups.Rollups` fits."""

    async def refresh(self, now: datetime) -> bool:
        """Sum up what is due; whether there is more."""
        ...

    async def of_components(
        self, period: Period, since: datetime, until: datetime
    ) -> Mapping[str, Sequence[ComponentSums]]:
        """The sums of each component, oldest first."""
        ...

    async def of_probe(
        self, name: str, period: Period, since: datetime, until: datetime
    ) -> Sequence[ProbeSums]:
        """The sums of one probe, oldest first."""
        ...


class History:
    """Keeps the sums fresh and the newest of them at hand. Fits `web.ports.HistoryReader`."""

    def __init__(self, sums: Sums, clock: Clock) -> None:
        """Nothing is known before the first turn."""
        self._sums = sums
        self._clock = clock
        self._days: Mapping[str, Sequence[ComponentSums]] = {}

    async def run(self) -> None:
        """Turn after turn, until cancelled; a store that is shut is asked again a minute later."""
        while True:
            try:
                behind = await self.turn()
            except StorageError as error:
                log.warning("history.not_summed", error=str(error))
                behind = False
            await self._clock.sleep(CATCH_UP_SECONDS if behind else TURN_SECONDS)

    async def turn(self) -> bool:
        """Sum up what is due and look at the days again; whether more is due already.

        Raises:
            StorageError: the store does not answer; what was at hand stays.
        """
        now = self._clock.now()
        behind = await self._sums.refresh(now)
        today = Period.DAY.start_of(now)
        since = today - (DAYS - 1) * DAY
        self._days = await self._sums.of_components(Period.DAY, since, today + DAY)
        return behind

    def days(self, component: str) -> Sequence[ComponentSums]:
        """The last ninety days of a component as far as they are on record, oldest first."""
        return self._days.get(component, ())

    async def probe(
        self, name: str, period: Period, since: datetime, length: timedelta
    ) -> Sequence[ProbeSums]:
        """The sums of a probe over `length` from `since` on, oldest first."""
        return await self._sums.of_probe(name, period, since, since + length)
