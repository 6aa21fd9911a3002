from __future__ import annotations

import json

import pytest

from monitor.core.claude_api import ERROR_CODES, ERROR_TYPES
from monitor.simulation.exchange import SimResponse
from monitor.simulation.scenario import ScenarioError
from tests.simulation.worlds import get, noon, post, struck

API = "https://api.anthropic.com"
ASKED = {
    "model": "claude-haiku-4-5",
    "max_tokens": 16,
    "stream": True,
    "messages": [{"role": "user", "content": "ping"}],
}


def message(fault: str, name: str = "main") -> SimResponse:
    """What a stream gets with the key of `name`."""
    world = struck(fault)
    headers = {"x-api-key": f"sk-ant-sim-{name}", "anthropic-version": "2023-06-01"}
    return world.answer(post(f"{API}/v1/messages", ASKED, headers), noon(world))


@pytest.mark.parametrize("code", ERROR_CODES)
def test_every_error_code_comes_with_its_status_and_a_known_type(code: str) -> None:
    answer = message(f"fault: error_code, code: {code}, services: messages")
    error = json.loads(answer.body)["error"]

    assert answer.status == ERROR_CODES[code].status
    assert error["details"]["error_code"] == code
    assert error["type"] in ERROR_TYPES
    assert (answer.header("retry-after") is not None) is (code == "ramp_limit_exceeded")


@pytest.mark.parametrize("code", ERROR_CODES)
def test_every_error_code_comes_as_the_event_of_a_stream_too(code: str) -> None:
    answer = message(f"fault: stream_error, code: {code}, services: messages")
    last = json.loads(answer.body.split(b"\n\n")[-2].partition(b"data: ")[2])

    assert answer.status == 200
    assert last["type"] == "error"
    assert last["error"]["details"]["error_code"] == code


def test_an_organization_on_hold_is_told_where_to_appeal() -> None:
    answer = message("fault: error_code, code: organization_on_hold, services: messages")

    assert json.loads(answer.body)["error"]["details"]["appeal_url"].startswith("https://")


def test_an_unknown_code_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(ScenarioError, match="did you mean 'cmek_key_disabled'"):
        struck("fault: error_code, code: cmek_key_disable, services: messages")
    with pytest.raises(ScenarioError, match="error_code needs a code"):
        struck("fault: error_code, services: messages")


ORGANIZATION = [
    ("ip_allowlist_403", 403, "permission_error", "Your IP address isn't in this organization's"),
    ("key_login_off_403", 403, "permission_error", "API key authentication is disabled"),
    ("usage_limit_400", 400, "invalid_request_error", "You have reached your specified API usage"),
    ("organization_disabled_400", 400, "invalid_request_error", "This organization has been dis"),
]


@pytest.mark.parametrize(("fault", "status", "kind", "words"), ORGANIZATION)
def test_an_organizations_own_refusal_strikes_all_its_keys_and_no_other(
    fault: str, status: int, kind: str, words: str
) -> None:
    told = f"fault: {fault}, organizations: own"

    for name in ("main", "second"):
        answer = message(told, name)
        error = json.loads(answer.body)["error"]
        assert (answer.status, error["type"]) == (status, kind)
        assert error["message"].startswith(words)
    assert message(told, "main@other").status == 200


@pytest.mark.parametrize("fault", [row[0] for row in ORGANIZATION])
@pytest.mark.parametrize("url", [f"{API}/v1/models", f"{API}/api/hello", "https://claude.ai/"])
def test_who_has_no_key_has_no_organization_that_could_refuse(fault: str, url: str) -> None:
    world = struck(f"fault: {fault}, hosts: '*'")

    assert world.answer(get(url), noon(world)).status == (401 if "/v1/" in url else 200)


def test_a_nat_pool_refuses_in_turn() -> None:
    world = struck("fault: ip_allowlist_403, organizations: own, probability: 50%")
    request = get(f"{API}/v1/models", x_api_key="sk-ant-sim-1", anthropic_version="2023-06-01")

    seen = [world.answer(request, noon(world)).status for _ in range(60)]

    assert 15 < seen.count(403) < 45
    assert set(seen) == {200, 403}


@pytest.mark.parametrize(
    ("line", "hit"), [("haiku", True), ("opus", False), ("[opus, haiku]", True)]
)
def test_a_whole_line_can_fail(line: str, *, hit: bool) -> None:
    answer = message(f"fault: json_500, lines: {line}")

    assert (answer.status == 500) is hit
