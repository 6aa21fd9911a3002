from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import pytest
from typing_extensions import override

from monitor.cli import main
from monitor.clock import ScaledClock
from monitor.simulation import World
from monitor.simulation.exchange import SimRequest, SimResponse
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


class RecordingWorld(World):
    """A world that keeps what it is asked."""

    asked: list[SimRequest]

    @override
    def answer(self, request: SimRequest, at: datetime) -> SimResponse:
        self.asked.append(request)
        return super().answer(request, at)


class Recorded:
    """A simulated Claude with `faults` that keeps what it is asked; `config` asks it."""

    def __init__(self, folder: Path, *faults: str) -> None:
        scenario = a_scenario(*faults)
        self._world = RecordingWorld(scenario, rng=random.Random(1))
        self._world.asked = []
        self._server = SimulatedClaude(self._world, ScaledClock(start=scenario.start, speed=1))
        self._folder = folder
        self.config = ""

    async def __aenter__(self) -> Self:
        await self._server.start()
        self.config = str(written(self._folder, shipped_on(self._server.base_url, self._folder)))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop()

    def messages(self) -> list[dict[str, Any]]:
        """The bodies of the questions for an answer."""
        asked = self._world.asked
        return [json.loads(each.body) for each in asked if each.bare_path == "/v1/messages"]

    def lists(self) -> int:
        """How often the whole list of models was read, with the retired ones."""
        return sum("lifecycle" in each.path for each in self._world.asked)


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


# ---------------------------------------------------------------- what models take


async def test_each_model_is_asked_as_the_list_says_that_it_can_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sonnet 5.5 takes `between_tools` and Opus 5.5 no switch: what is sent is what each takes."""
    said = {}
    async with Recorded(tmp_path) as recorded:
        assert await probe("--json", "--config", recorded.config) == 0
    for body in recorded.messages():
        said[body["model"]] = (body.get("thinking"), body.get("output_config"))
    low = {"effort": "low"}
    assert said["claude-sonnet-5-5"] == ({"type": "between_tools"}, low)
    assert said["claude-opus-5-5"] == (None, low)
    assert said["claude-haiku-5-5"] == ({"type": "disabled"}, low)
    assert recorded.lists() == 1
    told = capsys.readouterr()
    assert told.err == ""
    assert {row["outcome"] for row in json.loads(told.out)} == {"ok"}


async def test_no_list_is_read_for_probes_that_ask_no_model_for_an_answer(tmp_path: Path) -> None:
    async with Recorded(tmp_path) as recorded:
        names = ("api_hello", "api_count_tokens", "api_models")
        assert await probe(*names, "--json", "--config", recorded.config) == 0
    assert recorded.lists() == 0


async def test_a_list_that_cannot_be_read_is_told_and_messages_are_asked_without_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Recorded(tmp_path, "fault: json_500, services: models") as recorded:
        assert await probe("api_message_haiku", "--json", "--config", recorded.config) == 0
    (body,) = recorded.messages()
    assert "thinking" not in body
    assert "output_config" not in body
    told = capsys.readouterr()
    assert told.err == (
        "the list of models of credential main cannot be read (HTTP 500); "
        "messages say nothing of thinking\n"
    )
    (row,) = json.loads(told.out)
    assert row["outcome"] == "ok"


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


async def test_a_watch_asks_a_named_model_as_the_list_says_too(tmp_path: Path) -> None:
    async with Recorded(tmp_path) as recorded:
        running = await watched(recorded.config, "--rounds", "1", "api_message_haiku")
        _, err = await running.communicate()
    assert (running.returncode, err) == (0, b"")
    assert [body["thinking"] for body in recorded.messages()] == [{"type": "disabled"}]
    assert recorded.lists() == 1


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
