"""The question to the control targets: asked at a bad run, and for how long it is waited for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monitor.core.effects import CheckControl, ControlResult
from monitor.core.guard import ControlGuard

CONTROL_GAP = 1.0
"""Seconds between two requests to ask the control targets."""


class ControlQuestion:
    """Remembers when the control targets were asked, and who has not answered yet."""

    def __init__(self, guard: ControlGuard, *, targets: bool, wait: float) -> None:
        """Nothing is asked. `targets`: there are some; `wait`: seconds for which they may think."""
        self._guard = guard
        self._targets = targets
        self._wait = wait
        self._asked: float | None = None
        self._open: set[str] = set()

    def ask(self, now: float) -> list[CheckControl]:
        """A bad run raises the question, at most once a second."""
        recent = self._asked is not None and now - self._asked < CONTROL_GAP
        if not self._targets or recent:
            return []
        self._asked = now
        self._open = set(self._guard.proven())
        return [CheckControl()]

    def answered(self, result: ControlResult) -> None:
        """A control target's word; one that is older than the question does not count."""
        if self._asked is not None and result.ended >= self._asked:
            self._open.discard(result.target)

    def waiting(self, now: float) -> bool:
        """Whether an opening on unanswered runs has to wait for the control targets' word."""
        return self._asked is not None and bool(self._open) and now - self._asked < self._wait

    def snapshot(self) -> dict[str, Any]:
        """All that is remembered, as plain values."""
        return {"asked": self._asked, "open": sorted(self._open)}

    def restore(self, saved: Mapping[str, Any], shift: float) -> None:
        """Take over a snapshot; `shift` seconds are added to its monotonic times."""
        self._asked = None if saved["asked"] is None else saved["asked"] + shift
        self._open = set(saved["open"])
