"""The demo and the backtest are two clocks for one thing: what one finds the other finds too.

Each scenario is played over real sockets, against the whole daemon, at 60 scenario seconds a second
or 30, and in virtual time.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from monitor.backtest.library import play, with_simulated_keys
from monitor.backtest.outcome import newest
from monitor.config.load import load
from monitor.config.schema import Config
from monitor.core.incident import Incident
from monitor.demo import Demo
from monitor.simulation.scenario import Scenario, parse_scenario
from tests.e2e.processes import ROOT

SPEED = 60.0
SPEEDS = {"own-network": 30.0}
"""A bad run is excused by a control target that fails within a second or a few of it: at sixty
scenario seconds a second a busy machine is later than that."""
INTERVALS = 2
SEED = 1

POSTED = datetime(2026, 5, 1, 12, 3, tzinfo=UTC)

# Seven minutes are well above `close.clean_after`, however late a busy machine sees the begin: near
# it the demo and the backtest may close after different windows, and both would be right.
HEAD = """
name: {name}
title: A quarter of an hour, seven minutes of which are an outage
source: Invented.
visibility: assumed
start: 2026-05-01T12:00:00Z
impact: {{start: "12:01:30", end: "12:08:30"}}
end: 12:17:00
vendor: {{id: 9l93x2ht4s5w, name: Trouble with the pages, impact: major}}
timeline:
  - at: 12:03:00
    status: investigating
    body: It is being looked for.
    components: {{claude_ai: major_outage, cowork: partial_outage}}
  - at: 12:08:00
    status: monitoring
    body: A fix is in.
phases:
  - from: 12:01:30
    until: 12:08:30
    faults:
"""
FAULTS = {
    "pages-down": """
      - {fault: envoy_503, components: claude_ai}
      - {fault: cf_520, components: cowork}
""",
    "keys-refused": """
      - {fault: auth_401, services: [models, count_tokens, messages], keyed: true}
""",
    "api-hangs": """
      - {fault: hang, components: api}
""",
    "console-errors": """
      - {fault: page_500, components: console}
""",
    "own-network": """
      - {fault: refused, hosts: "*"}
""",
}


@pytest.fixture
def config() -> Config:
    return load(ROOT / "config" / "claude.yaml", {})


def scenario(name: str) -> Scenario:
    return parse_scenario(HEAD.format(name=name) + FAULTS[name], f"{name}.yaml")


def interval_of(config: Config, component: str) -> float:
    """The longest interval among the probes of a component."""
    plan = with_simulated_keys(config).plan()
    return max(probe.interval for probe in plan.enabled() if component in probe.components)


def by_components(incidents: list[Incident]) -> dict[tuple[str, ...], Incident]:
    found = {tuple(sorted(incident.names)): incident for incident in incidents}
    assert len(found) == len(incidents), "a component had two incidents"
    return found


def posted(incident: Incident) -> datetime | None:
    """When the vendor posted what fits, as both read it from the simulated page."""
    return None if incident.provider is None else incident.provider.posted_at


def must_be_close(one: datetime | None, other: datetime | None, within: timedelta) -> None:
    assert (one is None) == (other is None), (one, other)
    if one is not None and other is not None:
        assert abs(one - other) <= within, (one, other)


@pytest.mark.slow
@pytest.mark.integration(minutes=0.6)
@pytest.mark.parametrize("name", FAULTS)
async def test_demo_and_backtest_find_the_same_incidents(name: str, config: Config) -> None:
    demo = Demo(config, scenario(name), speed=SPEEDS.get(name, SPEED), seed=SEED)
    await demo.play(asyncio.Event(), port=0)
    shown = by_components(demo.tape.incidents())
    record = play(with_simulated_keys(config), scenario(name), SEED).record
    played = by_components(newest(record.events))
    assert shown.keys() == played.keys()
    assert bool(played) == (name != "own-network")
    for names, incident in played.items():
        within = timedelta(seconds=INTERVALS * max(interval_of(config, each) for each in names))
        assert shown[names].cause is incident.cause
        assert posted(shown[names]) == posted(incident)
        told = set(names) & {"claude_ai", "cowork"}
        assert posted(incident) == (POSTED if told else None)
        for attribute in ("started_at", "opened_at", "recovered_at", "closed_at"):
            must_be_close(getattr(shown[names], attribute), getattr(incident, attribute), within)
