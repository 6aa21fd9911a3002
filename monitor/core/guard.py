"""Is it them or is it us: what the control targets say about our own network.

The control targets belong to other operators. When they fail together with a run to Claude, the run
says nothing about Claude. Three things keep this excuse honest:

- Only a *proven* target counts: one that answered here, at most `proven_for` before it began to
  fail. With none proven the guard is off.
- An answer from Claude disproves it: a run during which Claude answered another one is never
  excused, and a target that twice in a row failed while Claude answered fails for reasons of its
  own (an egress that allows only Claude): it counts no more until it answers again.
- With the guard off, runs without an answer are still excused as long as nothing has ever answered
  since the start: a host without a network has no opinion.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from monitor.core.effects import ControlResult, NetworkView
from monitor.core.policy import Guard

_RESULTS_MAX = 64
_ANSWERS_MAX = 256
_CONTRADICTIONS = 2
"""Failures in a row during which Claude answered; one may be a network that just came back."""


@dataclass(slots=True)
class _Target:
    """What is known of one control target, in monotonic seconds."""

    last_ok: float | None = None
    failing_since: float | None = None
    contradictions: int = 0
    contradicted: bool = False
    last: bool | None = None
    failures: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_RESULTS_MAX))


class ControlGuard:
    """Remembers control results and answers from Claude; says whose network failed."""

    def __init__(self, targets: Iterable[str], policy: Guard) -> None:
        """Nothing is proven yet."""
        self._policy = policy
        self._targets = {name: _Target() for name in targets}
        self._answers: deque[tuple[float, float]] = deque(maxlen=_ANSWERS_MAX)
        self._silent_runs = 0
        self.ever_answered = False

    def record(self, result: ControlResult) -> None:
        """Take note of a control result."""
        target = self._targets.get(result.target)
        if target is None:
            return
        target.last = result.ok
        if result.ok:
            target.last_ok = max(result.started, target.last_ok or result.started)
            target.failing_since = None
            target.contradictions = 0
            target.failures.clear()
            return
        if target.failing_since is None:
            target.failing_since = result.started
        target.failures.append((result.started, result.ended))
        target.contradicted = False
        self._contradict(target)

    def answered(self, started: float, ended: float) -> None:
        """Claude answered a run: this host has a network, whatever the targets say."""
        self.ever_answered = True
        self._silent_runs = 0
        self._answers.append((started, ended))
        for target in self._targets.values():
            self._contradict(target)

    def silent(self) -> None:
        """A run got no answer at all."""
        self._silent_runs += 1

    def proven(self) -> tuple[str, ...]:
        """The targets whose word counts now."""
        return tuple(name for name, target in self._targets.items() if self._is_proven(target))

    @property
    def active(self) -> bool:
        """Whether at least one target is proven."""
        return any(self._is_proven(target) for target in self._targets.values())

    def excuse(self, started: float, ended: float) -> str | None:
        """Why a run over [started, ended] without an answer says nothing about Claude, or None."""
        if any(
            start >= started - self._policy.before and end <= ended + self._policy.after
            for start, end in self._answers
        ):
            return None
        proven = [target for target in self._targets.values() if self._is_proven(target)]
        if not proven:
            if self.ever_answered:
                return None
            return "nothing has answered this host since the start, neither Claude nor a control"
        if all(self._overlaps(target, started, ended) for target in proven):
            return f"{self._counted(len(proven))} failed at the same time: no network here"
        return None

    def blind_reason(self) -> str | None:
        """Why this host sees nothing now, or None while it sees.

        Either every proven target fails and Claude has not answered since, or nothing has ever
        answered, although at least three runs have asked.
        """
        proven = [target for target in self._targets.values() if self._is_proven(target)]
        if proven:
            failing = all(target.failing_since is not None for target in proven)
            if failing and self._silent_runs:
                return f"{self._counted(len(proven))} failing, and no answer from Claude"
            return None
        if not self.ever_answered and self._silent_runs >= 3:  # noqa: PLR2004  # see the docstring
            return "nothing has answered since the start"
        return None

    def view(self) -> NetworkView:
        """For pages and metrics."""
        return NetworkView(
            up=self.blind_reason() is None,
            guard_active=self.active,
            targets=tuple(
                (name, self._is_proven(target), target.last)
                for name, target in self._targets.items()
            ),
        )

    def forget_times(self) -> None:
        """The clocks jumped: what overlapped what is no longer known."""
        self._answers.clear()
        for target in self._targets.values():
            target.failures.clear()
            target.failing_since = None

    def snapshot(self) -> dict[str, Any]:
        """All that is remembered, as plain values."""
        return {
            "ever_answered": self.ever_answered,
            "silent_runs": self._silent_runs,
            "answers": [list(pair) for pair in self._answers],
            "targets": {
                name: {
                    "last_ok": target.last_ok,
                    "failing_since": target.failing_since,
                    "contradictions": target.contradictions,
                    "contradicted": target.contradicted,
                    "last": target.last,
                    "failures": [list(pair) for pair in target.failures],
                }
                for name, target in self._targets.items()
            },
        }

    def restore(self, saved: Mapping[str, Any], shift: float) -> None:
        """Take over a snapshot; `shift` seconds are added to its monotonic times."""
        self.ever_answered = bool(saved["ever_answered"])
        self._silent_runs = int(saved["silent_runs"])
        self._answers.extend((start + shift, end + shift) for start, end in saved["answers"])
        for name, values in saved["targets"].items():
            target = self._targets.get(name)
            if target is None:
                continue
            target.last_ok = _moved(values["last_ok"], shift)
            target.failing_since = _moved(values["failing_since"], shift)
            target.contradictions = int(values["contradictions"])
            target.contradicted = bool(values["contradicted"])
            target.last = values["last"]
            target.failures.extend(
                (start + shift, end + shift) for start, end in values["failures"]
            )

    def _is_proven(self, target: _Target) -> bool:
        if target.last_ok is None or target.contradictions >= _CONTRADICTIONS:
            return False
        failing = target.failing_since
        return failing is None or failing - target.last_ok <= self._policy.proven_for

    def _contradict(self, target: _Target) -> None:
        """Count the target's last failure once if Claude answered a run begun during it."""
        if not target.failures or target.contradicted:
            return
        start, end = target.failures[-1]
        if any(start <= begun <= end + self._policy.before for begun, _ in self._answers):
            target.contradicted = True
            target.contradictions += 1

    def _overlaps(self, target: _Target, started: float, ended: float) -> bool:
        low, high = started - self._policy.before, ended + self._policy.after
        return any(start <= high and end >= low for start, end in target.failures)

    @staticmethod
    def _counted(number: int) -> str:
        return (
            "the proven control target" if number == 1 else f"all {number} proven control targets"
        )


def _moved(value: float | None, shift: float) -> float | None:
    return None if value is None else value + shift
