"""In a rehearsal each model is asked what its list says that it takes, as the daemon does it."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from typing_extensions import override

from monitor.backtest.modellists import ModelLists
from monitor.backtest.replay import Rehearsal, questions
from monitor.core.moment import Moment
from monitor.probes._modellist import INTERVAL, RETRY_SECONDS
from monitor.simulation import Scenario, World
from monitor.simulation.exchange import SimRequest, SimResponse
from tests.backtest.test_replay_transports import the_config
from tests.simulation.worlds import a_scenario


def lists_in(scenario: Scenario) -> ModelLists:
    """The lists of the shipped plan with one key."""
    config = the_config()
    asked = questions(config, config.plan())
    return ModelLists([(each.plan, each.spec, each.key) for each in asked], scenario)


def moment(scenario: Scenario, seconds: float = 0.0) -> Moment:
    """So long after its start."""
    return Moment(mono=seconds, wall=scenario.start + timedelta(seconds=seconds))


def types(lists: ModelLists, name: str) -> list[str] | None:
    """Types of thinking that the model of probe `name` takes."""
    found = lists.takes(name)
    return None if found is None else sorted(found.thinking_types or ())


def test_one_key_has_one_list_which_says_what_each_model_takes() -> None:
    scenario = a_scenario()
    lists = lists_in(scenario)
    assert types(lists, "api_message_haiku") is None

    assert lists.read(moment(scenario)) == INTERVAL

    assert len(lists.lists) == 1
    assert types(lists, "api_message_haiku") == ["adaptive", "disabled"]
    assert lists.takes("api_hello") is None


@pytest.mark.parametrize("fault", ["json_500", "hang", "refused", "envoy_503"])
def test_a_list_that_cannot_be_read_is_asked_again_later_each_time(fault: str) -> None:
    scenario = a_scenario(f"fault: {fault}, services: models")
    lists = lists_in(scenario)
    waits = [lists.read(moment(scenario, seconds)) for seconds in (0, 300, 3601)]
    assert waits == [RETRY_SECONDS, 2 * RETRY_SECONDS, INTERVAL]
    assert types(lists, "api_message_haiku") == ["adaptive", "disabled"]


def test_a_later_list_that_cannot_be_read_leaves_what_was_known() -> None:
    lists = lists_in(a_scenario())
    lists.read(moment(a_scenario()))
    broken = a_scenario("fault: json_500, services: models")
    lists._world = World(broken, rng=random.Random(0))
    assert lists.read(moment(broken)) == RETRY_SECONDS
    assert types(lists, "api_message_haiku") == ["adaptive", "disabled"]


class Recording(World):
    """Keeps the questions for an answer."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario, rng=random.Random(1))
        self.asked: list[dict[str, Any]] = []

    @override
    def answer(self, request: SimRequest, at: datetime) -> SimResponse:
        if request.bare_path == "/v1/messages":
            self.asked.append(json.loads(request.body))
        return super().answer(request, at)


def test_a_rehearsal_sends_to_each_model_what_it_takes() -> None:
    calm = a_scenario()
    scenario = calm.model_copy(update={"end": calm.start + timedelta(minutes=10)})
    world = Recording(scenario)
    config = the_config()
    plan = config.plan()
    Rehearsal(world, plan, config.policy(), questions(config, plan)).play()
    said = {body["model"]: body.get("thinking", {}).get("type") for body in world.asked}
    assert said == {
        "claude-haiku-5-5": "disabled",
        "claude-sonnet-5-5": "between_tools",
        "claude-opus-5-5": None,
    }
