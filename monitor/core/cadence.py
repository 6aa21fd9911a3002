"""Which probes run more often, because a component of theirs is not well."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.core.detector import Detector
from monitor.core.effects import SetCadence
from monitor.core.plan import Plan
from monitor.core.policy import Policy
from monitor.core.pools import cadence_of
from monitor.core.standing import Stage


class Cadences:
    """Remembers who was told to hurry."""

    def __init__(self, plan: Plan, policy: Policy, detectors: Mapping[str, Detector]) -> None:
        """Nobody hurries."""
        self._policy = policy
        self._order = tuple(probe.name for probe in plan.probes)
        self._detectors = detectors
        self._raised: dict[str, float] = {}

    def changes(self) -> list[SetCadence]:
        """What has to change for the detectors as they stand now."""
        wanted = self._wanted()
        groups: dict[float | None, list[str]] = {}
        for name in self._order:
            if wanted.get(name) != self._raised.get(name):
                groups.setdefault(wanted.get(name), []).append(name)
        self._raised = wanted
        return [
            SetCadence(probes=tuple(names), interval=interval) for interval, names in groups.items()
        ]

    def anew(self) -> list[SetCadence]:
        """The same for a schedule that has just been set up."""
        self._raised = {}
        return self.changes()

    def settle(self) -> None:
        """The schedule goes on as it is: it fits the detectors."""
        self._raised = self._wanted()

    def _wanted(self) -> dict[str, float]:
        """Seconds between the runs of each probe that is to hurry."""
        return {
            probe.name: cadence
            for detector in self._detectors.values()
            if detector.standing.stage is not Stage.CALM and detector.pools
            for probe in detector.pools[0].probes
            if (cadence := cadence_of(probe, self._policy)) < probe.interval
        }
