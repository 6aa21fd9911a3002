from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.core.budget import Budget, Price
from monitor.core.observation import Origin
from tests.factories import NOON, a_probe

PAID = a_probe("message", paid=True)
TOMORROW = NOON + timedelta(hours=12)


def a_budget(usd: float = 1.0, reserve: float = 0.3) -> Budget:
    return Budget(usd, reserve, {"haiku": Price(input=0.10, output=0.50)})


@pytest.mark.parametrize(
    ("model", "tokens", "usd"),
    [
        ("haiku", (1_000_000, 0), 0.10),
        ("haiku", (0, 1_000_000), 0.50),
        ("haiku", (10, 4), 0.000003),
        ("unpriced", (1_000_000, 1_000_000), 0.0),
        (None, (1_000_000, 1_000_000), 0.0),
    ],
)
def test_a_run_costs_what_its_tokens_cost(
    model: str | None, tokens: tuple[int, int], usd: float
) -> None:
    assert a_budget().cost(model, *tokens) == pytest.approx(usd)


@pytest.mark.parametrize(
    ("spent", "origin", "allowed"),
    [
        (0.0, Origin.SCHEDULED, True),
        (0.69, Origin.SCHEDULED, True),
        (0.70, Origin.SCHEDULED, False),
        (0.70, Origin.SWEEP, False),
        (0.70, Origin.MANUAL, False),
        (0.70, Origin.BURST, True),
        (0.99, Origin.BURST, True),
        (1.00, Origin.BURST, False),
    ],
)
def test_the_reserve_is_kept_for_extra_runs(
    spent: float,
    origin: Origin,
    allowed: bool,  # noqa: FBT001  # a table
) -> None:
    budget = a_budget()
    budget.pay(spent, NOON)
    assert budget.allows(PAID, origin, NOON) is allowed
    assert budget.allows(a_probe("free"), origin, NOON)


def test_what_was_spent_adds_up_and_a_new_utc_day_begins_at_nothing() -> None:
    budget = a_budget()
    budget.pay(0.4, NOON)
    budget.pay(0.5, NOON + timedelta(hours=11, minutes=59))
    assert budget.spent(NOON) == pytest.approx(0.9)
    assert budget.remaining(NOON) == pytest.approx(0.1)
    assert budget.spent(TOMORROW) == 0.0
    assert budget.remaining(TOMORROW) == 1.0


def test_what_remains_is_never_less_than_nothing() -> None:
    budget = a_budget()
    budget.pay(5.0, NOON)
    assert budget.remaining(NOON) == 0.0


def test_a_budget_knows_what_a_day_has() -> None:
    assert a_budget(usd=0.25).per_day == 0.25
