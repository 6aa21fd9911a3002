"""The opening rules: fast, solo and slow, each a pure function over entries in order of start.

They follow the second round of the detection study (docs/detection.md). What they have in common:

- They look at the runs of one *pool*: the probes of a component that go at least so deep.
- A rule returns a `Breach` with a sentence that holds every number it compared, or None.
- Time is the start of a run. A result that comes late changes what is known of that moment and
  nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from monitor.core.incident import Reason
from monitor.core.noise import CALM, Usual
from monitor.core.policy import Fast, Slow, Solo
from monitor.core.window import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A rule that is met.

    Attributes:
        reason: which one.
        sentence: the rule with its counters, to recompute it by hand.
        onset: monotonic seconds at the start of the first bad run that counted.
        window: seconds that the rule looked at.
    """

    reason: Reason
    sentence: str
    onset: float
    window: float


FEW = 3
"""Of more probes than these, two may be in blips of their own: it takes the word of one more."""


def share_limited(bad: Counter[str]) -> int:
    """Number of bad runs when no probe may give more than half of them.

    One probe in trouble can be asked again as often as a burst likes: it counts at most as much
    as all the others together.
    """
    total = sum(bad.values())
    most = max(bad.values(), default=0)
    return min(total, 2 * (total - most))


def fast(entries: Sequence[Entry], rule: Fast, window: float, size: int) -> Breach | None:
    """Many bad runs at once, of at least two probes of a pool of `size`.

    `entries` are those of the last `window` seconds.
    """
    failures = [entry for entry in entries if entry.bad]
    number, ratio = rule.needed(size)
    if len(failures) < number:
        return None
    counted = share_limited(Counter(entry.probe for entry in failures))
    if counted < number or counted < ratio * len(entries):
        return None
    # Probes and not runs: one in a blip of its own, asked again and again, says nothing of the way
    # to the vendor that the others' runs take.
    answered = len({entry.probe for entry in failures if entry.answered})
    span, of = failures[-1].started - failures[0].started, ""
    voices = rule.answered_min + (len({entry.probe for entry in entries}) > FEW)
    needed = rule.span if answered >= voices else rule.span_unanswered
    if len({entry.probe for entry in failures if entry.reached}) < rule.answered_min:
        span, of = _shared_span(failures), " of two probes or more"
    if span < needed:
        return None
    sentence = (
        f"fast: {len(failures)} of {len(entries)} runs bad in {window:.0f} s "
        f"({counted} counted with no probe above half; needs {number} and "
        f"{ratio:.0%}), {answered} probes with answers ({voices} prove the way), "
        f"spanning {span:.0f} s{of} (needs {needed:.0f} s)"
    )
    return Breach(reason=Reason.FAST, sentence=sentence, onset=failures[0].started, window=window)


def _shared_span(failures: Sequence[Entry]) -> float:
    """Seconds in which it was not one probe alone that failed.

    From the first bad run of the second that failed to the last one of the last but one: two blips
    of two probes, one after the other, are long together and still no trouble that both have. Asked
    where nothing reached the vendor: such blips end with a refusal or in a dead route. There are at
    least two probes: one alone counts for nothing.
    """
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    for entry in failures:
        first.setdefault(entry.probe, entry.started)
        last[entry.probe] = entry.started
    return sorted(last.values())[-2] - sorted(first.values())[1]


def solo(entries: Sequence[Entry], rule: Solo) -> Breach | None:
    """An unbroken run of bad runs of one probe. `entries` are all of that probe's."""
    streak = _bad_streak(entries)
    if len(streak) < rule.failures:
        return None
    span = streak[-1].started - streak[0].started
    if span < rule.span:
        return None
    sentence = (
        f"solo: the last {len(streak)} runs of {streak[0].probe} bad without a break "
        f"(needs {rule.failures}), spanning {span:.0f} s (needs {rule.span:.0f} s)"
    )
    return Breach(
        reason=Reason.SOLO, sentence=sentence, onset=streak[0].started, window=max(span, 1.0)
    )


def _bad_streak(entries: Sequence[Entry]) -> list[Entry]:
    """The unbroken bad runs at the end, oldest first."""
    streak: list[Entry] = []
    for entry in reversed(entries):
        if not entry.bad:
            break
        streak.append(entry)
    streak.reverse()
    return streak


def slow(
    entries: Sequence[Entry], rule: Slow, needed: int, window: float, usual: Usual = CALM
) -> Breach | None:
    """Episodes over a longer window. `entries` are those of the last `window` seconds.

    Of the episodes that are `needed` some may be for the noise that is `usual`: it is said.
    """
    bad = sum(entry.bad for entry in entries)
    if bad < needed or bad < rule.ratio * len(entries):
        return None
    starts = episode_starts(entries)
    if len(starts) < needed:
        return None
    answered = sum(entry.answered for entry in entries if entry.bad)
    wanted = rule.span if answered >= rule.answered_min else rule.span_unanswered
    span = starts[-1] - starts[0]
    if span < wanted:
        return None
    why = ""
    if usual.more:
        why = f", {usual.more} of them since {usual.share:.2%} of the runs fail here anyway"
    sentence = (
        f"slow: {len(starts)} episodes (needs {needed}{why}) with {bad} of {len(entries)} runs bad "
        f"(needs {rule.ratio:.0%}) in {window:.0f} s, the first and the last "
        f"{span:.0f} s apart (needs {wanted:.0f} s), {answered} of the bad runs answered"
    )
    return Breach(reason=Reason.SLOW, sentence=sentence, onset=starts[0], window=window)


def episode_starts(entries: Sequence[Entry]) -> list[float]:
    """When each episode began.

    Consecutive bad runs of one probe are one episode, so trouble cannot buy evidence by lasting.
    Transport failures with no answer in between are one episode whichever probes they hit: one
    blip of the path fails them all.
    """
    starts: list[float] = []
    failing: set[str] = set()
    path_failing = False
    for entry in entries:
        if not entry.bad:
            failing.discard(entry.probe)
            path_failing = False
            continue
        known = entry.probe in failing or (path_failing and not entry.answered)
        if not known:
            starts.append(entry.started)
        failing.add(entry.probe)
        path_failing = not entry.answered
    return starts
