from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from monitor.cli import main
from monitor.clock import ScaledClock
from monitor.simulation import World
from monitor.simulation.server import SimulatedClaude
from tests.e2e.configs import shipped_on, written
from tests.e2e.processes import ROOT
from tests.simulation.worlds import a_scenario


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-sim-main")
    monkeypatch.delenv("ANTHROPIC_API_KEY_2", raising=False)
    monkeypatch.delenv("ALERT_WEBHOOK_URL", raising=False)


@asynccontextmanager
async def claude(folder: Path, *faults: str) -> AsyncIterator[str]:
    """The path of a configuration that asks a simulated Claude with `faults`."""
    scenario = a_scenario(*faults)
    simulated = SimulatedClaude(
        World(scenario, rng=random.Random(1)), ScaledClock(start=scenario.start, speed=1)
    )
    await simulated.start()
    try:
        yield str(written(folder, shipped_on(simulated.base_url, folder)))
    finally:
        await simulated.stop()


async def probe(*arguments: str) -> int:
    """The command, beside the server that it asks."""
    return await asyncio.to_thread(main, ["probe", *arguments])


async def test_a_healthy_claude_is_exit_0_and_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with claude(tmp_path) as config:
        assert await probe("--config", config) == 0
    told = capsys.readouterr()
    assert told.err == ""
    for name in ("api_hello", "api_gate", "console_page", "api_message_haiku"):
        assert f"\n{name} " in f"\n{told.out}"
    assert " bad " not in told.out
    assert "w wait for the first byte" in told.out
    assert "req_" in told.out
    assert max(map(len, told.out.splitlines())) <= 80
    assert "\x1b" not in told.out
    assert not (tmp_path / "state.db").exists()


async def test_an_outage_is_exit_1_and_says_what_came(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with claude(tmp_path, "fault: envoy_503, components: api") as config:
        assert await probe("api_hello", "console_page", "--json", "--config", config) == 1
    hello, page = json.loads(capsys.readouterr().out)
    assert (hello["probe"], hello["outcome"], hello["counts"]) == (
        "api_hello",
        "server_error",
        "bad",
    )
    assert hello["status"] == 503
    assert (page["probe"], page["outcome"], page["counts"]) == ("console_page", "ok", "good")
    assert page["seconds"] >= page["phases"]["first_byte"] > 0


async def test_only_what_is_named_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with claude(tmp_path) as config:
        assert await probe("api_hello", "--json", "--config", config) == 0
    assert [row["probe"] for row in json.loads(capsys.readouterr().out)] == ["api_hello"]


async def test_a_disabled_probe_is_told_beside_the_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with claude(tmp_path) as config:
        assert await probe("api_models_second", "--json", "--config", config) == 0
    told = capsys.readouterr()
    assert json.loads(told.out) == []
    assert told.err == (
        "api_models_second is disabled: credential second has no api_key: set ANTHROPIC_API_KEY_2\n"
    )


async def test_a_name_that_no_probe_has_is_one_line_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(written(tmp_path, shipped_on("http://127.0.0.1:9", tmp_path)))
    assert await probe("api_helo", "--config", config) == 2
    told = capsys.readouterr()
    assert told.err == "no probe is called api_helo; did you mean api_hello?\n"
    assert told.out == ""


async def test_a_ca_file_that_is_not_there_is_one_line_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = shipped_on("http://127.0.0.1:9", tmp_path)
    document["egress"]["ca_file"] = str(tmp_path / "none.pem")
    assert await probe("api_hello", "--config", str(written(tmp_path, document))) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "none.pem" in said


# ---------------------------------------------------------------- again and again


@pytest.mark.parametrize(
    "options", [("--rounds", "2"), ("--watch", "--rounds", "0"), ("--watch", "--rounds", "9999")]
)
async def test_rounds_without_a_watch_or_out_of_bounds_are_one_line_and_exit_2(
    options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(written(tmp_path, shipped_on("http://127.0.0.1:9", tmp_path)))
    assert await probe(*options, "--config", config) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


async def watched(config: str, *arguments: str) -> asyncio.subprocess.Process:
    """The command in a process of its own, its output in a pipe."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "monitor", "probe", "--watch", *arguments, "--config", config,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip


async def test_a_watch_in_a_pipe_writes_a_line_for_each_run_and_costs_nothing(
    tmp_path: Path,
) -> None:
    async with claude(tmp_path) as config:
        running = await watched(config, "--rounds", "1")
        out, err = await running.communicate()
    lines = out.decode().splitlines()
    assert (running.returncode, err) == (0, b"")
    assert any(" api_hello ok " in line for line in lines)
    assert not any("api_message" in line for line in lines)


@pytest.mark.parametrize(("fault", "code"), [((), 0), (("fault: json_500, components: api",), 1)])
async def test_a_watch_ends_at_once_and_in_order_when_it_is_told_to(
    fault: tuple[str, ...], code: int, tmp_path: Path
) -> None:
    async with claude(tmp_path, *fault) as config:
        running = await watched(config, "api_hello", "--json")
        assert running.stdout is not None
        first = json.loads(await running.stdout.readline())
        running.send_signal(signal.SIGINT)
        async with asyncio.timeout(8):
            rest, err = await running.communicate()
    assert first[0]["probe"] == "api_hello"
    assert (running.returncode, rest, err) == (code, b"", b"")
