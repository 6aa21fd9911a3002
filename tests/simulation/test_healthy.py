from __future__ import annotations

import json
import re

import pytest

from monitor.simulation._requests import MESSAGE_BYTES_MAX
from monitor.simulation.exchange import SimRequest, SimResponse
from monitor.simulation.models import MODELS
from tests.simulation.worlds import KEY, KEYED, a_world, get, noon, post

API = "https://api.anthropic.com"
MODEL = "claude-opus-4-8"
ASKED = {"model": MODEL, "max_tokens": 16, "messages": [{"role": "user", "content": "ping"}]}

COUNTED = {"model": MODEL, "messages": ASKED["messages"]}


def ask(request: SimRequest) -> SimResponse:
    """The answer of a calm world."""
    world = a_world()
    return world.answer(request, noon(world))


def error(response: SimResponse) -> tuple[int, str, str]:
    """Status, type and message of an error document; its id must be the header's."""
    document = json.loads(response.body)
    assert document["type"] == "error"
    assert document["request_id"] == response.header("request-id")
    return response.status, document["error"]["type"], document["error"]["message"]


@pytest.mark.parametrize("url", [f"{API}/api/hello", "https://platform.claude.com/v1/oauth/hello"])
def test_hello_is_json_with_a_space_and_takes_head_too(url: str) -> None:
    answer = ask(get(url))

    assert (answer.status, answer.body) == (200, b'{"message": "hello"}')
    assert len(answer.body) == 20
    head = ask(get(url, "HEAD"))
    assert (head.status, head.body) == (200, b"")


@pytest.mark.parametrize(
    ("url", "mark"),
    [
        ("https://claude.ai/", "<title>Claude</title>"),
        ("https://claude.ai/login", "<title>Claude</title>"),
        ("https://platform.claude.com/", "<title>Claude Console</title>"),
        ("https://claude.fedstart.com/", "<title>Claude for Government</title>"),
        ("https://claude.ai/robots.txt", "User-agent"),
    ],
)
def test_pages_answer_200(url: str, mark: str) -> None:
    answer = ask(get(url))

    assert answer.status == 200
    assert mark in answer.body.decode()


@pytest.mark.parametrize("channel", ["latest", "stable"])
def test_the_claude_code_release_is_a_plain_version(channel: str) -> None:
    answer = ask(get(f"https://downloads.claude.ai/claude-code-releases/{channel}"))

    assert answer.header("content-type") == "text/plain"
    assert re.fullmatch(r"\d+\.\d+\.\d+\s*", answer.body.decode())


@pytest.mark.parametrize(
    ("path", "mark"),
    [
        ("win32/x64/.latest", '"version"'),
        ("win32/x64/RELEASES", ".nupkg"),
        ("darwin/universal/RELEASES.json", '"currentRelease"'),
    ],
)
def test_the_desktop_releases_answer(path: str, mark: str) -> None:
    answer = ask(get(f"https://downloads.claude.ai/releases/{path}"))

    assert answer.status == 200
    assert mark in answer.body.decode()


@pytest.mark.parametrize(
    "url",
    [
        "https://downloads.claude.ai/claude-code-releases/9.9.9/manifest.json",
        f"{API}/v1/nothing",
        "https://claude.fedstart.com/api/hello",
    ],
)
def test_what_nobody_serves_is_404(url: str) -> None:
    assert ask(get(url)).status == 404


def test_control_targets_answer_whatever_they_are_called() -> None:
    assert ask(get("https://www.gstatic.com/generate_204")).status == 204
    answer = ask(get("http://detectportal.firefox.com/success.txt"))
    assert (answer.status, answer.body) == (200, b"success\n")


def test_a_page_is_only_read() -> None:
    answer = ask(post("https://claude.ai/login", {}))

    assert (answer.status, answer.header("allow")) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, (401, "authentication_error", "x-api-key header is required")),
        (
            {"x-api-key": "sk-ant-api03-wrong", "anthropic-version": "2023-06-01"},
            (401, "authentication_error", "invalid x-api-key"),
        ),
        (
            {"authorization": "Bearer wrong"},
            (401, "authentication_error", "Invalid bearer token"),
        ),
        (
            {"x-api-key": KEY},
            (400, "invalid_request_error", "anthropic-version: header is required"),
        ),
    ],
    ids=["no key", "wrong key", "wrong token", "no version"],
)
def test_the_gate_refuses_with_a_typed_error_and_a_request_id(
    headers: dict[str, str], expected: tuple[int, str, str]
) -> None:
    for path in ("/v1/models", "/v1/messages", "/v1/messages/count_tokens"):
        request = SimRequest(method="GET", host="api.anthropic.com", path=path, headers=headers)
        assert error(ask(request)) == expected


def test_models_are_listed_in_the_documented_shape() -> None:
    request = get(f"{API}/v1/models?limit=1", **KEYED)
    document = json.loads(ask(request).body)

    assert document["has_more"] is True
    assert document["first_id"] == document["last_id"] == document["data"][0]["id"]
    assert document["data"][0]["type"] == "model"
    everything = json.loads(ask(get(f"{API}/v1/models", **KEYED)).body)
    assert [model["id"] for model in everything["data"]] == list(MODELS)
    assert everything["has_more"] is False


@pytest.mark.parametrize("limit", ["0", "1001", "x", "-1", "9" * 5000])
def test_a_limit_outside_1_to_1000_is_refused(limit: str) -> None:
    status, kind, _ = error(ask(get(f"{API}/v1/models?limit={limit}", **KEYED)))

    assert (status, kind) == (400, "invalid_request_error")


def test_one_model_can_be_asked_for() -> None:
    assert json.loads(ask(get(f"{API}/v1/models/{MODEL}", **KEYED)).body)["id"] == MODEL
    refused = ask(get(f"{API}/v1/models/claude-3-haiku", **KEYED))
    assert error(refused) == (404, "not_found_error", "model: claude-3-haiku")


def test_tokens_are_counted() -> None:
    answer = ask(post(f"{API}/v1/messages/count_tokens", COUNTED))

    assert answer.status == 200
    assert json.loads(answer.body)["input_tokens"] > 0
    assert answer.header("anthropic-ratelimit-requests-remaining") == "3999"
    assert answer.header("anthropic-ratelimit-input-tokens-limit") is None


def test_a_message_is_answered_in_the_documented_shape() -> None:
    answer = ask(post(f"{API}/v1/messages", ASKED))
    message = json.loads(answer.body)

    assert answer.status == 200
    assert message["id"].startswith("msg_")
    assert (message["type"], message["role"], message["model"]) == ("message", "assistant", MODEL)
    assert message["content"] == [{"type": "text", "text": "Hello"}]
    assert message["stop_reason"] == "end_turn"
    assert message["usage"]["output_tokens"] > 0
    for limit in ("requests", "input-tokens", "output-tokens"):
        assert answer.header(f"anthropic-ratelimit-{limit}-limit")
        assert answer.header(f"anthropic-ratelimit-{limit}-reset") == "2026-05-01T12:01:00Z"


def test_one_token_is_cut_at_its_maximum() -> None:
    message = json.loads(ask(post(f"{API}/v1/messages", {**ASKED, "max_tokens": 1})).body)

    assert (message["stop_reason"], message["usage"]["output_tokens"]) == ("max_tokens", 1)


def test_a_stream_has_the_events_of_the_protocol_in_order() -> None:
    answer = ask(post(f"{API}/v1/messages", {**ASKED, "stream": True}))
    blocks = answer.body.decode().split("\n\n")
    events = [json.loads(block.split("data: ")[1]) for block in blocks if block]

    assert answer.header("content-type") == "text/event-stream; charset=utf-8"
    assert blocks[-1] == ""
    assert [event["type"] for event in events] == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert all(
        block.startswith(f"event: {event['type']}\n")
        for block, event in zip(blocks, events, strict=False)
    )
    assert events[0]["message"]["stop_reason"] is None
    assert events[5]["delta"]["stop_reason"] == "end_turn"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"\xff", (400, "invalid_request_error", "The request body is not valid JSON")),
        (b"[]", (400, "invalid_request_error", "The request body is not valid JSON")),
        (b"[" * 9999, (400, "invalid_request_error", "The request body is not valid JSON")),
        ({**ASKED, "messages": []}, (400, "invalid_request_error", "messages: at least one")),
        ({**ASKED, "temperature": 0}, (400, "invalid_request_error", "temperature: not supp")),
        ({**ASKED, "hello": 0}, (400, "invalid_request_error", "hello: Extra inputs are not")),
        ({**ASKED, "model": "claude-3-haiku"}, (404, "not_found_error", "model: claude-3-haiku")),
        ({**ASKED, "model": ["x"]}, (404, "not_found_error", "model: ['x']")),
        ({"model": MODEL}, (400, "invalid_request_error", "max_tokens: Field required")),
        (b" " * (MESSAGE_BYTES_MAX + 1), (413, "request_too_large", "Request exceeds")),
    ],
    ids=["bytes", "list", "deep", "empty", "sampling", "field", "retired", "odd", "short", "large"],
)
def test_a_wrong_message_is_refused_with_its_type(
    body: bytes | dict[str, object], expected: tuple[int, str, str]
) -> None:
    status, kind, message = error(ask(post(f"{API}/v1/messages", body)))

    assert (status, kind) == expected[:2]
    assert message.startswith(expected[2])


def test_older_models_still_take_a_temperature() -> None:
    body = {**ASKED, "model": "claude-opus-4-6", "temperature": 0}

    assert ask(post(f"{API}/v1/messages", body)).status == 200


@pytest.mark.parametrize(
    "request_",
    [
        get(f"{API}/v1/messages", **KEYED),
        get(f"{API}/v1/messages/count_tokens", **KEYED),
        post(f"{API}/v1/models", {}),
    ],
)
def test_a_wrong_method_is_405(request_: SimRequest) -> None:
    assert ask(request_).status == 405


def test_a_page_behind_an_unknown_model_is_refused() -> None:
    answer = ask(get(f"{API}/v1/models?after_id=claude-x", **KEYED))

    assert error(answer) == (400, "invalid_request_error", "after_id: claude-x is no model")


@pytest.mark.parametrize("tokens", [-1, "16", None, True, 1.5, 128_001])
def test_a_message_of_no_length_is_refused(tokens: object) -> None:
    status, _, message = error(ask(post(f"{API}/v1/messages", {**ASKED, "max_tokens": tokens})))

    assert (status, message[:10]) == (400, "max_tokens")


def test_an_alias_is_answered_by_the_model_it_stands_for() -> None:
    answer = ask(post(f"{API}/v1/messages", {**ASKED, "model": "claude-haiku-4-5"}))

    assert json.loads(answer.body)["model"] == "claude-haiku-4-5-20251001"


def test_tools_are_counted() -> None:
    def counted(**more: object) -> int:
        answer = ask(post(f"{API}/v1/messages/count_tokens", {**COUNTED, **more}))
        return int(json.loads(answer.body)["input_tokens"])

    tool = {"name": "look", "description": "x" * 200, "input_schema": {"type": "object"}}
    assert counted(tools=[tool]) > counted() + 20


def test_the_hosts_other_paths_answer_as_the_api_does() -> None:
    batches = ask(get(f"{API}/v1/messages/batches", **KEYED))
    assert error(batches)[:2] == (404, "not_found_error")
    assert ask(get(f"{API}/", "HEAD")).status == 405
    assert ask(get(f"{API}/api/hello", "HEAD")).status == 200


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("lifecycle=old", "lifecycle"),
        ("lifecycle=active&lifecycle=active&lifecycle=active&lifecycle=retired", "lifecycle"),
        ("after_id=a&before_id=b", "cannot be given together"),
        ("before_id=claude-x", "before_id: claude-x"),
    ],
)
def test_a_wrong_query_of_the_list_is_refused(query: str, words: str) -> None:
    status, _, sentence = error(ask(get(f"{API}/v1/models?{query}", **KEYED)))

    assert (status, words in sentence) == (400, True)
