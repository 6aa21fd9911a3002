"""The dead man's switch: says that all is well while it is, and says nothing when it is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import structlog

from monitor.clock import Clock
from monitor.core.heartbeat import Limits, Signs, withheld

log = structlog.get_logger("monitor")


class Line(Protocol):
    """Where heartbeats go. Neither call raises for the world."""

    async def ping(self) -> str | None:
        """Say that all is well; what went wrong, or None."""
        ...

    async def fail(self, reasons: tuple[str, ...]) -> str | None:
        """Say what is wrong, where that is wanted."""
        ...


class Heartbeat:
    """Looks at the signs every so often; speaks only while they are good."""

    def __init__(
        self,
        line: Line,
        clock: Clock,
        signs: Callable[[], Signs],
        limits: Limits,
        count: Callable[[str], None],
    ) -> None:
        """`count` hears `sent`, `failed` or `withheld` of each."""
        self._line = line
        self._clock = clock
        self._signs = signs
        self._limits = limits
        self._count = count
        self._said: str | None = None

    async def beat(self, interval: float) -> None:
        """Speak every `interval` seconds, until cancelled."""
        while True:
            await self._clock.sleep(interval)
            try:
                await self.once()
            except Exception:
                log.exception("heartbeat.crashed")

    async def once(self) -> None:
        """One heartbeat, or none."""
        reasons = withheld(self._signs(), self._limits)
        if reasons:
            self._count("withheld")
            self._tell("heartbeat.withheld", "; ".join(reasons))
            await self._line.fail(reasons)
            return
        why = await self._line.ping()
        self._count("sent" if why is None else "failed")
        self._tell("heartbeat.failed" if why else "heartbeat.sent", why or "")

    def _tell(self, event: str, reason: str) -> None:
        """A line when things change, and only then."""
        if event == self._said:
            return
        self._said = event
        if event == "heartbeat.sent":
            log.info(event)
        else:
            log.warning(event, reason=reason)
