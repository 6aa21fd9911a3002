from __future__ import annotations

import asyncio
import re
import socket
from pathlib import Path

import aiohttp
import pytest

from monitor.cli import main
from tests.e2e.processes import ran, running, without_settings

STOP_SECONDS = 5.0


async def test_it_answers_like_claude_and_goes_at_once_when_told(offline: dict[str, str]) -> None:
    async with running("simulate", "--port", "0", env=without_settings(offline)) as program:
        hello = (await program.said(r"curl -i (http://127\.0\.0\.1:\d+/\S+/api/hello)")).group(1)
        models = (await program.said(r"curl -i (http://127\.0\.0\.1:\d+/\S+/v1/models)")).group(1)
        async with aiohttp.ClientSession() as session:
            async with session.get(hello) as answer:
                assert (answer.status, await answer.json()) == (200, {"message": "hello"})
            async with session.get(models) as answer:
                refusal = await answer.json(content_type=None)
                assert answer.status == 401
                assert refusal["error"]["type"] == "authentication_error"
                assert answer.headers["request-id"]
        program.terminate()
        async with asyncio.timeout(STOP_SECONDS):
            assert await program.status() == 0
        assert program.stderr == ""
        assert max(map(len, program.stdout.splitlines())) <= 80


def test_a_port_in_use_is_one_line_and_exit_2(offline: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = ran("simulate", "--port", str(port), env=without_settings(offline))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert re.fullmatch(rf"port {port} cannot be used: .*; try another with --port\n", ended.stderr)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--port", "65536"),
        ("--port", "-1"),
        ("--speed", "0"),
        ("--speed", "-1"),
        ("--speed", "nan"),
        ("--speed", "inf"),
    ],
)
def test_an_odd_number_is_one_line_and_exit_2(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", f"{option}={value}"]) == 2
    said = capsys.readouterr().err
    assert re.fullmatch(rf"{option} lies between 0 and \d+, not at {value}\n", said)


def test_an_unknown_scenario_is_one_line_with_the_known_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["simulate", "--scenario", "2026-04-28x"]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "2026-04-28" in said


def test_a_broken_scenario_is_one_line_for_each_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("name: broken\ntitle: x\nsource: x\nvisibility: never\nstart: noon\n")
    assert main(["simulate", "--scenario", str(path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"{path}:5: start: ")
    assert "Traceback" not in said
