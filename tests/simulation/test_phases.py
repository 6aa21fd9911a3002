from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from monitor.simulation.endpoints import is_vendor
from monitor.simulation.exchange import SimRequest
from monitor.simulation.phases import FaultSpec, Flapping, Phase, Ramp
from monitor.simulation.scenario import ScenarioError, parse_scenario
from monitor.simulation.world import SELECTIONS_MAX, World
from tests.simulation.worlds import CALM, a_scenario, a_world, get, noon, post, struck

API = "https://api.anthropic.com"
VERSION = {"anthropic-version": "2023-06-01"}


def a_fault(**given: Any) -> FaultSpec:
    """A fault that strikes everything, but for what is `given`."""
    return FaultSpec.model_validate({"fault": "json_500", "hosts": "*", **given})


def a_phase(more: str, faults: str = "{fault: json_500, components: api}") -> Phase:
    """A phase of ten minutes from 12:10 on, with `more` in it."""
    return parse_scenario(
        f"{CALM}phases:\n  - from: 12:10\n    until: 12:20\n{more}    faults: [{faults}]\n",
        "t.yaml",
    ).phases[0]


def asking(model: str, name: str = "main") -> SimRequest:
    """A message asked of `model`, with the key of credential `name`."""
    body = {"model": model, "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}
    return post(f"{API}/v1/messages", body, {"x-api-key": f"sk-ant-sim-{name}", **VERSION})


# ---------------------------------------------------------------- whom


@pytest.mark.parametrize(
    ("selectors", "struck_models"),
    [
        ("models: claude-opus-*", {"claude-opus-5", "claude-opus-5-5"}),
        ("models: [claude-opus-5, claude-haiku-*]", {"claude-opus-5", "claude-haiku-4-5"}),
        ("models: claude-haiku-4-5-20251001", {"claude-haiku-4-5"}),
        ("models: claude-haiku-4-5, services: messages", {"claude-haiku-4-5"}),
        ("models: claude-haiku-4-5, services: models", set()),
        ("credentials: main", {"claude-opus-5", "claude-opus-5-5"}),
        ("credentials: [second, m*]", {"claude-opus-5", "claude-opus-5-5", "claude-haiku-4-5"}),
        ("credentials: second, models: claude-opus-*", set()),
    ],
)
def test_models_and_credentials_select_requests(selectors: str, struck_models: set[str]) -> None:
    world = struck(f"fault: json_500, {selectors}")
    asked = {"claude-opus-5": "main", "claude-opus-5-5": "main", "claude-haiku-4-5": "second"}

    hit = {
        model
        for model, name in asked.items()
        if world.answer(asking(model, name), noon(world)).status == 500
    }

    assert hit == struck_models
    assert world.answer(get(f"{API}/api/hello"), noon(world)).status == 200


def test_one_model_of_the_list_can_be_asked_for_in_vain() -> None:
    world = struck("fault: model_404, models: claude-opus-*")
    headers = {"x_api_key": "sk-ant-sim-main", "anthropic_version": "2023-06-01"}

    one = world.answer(get(f"{API}/v1/models/claude-opus-5", **headers), noon(world))
    other = world.answer(get(f"{API}/v1/models/claude-sonnet-5", **headers), noon(world))

    assert (one.status, other.status) == (404, 200)
    assert b'"model: claude-opus-5"' in one.body


@pytest.mark.parametrize(
    ("url", "hit"),
    [
        (f"{API}/api/hello", True),
        ("https://claude.ai/", True),
        ("https://claude.fedstart.com/", True),
        ("https://mcp-proxy.anthropic.com/", True),
        ("https://status.claude.com/", False),
        ("https://anthropic.statuspage.io/", False),
        ("https://captive.apple.com/hotspot-detect.html", False),
    ],
)
def test_the_vendor_is_every_host_of_claude_and_no_other(url: str, *, hit: bool) -> None:
    world = struck("fault: json_500, hosts: vendor")

    assert (world.answer(get(url), noon(world)).status == 500) is hit


def test_a_name_that_only_ends_like_the_vendors_is_not_the_vendors() -> None:
    assert not is_vendor("notclaude.ai")
    assert is_vendor("a-api.anthropic.com")


# ---------------------------------------------------------------- when


@pytest.mark.parametrize(("part", "share"), [(0.0, 0.1), (0.5, 0.45), (1.0, 0.8)])
def test_a_ramp_moves_evenly(part: float, share: float) -> None:
    ramp = Ramp.model_validate({"from": "10%", "to": "80%"})
    fault = a_fault(probability={"from": "10%", "to": "80%"})

    assert ramp.at(part) == pytest.approx(share)
    assert fault.share(600 * part, 600) == pytest.approx(share)


def test_a_ramp_strikes_more_and_more() -> None:
    world = struck("fault: json_500, components: api, probability: {from: 0%, to: 100%}")
    hello = get(f"{API}/api/hello")

    def share(minutes: int) -> float:
        at = noon(world) + timedelta(minutes=minutes)
        return sum(world.answer(hello, at).status == 500 for _ in range(500)) / 500

    assert share(0) == 0.0
    assert 0.2 < share(15) < 0.3
    assert 0.69 < share(45) < 0.81


@pytest.mark.parametrize(
    ("elapsed", "there"), [(0, True), (39.9, True), (40, False), (59.9, False), (60, True)]
)
def test_flapping_begins_with_the_fault_there(elapsed: float, *, there: bool) -> None:
    flapping = Flapping.model_validate({"on": "40s", "off": "20s"})
    fault = a_fault(flapping={"on": "40s", "off": "20s"}, probability="50%")

    assert flapping.there(elapsed) is there
    assert fault.share(elapsed, 600) == (0.5 if there else 0.0)


def test_waves_bring_a_phase_again() -> None:
    phase = a_phase("    waves: {times: 3, every: 25m}\n")
    minutes = [9.99, 10, 19.99, 20, 35, 44.99, 45, 60, 69.99, 70, 85]

    found = [phase.elapsed(phase.begins + timedelta(minutes=at - 10)) for at in minutes]

    assert [None if one is None else round(one) for one in found] == [
        None, 0, 599, None, 0, 599, None, 0, 599, None, None,
    ]  # fmt: skip
    assert phase.last == phase.until + timedelta(minutes=50)


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ("{fault: json_500, models: claude-opsu-*}", "unknown model 'claude-opsu-*'"),
        ("{fault: json_500, models: claude-opus-55}", "did you mean 'claude-opus-5-5'?"),
        ("{fault: json_500, credentials: sk-ant-api03-x}", "name the credential, not its key"),
        ("{fault: json_500, credentials: a b}", "a credential is named as in the config"),
        ("{fault: json_500, hosts: vendr}", "did you mean 'vendor'?"),
        ("{fault: json_500, hosts: '*', flapping: {on: 3s}}", "off: is missing"),
        ("{fault: json_500, hosts: '*', flapping: {on: 0, off: 3s}}", "greater than 0"),
        ("{fault: json_500, hosts: '*', probability: {from: 3%}}", "to: is missing"),
        ("{fault: json_500, hosts: '*', probability: {form: 3%}}", "did you mean 'from'?"),
        ("{fault: json_500, hosts: '*', probability: 7}", "between 0% and 100%"),
        ("{fault: status_late, services: status}", "needs a delay"),
        ("{fault: json_500, probability: 50%}", "whom it strikes"),
    ],
)
def test_what_a_fault_cannot_be_is_said(faults: str, words: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        a_phase("", faults)

    assert words in str(caught.value)
    assert caught.value.line == 10


@pytest.mark.parametrize(
    ("waves", "words"),
    [
        ("{times: 2, every: 5m}", "a wave must be over before the next begins"),
        ("{times: 9, every: 1h}", "with all its waves must lie between start and end"),
        ("{times: 1, every: 1h}", "greater than or equal to 2"),
    ],
)
def test_waves_must_fit(waves: str, words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        a_phase(f"    waves: {waves}\n")


def test_selections_are_remembered_up_to_a_limit() -> None:
    world: World = a_world(a_scenario("fault: json_500, hosts: vendor, paths: /v1/*"))

    for place in range(SELECTIONS_MAX + 10):
        world.answer(get(f"https://claude.ai/{place}"), noon(world))

    assert len(world._selections) == 10
