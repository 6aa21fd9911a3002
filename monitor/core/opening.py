"""Does it open: the rules over the pools of one component."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from monitor.core.noise import NoiseMeter, Usual
from monitor.core.outcome import Depth
from monitor.core.policy import Policy
from monitor.core.pools import Pool
from monitor.core.rules import Breach, fast, slow, solo
from monitor.core.window import Entry, Windows


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The pool that decides, the rule that it meets, and its entries since the onset."""

    pool: Pool
    breach: Breach
    entries: tuple[Entry, ...]

    @property
    def share(self) -> float:
        """Share of bad runs since the onset."""
        return sum(entry.bad for entry in self.entries) / max(1, len(self.entries))

    @property
    def culprits(self) -> tuple[str, ...]:
        """The probes that gave the bad runs."""
        return tuple(sorted({entry.probe for entry in self.entries if entry.bad}))


Evidence = Callable[[Iterable[str], float], list[Entry]]
"""Gives the entries of these probes since then that count, in order of start."""


def evidence(windows: Windows, floor: float, *, answered_only: bool = False) -> Evidence:
    """What `windows` hold since `floor`; with `answered_only` no bad run that nobody answered."""

    def since(names: Iterable[str], start: float) -> list[Entry]:
        entries = windows.since(names, max(floor, start))
        if answered_only:
            return [entry for entry in entries if entry.answered or not entry.bad]
        return entries

    return since


def find(
    pools: tuple[Pool, ...], since: Evidence, policy: Policy, now: float, noise: NoiseMeter
) -> Found | None:
    """The deciding pool, or None when no rule is met.

    `noise` tells what is usual in each. Of several pools that meet a rule the one with the largest
    share of bad runs decides, the shallowest among equals.
    """
    best: Found | None = None
    for pool in pools:
        breach = _rule_met(pool, since, policy, now, noise)
        if breach is None:
            continue
        entries = tuple(since(pool.names, breach.onset))
        found = Found(pool=pool, breach=breach, entries=entries)
        if best is None or found.share > best.share:
            best = found
    return best


def _rule_met(
    pool: Pool, since: Evidence, policy: Policy, now: float, noise: NoiseMeter
) -> Breach | None:
    """The first rule that `pool` meets: fast, then solo of its own depth, then slow."""

    def recent(window: float) -> list[Entry]:
        return since(pool.names, now - window)

    breach = fast(recent(pool.fast_window), policy.fast, pool.fast_window, len(pool.probes))
    if breach is not None:
        return breach
    for probe in pool.probes:
        if probe.depth is pool.depth:
            breach = solo(since((probe.name,), -math.inf), policy.solo)
            if breach is not None:
                return breach
    for place in range(len(policy.slow)):
        breach = _slow_met(place, pool, recent, policy, lambda: noise.usual(pool.depth, now))
        if breach is not None:
            return breach
    return None


def _slow_met(
    place: int,
    pool: Pool,
    recent: Callable[[float], Sequence[Entry]],
    policy: Policy,
    usual: Callable[[], Usual],
) -> Breach | None:
    """The slow rule at `place` of the policy, with the counts that fit what is `usual`.

    That is asked only when the counts for a calm place are met: nothing opens without them.
    """
    rule = policy.slow[place]
    window, needed = pool.slow_windows[0][place]
    breach = slow(recent(window), rule, needed, window)
    if breach is None:
        return None
    here = usual()
    if not here.more:
        return breach
    window, needed = pool.slow_windows[here.more][place]
    return slow(recent(window), rule, needed, window, here)


def path_proven(entries: Iterable[Entry], needed: int) -> bool:
    """Whether `needed` bad runs reached the vendor: it answered, or a connection to it stood.

    A blip of the path gives neither; what hangs after the handshake hangs on the other side. Where
    several probes fail, so many of them have to say so: one may be in trouble of its own while the
    others' path is blocked.
    """
    bad = [entry for entry in entries if entry.bad]
    reached = [entry.probe for entry in bad if entry.reached]
    failing = len({entry.probe for entry in bad})
    return len(reached) >= needed and len(set(reached)) >= min(needed, failing)


def deepest_good(
    pools: tuple[Pool, ...], deciding: Pool, windows: Windows, policy: Policy, now: float
) -> Depth | None:
    """The deepest depth above the deciding pool whose probes all answered well last, or None."""
    since = now - policy.severity.window
    shallower = [pool for pool in pools if pool.depth.level < deciding.depth.level]
    for pool in reversed(shallower):
        last = [
            entry
            for probe in pool.probes
            if probe.depth is pool.depth and (entry := windows.last(probe.name))
        ]
        if last and all(not entry.bad and entry.started >= since for entry in last):
            return pool.depth
    return None
