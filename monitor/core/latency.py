"""Slow though right: which components are degraded, by their probes' own baselines.

Nothing here can open or close an outage. A run that is right counts as good for the rules of
detection however long it took; how long it took is judged here, against what the same probe usually
takes (`pace.py`). A stream is judged by its first token, everything else by the whole run.

One probe that is slow may be one model, one file, one host. So two probes of a component have to be
slow at once, or one for a good while. While half of the control targets are slow against their own
baselines too, it is the network of this host, and nothing opens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monitor.core.effects import ControlResult, Judged
from monitor.core.outcome import Counts
from monitor.core.pace import Pace
from monitor.core.plan import Plan
from monitor.core.policy import Latency


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowProbe:
    """One probe that is slow.

    Attributes:
        probe: its name.
        seconds: median of its last good runs.
        usual: median of its baseline.
        limit: what the median has to stay below.
        since: monotonic seconds since when it has been slow.
        over, runs: how many of its last good runs lie above the limit, of how many.
    """

    probe: str
    seconds: float
    usual: float
    limit: float
    since: float
    over: int
    runs: int

    @property
    def sentence(self) -> str:
        """The rule with its numbers, to recompute it by hand."""
        return (
            f"{self.probe} takes {self.seconds:.2f} s in the median of {self.runs} good runs, "
            f"usually {self.usual:.2f} s (limit {self.limit:.2f} s)"
        )


class LatencyWatch:
    """Learns how long everything takes and tells what is slow. Times are monotonic seconds."""

    def __init__(self, plan: Plan, policy: Latency) -> None:
        """Nothing is known."""
        self._policy = policy
        self._probes = {
            component.name: tuple(
                probe.name for probe in plan.enabled() if component.name in probe.components
            )
            for component in plan.components
        }
        self._paces = {probe.name: Pace(probe.interval, policy) for probe in plan.enabled()}
        self._controls = {
            control.name: Pace(plan.control_interval, policy) for control in plan.controls
        }

    def entered(self, judged: Judged) -> None:
        """A run ended."""
        seen = judged.observation
        if not seen.provisional and judged.verdict.counts is Counts.GOOD:
            seconds = seen.seconds if seen.first_token is None else seen.first_token
            self.add(seen.probe, seconds, seen.started, seen.at)

    def add(self, probe: str, seconds: float, started: float, at: datetime) -> None:
        """A good run of `probe` that started then took so long."""
        pace = self._paces.get(probe)
        if pace is not None:
            pace.add(seconds, started, at)

    def control(self, result: ControlResult) -> None:
        """A control target answered, or not."""
        pace = self._controls.get(result.target)
        if pace is not None and result.ok:
            pace.add(result.ended - result.started, result.started, result.at)

    def degraded(self, component: str, now: float) -> tuple[SlowProbe, ...]:
        """The slow probes that make `component` degraded, the slowest against its usual first.

        Empty when it is not: this is what opens, not what keeps open (`slow`).
        """
        if not self._policy.enabled or self.own_network(now):
            return ()
        slow = self.slow(component, now)
        lasting = [each for each in slow if now - each.since >= self._policy.lasting]
        alone = [each for each in slow if now - each.since >= self._policy.lasting_solo]
        enough = len(lasting) > 1 or bool(alone)
        return slow if enough else ()

    def slow(self, component: str, now: float) -> tuple[SlowProbe, ...]:
        """The probes of `component` that are slow and heard now."""
        found = [self._slow_probe(name, now) for name in self._probes.get(component, ())]
        known = [each for each in found if each is not None]
        return tuple(sorted(known, key=lambda each: -each.seconds / each.usual))

    def cleared(self, probe: str, now: float) -> bool:
        """Whether enough good runs say that `probe` is not slow, or it is not asked any more."""
        pace = self._paces.get(probe)
        return pace is None or (pace.slow_since is None and pace.heard(now))

    @property
    def quiet(self) -> bool:
        """Whether no probe is slow."""
        return all(pace.slow_since is None for pace in self._paces.values())

    def own_network(self, now: float) -> bool:
        """Whether half of the control targets or more are slow too."""
        slow = sum(
            pace.slow_since is not None and pace.heard(now) for pace in self._controls.values()
        )
        return slow > 0 and 2 * slow >= len(self._controls)

    def usual(self, probe: str) -> float | None:
        """Seconds that `probe` usually takes; None before its baseline is long enough."""
        pace = self._paces.get(probe)
        return None if pace is None else pace.usual

    def _slow_probe(self, probe: str, now: float) -> SlowProbe | None:
        pace = self._paces[probe]
        usual, limit, since = pace.usual, pace.limit, pace.slow_since
        if since is None or usual is None or limit is None:
            return None
        present = pace.median(now)
        if present is None:
            return None
        over, runs = pace.over()
        return SlowProbe(
            probe=probe,
            seconds=present,
            usual=usual,
            limit=limit,
            since=since,
            over=over,
            runs=runs,
        )

    def forget_times(self) -> None:
        """The clocks jumped: nobody knows how old the last runs are."""
        for pace in (*self._paces.values(), *self._controls.values()):
            pace.forget_times()

    def snapshot(self) -> dict[str, Any]:
        """All that is remembered, as plain values."""
        return {
            "probes": {name: pace.snapshot() for name, pace in self._paces.items()},
            "controls": {name: pace.snapshot() for name, pace in self._controls.items()},
        }

    def restore(self, saved: Mapping[str, Any], shift: float) -> None:
        """Take over a snapshot; `shift` seconds are added to its monotonic times."""
        for paces, values in (
            (self._paces, saved["probes"]),
            (self._controls, saved["controls"]),
        ):
            for name, value in values.items():
                if name in paces:
                    paces[name].restore(value, shift)
