"""What Alertmanager makes of our alerts: who hears of which, and what need not be said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from tests.deploy.deployed import DEPLOY, alerts, read
from tests.integration.servers import Alertmanager, alertmanager, client, until

CONFIG = DEPLOY / "alertmanager" / "alertmanager.yaml"

pytestmark = [pytest.mark.integration("alertmanager"), pytest.mark.timeout(90)]

HERE = {"job": "claude-uptime", "vantage": "local"}
ELSEWHERE = {"job": "claude-uptime", "vantage": "elsewhere"}


@asynccontextmanager
async def started(
    part: dict[str, str], folder: Path, config: Path = CONFIG, port: int | None = None
) -> AsyncIterator[Alertmanager]:
    """Alertmanager with the shipped configuration, or another."""
    async with (
        client() as session,
        alertmanager(part["alertmanager"], config, folder, session, port=port) as server,
    ):
        yield server


async def raised(server: Alertmanager, name: str, **labels: str) -> None:
    """Raise one of our alerts with the severity that it has."""
    await server.add(name, severity=alerts()[name]["labels"]["severity"], **labels)


async def heard(server: Alertmanager, only: str) -> set[tuple[str, str]]:
    """Name, and component or vantage, of what is active or inhibited."""
    return {
        (each["alertname"], each.get("component") or each["vantage"])
        for each in await server.alerts(only=only)
    }


async def test_the_worse_word_about_a_component_silences_the_milder_ones(
    tmp_path: Path, part: dict[str, str]
) -> None:
    async with started(part, tmp_path) as server:
        await raised(server, "ClaudeMajorOutage", component="api", **HERE)
        for component in ("api", "console"):
            await raised(server, "ClaudePartialOutage", component=component, **HERE)
            await raised(server, "ClaudeErrorBudgetBurnsFast", component=component, **HERE)

        async def settled() -> bool:
            return await heard(server, "--inhibited") == {
                ("ClaudePartialOutage", "api"),
                ("ClaudeErrorBudgetBurnsFast", "api"),
                ("ClaudeErrorBudgetBurnsFast", "console"),
            }

        await until(settled, within=20, what="the milder alerts are inhibited")
        assert await heard(server, "--active") == {
            ("ClaudeMajorOutage", "api"),
            ("ClaudePartialOutage", "console"),
        }


async def test_a_monitor_that_is_down_silences_what_is_known_through_it_and_no_other(
    tmp_path: Path, part: dict[str, str]
) -> None:
    async with started(part, tmp_path) as server:
        await raised(server, "ClaudeUptimeDown", **HERE)
        for place in (HERE, ELSEWHERE):
            await raised(server, "ClaudeUptimeRunsLate", **place)
            await raised(server, "ClaudeErrorBudgetBurnsSlowly", **place)

        async def settled() -> bool:
            return await heard(server, "--inhibited") == {
                ("ClaudeUptimeRunsLate", "local"),
                ("ClaudeErrorBudgetBurnsSlowly", "local"),
            }

        await until(settled, within=20, what="the alerts of the same vantage are inhibited")
        assert await heard(server, "--active") == {
            ("ClaudeUptimeDown", "local"),
            ("ClaudeUptimeRunsLate", "elsewhere"),
            ("ClaudeErrorBudgetBurnsSlowly", "elsewhere"),
        }


@asynccontextmanager
async def receiver(taken: list[dict[str, Any]]) -> AsyncIterator[str]:
    """A webhook on loopback."""

    async def take(request: web.BaseRequest) -> web.Response:
        taken.append({"path": request.path, **await request.json()})
        return web.Response()

    runner = web.ServerRunner(web.Server(take, access_log=None))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_an_outage_of_several_components_is_one_message_to_whoever_is_on_call(
    tmp_path: Path, part: dict[str, str]
) -> None:
    taken: list[dict[str, Any]] = []
    async with receiver(taken) as url:
        config = read(CONFIG)
        for one in config["receivers"]:
            one["webhook_configs"] = [{"url": f"{url}/{one['name']}"}]
        own = tmp_path / "alertmanager.yaml"
        own.write_text(yaml.safe_dump(config))
        async with started(part, tmp_path, own) as server:
            for component in ("claude_ai", "cowork"):
                await raised(server, "ClaudeMajorOutage", component=component, **HERE)

            async def arrived() -> bool:
                return bool(taken)

            await until(arrived, within=30, what="the message arrives")
    (message,) = taken
    assert message["path"] == "/oncall"
    assert message["status"] == "firing"
    told = {alert["labels"]["component"] for alert in message["alerts"]}
    assert told == {"claude_ai", "cowork"}
