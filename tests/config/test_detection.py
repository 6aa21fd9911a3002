from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from pydantic import ValidationError

from monitor.config import detection
from monitor.config.detection import DetectionSpec
from monitor.core import policy

PAIRS = [
    (detection.FastSpec, policy.Fast),
    (detection.SoloSpec, policy.Solo),
    (detection.SlowSpec, policy.Slow),
    (detection.RecoverSpec, policy.Recover),
    (detection.CloseSpec, policy.Close),
    (detection.BurstSpec, policy.Burst),
    (detection.GuardSpec, policy.Guard),
    (detection.SeveritySpec, policy.Severity),
    (detection.DetectionSpec, policy.Policy),
]


@pytest.mark.parametrize(("spec", "core"), PAIRS, ids=lambda pair: pair.__name__)
def test_the_section_has_exactly_the_numbers_of_the_policy(spec: Any, core: Any) -> None:
    assert set(spec.model_fields) == {field.name for field in dataclasses.fields(core)}


def test_without_a_word_the_policy_is_the_default_one() -> None:
    assert DetectionSpec().policy() == policy.Policy()


def test_durations_and_shares_become_seconds_and_fractions() -> None:
    spec = DetectionSpec.model_validate(
        {
            "fast": {"window": "90s", "ratio": "40%"},
            "slow": [
                {
                    "window": "10m",
                    "ratio": 0.2,
                    "episodes": 4,
                    "episodes_three": 3,
                    "episodes_small": 2,
                }
            ],
            "close": {"reopen_within": "1h"},
            "guard": {"wait": "500ms"},
            "cadence": "20s",
            "stale_after": 4,
        }
    )
    assert spec.policy() == dataclasses.replace(
        policy.Policy(),
        fast=policy.Fast(window=90.0, ratio=0.4, ratio_three=0.4),
        slow=(
            policy.Slow(
                window=600.0, ratio=0.2, episodes=4, episodes_three=3, episodes_small=2, span=30.0
            ),
        ),
        close=policy.Close(reopen_within=3600.0),
        guard=policy.Guard(wait=0.5),
        cadence=20.0,
        stale_after=4.0,
    )


@pytest.mark.parametrize(
    ("section", "needed_of_three"),
    [
        ({}, (5, 0.27)),
        ({"failures": 9}, (9, 0.27)),
        ({"ratio": "50%"}, (5, 0.5)),
        ({"failures": 9, "failures_three": 4}, (4, 0.27)),
        ({"ratio": "50%", "ratio_three": "40%", "failures_three": 7}, (7, 0.4)),
    ],
    ids=str,
)
def test_a_number_of_the_fast_rule_is_that_of_all_pools_unless_three_have_their_own(
    section: dict[str, Any], needed_of_three: tuple[int, float]
) -> None:
    rule = DetectionSpec.model_validate({"fast": section}).policy().fast
    assert rule.needed(3) == needed_of_three
    assert rule.needed(4) == (section.get("failures", 6), 0.5 if "ratio" in section else 0.33)


@pytest.mark.parametrize(
    "section",
    [
        {"fast": {"window": "0s"}},
        {"fast": {"failures_three": 1}},
        {"fast": {"ratio_three": "0%"}},
        {"fast": {"ratio": 0}},
        {"fast": {"window_gaps": float("inf")}},
        {"solo": {"failures": 1}},
        {"slow": [{"window": "5m"}]},
        {"recover": {"successes": 0}},
        {"close": {"min_samples": 0}},
        {"burst": {"gap": "10ms"}},
        {"burst": {"extra": -1}},
        {"severity": {"major": "0%"}},
        {"stale_after": 0},
        {"cadence": 15},
    ],
    ids=str,
)
def test_numbers_without_a_meaning_are_refused(section: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DetectionSpec.model_validate(section)
