"""When an impact began and ended, as far as runs can tell: a change-point estimate.

The moment of a decision is late by all the time that it took to decide. What is published is when
the impact itself began and ended, each with an interval.

The model. Runs in order of start; before the onset each is bad with a small known chance (`NOISE`),
from it on with an unknown one, `p`. For each bad run as the first of the impact the best `p` is the
share of bad runs from there on, so the likelihood of all candidates takes one pass over running
sums. The likeliest of them wins, the later one of two equals.

The change itself came before that run, unseen: the last runs before it were good, by luck or
because it had not come yet. Looking back from the first bad run, the change is `j` whole gaps and a
part `u` of one away with the chance `(1 - p)^j (1 - p u)` of lying further back; half of that is
the estimate (half a gap where everything fails, about `ln 2 / p` gaps where little does), and a
twentieth bounds the interval (about `ln 20 / p` gaps). Gaps are those between the runs that took
place, so a burst after the first bad run makes the estimate no better than the schedule before it.
The interval also spans every bad run that is not much less likely to have been the first (`CLOSE`):
at a small share the likeliest is often a run or two off.

Not every probe of the pool need be hit. One with so many good runs since the first estimate that
chance does not explain them is left out, and the rest is estimated again: else one dead probe of
three would look like a third of everything failing.

The end is the same on the reversed series. The study is detection 3.5; `docs/detection.md` has it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from monitor.core.window import Entry

REACH = 1800.0
"""Seconds before the decision in which a change is looked for."""

NOISE = 0.005
"""Share of bad runs while nothing is wrong: the highest that the rules are proven for."""

HALF = 0.5
SURE = 0.05
"""What is left of the chance at the estimate, and at the far end of its interval."""

CLOSE = 2.0
"""So much less may be the logarithm of the likelihood of a run that the interval still spans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """An estimated moment and the two that it lies between, in monotonic seconds."""

    at: float
    earliest: float
    latest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """A bad run that may be the first of the impact.

    Attributes:
        place: where it stands among the runs.
        share: share of bad runs from it on.
        least: the same without half a bad run, since the first is bad by choice: for the interval.
        score: logarithm of its likelihood against noise.
    """

    place: int
    share: float
    least: float
    score: float


def onset(
    entries: Sequence[Entry], floor: float = -math.inf, ceiling: float = math.inf
) -> Estimate | None:
    """When the impact began that lasts at the end of `entries`; None without a bad run.

    Args:
        entries: runs of the deciding pool in order of start: of the last `REACH` seconds, or since
            the end of the last incident.
        floor: the moment before which it cannot have begun.
        ceiling: the moment at which it had begun: it may have grown since, and a larger part of
            the runs fails from then on.
    """
    runs = [(entry.started, entry.bad) for entry in _hit(entries, ceiling)]
    return _estimate(runs, floor, ceiling)


def end(entries: Sequence[Entry], ceiling: float = math.inf) -> Estimate | None:
    """When the impact ended that is over at the end of `entries`; None without a bad run.

    Args:
        entries: runs of the deciding pool in order of start, from the onset on.
        ceiling: the moment after which it cannot have ended.
    """
    turned = list(reversed(entries))
    found = _estimate([(-entry.started, entry.bad) for entry in _hit(turned)], -ceiling)
    if found is None:
        return None
    return Estimate(at=-found.at, earliest=-found.latest, latest=-found.earliest)


def _hit(entries: Sequence[Entry], ceiling: float = math.inf) -> list[Entry]:
    """The runs of the probes that the impact reaches."""
    changes = _changes([(entry.started, entry.bad) for entry in entries], ceiling)
    if not changes:
        return []
    best = _likeliest(changes)
    since = entries[best.place :]
    good = Counter(entry.probe for entry in since if not entry.bad)
    bad = {entry.probe for entry in since if entry.bad}
    spared = {
        probe
        for probe, count in good.items()
        if probe not in bad and (1.0 - best.share) ** count < SURE
    }
    return [entry for entry in entries if entry.probe not in spared]


def _estimate(
    runs: Sequence[tuple[float, bool]], floor: float, ceiling: float = math.inf
) -> Estimate | None:
    changes = _changes(runs, ceiling)
    if not changes:
        return None
    best = _likeliest(changes)
    close = [change for change in changes if change.score >= best.score - CLOSE]
    return Estimate(
        at=_back(runs, best.place, best.share, HALF, floor),
        earliest=min(_back(runs, each.place, each.least, SURE, floor) for each in close),
        latest=runs[max(change.place for change in close)][0],
    )


def _likeliest(changes: Sequence[_Change]) -> _Change:
    return max(changes, key=lambda change: change.score)


def _changes(runs: Sequence[tuple[float, bool]], ceiling: float = math.inf) -> list[_Change]:
    """Every bad run up to `ceiling` as the first of the impact, the last one first."""
    changes: list[_Change] = []
    bad = good = 0
    for place in range(len(runs) - 1, -1, -1):
        if not runs[place][1]:
            good += 1
            continue
        bad += 1
        if runs[place][0] > ceiling:
            continue
        share = bad / (bad + good)
        # Against the runs being noise from here on: what lies before is noise for all candidates.
        score = bad * math.log(share / NOISE)
        if good:
            score += good * math.log((1.0 - share) / (1.0 - NOISE))
        least = (bad - HALF) / (bad + good + HALF)
        changes.append(_Change(place=place, share=share, least=least, score=score))
    return changes


def _back(
    runs: Sequence[tuple[float, bool]], place: int, share: float, chance: float, floor: float
) -> float:
    """The moment before the bad run at `place` that the change lies before with `chance`."""
    gaps, part = _gaps(share, chance)
    first = runs[place][0]
    after = place - gaps
    if after <= 0:
        # Further back than anybody looked.
        return min(first, max(floor, runs[0][0]))
    later, earlier = runs[after][0], runs[after - 1][0]
    return min(first, max(floor, later - part * (later - earlier)))


def _gaps(share: float, chance: float) -> tuple[int, float]:
    """Whole gaps, and the part of one, behind which the change lies with a chance of `chance`."""
    if share >= 1.0:
        return 0, 1.0 - chance
    gaps = math.floor(math.log(chance) / math.log(1.0 - share))
    left = chance / (1.0 - share) ** gaps
    return gaps, min(1.0, max(0.0, (1.0 - left) / share))
