"""Is it over: recovery, relapse and close, judged on the pool that opened.

Shares and windows of a whole pool hide a single probe that fails now and then. So the *culprits*,
the probes that gave the bad runs, are looked at by themselves too: their good runs in a row must be
so many that chance does not explain them at the share that was bad before. At 100 % three are
enough, at 50 % it takes nine.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from monitor.core.plan import ProbePlan
from monitor.core.policy import Close, Policy
from monitor.core.pools import Pool
from monitor.core.rules import share_limited
from monitor.core.standing import Standing
from monitor.core.window import Entry, Windows

GAPS_MAX = 3.0
"""So many mean gaps may pass at the begin of a close window without a run: more is a silence (a
restart, a clock that jumped, a network that was away), and no part of a clean window."""

RELAPSE_RUNS = 10
RELAPSE_BAD = 3
"""So many of the last runs, no probe giving more than half, and it is not over after all."""

RECOVER_DOUBT = 1 / 500
CLOSE_DOUBT = 1 / 20_000
"""How likely a row of good runs may be while the outage goes on, to recover and to close."""

CLOSE_RUNS_MAX = 20
"""More good runs than this are not asked of the culprits, however small the share was."""

SHARE_MIN, SHARE_MAX = 0.01, 0.95
"""A share of all runs is no certainty, and one of none is not known."""

CULPRIT_BAD = 2
CULPRIT_SHARE = 0.5
"""A culprit gave so many bad runs, and such a part of the worst share of any probe."""

SLIP_MAX = 30.0
"""A bad run that came by chance before the impact must not make a short step a long one."""

STRETCHED = 1.5
"""What came back after a good stretch must be good for so many times as long."""


def good_streak(entries: Sequence[Entry]) -> list[Entry]:
    """The unbroken good runs at the end, oldest first."""
    streak: list[Entry] = []
    for entry in reversed(entries):
        if entry.bad:
            break
        streak.append(entry)
    streak.reverse()
    return streak


def newest(probe: ProbePlan, windows: Windows, policy: Policy, now: float) -> Entry | None:
    """The newest usable run of `probe`, if it is still heard."""
    last = windows.last(probe.name)
    oldest = now - policy.stale_after * probe.interval - probe.timeout
    return last if last is not None and last.started >= oldest else None


def still_failing(pool: Pool, windows: Windows, policy: Policy, now: float) -> bool:
    """Whether the newest run of a probe that is still heard is a bad one.

    In a large pool the others alone can give ten good runs between two of a slow probe.
    """
    return any(
        last is not None and last.bad
        for last in (newest(probe, windows, policy, now) for probe in pool.probes)
    )


def runs_needed(share: float, doubt: float) -> int:
    """Good runs in a row that have at most the chance `doubt` while `share` of the runs is bad."""
    known = min(max(share, SHARE_MIN), SHARE_MAX)
    return math.ceil(math.log(doubt) / math.log1p(-known))


def culprits(entries: Sequence[Entry]) -> tuple[str, ...]:
    """The probes that gave the bad runs among `entries`, by name."""
    runs = Counter(entry.probe for entry in entries)
    bad = Counter(entry.probe for entry in entries if entry.bad)
    worst = max((count / runs[probe] for probe, count in bad.items()), default=0.0)
    return tuple(
        sorted(
            probe
            for probe, count in bad.items()
            if count >= CULPRIT_BAD and count / runs[probe] >= CULPRIT_SHARE * worst
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """A row of good runs that is none of chance.

    Attributes:
        since: monotonic seconds at the start of the first of them.
        share: share of bad runs of the culprits before.
        culprits: the probes that had given the bad runs.
        sentence: the counters.
    """

    since: float
    share: float
    culprits: tuple[str, ...]
    sentence: str


def recovery(
    standing: Standing, pool: Pool, windows: Windows, policy: Policy, now: float
) -> Recovery | None:
    """The recovery of `pool`, or None while there is none."""
    entries = windows.since(pool.names, standing.onset)
    streak = good_streak(entries)
    if len(streak) < pool.successes or still_failing(pool, windows, policy, now):
        return None
    failing = entries[: len(entries) - len(streak)]
    heard = {p.name for p in pool.probes if newest(p, windows, policy, now) is not None}
    known = set(standing.culprits) | set(culprits(failing))
    who = tuple(sorted(known & heard)) or tuple(sorted(heard))
    own = [entry for entry in entries if entry.probe in who]
    row = good_streak(own)
    before = own[: len(own) - len(row)]
    share = sum(entry.bad for entry in before) / max(1, len(before)) or SHARE_MAX
    needed = min(policy.recover.successes, runs_needed(share, RECOVER_DOUBT))
    if len(row) < needed:
        return None
    own_words = f"; the last {len(row)} of {', '.join(who)} (needs {needed} after {share:.0%} bad)"
    return Recovery(
        since=streak[0].started,
        share=share,
        culprits=who,
        sentence=(
            f"recovering: the last {len(streak)} runs of the pool good (needs {pool.successes}, "
            f"and no probe of the pool still failing){own_words}"
        ),
    )


def relapse(pool: Pool, windows: Windows, since: float, who: Sequence[str] = ()) -> str | None:
    """The sentence that says why the recovery was none, or None; `who` had failed before."""
    runs = windows.since(pool.names, since)
    found = runs[-RELAPSE_RUNS:]
    bad = share_limited(Counter(entry.probe for entry in found if entry.bad))
    of = "the pool"
    if bad < RELAPSE_BAD:
        found = [entry for entry in runs if entry.probe in who][-RELAPSE_RUNS:]
        bad, of = sum(entry.bad for entry in found), ", ".join(who)
    if bad < RELAPSE_BAD:
        return None
    return f"relapse: {bad} of the last {len(found)} runs of {of} bad (allows {RELAPSE_BAD - 1})"


def close_window(standing: Standing, pool: Pool, close: Close) -> tuple[float, str]:
    """Seconds that must be clean before the incident closes, and why so long."""
    begun = max(standing.onset, standing.opened - SLIP_MAX)
    failing = (standing.recovered or begun) - begun
    clean = not standing.relapsed and not standing.reopened and failing >= close.clean_after
    seconds, why = close.window, "an outage that was short or came in waves"
    if clean:
        seconds, why = close.window_clean, f"one clean step of {failing:.0f} s"
    stretched = STRETCHED * standing.good
    if stretched > 2 * close.window:
        stretched = 0.0  # too slow a flap to be waited for
    if standing.reopened and seconds < stretched:
        seconds, why = stretched, f"it came back after {standing.good:.0f} good seconds"
    if len(standing.reopened) >= close.flaps:
        seconds, why = 2 * close.window, f"{len(standing.reopened)} re-opens within the hour"
    return max(seconds, pool.close_stretch), why


def clean(
    standing: Standing,
    pool: Pool,
    windows: Windows,
    policy: Policy,
    heard: Mapping[str, float],
    now: float,
) -> str | None:
    """The sentence that closes the incident, or None while its window is not clean."""
    close = policy.close
    window, why = close_window(standing, pool, close)
    since = now - window
    if any(heard.get(name, since - 1) < since for name in pool.names):
        return None
    entries = windows.since(pool.names, since)
    needed = pool.close_samples(window, close.min_samples)
    bad = sum(entry.bad for entry in entries)
    if len(entries) < needed or bad > close.ratio * len(entries):
        return None
    if entries[0].started > since + GAPS_MAX * pool.close_gap:
        return None
    if not _culprits_clean(standing, windows, policy, since):
        return None
    return (
        f"closed: {bad} of {len(entries)} runs bad in {window:.0f} s (allows {close.ratio:.0%}, "
        f"needs {needed} runs and every probe heard) after {why}"
    )


def _culprits_clean(standing: Standing, windows: Windows, policy: Policy, since: float) -> bool:
    """Whether those that failed have been good in the window, and often enough since the end."""
    last = windows.since(standing.culprits, since)
    if sum(entry.bad for entry in last) > policy.close.ratio * len(last):
        return False
    if not last:
        return True  # heard, but with nothing that counts: the others have to tell
    good = sum(not entry.bad for entry in windows.since(standing.culprits, standing.recovered or 0))
    return good >= min(CLOSE_RUNS_MAX, runs_needed(standing.share, CLOSE_DOUBT))


def silent(pool: Pool, windows: Windows, policy: Policy, watched: float, now: float) -> str | None:
    """Why nobody can tell any more how the pool is, or None; `watched` is since when one looks."""
    last = max((e.started for name in pool.names if (e := windows.last(name))), default=watched)
    quiet = now - max(last, watched)
    if quiet < policy.close.gone_after:
        return None
    return (
        f"no usable run of the deciding pool for {quiet:.0f} s (ends after "
        f"{policy.close.gone_after:.0f} s)"
    )
