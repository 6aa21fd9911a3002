from __future__ import annotations

from pathlib import Path

import pytest

from monitor.backtest.library import play, play_all, with_simulated_keys
from monitor.config.load import load
from monitor.config.schema import Config, CredentialSpec
from monitor.simulation.keys import key_names
from monitor.simulation.scenario import Scenario, parse_scenario
from monitor.spec import Secret

ROOT = Path(__file__).parents[2]
TEXT = """
name: {name}
title: Short
source: a test
visibility: assumed
start: 2026-04-28T12:00:00Z
impact: {{start: "12:03:00", end: "12:06:00"}}
end: 12:07:00
phases:
  - {{from: 12:03:00, until: 12:06:00, faults: [{{fault: envoy_503, components: {hit}}}]}}
expectations:
  incidents: [{{components: {hit}, opened_within: 3m}}]
  nothing_else: false
"""


def scenario(name: str, hit: str) -> Scenario:
    return parse_scenario(TEXT.format(name=name, hit=hit), f"{name}.yaml")


@pytest.fixture
def config() -> Config:
    return with_simulated_keys(load(ROOT / "config" / "claude.yaml", {}))


def test_simulated_keys_enable_every_keyed_probe_and_are_no_real_ones(config: Config) -> None:
    keyed = [probe for probe in config.plan().probes if probe.credential_name]
    off = {spec.name for spec in config.probes if not spec.enabled}
    assert keyed
    assert {probe.name for probe in keyed if not probe.enabled} <= off
    for name, credential in config.credentials.items():
        assert credential.api_key.reveal() == f"sk-ant-sim-{name}"


def test_the_same_seed_is_the_same_playing_and_another_one_is_not(config: Config) -> None:
    one, again, other = (play(config, scenario("a", "claude_ai"), seed) for seed in (1, 1, 2))
    assert one.score == again.score
    assert one.record.events == again.record.events
    assert one.score.rows[0].component == "claude_ai"
    assert one.record.events[0].at != other.record.events[0].at


@pytest.mark.parametrize("workers", [1, 2])
def test_playings_come_in_order_however_many_share_the_work(config: Config, workers: int) -> None:
    scenarios = [scenario("a", "claude_ai"), scenario("b", "console")]
    found = list(play_all(config, scenarios, seeds=2, workers=workers))
    assert [(p.score.scenario, p.score.seed) for p in found] == [
        ("a", 0), ("a", 1), ("b", 0), ("b", 1),
    ]  # fmt: skip
    assert found[3].score == play(config, scenarios[1], 1).score


def test_nothing_to_play_is_nothing(config: Config) -> None:
    assert list(play_all(config, [], seeds=3, workers=2)) == []


def test_a_simulated_key_is_of_the_organization_that_its_credential_names(config: Config) -> None:
    one, other, unnamed = (
        CredentialSpec(api_key=Secret("x"), organization=name) for name in ("own", "acme", None)
    )
    config = config.model_copy(
        update={"credentials": {"main": one, "second": other, "third": unnamed}}
    )

    made = with_simulated_keys(config).credentials

    keys = {name: key_names(each.api_key.reveal()) for name, each in made.items()}
    assert keys == {
        "main": ("main", "own"),
        "second": ("second", "acme"),
        "third": ("third", "own"),
    }
    assert [each.organization for each in made.values()] == ["own", "acme", None]
