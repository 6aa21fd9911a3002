"""Dates an impact: the estimates of `onset.py` over the windows, at the steps that can bear one."""

from __future__ import annotations

from monitor.core import onset
from monitor.core.onset import REACH, Estimate
from monitor.core.pools import Pool
from monitor.core.standing import Signal, Standing
from monitor.core.window import Windows

_AT_THE_START = (Signal.BREACH, Signal.GOOD_STREAK)
_AT_THE_END = (Signal.GOOD_STREAK, Signal.CLEAN)


def began(signal: Signal, standing: Standing, pool: Pool, windows: Windows) -> Estimate | None:
    """When the impact began: at the breach, and once more when it is over.

    None when an earlier estimate holds: the runs around the onset are not in the windows any more,
    or the incident has come back, so that its impact began in another stretch.
    """
    if signal not in _AT_THE_START:
        return None
    since = max(standing.floor, standing.onset - REACH)
    entries = windows.since(pool.names, since)
    again = signal is Signal.GOOD_STREAK
    if again and standing.recovered is not None:
        entries = [entry for entry in entries if entry.started < standing.recovered]
    forgotten = not entries or entries[0].started >= standing.onset
    if again and (forgotten or standing.reopened or standing.relapsed):
        return None
    return onset.onset(entries, standing.floor, standing.opened)


def ended(signal: Signal, standing: Standing, pool: Pool, windows: Windows) -> Estimate | None:
    """When the impact ended: once it is over, and once more with all that came after."""
    if signal not in _AT_THE_END:
        return None
    return onset.end(windows.since(pool.names, standing.onset))
