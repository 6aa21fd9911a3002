"""How others decide, by their documented rules, on the runs of the same schedule.

These are models of rules, not measurements of programs: one vantage, no retries between two
scheduled runs, and a product is down as soon as one of its probes is. Peers have no control
targets here; Gatus can be given a check of the own network, which would take that share away.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol


class Rule(Protocol):
    """Hears of every run and says whether the product is down."""

    def hear(self, probe: str, at: float, *, bad: bool) -> bool:
        """A run of `probe` has ended; whether the product is down now."""
        ...


class InARow:
    """Down after so many failures in a row of one probe, up after so many successes."""

    def __init__(self, failures: int, successes: int) -> None:
        """All probes are up."""
        self._failures = failures
        self._successes = successes
        self._row: dict[str, int] = {}
        self._down: set[str] = set()

    def hear(self, probe: str, at: float, *, bad: bool) -> bool:
        """See `Rule`."""
        down = probe in self._down
        row = self._row.get(probe, 0) + 1 if bad is not down else 0
        self._row[probe] = row
        if row >= (self._successes if down else self._failures):
            self._down ^= {probe}
            self._row[probe] = 0
        return bool(self._down)


class OfTheLast:
    """Down while `failures` of the last `runs` runs of one probe failed."""

    def __init__(self, failures: int, runs: int) -> None:
        """All probes are up."""
        self._failures = failures
        self._runs = runs
        self._last: dict[str, deque[bool]] = {}
        self._down: set[str] = set()

    def hear(self, probe: str, at: float, *, bad: bool) -> bool:
        """See `Rule`."""
        last = self._last.setdefault(probe, deque(maxlen=self._runs))
        last.append(bad)
        if sum(last) >= self._failures:
            self._down.add(probe)
        else:
            self._down.discard(probe)
        return bool(self._down)


class BurnRate:
    """Down while the error budget burns too fast over a long window and over a short one.

    The page alert of the SRE workbook: 14.4 times over an hour and over five minutes.
    """

    def __init__(
        self, objective: float, *, factor: float = 14.4, long: float = 3600.0, short: float = 300.0
    ) -> None:
        """`objective` is the share of runs that ought to be good."""
        self._limit = factor * (1 - objective)
        self._windows = [_Window(long), _Window(short)]

    def hear(self, probe: str, at: float, *, bad: bool) -> bool:
        """See `Rule`."""
        for window in self._windows:
            window.add(at, bad=bad)
        return all(window.share >= self._limit for window in self._windows)


class _Window:
    """The share of bad runs in the last seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._runs: deque[tuple[float, bool]] = deque()
        self._bad = 0

    def add(self, at: float, *, bad: bool) -> None:
        self._runs.append((at, bad))
        self._bad += bad
        while self._runs[0][0] < at - self._seconds:
            self._bad -= self._runs.popleft()[1]

    @property
    def share(self) -> float:
        return self._bad / len(self._runs)


PEERS: Mapping[str, Callable[[], Rule]] = {
    "Gatus, 3 failures / 2 successes": lambda: InARow(3, 2),
    "Uptime Kuma, no retries": lambda: InARow(1, 1),
    "Uptime Kuma, 1 retry": lambda: InARow(2, 1),
    "Uptime Kuma, 3 retries": lambda: InARow(4, 1),
    "3 of the last 5": lambda: OfTheLast(3, 5),
    "burn rate 14.4, 99.9 %": lambda: BurnRate(0.999),
    "burn rate 14.4, 99 %": lambda: BurnRate(0.99),
}
