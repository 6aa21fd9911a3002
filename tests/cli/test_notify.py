from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from monitor.cli import main
from tests.e2e.configs import one_probe
from tests.fakes.receiver import receiving, status

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def a_file(folder: Path, *urls: object) -> str:
    """A configuration with a webhook for each URL: hook_0, hook_1 ..."""
    path = one_probe("https://example.test/", folder / "state.db", folder)
    notifiers: list[dict[str, Any]] = [
        {"name": f"hook_{number}", "kind": "webhook", "url": str(url), "secret": SECRET}
        for number, url in enumerate(urls)
    ]
    path.write_text(f"{path.read_text()}notifiers: {json.dumps(notifiers)}\n")
    return str(path)


async def notify(*arguments: str) -> int:
    """The command, beside the server that it posts to."""
    return await asyncio.to_thread(main, ["notify", "test", *arguments])


async def test_a_test_that_arrives_is_exit_0_and_a_line_for_each_event(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with receiving() as receiver:
        assert await notify("--config", a_file(tmp_path, receiver.url)) == 0
    told = capsys.readouterr()
    assert told.out == (
        "hook_0  webhook       incident.opened  delivered: answered 204\n"
        "hook_0  webhook       incident.closed  delivered: answered 204\n"
    )
    assert told.err == ""
    assert [json.loads(got.body)["type"] for got in receiver.got] == [
        "incident.opened",
        "incident.closed",
    ]
    assert not (tmp_path / "state.db").exists()


async def test_one_that_is_refused_is_exit_1_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with receiving(status(401, "who are you")) as bad, receiving() as good:
        assert await notify("--config", a_file(tmp_path, bad.url, good.url)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("not delivered: answered 401: who are you")
    assert len(lines) == 3


async def test_name_severity_and_end_can_be_chosen(tmp_path: Path) -> None:
    async with receiving() as other, receiving() as named:
        config = a_file(tmp_path, other.url, named.url)
        options = ("--severity", "critical", "--leave-open", "--config", config)
        assert await notify("hook_1", *options) == 0
    assert other.got == []
    (got,) = named.got
    assert json.loads(got.body)["data"]["severity"] == "critical"


async def test_a_name_that_is_not_there_is_exit_2_and_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await notify("hook_9", "--config", a_file(tmp_path, "http://hook.test/")) == 2
    assert capsys.readouterr().err == "no notifier is called hook_9; did you mean hook_0?\n"


async def test_without_a_notifier_it_is_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await notify("--config", a_file(tmp_path)) == 2
    assert capsys.readouterr().err == "the configuration has no notifiers\n"
