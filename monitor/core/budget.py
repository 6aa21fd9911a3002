"""What paid probes may cost in a day, and whether the next run still fits.

A day is a UTC day. The scheduled runs may spend all but the reserve, which is kept for the extra
runs after a bad one: an outage must not find the purse empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from monitor.core.observation import Origin
from monitor.core.plan import ProbePlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per million tokens."""

    input: float
    output: float


class Budget:
    """Counts what was spent today."""

    def __init__(self, usd_per_day: float, reserve: float, prices: Mapping[str, Price]) -> None:
        """`reserve` is the share of the day's money that is kept for extra runs."""
        self._per_day = usd_per_day
        self._reserve = reserve
        self._prices = dict(prices)
        self._day: date | None = None
        self._spent = 0.0

    def cost(self, model: str | None, input_tokens: int, output_tokens: int) -> float:
        """US dollars of a run; a model without a price costs nothing that is known."""
        price = self._prices.get(model or "")
        if price is None:
            return 0.0
        return (input_tokens * price.input + output_tokens * price.output) / 1_000_000

    @property
    def per_day(self) -> float:
        """US dollars in a day, the reserve included."""
        return self._per_day

    def allows(self, probe: ProbePlan, origin: Origin, at: datetime) -> bool:
        """Whether a run of `probe` may take place at `at`."""
        if not probe.paid:
            return True
        limit = self._per_day
        if origin is not Origin.BURST:
            limit *= 1 - self._reserve
        return self.spent(at) < limit

    def pay(self, usd: float, at: datetime) -> None:
        """Count what a run cost."""
        self._spent = self.spent(at) + usd

    def spent(self, at: datetime) -> float:
        """US dollars spent on the day of `at`; a new day begins at nothing."""
        if self._day != at.date():
            self._day, self._spent = at.date(), 0.0
        return self._spent

    def remaining(self, at: datetime) -> float:
        """US dollars left on the day of `at`, the reserve included."""
        return max(0.0, self._per_day - self.spent(at))
