"""From slow probes to steps of a component: when it becomes degraded, and when it is well again.

The two ends differ on purpose. It begins when enough probes have been slow for long enough
(`latency.degraded`); it ends when every probe that was slow meanwhile has been heard and is not,
for `clear_after`. Silence ends nothing, but not for ever either: of what has not been heard for an
hour nobody can tell.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from monitor.core.codec import from_plain, to_plain
from monitor.core.latency import LatencyWatch
from monitor.core.policy import Latency

GIVEN_UP_AFTER = 3600.0
"""Seconds without a word from its slow probes after which a degradation ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A component became degraded, or is so no longer. Times are monotonic seconds.

    Attributes:
        component: which.
        begins: whether it became degraded.
        sentence: why, with the numbers, to recompute it by hand.
        since: start of the impact.
        until: its end; None while it lasts, and where nobody can tell.
        probes: the slow probes.
        heard: False where it ends because nothing was heard any more.
    """

    component: str
    begins: bool
    sentence: str
    since: float
    until: float | None = None
    probes: tuple[str, ...]
    heard: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spell:
    """A degradation that lasts: since when, which probes were slow, and what is known of them.

    Attributes:
        since: start of the impact.
        probes: those that have been slow meanwhile.
        clear: since when none of them has been slow; None while one is.
        heard: when one of them was slow, or all were heard, last.
    """

    since: float
    probes: tuple[str, ...]
    clear: float | None = None
    heard: float


class Degradations:
    """Which components are degraded."""

    def __init__(self, watch: LatencyWatch, components: Collection[str], policy: Latency) -> None:
        """None is."""
        self._watch = watch
        self._components = tuple(components)
        self._policy = policy
        self._spells: dict[str, _Spell] = {}

    @property
    def lasting(self) -> frozenset[str]:
        """The components that are degraded."""
        return frozenset(self._spells)

    def tick(self, now: float, busy: Collection[str] = ()) -> list[Step]:
        """Time has passed. None of `busy` becomes degraded: an outage lasts, or nothing is seen."""
        steps: list[Step] = []
        for component in self._components:
            spell = self._spells.get(component)
            if spell is not None:
                steps += self._go_on(component, spell, now)
            elif component not in busy:
                steps += self._begin(component, now)
        return steps

    def _begin(self, component: str, now: float) -> list[Step]:
        found = self._watch.degraded(component, now)
        if not found:
            return []
        since = min(each.since for each in found)
        probes = tuple(each.probe for each in found)
        self._spells[component] = _Spell(since=since, probes=probes, heard=now)
        why = "; ".join(each.sentence for each in found)
        sentence = f"latency: {why}; for {now - since:.0f} s"
        return [
            Step(component=component, begins=True, sentence=sentence, since=since, probes=probes)
        ]

    def _go_on(self, component: str, spell: _Spell, now: float) -> list[Step]:
        slow = [each.probe for each in self._watch.slow(component, now)]
        if slow:
            probes = tuple(dict.fromkeys((*spell.probes, *slow)))
            self._spells[component] = replace(spell, probes=probes, clear=None, heard=now)
            return []
        if not all(self._watch.cleared(probe, now) for probe in spell.probes):
            silence = now - spell.heard
            self._spells[component] = replace(spell, clear=None)
            if silence < GIVEN_UP_AFTER:
                return []
            return [self._end(component, spell, f"its slow probes are silent for {silence:.0f} s")]
        clear = now if spell.clear is None else spell.clear
        spell = self._spells[component] = replace(spell, clear=clear, heard=now)
        if now - clear < self._policy.clear_after:
            return []
        why = f"no probe of it slow for {now - clear:.0f} s (needs {self._policy.clear_after:.0f})"
        return [self._end(component, spell, why)]

    def _end(self, component: str, spell: _Spell, why: str) -> Step:
        del self._spells[component]
        return Step(
            component=component,
            begins=False,
            sentence=f"latency: {why}",
            since=spell.since,
            until=spell.clear,
            probes=spell.probes,
            heard=spell.clear is not None,
        )

    def stopped(self, component: str) -> None:
        """Its incident was ended otherwise: by hand, or by an outage that took the matter over."""
        self._spells.pop(component, None)

    def snapshot(self) -> dict[str, Any]:
        """All that is remembered, as plain values."""
        return {name: to_plain(spell) for name, spell in self._spells.items()}

    def restore(self, saved: Mapping[str, Any], shift: float) -> None:
        """Take over a snapshot; `shift` seconds are added to its monotonic times."""
        for name, value in saved.items():
            spell = from_plain(_Spell, value)
            if name in self._components:
                self._spells[name] = replace(
                    spell,
                    since=spell.since + shift,
                    clear=None if spell.clear is None else spell.clear + shift,
                    heard=spell.heard + shift,
                )
