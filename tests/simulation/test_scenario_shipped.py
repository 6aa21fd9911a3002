"""The scenarios that come with the monitor say what they claim to say."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from monitor.simulation.endpoints import COMPONENTS
from monitor.simulation.exchange import SimRequest, SimResponse
from monitor.simulation.scenario import Scenario, load_scenario
from monitor.simulation.statusfeed import component_states
from monitor.simulation.world import World
from tests.simulation.worlds import KEYED, a_world

SCENARIOS = Path(__file__).parents[2] / "config" / "scenarios"


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_scenario_loads_and_is_named_as_its_file(path: Path) -> None:
    scenario = load_scenario(path.stem, SCENARIOS)

    assert scenario.name == path.stem
    expected = {name for item in scenario.expectations.incidents for name in item.components}
    assert expected | set(scenario.expectations.quiet) == set(COMPONENTS)


PROBED = {
    "api_hello": ("api.anthropic.com", "/api/hello"),
    "oauth_hello": ("platform.claude.com", "/v1/oauth/hello"),
    "api_gate": ("api.anthropic.com", "/v1/models"),
    "api_models": ("api.anthropic.com", "/v1/models?limit=1"),
    "claude_ai_home": ("claude.ai", "/"),
    "claude_ai_login": ("claude.ai", "/login"),
    "console_page": ("platform.claude.com", "/"),
    "code_download": ("downloads.claude.ai", "/claude-code-releases/latest"),
    "cowork_download": ("downloads.claude.ai", "/releases/win32/x64/.latest"),
    "cowork_releases": ("downloads.claude.ai", "/releases/win32/x64/RELEASES"),
    "government_home": ("claude.fedstart.com", "/"),
    "control": ("www.gstatic.com", "/generate_204"),
}


def bad_shares(scenario: Scenario, at: datetime) -> dict[str, float]:
    """The share of each probe's runs that get an answer other than on a good day."""

    def draws(world: World, probe: str) -> list[SimResponse]:
        host, path = PROBED[probe]
        headers = KEYED if probe == "api_models" else {}
        request = SimRequest(method="GET", host=host, path=path, headers=headers)
        return [world.answer(request, at) for _ in range(400)]

    calm = scenario.model_copy(update={"phases": ()})
    shares: dict[str, float] = {}
    for probe in PROBED:
        good = draws(a_world(calm), probe)[0].status
        answers = draws(a_world(scenario), probe)
        shares[probe] = sum(answer.status != good for answer in answers) / len(answers)
    return shares


def test_april_28_is_what_the_vendor_called_it() -> None:
    scenario = load_scenario("2026-04-28", SCENARIOS)
    assert scenario.impact is not None

    during = bad_shares(scenario, scenario.impact.start)

    dead = {"claude_ai_home", "claude_ai_login", "cowork_download", "cowork_releases"}
    partly = {"api_models", "code_download"}
    assert {probe for probe, share in during.items() if share == 1.0} == dead
    assert {probe for probe, share in during.items() if 0.5 < share < 0.7} == partly
    assert all(during[probe] == 0.0 for probe in set(PROBED) - dead - partly)
    assert set(bad_shares(scenario, scenario.impact.end).values()) == {0.0}


def test_april_28_as_the_press_read_it_takes_console_and_government_too() -> None:
    first = load_scenario("2026-04-28", SCENARIOS)
    second = load_scenario("2026-04-28-all-six", SCENARIOS)
    assert second.impact is not None

    before, during = (bad_shares(item, second.impact.start) for item in (first, second))

    changed = {probe for probe in PROBED if during[probe] != before[probe]}
    assert changed == {"oauth_hello", "console_page", "government_home"}
    assert all(during[probe] == 1.0 for probe in changed)
    assert second.timeline == first.timeline


def test_the_vendor_posts_of_april_28_come_at_their_real_times() -> None:
    scenario = load_scenario("2026-04-28", SCENARIOS)
    states = [component_states(scenario.timeline[: n + 1]) for n in range(5)]

    assert [f"{post.at:%H:%M:%S} {post.status}" for post in scenario.timeline] == [
        "17:41:55 investigating",
        "17:51:36 identified",
        "18:33:55 identified",
        "18:59:47 monitoring",
        "19:15:52 resolved",
    ]
    assert [state["api"] for state in states] == [
        "operational",
        "partial_outage",
        "partial_outage",
        "operational",
        "operational",
    ]
    assert states[0]["claude_ai"] == states[0]["cowork"] == "major_outage"
    assert states[0]["claude_code"] == "partial_outage"
    assert {state["console"] for state in states} == {"operational"}
    assert {state["government"] for state in states} == {"operational"}


def test_the_own_network_takes_the_control_targets_along() -> None:
    scenario = load_scenario("own-network", SCENARIOS)
    middle = scenario.phases[0].begins + timedelta(minutes=10)

    assert set(bad_shares(scenario, middle).values()) == {1.0}
    assert scenario.impact is None
