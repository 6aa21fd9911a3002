"""The confirmation burst: how often which probe may be asked again after a bad run.

Extra runs buy samples exactly when they carry information. They are bounded per burst, per hour and
component, and for probes that cost money per burst and per day.

A probe that costs money has few extra runs, and what they are worth depends on who else is bad.
While it is bad alone only the rule of one probe can open, which needs its runs spread to the end of
that rule's span: one at once, the others spread over what is left of the span, so that even a probe
that runs every ten minutes is judged within it. As soon as another probe is bad too, the rule of
many decides, and it needs them now: the rest is given at once. A reserve kept in every burst costs
that rule 23 s (the second round of the detection study).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Mapping
from typing import Any

from monitor.core.effects import RequestBurst
from monitor.core.plan import Plan, ProbePlan
from monitor.core.policy import Burst, Solo

HOUR = 3600.0
DAY = 86400.0
OVER_AFTER = 60.0
"""Seconds without a bad run after which the next one begins a new burst."""

AT_ONCE = 1
"""Extra runs at once of a paid probe while nobody else is bad."""

PACE_MAX = 30.0
"""Seconds between two runs of a paid probe that is bad alone, at most, until it is judged."""


def paid_extra(probe: ProbePlan, burst: Burst, solo: Solo) -> int:
    """How many extra runs a probe that costs money may have in one burst.

    One that is due again only after the span of the rule of one probe needs all the runs that the
    rule counts, but for the one that began it.
    """
    slow = burst.paid_extra > 0 and probe.interval > solo.span
    return max(burst.paid_extra, solo.failures - 1) if slow else burst.paid_extra


class BurstBudget:
    """Counts extra runs and says how many more there may be. Times are monotonic seconds."""

    def __init__(self, plan: Plan, policy: Burst, solo: Solo) -> None:
        """Nothing is spent; `solo` is the rule that judges a probe that is bad alone."""
        self._plan = plan
        self._policy = policy
        self._solo = solo
        self._hour: dict[str, deque[float]] = {c.name: deque() for c in plan.components}
        self._paid: deque[float] = deque()
        self._paid_in_burst: dict[str, int] = {}
        self._asked: float | None = None
        self._begun = 0.0
        self._bad: set[str] = set()

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
        self._note(probe, now)
        asking = [name for name in components if self._left_in_hour(name, now) > 0]
        siblings = [
            other
            for other in self._plan.enabled()
            if other.burst and any(name in asking for name in other.components)
        ]
        if not probe.burst or not siblings:
            return None
        each = math.ceil(self._policy.extra / len(siblings))
        shares = [(other.name, *self._share(other, each, now)) for other in siblings]
        wanted = tuple((name, count) for name, count, _ in shares if count > 0)
        left = {name: self._left_in_hour(name, now) for name in asking}
        runs = self._within_hour(wanted, left)
        granted = dict(runs)
        paced = tuple((name, gap) for name, _, gap in shares if name in granted and gap is not None)
        return RequestBurst(runs=runs, gap=self._policy.gap, paced=paced) if runs else None

    def _note(self, probe: ProbePlan, now: float) -> None:
        """A bad run of `probe`: part of the burst that lasts, or the first of a new one."""
        if self._asked is None or now - self._asked > OVER_AFTER:
            self._paid_in_burst.clear()
            self._bad.clear()
            self._begun = now
        self._asked = now
        self._bad.add(probe.name)

    def _share(self, probe: ProbePlan, each: int, now: float) -> tuple[int, float | None]:
        """How many extra runs of `probe`, and their gap where it is not the usual one."""
        if not probe.paid:
            return each, None
        left = self._paid_left(probe, now)
        if len(self._bad) > 1:
            return min(each, left), None
        at_once = AT_ONCE - self._paid_in_burst.get(probe.name, 0)
        if probe.name not in self._bad or at_once > 0 or left == 0:
            return min(each, left, max(0, at_once)), None
        rest = self._solo.span + self._policy.gap - (now - self._begun)
        return left, min(PACE_MAX, max(self._policy.gap, rest / left))

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
        in_burst = paid_extra(probe, self._policy, self._solo) - self._paid_in_burst.get(
            probe.name, 0
        )
        return max(0, min(in_burst, self._policy.paid_per_day - len(self._paid)))

    def snapshot(self) -> dict[str, Any]:
        """All that is remembered, as plain values."""
        return {
            "hour": {name: list(times) for name, times in self._hour.items() if times},
            "paid": list(self._paid),
            "paid_in_burst": dict(self._paid_in_burst),
            "asked": self._asked,
            "begun": self._begun,
            "bad": sorted(self._bad),
        }

    def restore(self, saved: Mapping[str, Any], shift: float) -> None:
        """Take over a snapshot; `shift` seconds are added to its monotonic times."""
        for name, times in saved["hour"].items():
            if name in self._hour:
                self._hour[name].extend(when + shift for when in times)
        self._paid.extend(when + shift for when in saved["paid"])
        self._paid_in_burst = dict(saved["paid_in_burst"])
        self._asked = None if saved["asked"] is None else saved["asked"] + shift
        self._begun = saved.get("begun", 0.0) + shift
        self._bad = set(saved.get("bad", ()))
