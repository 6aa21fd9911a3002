"""The monitor is never the cause of a 429: when a key's limits are near, its extra runs wait.

Two signs say so. A 429 with `retry-after` asks for silence, and gets it from every run of the key,
for at most `RETRY_AFTER_MAX`: such a run counts as nothing anyway. And each answer says how much
remains of the key's limits: near nothing, extra runs are held back until they have refilled, for
they would take the last of what the operator's own programs need. Scheduled runs go on.

Times are monotonic seconds. Nothing is remembered over a restart: the next answer tells again.
"""

from __future__ import annotations

from typing import Final

from monitor.core.effects import Judged
from monitor.core.observation import Origin
from monitor.core.outcome import Outcome
from monitor.core.plan import ProbePlan

RETRY_AFTER_MAX = 300.0
"""Seconds for which a `retry-after` is honoured at most: longer silence would be blindness."""

RETRY_AFTER_DEFAULT = 30.0
"""Seconds of it when a 429 does not say how long."""

REFILL_SECONDS = 60.0
"""Seconds for which extra runs wait after a limit was near: the vendor counts by the minute."""

_NEAR: Final = {"requests": 5.0}
_NEAR_TOKENS = 1000.0


class KeyLimits:
    """Which keys must be spared, and until when."""

    def __init__(self) -> None:
        """No key is near a limit."""
        self._silent: dict[str, float] = {}
        self._spared: dict[str, float] = {}

    def learn(self, probe: ProbePlan, judged: Judged) -> None:
        """Take note of what an answer says about the limits of its key."""
        key = probe.credential
        if key is None:
            return
        seen = judged.observation
        if judged.verdict.outcome is Outcome.RATE_LIMITED:
            said = seen.answer.retry_after if seen.answer else None
            wait = RETRY_AFTER_DEFAULT if said is None else min(max(0.0, said), RETRY_AFTER_MAX)
            self._silent[key] = max(self._silent.get(key, 0.0), seen.ended + wait)
        if any(left <= _NEAR.get(limit, _NEAR_TOKENS) for limit, left in seen.ratelimits):
            self._spared[key] = seen.ended + REFILL_SECONDS

    def allows(self, probe: ProbePlan, origin: Origin, now: float) -> bool:
        """Whether a run of `probe` may take place now."""
        key = probe.credential
        if key is None:
            return True
        if now < self._silent.get(key, now):
            return False
        return origin is not Origin.BURST or now >= self._spared.get(key, now)
