"""From slow probes to transitions: when a component becomes degraded, and when it is well again.

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
from monitor.core.incident import Reason, State
from monitor.core.latency import LatencyWatch
from monitor.core.plan import Plan
from monitor.core.policy import Latency
from monitor.core.standing import Signal
from monitor.core.transition import Source, Transition

GIVEN_UP_AFTER = 3600.0
"""Seconds without a word from its slow probes after which a degradation ends."""


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
    """Which components are degraded. Times are monotonic seconds."""

    def __init__(self, watch: LatencyWatch, plan: Plan, policy: Latency) -> None:
        """None is; `watch` knows what is slow."""
        self._watch = watch
        self._components = tuple(component.name for component in plan.components)
        self._depths = {probe.name: probe.depth for probe in plan.probes}
        self._policy = policy
        self._spells: dict[str, _Spell] = {}

    @property
    def quiet(self) -> bool:
        """Whether time alone changes nothing: none is degraded, and no probe is slow."""
        return not self._spells and self._watch.quiet

    def tick(self, now: float, busy: Collection[str] = ()) -> list[Transition]:
        """Time has passed. None of `busy` becomes degraded: an outage lasts, or work is planned."""
        steps: list[Transition] = []
        for component in self._components:
            spell = self._spells.get(component)
            if spell is not None:
                steps += self._go_on(component, spell, now)
            elif component not in busy:
                steps += self._begin(component, now)
        return steps

    def _begin(self, component: str, now: float) -> list[Transition]:
        found = self._watch.degraded(component, now)
        if not found:
            return []
        since = min(each.since for each in found)
        spell = _Spell(since=since, probes=tuple(each.probe for each in found), heard=now)
        self._spells[component] = spell
        why = f"{'; '.join(each.sentence for each in found)}; for {now - since:.0f} s"
        return [self._step(component, spell, (Signal.BREACH, Reason.LATENCY, why))]

    def _go_on(self, component: str, spell: _Spell, now: float) -> list[Transition]:
        slow = [each.probe for each in self._watch.slow(component, now)]
        if slow:
            probes = tuple(dict.fromkeys((*spell.probes, *slow)))
            self._spells[component] = replace(spell, probes=probes, clear=None, heard=now)
            return []
        if not all(self._watch.cleared(probe, now) for probe in spell.probes):
            silence = now - spell.heard
            spell = self._spells[component] = replace(spell, clear=None)
            if silence < GIVEN_UP_AFTER:
                return []
            why = f"its slow probes have been silent for {silence:.0f} s"
            return [self._end(component, spell, (Signal.GONE, Reason.EVIDENCE_GONE, why))]
        clear = now if spell.clear is None else spell.clear
        spell = self._spells[component] = replace(spell, clear=clear, heard=now)
        if now - clear < self._policy.clear_after:
            return []
        why = f"no probe of it slow for {now - clear:.0f} s (needs {self._policy.clear_after:.0f})"
        return [self._end(component, spell, (Signal.CLEAN, Reason.CLEAN_WINDOW, why))]

    def _end(self, component: str, spell: _Spell, why: tuple[Signal, Reason, str]) -> Transition:
        del self._spells[component]
        return self._step(component, spell, why)

    def _step(self, component: str, spell: _Spell, why: tuple[Signal, Reason, str]) -> Transition:
        signal, reason, sentence = why
        begins = signal is Signal.BREACH
        return Transition(
            component=component,
            signal=signal,
            reason=reason,
            sentence=f"latency: {sentence}",
            state=State.DEGRADED_PERFORMANCE if begins else State.OPERATIONAL,
            depth=min((self._depths[name] for name in spell.probes), key=lambda d: d.level),
            onset=spell.since,
            recovered=spell.clear,
            probes=spell.probes,
            culprits=spell.probes,
            source=Source.LATENCY,
        )

    def forget_times(self) -> None:
        """The clocks jumped: nobody knows how old the last runs are."""
        self._watch.forget_times()

    def snapshot(self) -> dict[str, Any]:
        """All that is remembered, as plain values."""
        return {
            "spells": {name: to_plain(spell) for name, spell in self._spells.items()},
            "watch": self._watch.snapshot(),
        }

    def restore(self, saved: Mapping[str, Any], shift: float) -> None:
        """Take over a snapshot; `shift` seconds are added to its monotonic times."""
        self._watch.restore(saved["watch"], shift)
        for name, value in saved["spells"].items():
            spell = from_plain(_Spell, value)
            if name in self._components and self._depths.keys() >= set(spell.probes):
                self._spells[name] = replace(
                    spell,
                    since=spell.since + shift,
                    clear=None if spell.clear is None else spell.clear + shift,
                    heard=spell.heard + shift,
                )
