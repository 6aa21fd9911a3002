"""A question whose answers are written down beforehand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from typing_extensions import override

from monitor.core.observation import Observation, Origin
from monitor.core.plan import ProbePlan
from monitor.pipeline import Probe, Progress


class FakeProbe(Probe):
    """Observes what `observe` says of a run's id; while `gate` is clear, runs wait at it."""

    def __init__(self, plan: ProbePlan, observe: Callable[[str], Observation]) -> None:
        self._plan = plan
        self._observe = observe
        self.asked: list[tuple[str, Origin]] = []
        self.arrived = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    @property
    @override
    def plan(self) -> ProbePlan:
        return self._plan

    @override
    async def run(self, run_id: str, origin: Origin, progress: Progress) -> Observation:
        self.asked.append((run_id, origin))
        self.arrived.set()
        await self.gate.wait()
        return self._observe(run_id)
