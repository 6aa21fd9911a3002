from __future__ import annotations

import pytest
from pydantic import ValidationError

from monitor.config.delivery import DeliverySpec
from monitor.delivery import DeliveryPolicy


def test_by_default_it_is_the_couriers_own_policy() -> None:
    assert DeliverySpec().policy() == DeliveryPolicy()


def test_what_is_set_reaches_the_courier() -> None:
    spec = DeliverySpec.model_validate({"give_up_after": "12h", "backoff_max": "1m"})
    assert spec.policy() == DeliveryPolicy(give_up_after=43_200.0, backoff_max=60.0)


@pytest.mark.parametrize(
    "settings",
    [{"give_up_after": "10s"}, {"backoff_base": "30s", "backoff_max": "10s"}, {"lease": "1m"}],
    ids=str,
)
def test_what_makes_no_sense_is_refused(settings: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        DeliverySpec.model_validate(settings)
