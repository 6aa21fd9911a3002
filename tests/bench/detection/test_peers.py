"""The peers' rules, as their documents have them."""

from __future__ import annotations

import pytest

from tests.bench.detection.peers import PEERS, BurnRate, InARow, OfTheLast, Rule


def heard(rule: Rule, runs: str, gap: float = 30.0) -> str:
    """`x` for a bad run and `.` for a good one; comes back as `D` where the product is down."""
    return "".join(
        "D" if rule.hear("one", place * gap, bad=run == "x") else "u"
        for place, run in enumerate(runs)
    )


@pytest.mark.parametrize(
    ("rule", "runs", "states"),
    [
        pytest.param(InARow(3, 2), "xx.xxx.x..", "uuuuuDDDDu", id="gatus"),
        pytest.param(InARow(1, 1), ".x.xx.", "uDuDDu", id="kuma"),
        pytest.param(InARow(2, 1), "x.xx.x", "uuuDuu", id="kuma-one-retry"),
        pytest.param(OfTheLast(3, 5), "x.x.x...", "uuuuDuuu", id="three-of-five"),
    ],
)
def test_a_rule_goes_down_and_comes_up(rule: Rule, runs: str, states: str) -> None:
    assert heard(rule, runs) == states


def test_a_product_is_down_while_one_probe_is() -> None:
    rule = InARow(1, 1)

    assert rule.hear("one", 0.0, bad=True)
    assert rule.hear("other", 1.0, bad=False)
    assert not rule.hear("one", 2.0, bad=False)


def test_a_burnt_budget_needs_both_windows() -> None:
    rule = BurnRate(0.99)
    for number in range(360):
        rule.hear("one", number * 10.0, bad=False)

    states = [rule.hear("one", 3600.0 + number * 10.0, bad=True) for number in range(60)]
    after = [rule.hear("one", 4200.0 + number * 10.0, bad=False) for number in range(60)]

    # 14.4 % of an hour's 360 runs.
    assert states.index(True) == pytest.approx(52, abs=1)
    # Five minutes later the short window holds less than that.
    assert not after[40]


def test_every_peer_starts_up() -> None:
    assert not any(make().hear("one", 0.0, bad=False) for make in PEERS.values())
