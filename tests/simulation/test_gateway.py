from __future__ import annotations

import json
from typing import Any

import pytest

from monitor.simulation.exchange import SimRequest, SimResponse
from tests.simulation.worlds import KEYED, get, noon, post, struck

API = "https://api.anthropic.com"
ASKED: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 16,
    "messages": [{"role": "user", "content": "ping"}],
}
MESSAGE = post(f"{API}/v1/messages", ASKED)
STREAM = post(f"{API}/v1/messages", {**ASKED, "stream": True})
COUNT = post(f"{API}/v1/messages/count_tokens", {k: ASKED[k] for k in ("model", "messages")})
MODELS = get(f"{API}/v1/models", **KEYED)
HELLO = get(f"{API}/api/hello")


def under(fault: str, request: SimRequest) -> SimResponse:
    world = struck(f"fault: {fault}, components: api")
    return world.answer(request, noon(world))


@pytest.mark.parametrize(
    ("fault", "status", "kind", "param"),
    [
        ("gateway_key_400", 400, "no_db_connection", None),
        ("gateway_key_401", 401, "token_not_found_in_db", "key"),
    ],
)
@pytest.mark.parametrize("request_", [MESSAGE, COUNT, MODELS], ids=["message", "count", "models"])
def test_a_gateway_refuses_a_key_in_its_own_form(
    fault: str, status: int, kind: str, param: str | None, request_: SimRequest
) -> None:
    answer = under(fault, request_)
    document = json.loads(answer.body)

    assert answer.status == status
    assert set(document) == {"error"}
    error = document["error"]
    assert (error["type"], error["param"], error["code"]) == (kind, param, str(status))
    assert answer.header("request-id") is answer.header("cf-ray") is None


def test_a_resting_model_is_refused_and_the_rest_is_answered_without_claude() -> None:
    refused, counted, listed = (
        under("gateway_cooldown_429", request) for request in (MESSAGE, COUNT, MODELS)
    )

    assert refused.status == 429
    assert refused.header("retry-after") is None
    assert "No deployments available" in json.loads(refused.body)["error"]["message"]
    assert json.loads(counted.body) == {"input_tokens": 10}
    assert json.loads(listed.body)["object"] == "list"
    assert counted.header("request-id") is listed.header("request-id") is None


@pytest.mark.parametrize(
    ("fault", "status", "kind", "words"),
    [
        ("gateway_overloaded_500", 500, "api_error", '"type":"overloaded_error"'),
        ("gateway_rate_limit_429", 429, "rate_limit_error", '"type":"rate_limit_error"'),
        ("gateway_unreachable_500", 500, "api_error", "Cannot connect"),
    ],
)
def test_a_failure_behind_the_gateway_is_wrapped_in_its_sentence(
    fault: str, status: int, kind: str, words: str
) -> None:
    answer = under(fault, MESSAGE)
    error = json.loads(answer.body)["error"]

    assert (answer.status, error["type"]) == (status, kind)
    assert words in error["message"]
    assert answer.header("retry-after") is None
    assert under(fault, COUNT).status == under(fault, MODELS).status == 200


def test_a_page_comes_in_the_place_of_a_stream_and_is_called_one() -> None:
    page, stream = under("gateway_html_200", MESSAGE), under("gateway_html_200", STREAM)

    assert (page.status, stream.status) == (200, 200)
    assert page.body.startswith(b"<!DOCTYPE html>")
    assert (page.header("content-type") or "").startswith("text/html")
    assert (stream.header("content-type") or "").startswith("text/event-stream")


@pytest.mark.parametrize(
    "fault",
    [
        *("gateway_key_400", "gateway_key_401", "gateway_cooldown_429", "gateway_html_200"),
        *("gateway_overloaded_500", "gateway_rate_limit_429", "gateway_unreachable_500"),
    ],
)
def test_a_gateway_answers_for_the_api_alone(fault: str) -> None:
    assert under(fault, HELLO).body == b'{"message": "hello"}'
