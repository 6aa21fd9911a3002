"""Families of models: haiku, sonnet, opus. One that is dead alone is a small matter of its own.

Everybody else can go to another family meanwhile, so it is degraded performance and not an outage,
for as long as nothing else fails. Where nothing is known of the others (refused to us, not asked)
nobody can say that they are well, nor that they are not: an outage, but a partial one at most.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from monitor.core.closing import newest
from monitor.core.models import plain_id
from monitor.core.opening import Found
from monitor.core.outcome import Depth
from monitor.core.plan import ProbePlan
from monitor.core.policy import Policy
from monitor.core.pools import Pool
from monitor.core.window import Windows

_WORD = re.compile(r"[a-z]+")
_NO_FAMILY = frozenset({"claude", "latest", "anthropic", "v"})
_NONE: Mapping[str, str] = MappingProxyType({})
STRAY_MAX = 1
"""So many bad runs of other families may be chance."""


def family_of(model: str) -> str:
    """`haiku` of `claude-haiku-5-5`; the whole name where no word of it is a family's.

    A guess, for where the list of models cannot be read. What a platform puts before or behind the
    name (`us.anthropic.`, `@20260101`) is no part of it.
    """
    words = (word for word in _WORD.findall(plain_id(model.lower())) if word not in _NO_FAMILY)
    return next(words, model)


def line_of(model: str, lines: Mapping[str, str]) -> str:
    """The family of `model`: its line in the list of models, else a guess."""
    return lines.get(model) or family_of(model)


def dead_family(
    found: Found, windows: Windows, policy: Policy, now: float, lines: Mapping[str, str] = _NONE
) -> str | None:
    """The family that fails alone: it gives the bad runs, and the others are well just now.

    None where less or more than that is the case, or where of no other family anything is known;
    a family of which nothing is known, because its model is refused to us, says nothing of the
    rest. `lines` are those of the list of models.
    """
    if found.pool.depth is not Depth.INFERENCE:
        return None
    of = {probe.name: line_of(probe.model or "", lines) for probe in found.pool.probes}
    bad = [of[entry.probe] for entry in found.entries if entry.bad]
    dead = max(set(bad), key=bad.count, default="")
    others = [probe for probe in found.pool.probes if of[probe.name] != dead]
    stray = sum(family != dead for family in bad)
    if not dead or not others or stray > STRAY_MAX:
        return None
    last = [newest(probe, windows, policy, now) for probe in others]
    known = [entry for entry in last if entry is not None]
    return dead if known and not any(entry.bad for entry in known) else None


def only_asked(
    pool: Pool, windows: Windows, policy: Policy, now: float, lines: Mapping[str, str] = _NONE
) -> str | None:
    """The one family of which anything is known in a pool of inference; None where more is."""
    if pool.depth is not Depth.INFERENCE or any(probe.model is None for probe in pool.probes):
        return None
    heard = {
        line_of(probe.model or "", lines)
        for probe in pool.probes
        if newest(probe, windows, policy, now) is not None
    }
    return next(iter(heard)) if len(heard) == 1 else None


def members(
    probes: Sequence[ProbePlan], family: str, lines: Mapping[str, str] = _NONE
) -> tuple[ProbePlan, ...]:
    """The probes that ask a model of `family`."""
    return tuple(
        probe
        for probe in probes
        if probe.model is not None and line_of(probe.model, lines) == family
    )
