"""The day's money, counted with the prices of the configuration and remembered over a restart."""

from __future__ import annotations

from dataclasses import replace

import structlog

from monitor.clock import Clock
from monitor.config.schema import Config
from monitor.core.budget import Budget, Price
from monitor.core.effects import StatusView
from monitor.core.observation import Observation, Origin
from monitor.core.plan import ProbePlan
from monitor.core.words import budget_sentence, dollars
from monitor.storage.store import Store

log = structlog.get_logger("monitor")


class Purse:
    """Says whether a paid run may take place, and counts what it cost."""

    def __init__(self, config: Config, clock: Clock) -> None:
        """Nothing is spent yet today, as far as is known before `recall`."""
        self._clock = clock
        self._plans = {probe.name: probe for probe in config.plan().probes}
        self._models = {name: probe.model for name, probe in self._plans.items()}
        self._budget = Budget(
            config.budget.usd_per_day,
            config.budget.reserve,
            {
                model: Price(input=price.input, output=price.output)
                for model, price in config.prices.items()
            },
        )
        self._said = False

    async def recall(self, store: Store) -> None:
        """Count what the runs of today that are on record have cost.

        Raises:
            StorageError: the store cannot be read.
        """
        now = self._clock.now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        for probe, sent, received in await store.tokens_since(midnight):
            self._budget.pay(self._budget.cost(self._models.get(probe), sent, received), now)

    def allows(self, probe: ProbePlan, origin: Origin) -> bool:
        """Whether a run may take place; says so in the log when the money runs out."""
        allowed = self._budget.allows(probe, origin, self._clock.now())
        if not allowed and not self._said:
            log.warning("budget.spent", spent_usd=round(self._budget.spent(self._clock.now()), 4))
        self._said = not allowed or (self._said and not probe.paid)
        return allowed

    def pay(self, probe: ProbePlan, observation: Observation) -> float:
        """Count what a run cost, by the tokens that its answer reports; returns the US dollars."""
        sent, received = observation.input_tokens, observation.output_tokens
        if not probe.paid or (sent is None and received is None):
            return 0.0
        usd = self._budget.cost(probe.model, sent or 0, received or 0)
        self._budget.pay(usd, self._clock.now())
        return usd

    def sentence(self) -> tuple[str, str]:
        """Summary and detail of what is announced when the money runs out."""
        return budget_sentence(
            self._budget.spent(self._clock.now()), self._budget.per_day, self.remaining()
        )

    def paused(self, probe: ProbePlan) -> str | None:
        """Why the scheduled runs of `probe` do not take place for now; None when they do."""
        now = self._clock.now()
        if self._budget.allows(probe, Origin.SCHEDULED, now):
            return None
        spent, per_day = dollars(self._budget.spent(now)), dollars(self._budget.per_day)
        return f"paused by the budget until 00:00 UTC: {spent} of {per_day} are spent"

    def marked(self, view: StatusView) -> StatusView:
        """`view` with the probes marked that the budget pauses."""
        probes = tuple(
            replace(each, paused=self.paused(plan)) if plan.enabled and plan.paid else each
            for each in view.probes
            for plan in (self._plans[each.name],)
        )
        return replace(view, probes=probes)

    def remaining(self) -> float:
        """US dollars left today."""
        return self._budget.remaining(self._clock.now())
