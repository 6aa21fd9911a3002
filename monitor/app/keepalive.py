"""Says what is open again and again to the receivers that forget (Alertmanager).

Beside the outbox, not through it: a repeat that is lost is made up for by the next one. Each such
notifier has a task of its own, which begins at once, so that a restart of this daemon, or of the
receiver, is over after one turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import structlog

from monitor.clock import Clock
from monitor.core.incident import Incident
from monitor.delivery import Delivered, Notifier
from monitor.notify._base import Refresher
from monitor.storage.in_force import Effective

REFRESH_TIMEOUT = 30.0
"""Seconds for one turn; the notifier's own limit comes sooner."""


class Keepalive:
    """Refreshes while `run` runs."""

    def __init__(
        self,
        notifiers: Iterable[Notifier],
        told: Effective,
        open_incidents: Callable[[], Sequence[Incident]],
        clock: Clock,
    ) -> None:
        """Of `notifiers` those are looked after whose receiver forgets."""
        self._refreshers = tuple(each for each in notifiers if isinstance(each, Refresher))
        self._told = told
        self._open = open_incidents
        self._clock = clock
        self._failing: set[str] = set()
        self._log: Any = structlog.get_logger()

    async def run(self) -> None:
        """Refresh until cancelled."""
        async with asyncio.TaskGroup() as group:
            for each in self._refreshers:
                group.create_task(self._keep(each), name=f"keepalive/{each.name}")

    async def _keep(self, refresher: Refresher) -> None:
        while True:
            await self._turn(refresher)
            await self._clock.sleep(refresher.refresh_seconds)

    async def _turn(self, refresher: Refresher) -> None:
        """One refresh. Whatever fails is told once, until it works again."""

        async def told() -> list[bytes]:
            ids = [incident.id for incident in self._open()]
            return await self._told.bodies(refresher.name, ids) if ids else []

        try:
            async with self._clock.timeout(REFRESH_TIMEOUT):
                result = await refresher.refresh(told)
        except Exception as error:  # noqa: BLE001  # the next turn may find a better world
            # No text of a foreign error: it may quote a URL or a statement with its values.
            self._note(refresher.name, type(error).__name__)
        else:
            failure = None if isinstance(result, Delivered) else result.reason
            self._note(refresher.name, failure)

    def _note(self, name: str, failure: str | None) -> None:
        """Log when it begins to fail, and when it works again."""
        if failure is None and name in self._failing:
            self._failing.discard(name)
            self._log.info("notifier.refreshed_again", notifier=name)
        elif failure is not None and name not in self._failing:
            self._failing.add(name)
            self._log.warning("notifier.not_refreshed", notifier=name, reason=failure)
