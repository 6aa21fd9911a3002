"""The log of what happens: one line a run, one a change of state, one an event."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from monitor.core.effects import Announce, Effect, Judged, Rejudged, SightChanged, StateChanged
from monitor.core.outcome import Outcome


class RunLog:
    """Writes effects to the log. Fits `pipeline.Sink`.

    Runs that are `ok` are logged at debug: they are the normal case, and the metrics have them.
    """

    def __init__(self) -> None:
        """Bind the logger."""
        self._log = structlog.get_logger("monitor")

    def publish(self, effects: Sequence[Effect]) -> None:
        """Take note."""
        for effect in effects:
            if isinstance(effect, Judged):
                self._run(effect)
            elif isinstance(effect, StateChanged):
                self._log.info(
                    "component.state_changed",
                    component=effect.component,
                    before=str(effect.before),
                    after=str(effect.after),
                )
            elif isinstance(effect, Announce):
                event = effect.event
                self._log.warning(
                    str(event.type),
                    id=event.id,
                    summary=event.summary,
                    reason=str(event.reason),
                    explanation=event.incident.explanation if event.incident else event.detail,
                )
            elif isinstance(effect, SightChanged):
                self._log.warning("network.sight_changed", sees=effect.sees, reason=effect.reason)
            elif isinstance(effect, Rejudged):
                self._log.info(
                    "run.rejudged", runs=list(effect.run_ids), outcome=str(effect.verdict.outcome)
                )

    def _run(self, judged: Judged) -> None:
        observation, verdict = judged.observation, judged.verdict
        if observation.provisional:
            return
        write = self._log.debug if verdict.outcome is Outcome.OK else self._log.info
        answer = observation.answer
        write(
            "run.finished",
            probe=observation.probe,
            run=observation.run_id,
            origin=str(observation.origin),
            outcome=str(verdict.outcome),
            counts=str(verdict.counts),
            reason=verdict.reason,
            seconds=round(observation.seconds, 4),
            phases={str(name): round(spent, 4) for name, spent in observation.timings.phases()},
            status=None if answer is None else answer.status,
            request_id=None if answer is None else answer.request_id,
            cf_ray=None if answer is None else answer.cf_ray,
        )
