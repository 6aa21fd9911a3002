"""Alive and ready: what fails them, and what is only said."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from monitor.web import DeliveryHealth, Health
from monitor.web.health import problems
from tests.web.conftest import Start
from tests.web.fakes import FakeDaemon, FakeStore


async def ask(client: aiohttp.ClientSession, url: str) -> tuple[int, Any]:
    async with client.get(url) as response:
        return response.status, await response.json()


@pytest.mark.parametrize(("alive", "status"), [(True, 200), (False, 503)])
async def test_healthy_says_whether_the_loop_is_alive(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon, *, alive: bool, status: int
) -> None:
    daemon.how = Health(alive=alive, serving=False)
    answer = await ask(client, f"{await start()}/-/healthy")
    assert answer == (status, {"vantage": "local", "alive": alive})


async def test_ready_is_quiet_when_all_is_well(start: Start, client: aiohttp.ClientSession) -> None:
    answer = await ask(client, f"{await start()}/-/ready")
    assert answer == (200, {"vantage": "local", "ready": True, "problems": []})


async def test_not_ready_before_the_start_and_while_stopping(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    daemon.how = Health(serving=False)
    status, body = await ask(client, f"{await start()}/-/ready")
    assert (status, body["ready"]) == (503, False)


async def test_a_full_disk_is_said_and_does_not_fail_readiness(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    full = FakeStore(
        ok=False, error="the disk is full", queued_runs=4, queued_changes=1, dropped_runs=9
    )
    daemon.how = Health(store=full)
    status, body = await ask(client, f"{await start()}/-/ready")
    assert status == 200
    assert body["problems"] == [
        {
            "problem": "store_not_written",
            "detail": "the disk is full; probing goes on",
            "queued_runs": 4,
            "queued_changes": 1,
            "dropped_runs": 9,
        }
    ]


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        pytest.param(Health(), [], id="all is well"),
        pytest.param(Health(loop_lag=2.0, lateness=2.0), [], id="just in time"),
        pytest.param(Health(loop_lag=2.1), ["loop_late"], id="a late loop"),
        pytest.param(Health(lateness=31.0), ["runs_late"], id="late runs"),
        pytest.param(Health(store=FakeStore()), [], id="a store that works"),
        pytest.param(
            Health(store=FakeStore(ok=False)), ["store_not_written"], id="a store that does not"
        ),
        pytest.param(
            Health(
                deliveries=(
                    DeliveryHealth(notifier="oncall", pending=2, oldest_age=301.0),
                    DeliveryHealth(notifier="chat", pending=1, oldest_age=12.0),
                )
            ),
            ["deliveries_stuck"],
            id="one receiver is dead",
        ),
    ],
)
def test_each_problem_has_its_word(health: Health, expected: list[str]) -> None:
    assert [row["problem"] for row in problems(health)] == expected
