"""The kind `claude_json`: the requests of the three calls, and what healthy answers look like."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from monitor.core.outcome import Depth
from monitor.probes._base import HttpReply
from monitor.probes.claude_json import KIND, ClaudeJsonSpec, reading, request
from monitor.spec import Secret

KEY = Secret("sk-ant-planted-key-000000000000")
HAIKU = "claude-haiku-5-5"


def a_spec(call: str, **changes: Any) -> ClaudeJsonSpec:
    """A probe with a key."""
    values: dict[str, Any] = {
        "name": "api_probe",
        "kind": "claude_json",
        "call": call,
        "components": ("api",),
        "credential": "main",
    }
    if call != "models":
        values["model"] = HAIKU
    return ClaudeJsonSpec.model_validate({**values, **changes})


def a_reply(content: Any, status: int = 200, **headers: str) -> HttpReply:
    """A reply with a JSON body."""
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return HttpReply(status=status, headers=pairs, body=json.dumps(content).encode())


def failed(spec: ClaudeJsonSpec, reply: HttpReply) -> list[str]:
    """Names of the checks that were not met and count."""
    found = reading(spec, reply).checks
    assert all(check.ok or check.detail for check in found)
    return [check.name for check in found if check.failed]


def a_message(**changes: Any) -> dict[str, Any]:
    """A healthy answer to a message."""
    return {
        "type": "message",
        "id": "msg_01",
        "role": "assistant",
        "content": [{"type": "text", "text": "OK."}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 12, "output_tokens": 4},
        **changes,
    }


# ---------------------------------------------------------------- what is asked


def test_models_is_a_get_with_the_key() -> None:
    asked = request(a_spec("models"), KEY)
    assert (asked.method, asked.body) == ("GET", None)
    assert asked.url == "https://api.anthropic.com/v1/models?limit=1"
    assert asked.headers == {
        "accept": "application/json",
        "anthropic-version": "2023-06-01",
        "x-api-key": KEY.reveal(),
    }


def test_a_configured_model_is_looked_for_in_the_whole_list() -> None:
    asked = request(a_spec("models", model=HAIKU), KEY)
    assert asked.url.endswith("/v1/models?limit=1000")


def test_without_a_key_none_is_sent() -> None:
    asked = request(a_spec("models", credential=None), None)
    assert "x-api-key" not in asked.headers
    assert asked.secrets == ()


def test_a_message_is_short_and_without_sampling_parameters() -> None:
    asked = request(a_spec("message"), KEY)
    assert (asked.method, asked.url) == ("POST", "https://api.anthropic.com/v1/messages")
    assert asked.headers["content-type"] == "application/json"
    assert json.loads(asked.body or b"") == {
        "model": HAIKU,
        "max_tokens": 16,
        "messages": [{"role": "user", "content": "Say OK."}],
    }


def test_the_prompt_can_be_another() -> None:
    asked = request(a_spec("message", prompt="What is 2 + 2?"), KEY)
    assert json.loads(asked.body or b"")["messages"] == [
        {"role": "user", "content": "What is 2 + 2?"}
    ]


def test_thinking_can_be_left_to_the_model() -> None:
    asked = request(a_spec("message", thinking="default", max_tokens=1), KEY)
    question = json.loads(asked.body or b"")
    assert "thinking" not in question
    assert question["max_tokens"] == 1


def test_tokens_are_counted_of_the_same_prompt() -> None:
    asked = request(a_spec("count_tokens", base_url="http://127.0.0.1:8080/"), KEY)
    assert asked.url == "http://127.0.0.1:8080/v1/messages/count_tokens"
    assert set(json.loads(asked.body or b"")) == {"model", "messages"}


def test_a_request_never_shows_its_key_and_has_it_blanked_out_of_answers() -> None:
    asked = request(a_spec("message"), KEY)
    assert KEY.reveal() not in repr(asked)
    assert asked.secrets == (KEY.reveal(),)


# ---------------------------------------------------------------- models


def models(*names: str) -> dict[str, Any]:
    """A list of models."""
    return {"data": [{"type": "model", "id": name} for name in names], "has_more": False}


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (models(HAIKU), []),
        (models(), []),
        ({}, ["data"]),
        ({"data": {"id": HAIKU}}, ["data"]),
        ([], ["json"]),
    ],
)
def test_a_list_of_models_is_a_list(content: Any, wrong: list[str]) -> None:
    assert failed(a_spec("models"), a_reply(content)) == wrong


def test_an_empty_list_of_models_is_told_and_is_no_failure() -> None:
    checks = reading(a_spec("models"), a_reply(models())).checks

    told = [(check.detail, check.counts) for check in checks if not check.ok]
    assert told == [("the list of models is empty", False)]


@pytest.mark.parametrize(
    ("names", "wrong"),
    [
        ((HAIKU,), []),
        ((f"{HAIKU}-20261007",), []),
        ((f"{HAIKU}-thinking",), ["model"]),
        (("claude-opus-5",), ["model"]),
    ],
)
def test_a_configured_model_is_in_the_list(names: tuple[str, ...], wrong: list[str]) -> None:
    assert failed(a_spec("models", model=HAIKU), a_reply(models(*names))) == wrong


@pytest.mark.parametrize(
    ("asked", "listed"),
    [
        ("claude-haiku-4-5", "claude-haiku-4-5-20251001"),
        ("claude-opus-4-0", "claude-opus-4-20250514"),
        ("claude-haiku-4-5-latest", "claude-haiku-4-5-20251001"),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5-20251001"),
    ],
)
def test_another_name_of_a_listed_model_is_known(asked: str, listed: str) -> None:
    assert failed(a_spec("models", model=asked), a_reply(models(listed))) == []


@pytest.mark.parametrize("lifecycle", ["active", "deprecated", "retired", "unheard", None])
def test_a_model_that_the_list_calls_retired_is_told_by_its_name(lifecycle: str | None) -> None:
    entry = {"type": "model", "id": HAIKU, "lifecycle": lifecycle}
    checks = KIND.read(a_spec("models", model=HAIKU), a_reply({"data": [entry]})).checks
    wrong = [check.detail for check in checks if check.failed]
    assert wrong == ([f"{HAIKU} is retired"] if lifecycle == "retired" else [])


def test_a_list_of_anything_is_no_reason_to_fall_over() -> None:
    spec = a_spec("models", model=HAIKU)
    assert failed(spec, a_reply({"data": [1, None, {"id": None}]})) == ["model"]


# ---------------------------------------------------------------- without a key

REFUSAL = {
    "type": "error",
    "error": {"type": "authentication_error", "message": "x-api-key header is required"},
    "request_id": "req_1",
}


@pytest.mark.parametrize(
    ("reply", "wrong"),
    [
        (a_reply(REFUSAL, 401, request_id="req_1"), []),
        (a_reply({**REFUSAL, "request_id": None}, 401), ["request_id"]),
        (a_reply(models(HAIKU), 200), ["status", "type", "request_id"]),
        (HttpReply(status=503, headers=(), body=b"no healthy upstream"), None),
    ],
)
def test_without_a_key_a_typed_refusal_is_expected(
    reply: HttpReply, wrong: list[str] | None
) -> None:
    spec = a_spec("models", credential=None)
    assert failed(spec, reply) == (["status", "type", "request_id"] if wrong is None else wrong)


@pytest.mark.parametrize(
    ("reply", "wrong"),
    [
        (
            a_reply({"error": {"message": "No api key", "type": "auth_error", "code": "401"}}, 401),
            [],
        ),
        (a_reply({"error": "no key"}, 403), []),
        (a_reply(models(HAIKU), 200), []),
        (a_reply({"error": "gone"}, 404), ["status"]),
        (HttpReply(status=401, headers=(), body=b"<html>401</html>"), ["json"]),
    ],
)
def test_a_gateway_without_a_key_refuses_in_words_of_its_own(
    reply: HttpReply, wrong: list[str]
) -> None:
    assert failed(a_spec("models", credential=None, gateway=True), reply) == wrong


# ---------------------------------------------------------------- count_tokens


@pytest.mark.parametrize("value", [None, "12", True, -1, 1.5, 10**12])
def test_a_count_is_a_number(value: Any) -> None:
    assert failed(a_spec("count_tokens"), a_reply({"input_tokens": value})) == ["input_tokens"]


def test_a_count_costs_nothing() -> None:
    found = reading(a_spec("count_tokens"), a_reply({"input_tokens": 12}))
    assert all(check.ok for check in found.checks)
    assert (found.input_tokens, found.output_tokens) == (None, None)


# ---------------------------------------------------------------- message


@pytest.mark.parametrize(
    "reason",
    [
        "end_turn",
        "max_tokens",
        "stop_sequence",
        "tool_use",
        "pause_turn",
        "refusal",
        "model_context_window_exceeded",
        "one_that_comes_later",
    ],
)
def test_any_reason_to_stop_is_fine(reason: str) -> None:
    assert failed(a_spec("message"), a_reply(a_message(stop_reason=reason))) == []


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"content": [{"type": "thinking", "thinking": "..."}]}, []),
        ({"content": []}, ["content"]),
        ({"content": [], "stop_reason": "refusal"}, []),
        ({"content": None, "stop_reason": "refusal"}, ["content"]),
        ({"content": "OK."}, ["content"]),
        ({"type": "completion"}, ["type"]),
        ({"id": "chatcmpl-1"}, ["id"]),
        ({"id": None}, ["id"]),
        ({"role": "user"}, ["role"]),
        ({"stop_reason": None}, ["stop_reason"]),
        ({"stop_reason": ["end_turn"]}, ["stop_reason"]),
        ({"stop_reason": ""}, ["stop_reason"]),
        ({"stop_reason": "<b>"}, ["stop_reason"]),
    ],
)
def test_a_message_is_whole(changes: dict[str, Any], wrong: list[str]) -> None:
    assert failed(a_spec("message"), a_reply(a_message(**changes))) == wrong


@pytest.mark.parametrize("body", [b"Rate exceeded", b"", b"[1]", b"\xff", b'{"type":"message"'])
def test_what_is_no_json_object_is_no_message(body: bytes) -> None:
    reply = HttpReply(status=200, headers=(), body=body)
    assert failed(a_spec("message"), reply) == ["json"]


TYPED = {"type": "overloaded_error", "message": "Overloaded"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"type": "error", "error": TYPED, "request_id": "req_1"}, ("overloaded_error", "req_1")),
        ({"type": "error", "error": TYPED, "request_id": None}, ("overloaded_error", None)),
        ({"type": "error", "error": TYPED}, ("overloaded_error", None)),
        ({"error": TYPED}, ("overloaded_error", None)),
        ({"error": {**TYPED, "details": None}}, ("overloaded_error", None)),
        ({"error": {"message": "Overloaded"}}, (None, None)),
        ({"error": "overloaded"}, ("overloaded", None)),
        ([], (None, None)),
    ],
)
@pytest.mark.parametrize("call", ["models", "count_tokens", "message"])
def test_errors_are_read_in_their_newest_and_older_shapes(
    call: str, body: Any, said: tuple[str | None, str | None]
) -> None:
    found = reading(a_spec(call), a_reply(body, 529)).answer
    assert (found.error_type, found.request_id) == said


@pytest.mark.parametrize("body", [b"upstream connect error", b"Overloaded", b"", b"\xff\xfe"])
def test_an_error_in_plain_text_is_told_by_its_status(body: bytes) -> None:
    reply = HttpReply(status=503, headers=(("content-type", "text/plain"),), body=body)
    assert failed(a_spec("message"), reply) == ["status", "json"]


def test_an_error_fails_by_its_status_alone() -> None:
    reply = a_reply(REFUSAL, 401)
    assert failed(a_spec("message"), reply) == ["status"]
    assert reading(a_spec("message"), reply).answer.error_type == "authentication_error"


@pytest.mark.parametrize(
    ("usage", "used"),
    [
        ({"input_tokens": 12, "output_tokens": 4}, (12, 4)),
        ({"input_tokens": 2, "cache_read_input_tokens": 9, "output_tokens": 0}, (11, 0)),
        ({"input_tokens": "many"}, (None, None)),
        (None, (None, None)),
    ],
)
def test_usage_is_read(usage: Any, used: tuple[int | None, int | None]) -> None:
    found = reading(a_spec("message"), a_reply(a_message(usage=usage)))
    assert (found.input_tokens, found.output_tokens) == used


def test_rate_limits_are_read_from_a_closed_list() -> None:
    headers = {
        "anthropic_ratelimit_requests_remaining": "49",
        "anthropic_ratelimit_input_tokens_remaining": "9000",
        "anthropic_ratelimit_tokens_remaining": "many",
        "anthropic_ratelimit_output_tokens_remaining": "9" * 40,
        "anthropic_ratelimit_unheard_of_remaining": "1",
    }
    found = reading(a_spec("message"), a_reply(REFUSAL, 429, **headers))
    assert found.ratelimits == (("requests", 49.0), ("input-tokens", 9000.0))


# ---------------------------------------------------------------- the spec


@pytest.mark.parametrize(
    ("call", "changes", "depth"),
    [
        ("models", {"credential": None}, Depth.GATEWAY),
        ("models", {}, Depth.KEY),
        ("count_tokens", {}, Depth.KEY),
        ("message", {}, Depth.INFERENCE),
        ("message", {"depth": "key"}, Depth.KEY),
        ("models", {"gateway": True}, Depth.GATEWAY),
        ("count_tokens", {"gateway": True}, Depth.GATEWAY),
        ("count_tokens", {"gateway": False}, Depth.KEY),
        ("message", {"gateway": True}, Depth.INFERENCE),
        ("models", {"gateway": True, "depth": "edge"}, Depth.EDGE),
    ],
)
def test_depth_follows_from_the_call(call: str, changes: dict[str, Any], depth: Depth) -> None:
    assert a_spec(call, **changes).depth is depth


@pytest.mark.parametrize(
    ("call", "changes", "words"),
    [
        ("message", {"model": None}, "call message needs a model"),
        ("count_tokens", {"model": None}, "call count_tokens needs a model"),
        ("message", {"credential": None}, "needs a credential"),
        ("models", {"credential": None, "model": HAIKU}, "no list to look for a model in"),
        ("models", {"gateway": True, "depth": "key"}, "a gateway may answer models by itself"),
        ("stream", {}, "'models', 'count_tokens' or 'message'"),
        ("message", {"max_tokens": 0}, "greater than or equal to 1"),
        ("message", {"temperature": 0}, "Extra inputs are not permitted"),
        ("message", {"model": "a\nb"}, "should match pattern"),
        ("message", {"base_url": "api.anthropic.com"}, "begins with https:// or http://"),
        ("message", {"anthropic_version": "x\r\n"}, "should match pattern"),
    ],
)
def test_a_wrong_spec_is_refused_in_one_line(
    call: str, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        a_spec(call, **changes)
    (error,) = caught.value.errors(include_url=False)
    assert words in error["msg"]


def test_only_a_message_costs_money_and_only_a_question_has_a_model() -> None:
    assert [KIND.paid(a_spec(call)) for call in ("models", "count_tokens", "message")] == [
        False,
        False,
        True,
    ]
    assert KIND.model(a_spec("message")) == HAIKU
    assert KIND.model(a_spec("models", model=HAIKU)) is None
    assert KIND.answered_means_vendor(a_spec("models"))
