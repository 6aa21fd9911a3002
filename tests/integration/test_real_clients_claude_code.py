"""The real Claude Code CLI against the simulated Claude: what our kind makes of what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from monitor.core.outcome import Outcome
from monitor.probes.claude_code import KIND
from monitor.probes.claude_stream import KIND as STREAM
from tests.integration.real_clients import api, seen_by, simulated
from tests.integration.servers import free_port
from tests.probes.wire import asking

pytestmark = [pytest.mark.integration("claude-code"), pytest.mark.timeout(120)]

MODEL = "claude-haiku-5-5"
BROKEN = {Outcome.STREAM_BROKEN, Outcome.OVERLOADED, Outcome.CONNECT_ERROR, Outcome.BAD_CONTENT}
"""What a broken stream may come to, by where it broke."""


async def outcome(
    program: str, *faults: str, base_url: str | None = None, **values: Any
) -> tuple[Outcome, str]:
    """Outcome and sentence of a run of the CLI under these faults."""
    async with simulated(*faults) as server:
        with asking() as context:
            _, verdict = await seen_by(
                KIND,
                context,
                command=[program],
                model=MODEL,
                base_url=base_url or api(server),
                **values,
            )
    return verdict.outcome, verdict.reason


async def test_on_a_good_day_it_answers_and_says_what_it_used(part: dict[str, str]) -> None:
    async with simulated() as server:
        with asking() as context:
            seen, verdict = await seen_by(
                KIND, context, command=[part["claude-code"]], model=MODEL, base_url=api(server)
            )
    assert verdict.outcome is Outcome.OK, verdict.reason
    assert seen.input_tokens
    assert seen.input_tokens > 1_000
    assert seen.output_tokens


@pytest.mark.parametrize(
    ("fault", "expected", "words"),
    [
        ("auth_401", Outcome.CREDENTIAL_REJECTED, "answered 401 authentication_error"),
        ("permission_403", Outcome.CREDENTIAL_REJECTED, "answered 403 permission_error"),
        ("rate_limit_429", Outcome.RATE_LIMITED, "answered 429 rate_limit_error"),
        ("spend_limit_429", Outcome.CLIENT_ERROR, "spend limit"),
        ("credit_balance_400", Outcome.CLIENT_ERROR, "balance"),
        ("billing_402", Outcome.CLIENT_ERROR, "402"),
        ("model_404", Outcome.CLIENT_ERROR, "answered 404 not_found_error"),
        ("too_large_413", Outcome.CLIENT_ERROR, "413"),
        ("json_500", Outcome.SERVER_ERROR, "answered 500 api_error"),
        ("envoy_503", Outcome.SERVER_ERROR, "answered 503, a load balancer's"),
        ("page_500", Outcome.SERVER_ERROR, "answered 500"),
        ("overloaded_529", Outcome.OVERLOADED, "answered 529 overloaded_error: Overloaded"),
        ("overloaded_500", Outcome.OVERLOADED, "Overloaded"),
        ("geo_block_403", Outcome.BLOCKED, "this place or address is blocked"),
        ("egress_407", Outcome.BLOCKED, "our own way out answered 407"),
        ("rate_exceeded_200", Outcome.BAD_CONTENT, "empty or malformed response"),
        ("reset", Outcome.CONNECT_ERROR, "ECONNRESET"),
    ],
)
async def test_a_fault_is_what_it_is_over_http_within_seconds(
    fault: str, expected: Outcome, words: str, part: dict[str, str]
) -> None:
    found, reason = await outcome(part["claude-code"], f"fault: {fault}, services: messages")
    assert found is expected, reason
    assert words in reason


@pytest.mark.parametrize("fault", ["stream_error", "stream_truncated", "stream_reset"])
async def test_a_broken_stream_may_hide_behind_its_second_try_unless_that_is_taken_away(
    fault: str, part: dict[str, str]
) -> None:
    broken = f"fault: {fault}, services: messages"
    found, reason = await outcome(part["claude-code"], broken)
    # Where text has come already it may say so instead.
    assert found in {Outcome.OK, Outcome.STREAM_BROKEN}, reason
    found, reason = await outcome(
        part["claude-code"], broken, env={"CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK": "1"}
    )
    assert found in BROKEN, reason
    async with simulated(broken) as server:
        with asking() as context:
            _, verdict = await seen_by(STREAM, context, model=MODEL, base_url=api(server))
    assert verdict.outcome in BROKEN, verdict.reason


async def test_where_nobody_listens_it_cannot_connect(part: dict[str, str]) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    found, reason = await outcome(part["claude-code"], base_url=nowhere)
    assert found is Outcome.CONNECT_ERROR, reason


async def test_it_goes_through_the_egress_proxy_whose_failure_is_not_claude_s(
    part: dict[str, str],
) -> None:
    async with simulated() as server:
        with asking(proxy=f"http://127.0.0.1:{free_port()}") as context:
            _, verdict = await seen_by(
                KIND, context, command=[part["claude-code"]], model=MODEL, base_url=api(server)
            )
    assert verdict.outcome is Outcome.BLOCKED, verdict.reason


async def test_one_that_gets_no_answer_is_ended_at_the_timeout(part: dict[str, str]) -> None:
    hangs = "fault: hang, services: messages"
    found, reason = await outcome(part["claude-code"], hangs, timeout="4s", soft_deadline="4s")
    assert found is Outcome.TIMEOUT, reason


async def test_a_slow_answer_is_an_answer(part: dict[str, str]) -> None:
    slow = "fault: slow, services: messages, delay: 3s"
    found, reason = await outcome(part["claude-code"], slow)
    assert found is Outcome.OK, reason


@pytest.mark.integration("strace")
async def test_it_speaks_to_the_api_alone(part: dict[str, str], tmp_path: Path) -> None:
    """No look-up, no telemetry, no update: the switches that the kind sets do what they say."""
    log = tmp_path / "trace"
    traced = [part["strace"], "-f", "-e", "trace=connect", "-o", str(log), part["claude-code"]]
    async with simulated() as server:
        with asking() as context:
            _, verdict = await seen_by(
                KIND, context, command=traced, model=MODEL, base_url=api(server)
            )
        port = server.port
    assert verdict.outcome is Outcome.OK, verdict.reason
    ports = re.findall(r"sin6?_port=htons\((\d+)\)", log.read_text())
    assert set(ports) == {str(port)}


async def test_an_option_that_it_does_not_know_is_ours(part: dict[str, str]) -> None:
    async with simulated() as server:
        with asking() as context:
            _, verdict = await seen_by(
                KIND,
                context,
                command=[part["claude-code"], "--no-such-option"],
                model=MODEL,
                base_url=api(server),
            )
    assert verdict.outcome is Outcome.CLIENT_ERROR
    assert "unknown option" in verdict.reason
