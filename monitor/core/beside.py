"""What stands beside our own decisions: the vendor's word, and how other routes are.

The engine decides without it and passes what it has decided through here on its way out. So nothing
in this file can open, close or change an incident; it adds what a reader wants to know next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from monitor.core.alternatives import RECENT_INTERVALS, alternatives
from monitor.core.effects import Announce, Effect, Revise, StatusView
from monitor.core.incident import Alternative, Incident
from monitor.core.lifecycle import NO_REPORT
from monitor.core.moment import Moment
from monitor.core.plan import Calendar, Plan
from monitor.core.policy import Policy
from monitor.core.provider import ProviderBook, ProviderReport, speaks_of_keys, windows_of
from monitor.core.window import Windows

KEY_WORD_SECONDS = 600.0
"""For so long after a reading the page's word on authentication is about now."""


def reach_of(plan: Plan) -> float:
    """How many seconds of runs the states of alternatives need."""
    routes = [probe for probe in plan.probes if probe.alternative_for is not None]
    return max((RECENT_INTERVALS * probe.interval for probe in routes), default=0.0)


class Beside:
    """Adds the vendor's word and the alternatives to what the engine decided."""

    def __init__(self, plan: Plan, policy: Policy, windows: Windows) -> None:
        """The page has not been read. `windows` are the engine's."""
        self._plan = plan
        self._policy = policy
        self._windows = windows
        self._book = ProviderBook()
        self.calendar = Calendar(plan.maintenance)
        self.models = NO_REPORT

    def hear(
        self, report: ProviderReport, lasting: Iterable[Incident], now: Moment
    ) -> tuple[Effect, ...]:
        """The page was read, or could not be: the incidents on which it says something new."""
        changed = self._book.hear(report, self.shown(lasting, now), now.wall)
        if report.error is None and self._plan.honour_maintenance:
            self.calendar.vendors = windows_of(report)
        return tuple(Revise(incident=incident) for incident in changed)

    def key_word(self, report: ProviderReport, now: Moment) -> tuple[frozenset[str], float] | None:
        """At which components the page says that authentication fails, and until when that counts.

        None when it could not be read: then what it said before counts for its time.
        """
        if report.error is not None:
            return None
        names = [component.name for component in self._plan.components]
        return speaks_of_keys(report, names), now.mono + KEY_WORD_SECONDS

    def put(self, effects: Sequence[Effect], now: Moment) -> tuple[Effect, ...]:
        """`effects`, their incidents complete."""
        return tuple(self._complete(effect, now) for effect in effects)

    def _complete(self, effect: Effect, now: Moment) -> Effect:
        if isinstance(effect, Revise):
            return Revise(incident=self._noted(effect.incident, now))
        if isinstance(effect, Announce) and effect.event.incident is not None:
            incident = self._noted(effect.event.incident, now)
            return Announce(event=replace(effect.event, incident=incident))
        return effect

    def _noted(self, incident: Incident, now: Moment) -> Incident:
        routes = self.alternatives(now, incident.names)
        return self._book.noted(replace(incident, alternatives=routes), now.wall)

    def shown(self, incidents: Iterable[Incident], now: Moment) -> tuple[Incident, ...]:
        """`incidents` as they are to be shown now; nothing is noted."""
        return tuple(
            replace(self._book.shown(each), alternatives=self.alternatives(now, each.names))
            for each in incidents
        )

    def on(self, view: StatusView, now: Moment) -> StatusView:
        """`view` with what the page says and how the other routes stand."""
        return replace(
            view,
            open_incidents=self.shown(view.open_incidents, now),
            provider=self._book.report,
            alternatives=self.alternatives(now),
            models=self.models,
        )

    def alternatives(
        self, now: Moment, components: Sequence[str] | None = None
    ) -> tuple[Alternative, ...]:
        """How the other routes stand; all when no component is named."""
        if components is None:
            components = [component.name for component in self._plan.components]
        return alternatives(self._plan, self._windows, self._policy, now.mono, components)

    def snapshot(self) -> dict[str, Any]:
        """All that is remembered, as plain values."""
        return self._book.snapshot()

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take over a snapshot."""
        self._book.restore(saved)
