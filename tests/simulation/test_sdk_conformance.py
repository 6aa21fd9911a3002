"""The vendor's own client takes the simulated API for the real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic
from typing_extensions import override

from monitor.clock import VirtualClock
from monitor.core.claude_api import LINES
from monitor.simulation.messages import REFUSAL_MARK
from monitor.simulation.models import MODELS, RETIRED
from monitor.simulation.server import REQUEST_BYTES_MAX, SimulatedClaude
from tests.simulation.worlds import a_scenario, a_world

LIMIT = 30.0
MODEL = "claude-opus-4-8"
PROMPT: Any = [{"role": "user", "content": "Say OK."}]
ASKED: Any = {"model": MODEL, "max_tokens": 1024, "messages": PROMPT}


class InstantClock(VirtualClock):
    """A clock on which nobody waits."""

    @override
    async def sleep(self, seconds: float) -> None:
        return None


Ask = Callable[[Callable[[Anthropic], Any]], Any]


@asynccontextmanager
async def served(*faults: str, key: str = "sk-ant-sim-x") -> AsyncIterator[Ask]:
    """A way to call the client, in a thread of its own, against a server under `faults`."""
    scenario = a_scenario(*faults)
    server = SimulatedClaude(a_world(scenario), InstantClock(scenario.start))
    await server.start()

    def in_thread(act: Callable[[Anthropic], Any]) -> Any:
        url = f"{server.base_url}/api.anthropic.com"
        with Anthropic(base_url=url, api_key=key, max_retries=0, timeout=10.0) as client:
            return act(client)

    async def ask(act: Callable[[Anthropic], Any]) -> Any:
        async with asyncio.timeout(LIMIT):
            return await asyncio.to_thread(in_thread, act)

    try:
        yield ask
    finally:
        await server.stop()


def say(client: Anthropic) -> Any:
    """Ask for a message."""
    return client.messages.create(**ASKED)


def stream(client: Anthropic) -> list[Any]:
    """Ask for a stream and read it to its end."""
    with client.messages.create(**ASKED, stream=True) as events:
        return list(events)


async def test_it_lists_every_model_over_pages_and_finds_one() -> None:
    def act(client: Anthropic) -> Any:
        return list(client.models.list(limit=2)), client.models.retrieve("claude-haiku-4-5")

    async with served() as ask:
        models, one = await ask(act)

    assert [model.id for model in models] == list(MODELS)
    assert {model.line for model in models} == set(LINES)
    assert {model.lifecycle for model in models} == {"active", "deprecated"}
    assert (one.id, one.display_name) == ("claude-haiku-4-5-20251001", "Claude Haiku 4.5")


async def test_it_counts_tokens() -> None:
    async with served() as ask:
        counted = await ask(lambda c: c.messages.count_tokens(model=MODEL, messages=PROMPT))

    assert counted.input_tokens > 0


@pytest.mark.filterwarnings("ignore:The model:DeprecationWarning")
@pytest.mark.parametrize("model", MODELS)
async def test_it_gets_a_message_from_every_model(model: str) -> None:
    async with served() as ask:
        message = await ask(lambda c: c.messages.create(**{**ASKED, "model": model}))

    assert message.model == model
    thinks = MODELS[model].default == "adaptive"
    assert [block.type for block in message.content] == ["thinking", "text"][not thinks :]
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens > 0
    assert (message.usage.output_tokens_details.thinking_tokens > 0) is thinks
    assert message._request_id.startswith("req_")


async def test_it_sees_the_headers_of_edge_proxy_and_application() -> None:
    async with served() as ask:
        raw = await ask(lambda c: c.messages.with_raw_response.create(**ASKED))

    assert raw.headers["request-id"] == raw.request_id
    assert raw.headers["cf-ray"].endswith("-IAD")
    assert raw.headers["server"] == "cloudflare"
    for limit in ("requests", "tokens", "input-tokens", "output-tokens"):
        assert int(raw.headers[f"anthropic-ratelimit-{limit}-limit"]) > 0
        assert int(raw.headers[f"anthropic-ratelimit-{limit}-remaining"]) > 0
        assert raw.headers[f"anthropic-ratelimit-{limit}-reset"].endswith("Z")


async def test_it_streams_a_message_with_its_own_accumulator() -> None:
    def act(client: Anthropic) -> Any:
        with client.messages.stream(**ASKED) as events:
            return "".join(events.text_stream), events.get_final_message()

    async with served() as ask:
        text, message = await ask(act)

    assert text == message.content[0].text == "Hello"
    assert message.stop_reason == "end_turn"


async def test_a_stream_has_pings_on_the_wire() -> None:
    def act(client: Anthropic) -> bytes:
        with client.messages.with_streaming_response.create(**ASKED, stream=True) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            return b"".join(answer.iter_bytes())

    async with served() as ask:
        body = await ask(act)

    assert b'event: ping\ndata: {"type":"ping"}\n\n' in body
    assert body.endswith(b'data: {"type":"message_stop"}\n\n')


@pytest.mark.filterwarnings("ignore:Using Claude:UserWarning")
@pytest.mark.parametrize(
    ("model", "thinking"),
    [
        ("claude-opus-4-6", {"type": "enabled", "budget_tokens": 1024}),
        ("claude-opus-5-5", {"type": "adaptive", "display": "summarized"}),
    ],
)
async def test_thinking_that_is_asked_for_is_the_first_block(
    model: str, thinking: dict[str, Any]
) -> None:
    asked = {**ASKED, "model": model, "max_tokens": 2048, "thinking": thinking}

    def act(client: Anthropic) -> Any:
        with client.messages.stream(**asked) as events:
            return client.messages.create(**asked), events.get_final_message()

    async with served() as ask:
        whole, streamed = await ask(act)

    for message in (whole, streamed):
        assert [block.type for block in message.content] == ["thinking", "text"]
        assert message.content[0].thinking
        assert message.content[0].signature
    assert whole.content[0] == streamed.content[0]


@pytest.mark.parametrize(
    ("faults", "prompt"),
    [((), f"{REFUSAL_MARK}1FAEFB"), (("fault: refusal, services: messages",), "Say OK.")],
    ids=["prompt", "fault"],
)
async def test_a_refusal_is_a_reason_to_stop(faults: tuple[str, ...], prompt: str) -> None:
    asked = {**ASKED, "messages": [{"role": "user", "content": prompt}]}

    def act(client: Anthropic) -> Any:
        with client.messages.stream(**asked) as events:
            return client.messages.create(**asked), events.get_final_message()

    async with served(*faults) as ask:
        for message in await ask(act):
            assert (message.stop_reason, list(message.content)) == ("refusal", [])


ERRORS = [
    ("invalid_400", anthropic.BadRequestError, "invalid_request_error"),
    ("credit_balance_400", anthropic.BadRequestError, "invalid_request_error"),
    ("auth_401", anthropic.AuthenticationError, "authentication_error"),
    ("billing_402", anthropic.APIStatusError, "billing_error"),
    ("permission_403", anthropic.PermissionDeniedError, "permission_error"),
    ("model_404", anthropic.NotFoundError, "not_found_error"),
    ("too_large_413", anthropic.APIStatusError, "request_too_large"),
    ("rate_limit_429", anthropic.RateLimitError, "rate_limit_error"),
    ("json_500", anthropic.InternalServerError, "api_error"),
    ("overloaded_500", anthropic.InternalServerError, "api_error"),
    ("timeout_504", anthropic.InternalServerError, "timeout_error"),
    ("overloaded_529", anthropic.InternalServerError, "overloaded_error"),
]


@pytest.mark.parametrize(("fault", "expected", "kind"), ERRORS, ids=[row[0] for row in ERRORS])
@pytest.mark.parametrize("act", [say, stream])
async def test_each_error_raises_the_class_that_the_client_has_for_it(
    fault: str,
    expected: type[anthropic.APIStatusError],
    kind: str,
    act: Callable[[Anthropic], Any],
) -> None:
    async with served(f"fault: {fault}, services: messages") as ask:
        with pytest.raises(expected) as caught:
            await ask(act)

    error = caught.value
    assert error.status_code == int(fault.rpartition("_")[2])
    assert error.type == kind
    assert error.request_id is not None
    body: Any = error.body
    assert body["request_id"] in (error.request_id, None)
    # The client has a class of its own for some of them, by a name that it changed over time.
    special = {413: "ContentTooLargeError", 529: "OverloadedError", 402: "PaymentRequiredError"}
    if error.status_code in special:
        assert type(error).__name__ == special[error.status_code]


async def test_a_rate_limit_tells_the_client_how_long_to_wait() -> None:
    async with served("fault: rate_limit_429, services: messages, retry_after: 7s") as ask:
        with pytest.raises(anthropic.RateLimitError) as caught:
            await ask(say)

    assert caught.value.response.headers["retry-after"] == "7"


async def test_an_error_in_the_middle_of_a_stream_is_no_error_of_its_status() -> None:
    seen: list[str] = []

    def act(client: Anthropic) -> None:
        with client.messages.create(**ASKED, stream=True) as events:
            seen.extend(event.type for event in events)

    async with served("fault: stream_error, services: messages") as ask:
        with pytest.raises(anthropic.APIStatusError) as caught:
            await ask(act)

    assert caught.value.status_code == 200
    assert type(caught.value) is anthropic.APIStatusError
    assert caught.value.type == "overloaded_error"


async def test_a_stream_that_is_cut_is_a_broken_connection_and_a_truncated_one_only_ends() -> None:
    async with served("fault: stream_truncated, services: messages") as ask:
        events = await ask(stream)
    assert [event.type for event in events][-1] == "content_block_delta"

    async with served("fault: stream_reset, services: messages") as ask:
        with pytest.raises(Exception, match=r"(?i)incomplete|closed|chunked"):
            await ask(stream)


@pytest.mark.parametrize("fault", ["refused", "reset", "dns_failure"])
async def test_a_broken_connection_is_a_connection_error(fault: str) -> None:
    async with served(f"fault: {fault}, services: messages") as ask:
        with pytest.raises(anthropic.APIConnectionError):
            await ask(say)


@pytest.mark.filterwarnings("ignore:The model:DeprecationWarning")
@pytest.mark.parametrize(
    ("change", "expected", "words"),
    [
        ({"model": RETIRED[0]}, anthropic.NotFoundError, f"model: {RETIRED[0]}"),
        ({"extra_body": {"temperature": 0}}, anthropic.BadRequestError, "temperature"),
        ({"extra_body": {"top_p": 0.5}}, anthropic.BadRequestError, "top_p"),
        ({"max_tokens": -1}, anthropic.BadRequestError, "max_tokens"),
        ({"extra_body": {"thinking": {"type": "deep"}}}, anthropic.BadRequestError, "thinking"),
    ],
    ids=["retired", "temperature", "top_p", "no tokens", "thinking"],
)
async def test_a_wrong_request_is_refused_in_health_too(
    change: dict[str, Any], expected: type[anthropic.APIStatusError], words: str
) -> None:
    async with served() as ask:
        with pytest.raises(expected, match=words):
            await ask(lambda c: c.messages.create(**{**ASKED, **change}))


async def test_a_wrong_key_and_a_huge_request_are_refused_in_health_too() -> None:
    async with served(key="sk-ant-api03-wrong") as ask:
        with pytest.raises(
            anthropic.AuthenticationError, match=r"(?i)invalid (x-api-key|bearer token)"
        ):
            await ask(say)
    long: Any = [{"role": "user", "content": "x" * REQUEST_BYTES_MAX}]
    async with served() as ask:
        with pytest.raises(anthropic.APIStatusError) as caught:
            await ask(lambda c: c.messages.create(model=MODEL, max_tokens=1, messages=long))
    assert caught.value.status_code == 413
