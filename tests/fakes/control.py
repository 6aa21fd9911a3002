"""Reference targets that answer or not, as told."""

from __future__ import annotations

from typing_extensions import override

from monitor.clock import Clock
from monitor.core.effects import ControlResult
from monitor.core.plan import ControlPlan
from monitor.pipeline import ControlProbe


class FakeControl(ControlProbe):
    """Every target answers, except those in `dead`; no time passes in a check."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.dead: set[str] = set()
        self.asked: list[str] = []

    @override
    async def check(self, target: ControlPlan) -> ControlResult:
        self.asked.append(target.name)
        now = self._clock.monotonic()
        return ControlResult(
            target=target.name,
            at=self._clock.now(),
            started=now,
            ended=now,
            ok=target.name not in self.dead,
        )
