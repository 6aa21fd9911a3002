"""The vendor's TypeScript SDK against the simulated Claude: what its users see of each fault."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import pytest

from tests.integration.real_clients import FOLDER, api, simulated
from tests.integration.servers import free_port
from tests.simulation.worlds import KEY

pytestmark = [pytest.mark.integration("anthropic-sdk", "node"), pytest.mark.timeout(60)]

SECONDS = 30.0


async def told(
    part: dict[str, str], way: str, base_url: str, *, key: str = KEY, **more: str
) -> dict[str, Any]:
    """What the SDK makes of one message, asked for in this `way`."""
    process = await asyncio.create_subprocess_exec(
        part["node"],
        FOLDER / "messages.mjs",
        way,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={
            "PATH": os.environ["PATH"],
            "SDK": part["anthropic-sdk"],
            "ANTHROPIC_BASE_URL": base_url,
            "ANTHROPIC_API_KEY": key,
            "MODEL": "claude-haiku-5-5",
            **more,
        },
    )
    try:
        async with asyncio.timeout(SECONDS):
            out, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, errors.decode(errors="replace")
    said: dict[str, Any] = json.loads(out)
    return said


async def under(part: dict[str, str], fault: str, way: str = "create") -> dict[str, Any]:
    """The same under a fault."""
    async with simulated(f"fault: {fault}, services: messages") as server:
        return await told(part, way, api(server))


@pytest.mark.parametrize("way", ["create", "final", "loop"])
async def test_on_a_good_day_it_has_an_answer(way: str, part: dict[str, str]) -> None:
    async with simulated() as server:
        said = await told(part, way, api(server))
    assert said["text"], said
    assert said.get("stop", "end_turn") == "end_turn"
    assert said.get("last", "message_stop") == "message_stop"


async def test_a_wrong_key_is_refused_by_the_simulated_claude_too(part: dict[str, str]) -> None:
    async with simulated() as server:
        said = await told(part, "create", api(server), key="sk-ant-not-a-key")
    assert (said["error"], said["status"]) == ("AuthenticationError", 401), said


@pytest.mark.parametrize("way", ["create", "final"])
@pytest.mark.parametrize(
    ("fault", "status", "error", "kind"),
    [
        ("auth_401", 401, "AuthenticationError", "authentication_error"),
        ("permission_403", 403, "PermissionDeniedError", "permission_error"),
        ("credit_balance_400", 400, "BadRequestError", "invalid_request_error"),
        ("model_404", 404, "NotFoundError", "not_found_error"),
        ("rate_limit_429", 429, "RateLimitError", "rate_limit_error"),
        ("json_500", 500, "InternalServerError", "api_error"),
        ("overloaded_529", 529, "OverloadedError", "overloaded_error"),
        ("envoy_503", 503, "ServiceUnavailableError", None),
    ],
)
async def test_an_error_has_the_class_of_its_status_and_the_type_of_its_document(
    fault: str, status: int, error: str, kind: str | None, way: str, part: dict[str, str]
) -> None:
    said = await under(part, fault, way)
    assert (said["status"], said["error"], said["type"]) == (status, error, kind), said


async def test_an_error_in_the_middle_of_a_stream_raises(part: dict[str, str]) -> None:
    for way in ("final", "loop"):
        said = await under(part, "stream_error", way)
        assert "Overloaded" in said["message"], said


async def test_a_stream_that_is_cut_in_good_order_is_an_error_only_for_its_whole_text(
    part: dict[str, str],
) -> None:
    """So users of a plain loop have half answers while no error is counted."""
    whole = await under(part, "stream_truncated", "final")
    assert whole.get("error"), whole
    loop = await under(part, "stream_truncated", "loop")
    assert "error" not in loop, loop
    assert loop["last"] != "message_stop"


async def test_a_stream_that_is_reset_raises(part: dict[str, str]) -> None:
    for way in ("final", "loop"):
        said = await under(part, "stream_reset", way)
        assert said.get("error"), said


async def test_text_in_place_of_an_answer_is_no_error_of_the_sdk(part: dict[str, str]) -> None:
    """A status of 200 is believed: what is no message fails only where it is used as one."""
    said = await under(part, "rate_exceeded_200")
    assert said["error"] == "TypeError", said
    streamed = await under(part, "rate_exceeded_200", "final")
    assert streamed.get("error"), streamed


async def test_no_connection_is_one(part: dict[str, str]) -> None:
    said = await told(part, "create", f"http://127.0.0.1:{free_port()}")
    assert (said["error"], said["status"]) == ("APIConnectionError", None), said


async def test_a_hang_is_a_time_out_of_its_own(part: dict[str, str]) -> None:
    said = await under(part, "hang")
    assert said["error"] == "APIConnectionTimeoutError", said


async def test_one_try_more_gets_over_an_outage_of_one_answer(part: dict[str, str]) -> None:
    """With its two tries by default, users do not see what a monitor without any sees."""
    async with simulated("fault: json_500, services: messages, probability: 50%") as server:
        runs = [await told(part, "create", api(server), RETRIES="5") for _ in range(2)]
    assert all(said.get("text") for said in runs), runs
