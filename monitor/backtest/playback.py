"""Recorded runs through the engine, on a virtual clock.

The engine learns of a run at its start plus its duration, or at its soft deadline if that is
earlier. Starts are in order, ends are not: the few runs that are under way wait in a heap, so that
memory does not grow with the file.

A recording need not have every probe of the configuration: a key was missing there, or a probe is
newer than it. A probe that nobody runs would keep every incident of its components from closing,
so the plan follows the recording, by the means of a reload: a probe takes part from its first run
on until it has been silent for an hour in which others ran. Who takes part from the start is known
from looking ahead a few minutes.

Nor was it made by this engine: the extra runs that one asks for while something is wrong may not be
in it, or stand elsewhere. So the engine is told to expect none, and where a probe ran more rarely
than the configuration says it is told that interval; otherwise it would wait for ever for the runs
that let an incident close.

A stretch without any run is a gap: the daemon was off, and time is not told to the engine.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median

from monitor.backtest.runs import RecordedRun
from monitor.core.effects import Announce, Effect, Judged
from monitor.core.engine import Engine
from monitor.core.incident import Event
from monitor.core.moment import Moment
from monitor.core.observation import Answer, Observation, Timings
from monitor.core.outcome import Counts, Outcome, Verdict, counts_as
from monitor.core.plan import Plan, ProbePlan
from monitor.core.policy import Policy

TICK_SECONDS = 1.0
"""How often, at most, time is told to an engine that it can move, at the ends of runs."""
IDLE_TICK_SECONDS = 5.0
"""The same between runs that are farther apart."""
QUIET_SECONDS = 300.0
"""How often time is told to an engine that nothing but a run can move."""
GAP_SECONDS = 300.0
"""A stretch without a run that is a gap; longer where every probe is asked more rarely."""
AHEAD_SECONDS = 600.0
AHEAD_RUNS_MAX = 20_000
"""How far is looked ahead for the probes of the recording."""
SILENT_SECONDS = 3600.0
"""After so long without a run a probe takes part no longer; ten of its intervals at least."""
SLOWED = 1.2
"""A probe that takes this many of its intervals from run to run keeps another interval."""
VERDICTS_MAX = 1_000
TIMINGS_MAX = 10_000
"""How many of each are kept, because the same ones come again and again."""
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

_ANSWERED = {
    outcome: counts_as(outcome) is Counts.GOOD or outcome not in UNANSWERED for outcome in Outcome
}
"""Whether an answer came, where a line does not say it: looked up for every run."""

_ABSENT = "the recording has no run of it"


@dataclass(slots=True)
class Played:
    """What came of a recording.

    Attributes:
        events: all that was announced.
        runs: how many there were.
        gap_count, gap_seconds: how many stretches without any run there were, and their sum.
        longest_gap: start and seconds of the longest of them.
        absent: enabled probes of the configuration of which there was no run.
        first, last: the start of the first run and of the last; None without one.
    """

    events: list[Event] = field(default_factory=list)
    runs: int = 0
    gap_count: int = 0
    gap_seconds: float = 0.0
    longest_gap: tuple[datetime, float] | None = None
    absent: tuple[str, ...] = ()
    first: datetime | None = None
    last: datetime | None = None


class Playback:
    """One recording through one engine: `feed` it in order, then `finish`."""

    def __init__(self, plan: Plan, policy: Policy) -> None:
        """A calm engine."""
        self.played = Played()
        self._policy = replace(policy, cadence=math.inf)
        self._plan = plan
        self._probes = {probe.name: probe for probe in plan.probes}
        self._gap = _gap(plan)
        self._engine = Engine(plan, policy)
        self._ahead: list[RecordedRun] = []
        self._begun = False
        self._origin = datetime.min.replace(tzinfo=UTC)
        self._seen: dict[str, float] = {}
        self._silent: set[str] = set()
        self._waiting: list[tuple[float, int, Judged]] = []
        self._started = self._ticked = self._looked = 0.0
        self._quiet = False
        self._verdicts: dict[tuple[Outcome, bool, str], Verdict] = {}
        self._timings: dict[float, Timings] = {}
        self._answers = {True: Answer(status=200, vendor=True), False: None}

    def play(self, runs: Iterable[RecordedRun]) -> Played:
        """Feed all of them and finish. Errors of the reading pass through."""
        self.feed(runs)
        return self.finish()

    def feed(self, runs: Iterable[RecordedRun]) -> None:
        """The next runs, in order of their start."""
        source = iter(runs)
        while not self._begun:
            run = next(source, None)
            if run is None:
                return
            self._ahead.append(run)
            passed = (run.at - self._ahead[0].at).total_seconds()
            if passed > AHEAD_SECONDS or len(self._ahead) >= AHEAD_RUNS_MAX:
                self._begin()
        for run in source:
            self._take(run)

    def finish(self) -> Played:
        """No run comes any more: those that are under way end."""
        if not self._begun:
            self._begin()
        while self._waiting:
            self._end()
        self.played.absent = tuple(
            probe.name
            for probe in self._plan.probes
            if probe.enabled and probe.name not in self._seen
        )
        return self.played

    # ------------------------------------------------------------ one run

    def _begin(self) -> None:
        """The probes of the first minutes are known."""
        self._begun = True
        ahead, self._ahead = self._ahead, []
        if not ahead:
            return
        self._origin = self.played.first = ahead[0].at
        self._probes |= _slowed(self._probes, ahead)
        self._silent = self._probes.keys() - {run.probe for run in ahead}
        self._engine = Engine(self._present(), self._policy)
        for run in ahead:
            self._take(run)

    def _take(self, run: RecordedRun) -> None:
        started = (run.at - self._origin).total_seconds()
        waiting = self._waiting
        while waiting and waiting[0][0] <= started:
            self._end()
        name = run.probe
        if started - self._started > self._gap:
            self._jump(started)
        self._started = started
        self._seen[name] = started
        if name in self._silent:
            self._silent.discard(name)
            self._replan(started)
        played = self.played
        played.last = run.at
        ended = started + min(run.seconds, self._probes[name].soft_deadline)
        heapq.heappush(waiting, (ended, played.runs, self._judged(run, started)))
        played.runs += 1

    def _judged(self, run: RecordedRun, started: float) -> Judged:
        outcome, seconds, answered = run.outcome, run.seconds, run.answered
        if answered is None:
            answered = _ANSWERED[outcome]
        key = (outcome, answered, run.reason)
        verdict = self._verdicts.get(key)
        if verdict is None:
            if len(self._verdicts) >= VERDICTS_MAX:
                self._verdicts.clear()
            verdict = Verdict(outcome=outcome, reason=run.reason, answered=answered)
            self._verdicts[key] = verdict
        timings = self._timings.get(seconds)
        if timings is None:
            if len(self._timings) >= TIMINGS_MAX:
                self._timings.clear()
            timings = self._timings[seconds] = Timings(total=seconds)
        return Judged(
            observation=Observation(
                run_id=f"{run.probe}/{self.played.runs}",
                probe=run.probe,
                at=run.at,
                started=started,
                ended=started + seconds,
                timings=timings,
                answer=self._answers[answered],
            ),
            verdict=verdict,
        )

    def _end(self) -> None:
        """The next run ends."""
        when = self._waiting[0][0]
        if not self._quiet and when - self._ticked > IDLE_TICK_SECONDS:
            self._wait(when)
        judged = heapq.heappop(self._waiting)[2]
        wall = self._origin + timedelta(seconds=when)
        effects = self._engine.take(judged, Moment(mono=when, wall=wall))
        if len(effects) > 1:
            self._note(effects)
            self._quiet = False
        if when - self._ticked >= (QUIET_SECONDS if self._quiet else TICK_SECONDS):
            self._tick(when)

    # ------------------------------------------------------------ time

    def _moment(self, mono: float) -> Moment:
        return Moment(mono=mono, wall=self._origin + timedelta(seconds=mono))

    def _tick(self, when: float) -> None:
        self._ticked = when
        self._note(self._engine.tick(self._moment(when)))
        self._quiet = self._engine.quiet
        if when - self._looked >= SILENT_SECONDS / 4:
            self._looked = when
            self._look(when)

    def _wait(self, until: float) -> None:
        """Time passes until the next run ends; beyond a gap's length nobody tells it."""
        last = min(until, self._started + self._gap)
        while self._ticked + IDLE_TICK_SECONDS < last:
            self._tick(self._ticked + IDLE_TICK_SECONDS)

    def _jump(self, started: float) -> None:
        """Nothing ran since the last run: a gap, in which no probe was silent by itself."""
        before, seconds = self._moment(self._started).wall, started - self._started
        self.played.gap_count += 1
        self.played.gap_seconds += seconds
        if self.played.longest_gap is None or seconds > self.played.longest_gap[1]:
            self.played.longest_gap = (before, seconds)
        self._seen = {name: when + seconds for name, when in self._seen.items()}
        self._ticked = max(self._ticked, started - TICK_SECONDS)

    # ------------------------------------------------------------ who takes part

    def _look(self, now: float) -> None:
        """Whether a probe has fallen silent."""
        gone = {
            name
            for name, when in self._seen.items()
            if name not in self._silent
            and now - when > max(SILENT_SECONDS, 10 * self._probes[name].interval)
        }
        if gone:
            self._silent |= gone
            self._replan(now)

    def _present(self) -> Plan:
        """The plan with the probes that take part."""
        return replace(self._plan, probes=tuple(map(self._as_recorded, self._probes.values())))

    def _as_recorded(self, probe: ProbePlan) -> ProbePlan:
        return replace(probe, disabled=_ABSENT if probe.name in self._silent else None)

    def _replan(self, now: float) -> None:
        """Another set of probes: as at a reload, windows and open incidents survive."""
        moment = self._moment(now)
        engine = Engine(self._present(), self._policy)
        engine.restore(self._engine.snapshot(moment), moment)
        self._engine = engine
        self._quiet = False

    def _note(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, Announce):
                self.played.events.append(effect.event)


def _slowed(probes: Mapping[str, ProbePlan], runs: Iterable[RecordedRun]) -> dict[str, ProbePlan]:
    """The probes that run more rarely in `runs` than they should, with the interval they keep."""
    starts: dict[str, list[datetime]] = {}
    for run in runs:
        starts.setdefault(run.probe, []).append(run.at)
    slowed: dict[str, ProbePlan] = {}
    for name, moments in starts.items():
        gaps = [(after - before).total_seconds() for before, after in pairwise(moments)]
        interval = median(gaps) if gaps else 0.0
        if interval > SLOWED * probes[name].interval:
            slowed[name] = replace(probes[name], interval=interval)
    return slowed


def _gap(plan: Plan) -> float:
    """Seconds without a run that are a gap."""
    intervals = [probe.interval for probe in plan.probes]
    return max(GAP_SECONDS, 3 * min(intervals, default=0.0))
