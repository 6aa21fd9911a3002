"""LiteLLM between our probes and the simulated Claude: what a gateway makes of each fault.

A probe of a model meets the fault of that model, so one proxy serves for all of them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from monitor.core.outcome import Counts, Outcome, Verdict
from monitor.probes.claude_json import KIND as JSON
from monitor.probes.claude_stream import KIND as STREAM
from monitor.simulation.server import SimulatedClaude
from tests.integration.real_clients import api, seen_by, simulated
from tests.integration.servers import client, free_port, running, until
from tests.probes.wire import asking
from tests.simulation.worlds import KEY

pytestmark = [pytest.mark.integration("litellm"), pytest.mark.timeout(180)]

GATEWAY_KEY = "sk-planted-gateway-key"
START_SECONDS = 120.0

HEALTHY = "claude-haiku-5-5"
FAULTS = {
    "claude-opus-5-5": "overloaded_529",
    "claude-sonnet-5-5": "auth_401",
    "claude-opus-5": "rate_limit_429, retry_after: 1s",
    "claude-sonnet-5": "json_500",
    "claude-opus-4-7": "stream_error",
    "claude-opus-4-6": "stream_truncated",
}
"""The fault that each model meets.

LiteLLM waits out a `retry-after` before its own next try, and answers nothing meanwhile: with a
minute of it a probe meets its time-out.
"""

DIRECT = {
    HEALTHY: Outcome.OK,
    "claude-opus-5-5": Outcome.OVERLOADED,
    "claude-sonnet-5-5": Outcome.CREDENTIAL_REJECTED,
    "claude-opus-5": Outcome.RATE_LIMITED,
    "claude-sonnet-5": Outcome.SERVER_ERROR,
    "claude-opus-4-7": Outcome.OVERLOADED,
    "claude-opus-4-6": Outcome.STREAM_BROKEN,
}
"""What a stream of each model comes to without a gateway."""


def of_the_models() -> list[str]:
    """The faults, for the scenario."""
    return [
        f"fault: {fault}, services: messages, models: {model}" for model, fault in FAULTS.items()
    ]


@asynccontextmanager
async def proxy(
    part: dict[str, str], folder: Path, server: SimulatedClaude
) -> AsyncIterator[tuple[str, aiohttp.ClientSession]]:
    """LiteLLM before the simulated Claude: its address. It is told to stay on this machine."""
    port, home = free_port(), folder / "home"
    home.mkdir()
    models = [
        {
            "model_name": model,
            "litellm_params": {
                "model": f"anthropic/{model}",
                "api_base": api(server),
                "api_key": KEY,
            },
        }
        for model in (HEALTHY, *FAULTS)
    ]
    config = folder / "litellm.yaml"  # JSON is YAML
    config.write_text(
        json.dumps({"model_list": models, "general_settings": {"master_key": GATEWAY_KEY}})
    )
    command = [part["litellm"], "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "ANTHROPIC_API_BASE": api(server),
        "ANTHROPIC_API_KEY": KEY,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_TELEMETRY": "False",
        "NO_PROXY": "127.0.0.1",
    }
    url = f"http://127.0.0.1:{port}"
    async with (
        client() as session,
        running(*command, said=folder / "litellm.log", env=environment, cwd=home) as program,
    ):

        async def alive() -> bool:
            program.alive()
            try:
                async with session.get(f"{url}/health/liveliness") as answer:
                    return answer.status == 200
            except aiohttp.ClientError:
                return False

        await until(alive, within=START_SECONDS, what="LiteLLM answers")
        yield url, session


async def streamed(base_url: str, model: str, **more: Any) -> Verdict:
    """A stream of `model`, as our probe sees it."""
    with asking() as context:
        values = {"key": GATEWAY_KEY, "model": model, "base_url": base_url, **more}
        _, verdict = await seen_by(STREAM, context, **values)
    return verdict


async def asked(base_url: str, call: str, **more: Any) -> Verdict:
    """A question that brings one document, as our probe sees it through a gateway."""
    with asking() as context:
        values = {"key": GATEWAY_KEY, "call": call, "base_url": base_url, "gateway": True, **more}
        _, verdict = await seen_by(JSON, context, **values)
    return verdict


async def outcomes(base_url: str, **more: Any) -> dict[str, Outcome]:
    """What a stream of each model comes to."""
    verdicts = await asyncio.gather(*(streamed(base_url, model, **more) for model in DIRECT))
    return {model: verdict.outcome for model, verdict in zip(DIRECT, verdicts, strict=True)}


async def test_its_pass_through_changes_nothing_and_its_own_messages_wrap_what_fails(
    part: dict[str, str], tmp_path: Path
) -> None:
    async with simulated(*of_the_models()) as server, proxy(part, tmp_path, server) as (url, _):
        assert await outcomes(api(server), key=KEY) == DIRECT
        assert await outcomes(f"{url}/anthropic", gateway=True) == DIRECT
        # A 529 is wrapped into a 500 and quoted there.
        assert await outcomes(url, gateway=True) == DIRECT


async def test_what_it_answers_by_itself_is_no_evidence_of_claude(
    part: dict[str, str], tmp_path: Path
) -> None:
    async with simulated(*of_the_models()) as server, proxy(part, tmp_path, server) as (url, _):
        for base in (url, f"{url}/anthropic"):
            revoked = await asked(base, "message", model=HEALTHY, key="sk-revoked")
            assert revoked.counts is Counts.EXCLUDED, revoked.reason
        unknown = await asked(url, "message", model="claude-haiku-4-5")
        assert unknown.outcome is Outcome.CLIENT_ERROR, unknown.reason
        # After an upstream's 401 the model rests for five seconds.
        refused = await asked(url, "message", model="claude-sonnet-5-5")
        assert refused.outcome is Outcome.CREDENTIAL_REJECTED, refused.reason
        resting = await asked(url, "message", model="claude-sonnet-5-5")
        assert resting.outcome is Outcome.RATE_LIMITED, resting.reason
        assert "No deployments available" in resting.reason
        # Meanwhile it counts by itself, and its list is its own: both are of the depth gateway.
        for call in ("count_tokens", "models"):
            answered = await asked(url, call, model="claude-sonnet-5-5")
            assert answered.outcome is Outcome.OK, answered.reason
