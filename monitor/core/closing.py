"""Is it over: recovery, relapse and close, judged on the pool that opened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

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


def good_streak(entries: Sequence[Entry]) -> list[Entry]:
    """The unbroken good runs at the end, oldest first."""
    streak: list[Entry] = []
    for entry in reversed(entries):
        if entry.bad:
            break
        streak.append(entry)
    streak.reverse()
    return streak


def still_failing(pool: Pool, windows: Windows, policy: Policy, now: float) -> bool:
    """Whether the newest run of a probe that is still heard is a bad one.

    In a large pool the others alone can give ten good runs between two of a slow probe.
    """
    for probe in pool.probes:
        last = windows.last(probe.name)
        fresh = now - policy.stale_after * probe.interval - probe.timeout
        if last is not None and last.bad and last.started >= fresh:
            return True
    return False


def relapse(pool: Pool, windows: Windows, since: float) -> str | None:
    """The sentence that says why the recovery was none, or None."""
    newest = windows.since(pool.names, since)[-RELAPSE_RUNS:]
    bad = share_limited(Counter(entry.probe for entry in newest if entry.bad))
    if bad < RELAPSE_BAD:
        return None
    return (
        f"relapse: {bad} of the last {len(newest)} runs of the pool bad (allows {RELAPSE_BAD - 1})"
    )


def close_window(standing: Standing, pool: Pool, close: Close) -> tuple[float, str]:
    """Seconds that must be clean before the incident closes, and why so long."""
    failing = (standing.recovered or standing.onset) - standing.onset
    clean = not standing.relapsed and not standing.reopened and failing >= close.clean_after
    seconds, why = close.window, "an outage that was short or came in waves"
    if clean:
        seconds, why = close.window_clean, f"one clean step of {failing:.0f} s"
    if len(standing.reopened) >= close.flaps:
        seconds, why = 2 * seconds, f"{len(standing.reopened)} re-opens within the hour"
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
    return (
        f"closed: {bad} of {len(entries)} runs bad in {window:.0f} s (allows {close.ratio:.0%}, "
        f"needs {needed} runs and every probe heard) after {why}"
    )
