"""The demo as a stranger starts it: one command, its narration and its JSON."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.simulation import Scenario, load_scenario
from tests.e2e.processes import ROOT, running, without_settings

pytestmark = pytest.mark.slow

OPENED_WITHIN = timedelta(seconds=180)
CLOSED_WITHIN = timedelta(minutes=15)
COLUMNS = 80

SHORT = """\
name: short
title: "A short outage: claude.ai and Cowork fail, the API refuses valid keys"
source: Invented.
assumed: [Everything fails at once.]
visibility: assumed
start: 2026-05-01T12:00:00Z
impact: {start: "12:01:30", end: "12:07:30"}
end: 12:13:00
vendor: {id: short, name: claude.ai unavailable, impact: major}
timeline:
  - at: 12:04:00
    status: investigating
    body: Users cannot reach claude.ai.
    components: {claude_ai: major_outage}
phases:
  - from: 12:01:30
    until: 12:07:30
    faults:
      - {fault: envoy_503, components: claude_ai}
      - {fault: cf_520, components: cowork}
      - {fault: auth_401, services: [models, count_tokens, messages], keyed: true,
         probability: 60%}
expectations:
  incidents:
    - {components: claude_ai, opened_within: 3m, closed_within: 15m}
    - {components: cowork, opened_within: 3m, closed_within: 15m}
    - {components: api, opened_within: 3m, closed_within: 15m}
    - {components: claude_code, opened_within: 3m, closed_within: 15m}
  quiet: [console, government]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What one demo came to."""

    outcome: dict[str, Any]
    narration: list[str]


async def shown(name: str, env: dict[str, str], *, speed: str = "60") -> Shown:
    """Play a scenario to its end."""
    options = ("--scenario", name, "--speed", speed, "--json", "--port", "0")
    async with running("demo", *options, env=without_settings(env)) as program:
        assert await program.status() == 0, program.stderr
    return Shown(outcome=json.loads(program.stdout), narration=program.stderr.splitlines())


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def check_incidents(scenario: Scenario, outcome: dict[str, Any]) -> None:
    """Each affected component has one incident, in time at both ends; nobody else has any."""
    assert scenario.impact is not None
    incidents = outcome["incidents"]
    affected = [name for each in scenario.expectations.incidents for name in each.components]
    assert sorted(name for each in incidents for name in each["components"]) == sorted(affected)
    assert not set(affected) & set(scenario.expectations.quiet)
    begun, ended = scenario.impact.start, scenario.impact.end
    for each in incidents:
        assert begun <= moment(each["opened_at"]) <= begun + OPENED_WITHIN, each
        assert ended <= moment(each["closed_at"]) <= ended + CLOSED_WITHIN, each
        assert abs(moment(each["started_at"]) - begun) < OPENED_WITHIN, each
        assert abs(moment(each["recovered_at"]) - ended) < OPENED_WITHIN, each
        assert each["reopens"] == 0, each


def check_deliveries(outcome: dict[str, Any]) -> None:
    """All with our signature, each once, and those of an incident in their order."""
    deliveries = outcome["deliveries"]
    assert all(each["verified"] for each in deliveries)
    assert len({each["id"] for each in deliveries}) == len(deliveries)
    times = [moment(each["at"]) for each in deliveries]
    assert times == sorted(times)
    for incident in outcome["incidents"]:
        types = [each["type"] for each in deliveries if each["incident"] == incident["id"]]
        assert types[0] == "incident.opened", incident
        assert types[-1] == "incident.closed", incident
        assert types.count("incident.opened") == types.count("incident.closed") == 1


def check_narration(scenario: Scenario, narration: list[str]) -> None:
    """The story is told beside the JSON, and fits a terminal."""
    assert [line for line in narration if len(line) > COLUMNS] == []
    story = "\n".join(narration)
    for words in (scenario.title, "THE IMPACT BEGINS", "OPENED", "vendor   ", "CLOSED", "quiet: "):
        assert words in story
    assert story.index("THE IMPACT BEGINS") < story.index("OPENED") < story.index("CLOSED")
    assert "WRONG SIGNATURE" not in story
    assert "Traceback" not in story


def check(scenario: Scenario, seen: Shown) -> None:
    check_incidents(scenario, seen.outcome)
    check_deliveries(seen.outcome)
    check_narration(scenario, seen.narration)
    assert seen.outcome["runs"] > 100


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_short_outage_is_opened_announced_and_closed(
    offline: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "short.yaml"
    path.write_text(SHORT)
    async with asyncio.timeout(110):
        check(load_scenario(path, tmp_path), await shown(str(path), offline))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.integration(minutes=2)
async def test_the_28th_of_april_2026_is_opened_announced_and_closed(
    offline: dict[str, str],
) -> None:
    scenario = load_scenario("2026-04-28", ROOT / "config" / "scenarios")
    async with asyncio.timeout(290):
        check(scenario, await shown(scenario.name, offline))


async def test_a_signal_ends_it_at_once(offline: dict[str, str]) -> None:
    env = without_settings(offline)
    async with running("demo", "--port", "0", env=env) as program:
        await program.said("the monitor starts")
        program.terminate()
        async with asyncio.timeout(15):
            assert await program.status() == 0
    assert "quiet: " in program.stdout
    assert program.stderr == ""
