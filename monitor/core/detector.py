"""One component's state machine: when it fails, recovers, is well again and comes back.

Two rules of this file. Everything that changes a stage goes through `standing.TRANSITIONS`; a
signal that this table does not list for the stage is a bug and raises. And the file knows no clock:
each call is told the moment, and asking twice with the same moment gives the same answer.

The theory. A component is *calm* until one of the opening rules (`rules.py`) is met in one of its
pools (`pools.py`). Where several pools meet a rule at once, the pool with the largest share of bad
runs decides, the shallowest among equals: "keys are refused" says more than "half of everything
fails", and if the edge is dead it is the edge that has to be named. Recovery and close are judged
on that pool, and on the probes in it that had failed (`closing.py`). It *widens* when the probes
outside it meet a rule by themselves: then a shallower pool decides, or a family of models that was
dead alone is so no longer.

While *open*, a row of good runs, with no probe of the pool left failing, means *recovering*: the
impact is over, as far as can be told. It is calm again only after a whole window of (nearly) clean
runs in which every probe was heard, because outages flap: 300 s rides out a four-minute flap, 120 s
is enough after one clean step of five minutes or more. A relapse goes back to open. A breach within
15 minutes of the close comes back; two of those in an hour double the window.

What happened before the end of one incident is no evidence for the next: a *floor* in time keeps
the long windows of the slow rules from opening it again at once.

The state that people see (partial or major outage) follows the share of bad runs in the deciding
pool over the last minutes, with some room between the two so that it does not flicker; from
recovering on it is partial at most.

What comes of a step, an incident of one component or of several, is not decided here: see
`correlate.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from monitor.core.closing import SLIP_MAX, clean, recovery, relapse, silent
from monitor.core.dating import began, ended
from monitor.core.family import dead_family, members, only_asked
from monitor.core.incident import Reason, State
from monitor.core.moment import Moment
from monitor.core.noise import NoiseMeter
from monitor.core.opening import Found, deepest_good, evidence, find, path_proven
from monitor.core.outcome import Depth
from monitor.core.plan import ComponentPlan, Window
from monitor.core.policy import Policy
from monitor.core.pools import Pool, pools_over
from monitor.core.standing import (
    TRANSITIONS,
    Signal,
    Stage,
    Standing,
    outage_state,
    standing_from_plain,
    standing_to_plain,
)
from monitor.core.transition import Transition
from monitor.core.window import Entry, Windows


class Detector:
    """The machine of one component."""

    def __init__(
        self,
        component: ComponentPlan,
        pools: tuple[Pool, ...],
        windows: Windows,
        policy: Policy,
        maintenance: Iterable[Window] = (),
    ) -> None:
        """Start calm. `windows` are shared with the engine, which fills them."""
        self.component = component
        self.pools = pools
        self.standing = Standing()
        self.watched: float | None = None
        self.lines: Mapping[str, str] = {}
        self._policy = policy
        self._windows = windows
        self._maintenance = maintenance
        self.noise = NoiseMeter(pools, policy.noise)
        self._heard: dict[str, float] = {}
        self._rest: dict[tuple[str, ...], tuple[Pool, ...]] = {}

    # ------------------------------------------------------------ what comes in

    def heard(self, probe: str, started: float) -> None:
        """A run of `probe` ended with an answer of some kind, usable or not."""
        self._heard[probe] = max(started, self._heard.get(probe, started))
        self.noise.heard(started)

    def entered(
        self, entry: Entry, now: Moment, *, answered_only: bool = False
    ) -> list[Transition]:
        """A usable run is in the windows."""
        if self.standing.stage is Stage.CALM:
            if not entry.bad:
                return []
            self.noise.bad(entry.probe, entry.started)
            return self.judge(now, answered_only=answered_only)
        if not self.pools:
            return []
        found = self._widen(entry, now) if entry.bad else []
        if entry.probe not in self.deciding.names:
            return found
        found += self._weigh(now)
        return found + (self._relapse(now) if entry.bad else self._recover(now))

    def tick(self, now: Moment) -> list[Transition]:
        """Time has passed: a clean window may be full, or nobody is left to tell."""
        if self.standing.stage is Stage.CALM:
            return []
        if not self.pools:
            return [self._calm(Signal.GONE, Reason.EVIDENCE_GONE, "no enabled probe is left", now)]
        gone = self.given_up(now)
        if gone:
            return gone
        return self._close(now) if self.standing.stage is Stage.RECOVERING else self._recover(now)

    def given_up(self, now: Moment) -> list[Transition]:
        """Time has passed in which nothing could be seen: after hours nobody can tell any more."""
        if self.standing.stage is Stage.CALM or not self.pools:
            return []
        if self.watched is None:
            self.watched = now.mono
        why = silent(self.deciding, self._windows, self._policy, self.watched, now.mono)
        if why is None:
            return []
        return [self._calm(Signal.GONE, Reason.EVIDENCE_GONE, why, now)]

    # ------------------------------------------------------------ calm: does it open?

    def judge(self, now: Moment, *, answered_only: bool = False) -> list[Transition]:
        """A breach if a rule is met; with `answered_only` by runs that were answered.

        Nothing opens in a window of the plan, and what outlives it opens right after it. A daemon's
        plan has none: there windows hold back announcements alone (`Calendar.maintain`).
        """
        name = self.component.name
        planned = any(window.covers(name, now.wall) for window in self._maintenance)
        if self.standing.stage is not Stage.CALM or planned:
            return []
        found = self._find(now, self.standing.floor, answered_only=answered_only)
        return [] if found is None else [self._open(found, now)]

    def _find(self, now: Moment, floor: float, *, answered_only: bool = False) -> Found | None:
        since = evidence(self._windows, floor, answered_only=answered_only)
        return find(self.pools, since, self._policy, now.mono, self.noise)

    def _open(self, found: Found, now: Moment) -> Transition:
        old, close = self.standing, self._policy.close
        family = dead_family(found, self._windows, self._policy, now.mono, self.lines)
        asked = self._only_asked(found.pool, now)
        state = self._outage(found.entries, State.PARTIAL_OUTAGE, asked)
        again = old.closed is not None and now.mono - old.closed <= close.reopen_within
        reopened = tuple(when for when in old.reopened if when >= now.mono - close.flaps_in)
        onset = impact_start(found)
        self.standing = Standing(
            stage=TRANSITIONS[old.stage, Signal.BREACH],
            depth=found.pool.depth,
            family=family,
            state=state if family is None else State.DEGRADED_PERFORMANCE,
            culprits=found.culprits,
            onset=onset,
            opened=now.mono,
            closed=old.closed,
            floor=old.floor,
            reopened=(*reopened, now.mono) if again else reopened,
            good=max(old.good, max(onset, now.mono - SLIP_MAX) - old.floor) if again else 0.0,
        )
        return self._step(
            Signal.BREACH,
            found.breach.reason,
            found.breach.sentence + _asked_words(asked),
            deepest=deepest_good(self.pools, found.pool, self._windows, self._policy, now.mono),
            asked=asked,
            proven=path_proven(found.entries, self._policy.fast.answered_min),
        )

    def dropped(self, now: Moment) -> None:
        """Its suspicion was not confirmed: nothing that began before now is evidence any more."""
        if self.standing.stage is not Stage.CALM:
            self._calm(Signal.DROPPED, Reason.NOT_CONFIRMED, "", now)
            self.standing = replace(self.standing, closed=None)

    def stopped(self, now: Moment) -> None:
        """Its incident was ended by hand."""
        if self.standing.stage is not Stage.CALM:
            self._calm(Signal.GONE, Reason.OPERATOR, "", now)

    # ------------------------------------------------------------ open: how wide, how bad

    @property
    def deciding(self) -> Pool:
        """The pool that decides; the deepest of the shallower ones if a reload took it away."""
        level = self.standing.depth.level
        fitting = [pool for pool in self.pools if pool.depth.level <= level]
        return fitting[-1] if fitting else self.pools[0]

    def _widen(self, entry: Entry, now: Moment) -> list[Transition]:
        """Those outside the pool, or of other families, may meet a rule by themselves."""
        standing, pool = self.standing, self.deciding
        inside = {probe.name for probe in pool.probes}
        if standing.family is not None:
            inside &= {probe.name for probe in members(pool.probes, standing.family, self.lines)}
        if entry.probe in inside:
            return []
        names = tuple(sorted(inside))
        if names not in self._rest:
            others = [probe for probe in self.pools[0].probes if probe.name not in inside]
            self._rest[names] = pools_over(others, self._policy)
        since = evidence(self._windows, standing.floor)
        found = find(self._rest[names], since, self._policy, now.mono, self.noise)
        if found is None:
            return []
        depth = min(found.pool.depth, standing.depth, key=lambda depth: depth.level)
        self.standing = replace(
            standing,
            stage=TRANSITIONS[standing.stage, Signal.WIDENED],
            depth=depth,
            family=None,
            culprits=tuple(sorted({*standing.culprits, *found.culprits})),
            recovered=None,
        )
        asked = self._only_asked(self.deciding, now)
        state = self._outage(self._recent(now), State.PARTIAL_OUTAGE, asked)
        self.standing = replace(self.standing, state=state)
        deepest = deepest_good(self.pools, self.deciding, self._windows, self._policy, now.mono)
        sentence = found.breach.sentence + _asked_words(asked)
        return [self._step(Signal.WIDENED, Reason.WIDENED, sentence, deepest=deepest, asked=asked)]

    def _only_asked(self, pool: Pool, now: Moment) -> str | None:
        return only_asked(pool, self._windows, self._policy, now.mono, self.lines)

    def _outage(self, entries: Sequence[Entry], before: State, asked: str | None) -> State:
        """Partial or major; never major where only the models of the family `asked` were."""
        state = outage_state(entries, before, self._policy.severity)
        return state if asked is None else min(state, State.PARTIAL_OUTAGE, key=list(State).index)

    def _recent(self, now: Moment) -> list[Entry]:
        since = max(self.standing.onset, now.mono - self._policy.severity.window)
        return self._windows.since(self.deciding.names, since)

    def _weigh(self, now: Moment) -> list[Transition]:
        """Follow the share of bad runs: the state moves both ways."""
        standing = self.standing
        if standing.stage is not Stage.OPEN or standing.family is not None:
            return []
        entries = self._recent(now)
        asked = self._only_asked(self.deciding, now)
        state = self._outage(entries, standing.state, asked)
        if state is standing.state:
            return []
        self.standing = replace(
            standing, stage=TRANSITIONS[standing.stage, Signal.CHANGED], state=state
        )
        bad = sum(entry.bad for entry in entries)
        seconds = now.mono - max(standing.onset, now.mono - self._policy.severity.window)
        sentence = (
            f"severity: {bad} of {len(entries)} runs of the pool bad in {seconds:.0f} s "
            f"({self._policy.severity.major:.0%} is a major outage){_asked_words(asked)}"
        )
        return [self._step(Signal.CHANGED, Reason.SEVERITY_CHANGED, sentence, asked=asked)]

    def _recover(self, now: Moment) -> list[Transition]:
        """A row of good runs, and no probe of the pool still failing."""
        standing = self.standing
        if standing.stage is not Stage.OPEN:
            return []
        found = recovery(standing, self.deciding, self._windows, self._policy, now.mono)
        if found is None:
            return []
        self.standing = replace(
            standing,
            stage=TRANSITIONS[standing.stage, Signal.GOOD_STREAK],
            state=min(standing.state, State.PARTIAL_OUTAGE, key=list(State).index),
            recovered=found.since,
            culprits=found.culprits,
            share=found.share,
        )
        return [self._step(Signal.GOOD_STREAK, Reason.GOOD_STREAK, found.sentence)]

    # ------------------------------------------------------------ recovering: back, or well?

    def _relapse(self, now: Moment) -> list[Transition]:
        """Too many bad runs since the recovery, or a rule met again by them alone."""
        standing = self.standing
        if standing.stage is not Stage.RECOVERING:
            return []
        since = standing.recovered or standing.onset
        why = relapse(self.deciding, self._windows, since, standing.culprits)
        if why is None:
            found = self._find(now, since)
            if found is None:
                return []
            why = found.breach.sentence
        self.standing = replace(
            standing,
            stage=TRANSITIONS[standing.stage, Signal.RELAPSE],
            recovered=None,
            relapsed=True,
            good=max(standing.good, now.mono - since),
        )
        return [self._step(Signal.RELAPSE, Reason.RELAPSE, why)]

    def _close(self, now: Moment) -> list[Transition]:
        standing, pool = self.standing, self.deciding
        why = clean(standing, pool, self._windows, self._policy, self._heard, now.mono)
        return [] if why is None else [self._calm(Signal.CLEAN, Reason.CLEAN_WINDOW, why, now)]

    def _calm(self, signal: Signal, reason: Reason, why: str, now: Moment) -> Transition:
        """It is well again, or nobody can tell any more."""
        standing = self.standing
        self.standing = replace(
            standing,
            stage=TRANSITIONS[standing.stage, signal],
            state=State.OPERATIONAL,
            closed=now.mono,
            floor=standing.recovered or now.mono,
        )
        self.watched = None
        return self._step(signal, reason, why)

    # ------------------------------------------------------------ shared

    def _step(
        self,
        signal: Signal,
        reason: Reason,
        sentence: str,
        *,
        deepest: Depth | None = None,
        asked: str | None = None,
        proven: bool = True,
    ) -> Transition:
        standing = self.standing
        pool = self.deciding if self.pools else None
        return Transition(
            component=self.component.name,
            signal=signal,
            reason=reason,
            sentence=sentence,
            state=standing.state,
            depth=standing.depth,
            deepest_good=deepest,
            family=standing.family,
            asked=None if standing.family is not None else asked,
            onset=standing.onset,
            recovered=standing.recovered,
            began=began(signal, standing, pool, self._windows) if pool else None,
            ended=ended(signal, standing, pool, self._windows) if pool else None,
            probes=pool.names if pool else (),
            culprits=standing.culprits,
            proven=proven,
        )

    def snapshot(self) -> dict[str, Any]:
        """All that is remembered, as plain values."""
        return {
            "standing": standing_to_plain(self.standing),
            "heard": dict(self._heard),
            "watched": self.watched,
            "noise": self.noise.snapshot(),
        }

    def restore(self, saved: Mapping[str, Any], shift: float) -> None:
        """Take over a snapshot; `shift` seconds are added to its monotonic times."""
        standing = standing_from_plain(saved["standing"], shift)
        names = self.pools[0].names if self.pools else ()
        known = tuple(probe for probe in standing.culprits if probe in names)
        self.standing = replace(standing, culprits=known)
        self._heard = {name: when + shift for name, when in saved["heard"].items()}
        self.watched = None if saved["watched"] is None else saved["watched"] + shift
        if "noise" in saved:
            self.noise.restore(saved["noise"], shift)


def _asked_words(asked: str | None) -> str:
    return "" if asked is None else f"; of the models only {asked} was asked"


def impact_start(found: Found) -> float:
    """When the impact began, in monotonic seconds: its first bad run that counts."""
    return found.breach.onset
