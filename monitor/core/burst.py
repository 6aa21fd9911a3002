"""The confirmation burst: how often which probe may be asked again after a bad run.

Extra runs buy samples exactly when they carry information. They are bounded per burst, per hour and
component, and for probes that cost money per burst and per day.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Mapping
from typing import Any

from monitor.core.effects import RequestBurst
from monitor.core.plan import Plan, ProbePlan
from monitor.core.policy import Burst

HOUR = 3600.0
DAY = 86400.0
OVER_AFTER = 60.0
"""Seconds without a bad run after which the next one begins a new burst."""


class BurstBudget:
    """Counts extra runs and says how many more there may be. Times are monotonic seconds."""

    def __init__(self, plan: Plan, policy: Burst) -> None:
        """Nothing is spent."""
        self._plan = plan
        self._policy = policy
        self._hour: dict[str, deque[float]] = {c.name: deque() for c in plan.components}
        self._paid: deque[float] = deque()
        self._paid_in_burst: dict[str, int] = {}
        self._asked: float | None = None

    def ran(self, probe: ProbePlan, at: float) -> None:
        """An extra run took place."""
        for component in probe.components:
            if component in self._hour:
                self._hour[component].append(at)
        if probe.paid:
            self._paid.append(at)
            self._paid_in_burst[probe.name] = self._paid_in_burst.get(probe.name, 0) + 1

    def ask(self, probe: ProbePlan, components: Collection[str], now: float) -> RequestBurst | None:
        """The burst that a bad run of `probe` asks for.

        Args:
            probe: the probe whose run was bad.
            components: those of its components that are calm; no burst while one is open.
            now: monotonic seconds.

        Returns:
            How many more runs of it and its siblings there are to be from now on, or None.
        """
        if self._asked is None or now - self._asked > OVER_AFTER:
            self._paid_in_burst.clear()
        self._asked = now
        asking = [name for name in components if self._left_in_hour(name, now) > 0]
        siblings = [
            other
            for other in self._plan.enabled()
            if other.burst and any(name in asking for name in other.components)
        ]
        if not probe.burst or not siblings:
            return None
        each = math.ceil(self._policy.extra / len(siblings))
        runs = tuple(
            (other.name, count)
            for other in siblings
            if (count := min(each, self._paid_left(other, now)) if other.paid else each) > 0
        )
        runs = self._within_hour(runs, {name: self._left_in_hour(name, now) for name in asking})
        return RequestBurst(runs=runs, gap=self._policy.gap) if runs else None

    def _within_hour(
        self, runs: tuple[tuple[str, int], ...], left: dict[str, int]
    ) -> tuple[tuple[str, int], ...]:
        """No more of these runs than the hour has left for a component of theirs, in turn."""
        of = {name: left.keys() & set(self._plan.probe(name).components) for name, _ in runs}
        counts = dict.fromkeys(of, 0)
        for turn in range(max((count for _, count in runs), default=0)):
            for name, count in runs:
                if turn < count and any(left[component] > 0 for component in of[name]):
                    counts[name] += 1
                    for component in of[name]:
                        left[component] -= 1
        return tuple((name, count) for name, count in counts.items() if count > 0)

    def _left_in_hour(self, component: str, now: float) -> int:
        times = self._hour.get(component)
        if times is None:
            return 0
        while times and times[0] < now - HOUR:
            times.popleft()
        return self._policy.extra_per_hour - len(times)

    def _paid_left(self, probe: ProbePlan, now: float) -> int:
        while self._paid and self._paid[0] < now - DAY:
            self._paid.popleft()
        in_burst = self._policy.paid_extra - self._paid_in_burst.get(probe.name, 0)
        return max(0, min(in_burst, self._policy.paid_per_day - len(self._paid)))

    def snapshot(self) -> dict[str, Any]:
        """All that is remembered, as plain values."""
        return {
            "hour": {name: list(times) for name, times in self._hour.items() if times},
            "paid": list(self._paid),
            "paid_in_burst": dict(self._paid_in_burst),
            "asked": self._asked,
        }

    def restore(self, saved: Mapping[str, Any], shift: float) -> None:
        """Take over a snapshot; `shift` seconds are added to its monotonic times."""
        for name, times in saved["hour"].items():
            if name in self._hour:
                self._hour[name].extend(when + shift for when in times)
        self._paid.extend(when + shift for when in saved["paid"])
        self._paid_in_burst = dict(saved["paid_in_burst"])
        self._asked = None if saved["asked"] is None else saved["asked"] + shift
