"""The face of the core: facts and time go in, effects come out.

`Engine` owns one detector for each component, the windows that they share, the correlator that
makes incidents of what they say, the control guard and the book of keys. It performs nothing. The
daemon, the backtest and the property tests all drive this one object, each with its own clock.

The order within one call is fixed: judge the run, learn from it, enter it, let each detector
decide, let the correlator make incidents of it, judge earlier runs again in its light, then tell
what has to be told.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from monitor.core.asking import ControlQuestion
from monitor.core.beside import Beside, reach_of
from monitor.core.burst import BurstBudget
from monitor.core.cadence import Cadences
from monitor.core.codec import from_plain, to_plain
from monitor.core.correlate import Correlator
from monitor.core.degradation import Degradations
from monitor.core.detector import Detector
from monitor.core.effects import (
    Announce,
    ControlResult,
    Effect,
    Judged,
    Rejudged,
    SightChanged,
    StatusView,
)
from monitor.core.guard import ControlGuard
from monitor.core.incident import EventType, Incident
from monitor.core.judging import Judge
from monitor.core.latency import LatencyWatch
from monitor.core.lifecycle import ModelReport
from monitor.core.moment import Moment
from monitor.core.notices import Notices
from monitor.core.observation import Observation, Origin
from monitor.core.onset import REACH
from monitor.core.outcome import Counts
from monitor.core.plan import Plan
from monitor.core.policy import Policy
from monitor.core.pools import pools_of
from monitor.core.provider import ProviderReport
from monitor.core.sight import Sight
from monitor.core.standing import Stage
from monitor.core.status import Board, probe_views
from monitor.core.transition import Transition
from monitor.core.window import Entry, Windows, entry_of
from monitor.core.words import incident_sentence

SNAPSHOT_VERSION = 2
AWAY_MAX = 60.0
"""Who was away for longer has not looked meanwhile: a silence begins anew."""


class Engine:
    """Decides. See the module's text for the order of things."""

    def __init__(self, plan: Plan, policy: Policy, boot: str = "") -> None:
        """A calm engine that has seen nothing.

        `boot` names the monotonic clock: the same as long as the machine runs; empty if not known.
        """
        titles = {component.name: component.title for component in plan.components}

        def describe(event: EventType, incident: Incident) -> str:
            return incident_sentence(event, incident, titles)

        pools = {c.name: pools_of(c.name, plan, policy) for c in plan.components}
        longest = max((pool.longest_window for of in pools.values() for pool in of), default=0.0)
        self.plan = plan
        self._policy = policy
        self._boot = boot
        horizon = max(longest, 2 * policy.close.window, REACH, reach_of(plan)) + 60.0
        self._windows = Windows((probe.name for probe in plan.probes), horizon)
        self._beside = Beside(plan, policy, self._windows)
        self._guard = ControlGuard((control.name for control in plan.controls), policy.guard)
        self._judge = Judge(plan, policy, self._guard, self._windows)
        self._burst = BurstBudget(plan, policy.burst, policy.solo)
        self.notices = Notices(plan, policy.guard.announce_after)
        self._detectors = {
            component.name: Detector(
                component, pools[component.name], self._windows, policy, self._beside.calendar
            )
            for component in plan.components
        }
        self._correlator = Correlator(plan, policy, self._windows, self._detectors, describe)
        self._latency = LatencyWatch(plan, policy.latency)
        self._degradations = Degradations(self._latency, plan, policy.latency)
        self._probes = {probe.name: probe for probe in plan.probes}
        calendar = self._beside.calendar
        self._board = Board(
            calendar.shown, policy, self._windows, self._guard, self._detectors, self._correlator
        )
        self.maintain = calendar.maintain
        self._last: dict[str, Judged] = {}
        self._held: set[str] = set()
        self._question = ControlQuestion(
            self._guard, targets=bool(plan.controls), wait=policy.guard.wait
        )
        self._ticked: Moment | None = None
        self._cadences = Cadences(plan, policy, self._detectors)
        self.sight = Sight()
        self._orphans: list[Effect] = []

    # ------------------------------------------------------------ what comes in

    def feed(self, observation: Observation, now: Moment) -> tuple[Effect, ...]:
        """A run has ended, or its soft deadline has passed."""
        return self.take(self._judge.judge(observation), now)

    def take(self, judged: Judged, now: Moment) -> tuple[Effect, ...]:
        """A run that is judged already (a recorded one); `feed` does both."""
        observation, verdict = judged.observation, judged.verdict
        if not observation.provisional:
            self._last[observation.probe] = judged
            self._board.learn(judged)
            if observation.origin is Origin.BURST:
                self._burst.ran(self._probes[observation.probe], observation.started)
            self._hear(judged)
            self._latency.entered(judged)
        effects: list[Effect] = [judged]
        effects += self._enter(judged, now)
        for earlier in self._judge.key_doubts(now.mono):
            effects += self._again(earlier, now)
        if not observation.provisional:
            probe = self._probes[observation.probe]
            worked = probe.credential is not None and self._judge.worked(probe.credential)
            passing = () if verdict.counts is Counts.GOOD else self._judge.passing(probe, now.mono)
            effects += self.notices.about(judged, worked=worked, now=now, passing=passing)
        if verdict.counts is Counts.BAD or len(effects) > 1:
            effects += self._board.changes(now)
        return self._beside.put(effects, now)

    def control(self, result: ControlResult, now: Moment) -> tuple[Effect, ...]:
        """A control target has answered, or not."""
        self._guard.record(result)
        self._latency.control(result)
        self._question.answered(result)
        effects: list[Effect] = []
        if not result.ok:
            for earlier in self._judge.network_doubts():
                effects += self._again(earlier, now)
        effects += self._release(now)
        return self._beside.put(effects, now)

    def provider(self, report: ProviderReport, now: Moment) -> tuple[Effect, ...]:
        """The vendor's page was read: never evidence, but it is noted on incidents."""
        self._judge.vendor_spoke(self._beside.key_word(report, now))
        return self._beside.hear(report, self.open_incidents(), now)

    def models(self, report: ModelReport, now: Moment) -> tuple[Effect, ...]:
        """The lists of models were read: lines, and what will have to be replaced."""
        self._learn(report)
        return tuple(self.notices.models(self._beside.models, now))

    def _learn(self, report: ModelReport) -> None:
        """What is known stays known: a list that cannot be read takes nothing back."""
        self._beside.models = report.carried(self._beside.models)
        for detector in self._detectors.values():
            detector.lines = self._beside.models.lines()

    def tick(self, now: Moment) -> tuple[Effect, ...]:
        """Time has passed: about once a second."""
        effects: list[Effect] = [*self._watch_clocks(now)]
        changes = self.sight.look(self._guard.blind_reason(), now)
        if changes and self.sight.blind is None:
            self._correlator.sighted(now)
        effects += [*changes, *self._release(now)]
        detectors = self._detectors.values()
        if self.sight.blind is None:
            steps = [step for detector in detectors for step in detector.tick(now)]
            steps += self._degradations.tick(now.mono, self._board.busy(now))
            effects += self._decided(steps, now) + self._told(self._correlator.tick(now))
        else:
            effects += self._decided([s for d in detectors for s in d.given_up(now)], now)
        effects += [*self.notices.network(self._guard, now), *self._board.changes(now)]
        self._windows.prune(now.mono)
        self._judge.forget_before(now.mono)
        return self._beside.put(effects, now)

    @property
    def quiet(self) -> bool:
        """Whether time alone changes no decision: who keeps its own may then `tick` rarely."""
        calm = all(d.standing.stage is Stage.CALM for d in self._detectors.values())
        calm = calm and not self._correlator.waiting and self._degradations.quiet
        sees = self.sight.blind is None and self._guard.blind_reason() is None
        return calm and sees and not self._held

    # ------------------------------------------------------------ one run

    def _hear(self, judged: Judged) -> None:
        """The probe was heard; a run that says nothing about anyone does not count."""
        if judged.observation.answer is None and judged.verdict.counts is Counts.EXCLUDED:
            return
        for name in self._probes[judged.observation.probe].components:
            self._detectors[name].heard(judged.observation.probe, judged.observation.started)

    def _enter(self, judged: Judged, now: Moment) -> list[Effect]:
        """Put the run into the windows and let the detectors decide."""
        observation, verdict = judged.observation, judged.verdict
        probe = self._probes[observation.probe]
        if verdict.counts is Counts.EXCLUDED:
            gone = self._windows.remove(probe.name, observation.run_id, observation.started)
            if gone is not None:
                self._correlator.taken_back(gone)
            return []
        entry = entry_of(judged)
        before = self._windows.put(entry)
        if self._correlator.cases:
            self._correlator.entered(entry, before)
        effects: list[Effect] = []
        if entry.bad and (before is None or not before.bad):
            effects += self._doubt(entry, now)
        hold = entry.bad and self._question.waiting(now.mono)
        steps: list[Transition] = []
        for name in probe.components:
            steps += self._detectors[name].entered(entry, now, answered_only=hold)
            if hold:
                self._held.add(name)
        return effects + self._decided(steps, now) if steps else effects

    def _doubt(self, entry: Entry, now: Moment) -> list[Effect]:
        """A bad run: ask the control targets, and ask again."""
        effects: list[Effect] = [*self._question.ask(now.mono)]
        probe = self._probes[entry.probe]
        calm = [n for n in probe.components if self._correlator.unannounced(n)]
        burst = self._burst.ask(probe, calm, now.mono) if calm else None
        if burst is not None:
            effects.append(burst)
        return effects

    def _again(self, judged: Judged, now: Moment) -> list[Effect]:
        """An earlier run means something else now."""
        run_id = judged.observation.run_id
        last = self._last.get(judged.observation.probe)
        if last is not None and last.observation.run_id == run_id:
            self._last[judged.observation.probe] = judged
        effects: list[Effect] = [Rejudged(run_ids=(run_id,), verdict=judged.verdict)]
        return effects + self._enter(judged, now)

    def _release(self, now: Moment) -> list[Effect]:
        """Judge what had to wait, once the wait is over."""
        if not self._held or self._question.waiting(now.mono):
            return []
        held, self._held = sorted(self._held), set()
        return self._decided([s for name in held for s in self._detectors[name].judge(now)], now)

    def _decided(self, steps: list[Transition], now: Moment) -> list[Effect]:
        """What the detectors' steps come to."""
        return self._told(self._correlator.apply(steps, now)) if steps else []

    def _told(self, effects: list[Effect]) -> list[Effect]:
        """Add the change of cadence that comes with it."""
        return [*effects, *self._cadences.changes()] if effects else effects

    # ------------------------------------------------------------ time and states

    def _watch_clocks(self, now: Moment) -> list[SightChanged]:
        """Wall against monotonic time: after a jump or a sleep the windows mean nothing."""
        before, self._ticked = self._ticked, now
        if before is None:
            return []
        passed = now.mono - before.mono
        drift = (now.wall - before.wall).total_seconds() - passed
        if abs(drift) <= self._policy.clock_drift:
            return []
        self._forget_times()
        return self.sight.slept(drift, now)

    def _forget_times(self) -> None:
        """Nobody knows how old anything is."""
        self._windows.clear()
        self._guard.forget_times()
        self._judge.forget_times()
        self._degradations.forget_times()
        self._held.clear()

    def status(self, now: Moment) -> StatusView:
        """Everything that a page or a metric shows of now."""
        view = StatusView(
            at=now.wall,
            vantage=self.plan.vantage,
            components=self._board.view(now),
            probes=probe_views(self.plan.probes, self._judge.proven, self._last),
            network=self._guard.view(),
            open_incidents=self.open_incidents(),
            suspects=self._correlator.suspects(),
        )
        return self._beside.on(view, now)

    def open_incidents(self) -> tuple[Incident, ...]:
        """The announced incidents that last."""
        return self._correlator.lasting()

    def close_incident(self, incident_id: str, reason: str, now: Moment) -> tuple[Effect, ...]:
        """End an open incident by an operator's word; nothing when none of that id lasts."""
        effects = self._correlator.stop(incident_id, reason, now)
        if not effects:
            return ()
        return self._beside.put((*self._told(effects), *self._board.changes(now)), now)

    # ------------------------------------------------------------ memory

    def snapshot(self, now: Moment) -> bytes:
        """All that is remembered, as JSON."""
        plain = {
            "version": SNAPSHOT_VERSION,
            "boot": self._boot,
            "mono": now.mono,
            "wall": now.wall.isoformat(),
            "windows": {n: to_plain(entries) for n, entries in self._windows.snapshot().items()},
            "guard": self._guard.snapshot(),
            "judge": self._judge.snapshot(),
            "burst": self._burst.snapshot(),
            "notices": self.notices.snapshot(),
            "detectors": {name: d.snapshot() for name, d in self._detectors.items()},
            "cases": self._correlator.snapshot(),
            "latency": self._degradations.snapshot(),
            "blind": self.sight.blind,
            "board": self._board.snapshot(),
            "held": sorted(self._held),
            "question": self._question.snapshot(),
            "beside": self._beside.snapshot(),
            "models": to_plain(self._beside.models),
        }
        return json.dumps(plain, separators=(",", ":")).encode()

    def restore(self, snapshot: bytes, now: Moment) -> None:
        """Take over what an earlier engine remembered; its plan may have been another one.

        Monotonic times are moved so that what happened ten minutes ago by the wall clock is ten
        minutes old again. If it was set back meanwhile, or moved otherwise than the monotonic clock
        of the same boot, nobody knows how old anything is.

        Raises:
            ValueError: the snapshot is damaged or of another version; throw this engine away.
        """
        try:
            saved = json.loads(snapshot)
            if saved["version"] != SNAPSHOT_VERSION:
                msg = f"a snapshot of version {saved['version']}"
                raise ValueError(msg)
            away = (now.wall - datetime.fromisoformat(saved["wall"])).total_seconds()
            self._restore(saved, now.mono - saved["mono"] - max(0.0, away), now)
            if away > AWAY_MAX:
                for detector in self._detectors.values():
                    detector.watched = None
            same_clock = bool(self._boot) and saved["boot"] == self._boot
            passed = now.mono - saved["mono"] if same_clock else max(0.0, away)
            if abs(away - passed) > self._policy.clock_drift:
                self._forget_times()
        except (KeyError, TypeError, AttributeError) as error:
            msg = f"a damaged snapshot: {error!r}"
            raise ValueError(msg) from None

    def _restore(self, saved: dict[str, Any], shift: float, now: Moment) -> None:
        for name, values in saved["windows"].items():
            entries = [from_plain(Entry, value) for value in values]
            moved = [replace(entry, started=entry.started + shift) for entry in entries]
            self._windows.restore({name: moved})
        self._guard.restore(saved["guard"], shift)
        self._judge.restore(saved["judge"], shift)
        self._burst.restore(saved["burst"], shift)
        self.notices.restore(saved["notices"], shift)
        for name, values in saved["detectors"].items():
            if name in self._detectors:
                self._detectors[name].restore(values, shift)
        for case in self._correlator.restore(saved["cases"], shift):
            self._orphans += self._correlator.abandon(case, now)
        self._degradations.restore(saved["latency"], shift)
        self._cadences.settle()
        self.sight.blind = saved["blind"]
        self._board.restore(saved["board"])
        self._question.restore(saved["question"], shift)
        self._beside.restore(saved.get("beside", {}))
        self._learn(from_plain(ModelReport, saved.get("models", {})))
        self._held = set(saved["held"]) & set(self._detectors)

    def remember(
        self, entries: Iterable[Entry], proven: Iterable[str] = (), excluded: Iterable[str] = ()
    ) -> None:
        """Stored runs that the snapshot lacks: they caused nothing then and cause nothing now.

        `excluded` are the ids of runs that turned out to say nothing.
        """
        self._windows.complete((e for e in entries if e.probe in self._probes), excluded)
        self._judge.prove(proven)

    def adopt(self, incidents: Iterable[Incident], now: Moment) -> None:
        """Open incidents on record that the memory lacks, its snapshot being lost or unusable.

        They go on as they stand, so that each gets its close. One whose component is not watched
        any more is closed by `resume`: nobody is left to tell.
        """
        closing = (e.event.incident for e in self._orphans if isinstance(e, Announce))
        ending = {incident.id for incident in closing if incident is not None}
        for incident in incidents:
            if incident.id not in ending:
                self._orphans += self._correlator.adopt(incident, now)
        self._cadences.settle()

    def resume(self, now: Moment) -> tuple[Effect, ...]:
        """What the shell must do after a restart: cadence of open incidents, close of orphans."""
        effects: list[Effect] = [*self.sight.back(now), *self._orphans]
        self._orphans.clear()
        effects += [*self._cadences.anew(), *self._board.changes(now)]
        return self._beside.put(effects, now)
