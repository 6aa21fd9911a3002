from __future__ import annotations

import json
from dataclasses import replace

import pytest

from monitor.simulation.models import RETIRED
from tests.simulation.test_healthy import API, ASKED, COUNTED, MODEL, ask, error
from tests.simulation.worlds import KEYED, get, post

NEW = {**KEYED, "anthropic-version": "2026-10-21"}


def refusal(model: str, headers: dict[str, str] = KEYED, **more: object) -> tuple[int, str]:
    """Status and sentence of a message asked of `model` with `more` in the request."""
    asked = {**ASKED, "model": model, "max_tokens": 4096, **more}
    document = json.loads((answer := ask(post(f"{API}/v1/messages", asked, headers))).body)
    return answer.status, document.get("error", {}).get("message", "")


@pytest.mark.parametrize(
    ("model", "more", "status", "words"),
    [
        ("claude-haiku-5-5", {"thinking": {"type": "disabled"}}, 200, ""),
        ("claude-haiku-5-5", {"thinking": {"type": "enabled", "budget_tokens": 1024}}, 400, "enab"),
        ("claude-sonnet-5-5", {"thinking": {"type": "between_tools"}}, 200, ""),
        ("claude-sonnet-5-5", {"thinking": {"type": "disabled"}}, 400, "type.between_tools"),
        ("claude-opus-5-5", {"thinking": {"type": "disabled"}}, 400, "output_config.effort"),
        ("claude-fable-5-2", {"thinking": {"type": "disabled"}}, 400, "thinking.type.adaptive"),
        ("claude-opus-5-5", {"thinking": {"type": "between_tools"}}, 400, "between_tools"),
        ("claude-sonnet-5", {"thinking": {"type": "enabled"}}, 400, "output_config.effort"),
        ("claude-haiku-4-5", {"thinking": {"type": "adaptive"}}, 400, "adaptive thinking is not"),
        ("claude-haiku-4-5", {"thinking": {"type": "enabled", "budget_tokens": 1024}}, 200, ""),
        ("claude-haiku-4-5", {"thinking": {"type": "enabled"}}, 400, "budget_tokens: Field"),
        ("claude-haiku-4-5", {"thinking": {"type": "enabled", "budget_tokens": 9}}, 400, "1024"),
        ("claude-haiku-4-5", {"thinking": {"type": "enabled", "budget_tokens": 4096}}, 400, "max_"),
        ("claude-opus-5", {"thinking": {"type": "deep"}}, 400, "thinking.type: Input should"),
        ("claude-opus-5", {"thinking": "on"}, 400, "thinking.type: Input should"),
        ("claude-opus-5", {"thinking": {"type": "adaptive", "display": "all"}}, 400, "display"),
        ("claude-opus-5", {"thinking": {"type": "disabled", "display": "omitted"}}, 400, "display"),
        ("claude-haiku-4-5", {"output_config": {"effort": "low"}}, 400, "the effort parameter"),
        ("claude-opus-4-6", {"output_config": {"effort": "xhigh"}}, 400, "level 'xhigh'"),
        ("claude-opus-5-5", {"output_config": {"effort": "max"}}, 200, ""),
        ("claude-opus-5-5", {"output_config": {"effort": "deep"}}, 400, "effort: Input should"),
        ("claude-opus-5-5", {"output_config": []}, 400, "output_config: Input should"),
        ("claude-opus-4-8", {"temperature": 1}, 200, ""),
        ("claude-opus-4-8", {"top_k": 3}, 400, "top_k: not supported"),
        ("claude-opus-4-8", {"messages": ["hi"]}, 400, "messages.0: Input should be an object"),
        ("claude-opus-4-8", {"messages": "hi"}, 400, "messages: Input should be"),
        ("claude-opus-4-8", {"messages": [{"role": "user"}]}, 400, "messages.0.content: Field"),
        ("claude-opus-4-8", {"context_management": {}}, 400, "context_management: Extra inputs"),
    ],
)
def test_each_model_takes_what_the_vendor_says(
    model: str, more: dict[str, object], status: int, words: str
) -> None:
    seen, sentence = refusal(model, KEYED, **more)

    assert seen == status
    assert words in sentence


@pytest.mark.parametrize("effort", ["xhigh", "max"])
@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("claude-haiku-5-5", "disabled"),
        ("claude-opus-5", "disabled"),
        ("claude-sonnet-5-5", "between_tools"),
    ],
)
def test_thinking_cannot_be_switched_off_at_the_highest_efforts(
    model: str, kind: str, effort: str
) -> None:
    off = {"thinking": {"type": kind}}

    status, sentence = refusal(model, KEYED, **off, output_config={"effort": effort})

    assert (status, effort in sentence) == (400, True)
    assert refusal(model, KEYED, **off, output_config={"effort": "high"})[0] == 200


@pytest.mark.parametrize("path", ["messages", "messages/count_tokens"])
@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-opus-5-5"])
def test_the_newer_version_knows_no_sampling_parameters(path: str, name: str, model: str) -> None:
    asked = {**(ASKED if path == "messages" else COUNTED), "model": model, name: 1}

    refused = error(ask(post(f"{API}/v1/{path}", asked, NEW)))

    assert refused == (400, "invalid_request_error", f"{name}: Extra inputs are not permitted")


def test_only_known_versions_of_the_api_are_taken() -> None:
    assert refusal(MODEL, NEW)[0] == 200
    status, sentence = refusal(MODEL, {**KEYED, "anthropic-version": "2027-01-01"})
    assert (status, '"2027-01-01"' in sentence) == (400, True)


def test_a_beta_has_fields_of_its_own_and_the_real_claude_code_is_taken() -> None:
    tools = [{"name": f"tool_{n}", "input_schema": {"type": "object"}} for n in range(12)]
    asked = {
        **ASKED,
        "model": "claude-opus-5-5",
        "max_tokens": 128_000,
        "stream": True,
        "system": [{"type": "text", "text": "x"}],
        "tools": tools,
        "context_management": {"edits": []},
        "metadata": {"user_id": "u"},
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "medium"},
    }
    request = post(f"{API}/v1/messages", asked, {**KEYED, "anthropic-beta": "a,b"})

    answer = ask(replace(request, path="/v1/messages?beta=true"))

    assert answer.status == 200
    assert answer.body.endswith(b'data: {"type":"message_stop"}\n\n')


def test_a_retired_model_is_described_and_does_not_answer() -> None:
    name = RETIRED[0]
    described = json.loads(ask(get(f"{API}/v1/models/{name}", **KEYED)).body)
    listed = json.loads(ask(get(f"{API}/v1/models?lifecycle=retired", **KEYED)).body)

    assert described["lifecycle"] == "retired"
    assert name in [model["id"] for model in listed["data"]]
    assert refusal(name) == (404, f"model: {name}")


@pytest.mark.parametrize("effort", ["low", "medium", "high"])
def test_an_easy_question_is_thought_about_by_its_effort(effort: str) -> None:
    asked = {**ASKED, "max_tokens": 512, "stream": True, "output_config": {"effort": effort}}

    always = ask(post(f"{API}/v1/messages", {**asked, "model": "claude-opus-5-5"}))
    short = ask(post(f"{API}/v1/messages", {**asked, "model": "claude-opus-5-5", "max_tokens": 24}))
    at_will = ask(post(f"{API}/v1/messages", {**asked, "model": "claude-sonnet-5-5"}))

    assert b'"type":"thinking"' in always.body
    assert b"thinking_delta" not in always.body
    assert b"text_delta" in always.body
    assert (b'"stop_reason":"max_tokens"' in short.body, b"text_delta" in short.body) == (
        True,
        False,
    )
    assert (b'"type":"thinking"' in at_will.body) is (effort != "low")
    silence = sum(seconds for _offset, seconds in always.gaps)
    assert silence < {"low": 1.0, "medium": 2.0, "high": 4.0}[effort]
