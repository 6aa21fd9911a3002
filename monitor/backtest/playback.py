"""Recorded runs through the engine, on a virtual clock.

The engine learns of a run at its start plus its duration, or at its soft deadline if that is
earlier. Starts are in order, ends are not: the few runs that are under way wait in a heap, so that
memory does not grow with the file.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from datetime import datetime, timedelta

from monitor.backtest.replay import Record
from monitor.backtest.runs import RecordedRun
from monitor.core.effects import Announce, Effect, Judged
from monitor.core.engine import Engine
from monitor.core.moment import Moment
from monitor.core.observation import Answer, Observation, Timings
from monitor.core.outcome import Counts, Outcome, Verdict, counts_as
from monitor.core.plan import Plan
from monitor.core.policy import Policy

TICK_SECONDS = 1.0
QUIET_SECONDS = 60.0
"""How often time is told to an engine that nothing but a run can move."""
UNANSWERED = frozenset(
    {
        Outcome.TIMEOUT,
        Outcome.DNS_ERROR,
        Outcome.CONNECT_ERROR,
        Outcome.TLS_ERROR,
        Outcome.NO_NETWORK,
        Outcome.MONITOR_ERROR,
    }
)
"""Outcomes in which no answer of the vendor came, where a line does not say it."""


class Playback:
    """One file of runs through one engine."""

    def __init__(self, plan: Plan, policy: Policy) -> None:
        """A calm engine."""
        self.engine = Engine(plan, policy)
        self.record = Record()
        self._soft = {probe.name: probe.soft_deadline for probe in plan.probes}
        self._quiet = False
        self._verdicts: dict[tuple[Outcome, bool], Verdict] = {}
        self._answers = {True: Answer(status=200, vendor=True), False: None}

    def play(self, runs: Iterable[RecordedRun]) -> Record:
        """Feed all of them. Errors of the reading pass through."""
        origin: datetime | None = None
        waiting: list[tuple[float, int, Judged]] = []
        ticked = 0.0
        count = 0
        for run in runs:
            if origin is None:
                origin = run.at
            started = (run.at - origin).total_seconds()
            while waiting and waiting[0][0] <= started:
                ticked = self._end(waiting, origin, ticked)
            ended = started + min(run.seconds, self._soft[run.probe])
            heapq.heappush(waiting, (ended, count, self._judged(run, started, count)))
            count += 1
        while waiting and origin is not None:
            ticked = self._end(waiting, origin, ticked)
        self.record.runs = count
        return self.record

    def _end(
        self, waiting: list[tuple[float, int, Judged]], origin: datetime, ticked: float
    ) -> float:
        """The next run ends. Returns when the engine last saw time pass."""
        when, _, judged = heapq.heappop(waiting)
        now = Moment(mono=when, wall=origin + timedelta(seconds=when))
        effects = self.engine.take(judged, now)
        if len(effects) > 1:
            self._note(effects)
            self._quiet = False
        if when - ticked < (QUIET_SECONDS if self._quiet else TICK_SECONDS):
            return ticked
        self._note(self.engine.tick(now))
        self._quiet = self.engine.quiet
        return when

    def _judged(self, run: RecordedRun, started: float, number: int) -> Judged:
        good = counts_as(run.outcome) is Counts.GOOD
        answered = run.answered
        if answered is None:
            answered = good or run.outcome not in UNANSWERED
        key = (run.outcome, answered)
        verdict = self._verdicts.get(key)
        if verdict is None or run.reason:
            verdict = Verdict(outcome=run.outcome, reason=run.reason, answered=answered)
            if not run.reason:
                self._verdicts[key] = verdict
        return Judged(
            observation=Observation(
                run_id=f"{run.probe}/{number}",
                probe=run.probe,
                at=run.at,
                started=started,
                ended=started + run.seconds,
                timings=Timings(total=run.seconds),
                answer=self._answers[answered],
            ),
            verdict=verdict,
        )

    def _note(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, Announce):
                self.record.events.append(effect.event)
