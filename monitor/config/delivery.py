"""How long and how often events are tried: the courier's numbers."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from monitor.delivery import DeliveryPolicy
from monitor.spec import Duration, Spec

_DEFAULT = DeliveryPolicy()


class DeliverySpec(Spec):
    """Retries of deliveries, the same for every notifier."""

    give_up_after: Duration = Field(default=_DEFAULT.give_up_after, ge=60, le=90 * 86_400)
    """Age at which an event that still cannot be delivered is given up: a dead letter."""
    backoff_base: Duration = Field(default=_DEFAULT.backoff_base, gt=0, le=60)
    """Bound of the random wait after a first failure; it doubles with each further one."""
    backoff_max: Duration = Field(default=_DEFAULT.backoff_max, gt=0, le=3600)
    """The bound grows no further."""
    retry_after_max: Duration = Field(default=_DEFAULT.retry_after_max, gt=0, le=86_400)
    """How far a receiver may put us off with `Retry-After`."""

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if self.backoff_max < self.backoff_base:
            msg = "backoff_max is at least backoff_base"
            raise ValueError(msg)
        return self

    def policy(self) -> DeliveryPolicy:
        """The courier's numbers."""
        return DeliveryPolicy(**{name: getattr(self, name) for name in type(self).model_fields})
