from __future__ import annotations

import pytest

from monitor.simulation.keys import key_names, organization_id, simulated_key, workspace_id
from tests.simulation.worlds import a_world, get, noon

MODELS = "https://api.anthropic.com/v1/models"
VERSION = {"anthropic_version": "2023-06-01"}


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("sk-ant-sim-main", ("main", "own")),
        ("sk-ant-sim-main@other", ("main", "other")),
        ("sk-ant-sim-main@", ("main", "own")),
    ],
)
def test_a_key_names_its_credential_and_its_organization(key: str, names: tuple[str, str]) -> None:
    assert key_names(key) == names


def test_a_key_is_made_of_its_names() -> None:
    assert simulated_key("main") == simulated_key("main", "own") == "sk-ant-sim-main"
    assert key_names(simulated_key("second", "other")) == ("second", "other")


def test_keys_of_one_organization_share_its_id_and_each_has_a_workspace() -> None:
    main, second, other = "sk-ant-sim-main", "sk-ant-sim-second", "sk-ant-sim-main@other"

    assert organization_id(main) == organization_id(second) != organization_id(other)
    assert len({workspace_id(key) for key in (main, second, other)}) == 3


@pytest.mark.parametrize("header", ["x-api-key", "authorization"])
def test_an_answer_of_the_api_says_whose_the_key_is(header: str) -> None:
    world = a_world()
    key = "sk-ant-sim-main@other"
    value = key if header == "x-api-key" else f"Bearer {key}"

    answer = world.answer(get(MODELS, **{header: value}, **VERSION), noon(world))

    assert answer.status == 200
    assert answer.header("anthropic-organization-id") == organization_id(key)
    assert answer.header("anthropic-workspace-id") == workspace_id(key)


def test_of_two_keys_in_one_request_the_older_header_decides() -> None:
    world = a_world()
    good, bad = "sk-ant-sim-main", "sk-ant-api03-revoked"
    headers = {"authorization": f"Bearer {bad}", **VERSION}

    taken = world.answer(get(MODELS, x_api_key=good, **headers), noon(world))
    headers["authorization"] = f"Bearer {good}"
    refused = world.answer(get(MODELS, x_api_key=bad, **headers), noon(world))

    assert (taken.status, refused.status) == (200, 401)
    assert refused.header("request-id")
    assert refused.header("anthropic-organization-id") is None
