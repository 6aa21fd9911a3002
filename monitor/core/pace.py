"""How long the good answers of one probe take, now and usually: bounded whatever happens.

The present is the median of the last few good runs. The usual is a histogram of that same median
over the last days: how far it strays while nothing is wrong is then in it, noise that lasts for
minutes and the rise of a busy hour included, which the spread of single runs would not show.

The histogram has blocks of six hours of wall time, so that the oldest can be forgotten; its buckets
are a quarter of an octave wide (19 %), and a quantile is read between their bounds. At most 29
blocks of at most 74 buckets are kept for a probe.

While a probe is slow its runs are not learned, else a long degradation would become the usual. But
not for ever: what has been so for a day is the usual from then on.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Mapping
from datetime import datetime
from statistics import median
from typing import Any

from monitor.core.policy import Latency

BLOCK_SECONDS = 21_600
BUCKETS_PER_OCTAVE = 4
SHORTEST = 0.001
LONGEST = 300.0
"""Seconds; what takes less or more is counted as so long."""

RUNS_MIN = 5
"""Fewer good runs than this are no median."""

BASELINE_RUNS_MIN = 100
FRESH_SECONDS = 600.0
FRESH_INTERVALS = 1.2
"""The present reaches back so long, or so many intervals for each run that it needs."""

HALF = 0.5
HIGH = 0.995
MARGIN = 1.25
"""The limit lies so far above the height that the median exceeds for 0.5 % of the time."""

REFRESH_RUNS = 20
"""The limit is worked out anew after so many runs that were learned from."""

UNLEARNED_MAX = 86_400.0
"""Seconds for which a slow probe is not learned from."""


class Histogram:
    """Counts of durations in seconds, by block of wall time."""

    def __init__(self, seconds: float) -> None:
        """Empty; blocks older than `seconds` are forgotten."""
        self._blocks_max = max(1, math.ceil(seconds / BLOCK_SECONDS))
        self._blocks: dict[int, Counter[int]] = {}
        self._sum: Counter[int] = Counter()

    def add(self, seconds: float, at: datetime) -> None:
        """Count a duration. A wall clock that was set back goes on in the newest block."""
        block = max([int(at.timestamp()) // BLOCK_SECONDS, *self._blocks])
        bucket = bucket_of(seconds)
        self._blocks.setdefault(block, Counter())[bucket] += 1
        self._sum[bucket] += 1
        for old in [each for each in self._blocks if each < block - self._blocks_max]:
            self._sum -= self._blocks.pop(old)

    @property
    def runs(self) -> int:
        """How many durations are counted."""
        return self._sum.total()

    @property
    def span(self) -> float:
        """Seconds from the begin of the oldest block to that of the newest."""
        if not self._blocks:
            return 0.0
        return float((max(self._blocks) - min(self._blocks)) * BLOCK_SECONDS)

    def quantile(self, share: float) -> float:
        """The duration that `share` of those counted do not exceed; 0 without any."""
        wanted = share * self.runs
        passed = 0
        for bucket in sorted(self._sum):
            count = self._sum[bucket]
            if passed + count >= wanted:
                part = (wanted - passed) / count
                return float(2.0 ** ((bucket + part) / BUCKETS_PER_OCTAVE))
            passed += count
        return 0.0

    def snapshot(self) -> dict[str, Any]:
        """All that is remembered, as plain values."""
        return {
            str(block): {str(bucket): count for bucket, count in counts.items()}
            for block, counts in self._blocks.items()
        }

    def restore(self, saved: Mapping[str, Mapping[str, int]]) -> None:
        """Take over a snapshot."""
        self._blocks = {
            int(block): Counter({int(bucket): int(count) for bucket, count in counts.items()})
            for block, counts in saved.items()
        }
        self._sum = sum(self._blocks.values(), Counter())


def bucket_of(seconds: float) -> int:
    """The bucket that a duration is counted in."""
    within = min(LONGEST, max(SHORTEST, seconds))
    return math.floor(math.log2(within) * BUCKETS_PER_OCTAVE)


class Pace:
    """One probe: its last good runs against its own baseline. Times are monotonic seconds.

    Attributes:
        slow_since: when it became slow; None while it is not.
        usual: seconds that it usually takes; None before its baseline is long enough.
        limit: seconds above which its median is slow; None like `usual`.
    """

    def __init__(self, interval: float, policy: Latency) -> None:
        """Nothing is known of a probe that runs every `interval` seconds."""
        self.slow_since: float | None = None
        self.usual: float | None = None
        self.limit: float | None = None
        self._policy = policy
        self._fresh = max(FRESH_SECONDS, FRESH_INTERVALS * RUNS_MIN * interval)
        self._recent: deque[tuple[float, float]] = deque(maxlen=max(RUNS_MIN, policy.runs))
        self._past = Histogram(policy.baseline)
        self._learned = 0

    def add(self, seconds: float, started: float, at: datetime) -> None:
        """A good run took so long."""
        self._recent.append((started, seconds))
        present = self.median(started)
        if present is None:
            return
        self._weigh(present, started)
        slow = self.slow_since
        if slow is None or started - slow > UNLEARNED_MAX:
            self._past.add(present, at)
            self._learned += 1
            if self._learned % REFRESH_RUNS == 0:
                self._refresh()

    def _weigh(self, present: float, now: float) -> None:
        if self.limit is None:
            return
        if self.slow_since is None and present > self.limit:
            self.slow_since = now
        elif self.slow_since is not None and present < self._policy.clear * self.limit:
            self.slow_since = None

    def _refresh(self) -> None:
        """Work out the limit anew, once the baseline is long enough."""
        policy, past = self._policy, self._past
        if past.span < policy.baseline_min or past.runs < BASELINE_RUNS_MIN:
            self.usual = self.limit = None
            return
        self.usual = past.quantile(HALF)
        high = MARGIN * past.quantile(HIGH)
        self.limit = max(policy.factor * self.usual, high, policy.floor)

    def median(self, now: float) -> float | None:
        """Seconds that its last good runs take; None when there are too few of them."""
        recent = [seconds for started, seconds in self._recent if started >= now - self._fresh]
        return median(recent) if len(recent) >= RUNS_MIN else None

    def over(self) -> tuple[int, int]:
        """How many of its last good runs lie above the limit, and how many they are."""
        limit = self.limit or math.inf
        return sum(seconds > limit for _, seconds in self._recent), len(self._recent)

    def heard(self, now: float) -> bool:
        """Whether enough good runs say how it is now."""
        return self.median(now) is not None

    def forget_times(self) -> None:
        """The clocks jumped: nobody knows how old the last runs are. The baseline stays."""
        self._recent.clear()
        self.slow_since = None

    def snapshot(self) -> dict[str, Any]:
        """All that is remembered, as plain values."""
        return {
            "past": self._past.snapshot(),
            "recent": [list(pair) for pair in self._recent],
            "slow_since": self.slow_since,
            "usual": self.usual,
            "limit": self.limit,
            "learned": self._learned,
        }

    def restore(self, saved: Mapping[str, Any], shift: float) -> None:
        """Take over a snapshot; `shift` seconds are added to its monotonic times."""
        self._past.restore(saved["past"])
        self._recent.extend((started + shift, seconds) for started, seconds in saved["recent"])
        slow = saved["slow_since"]
        self.slow_since = None if slow is None else slow + shift
        self.usual, self.limit = saved["usual"], saved["limit"]
        self._learned = saved["learned"]
