from __future__ import annotations

import asyncio

import pytest
from aiohttp.test_utils import unused_port

from monitor.cli import main
from tests.fakes.receiver import receiving, speaking, status


async def asked(url: object) -> int:
    """The command, beside the server that it asks."""
    return await asyncio.to_thread(main, ["health", "--url", str(url)])


async def test_a_daemon_that_answers_200_is_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    async with receiving(status(200, "alive")) as server:
        assert await asked(server.url) == 0
    assert capsys.readouterr().out == "alive\n"


async def test_a_daemon_that_answers_503_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    async with receiving(status(503)) as server:
        assert await asked(server.url) == 1
    assert capsys.readouterr().err == "not healthy: it answered 503\n"


async def test_nothing_that_listens_is_not_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    assert await asked(f"http://127.0.0.1:{unused_port()}/-/healthy") == 1
    assert "refused" in capsys.readouterr().err


async def test_what_speaks_no_http_is_not_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    async with speaking(b"220 mail.example.com ESMTP\r\n") as url:
        assert await asked(url) == 1
    said = capsys.readouterr().err
    assert said.startswith("not healthy: it speaks no HTTP")
    assert len(said.splitlines()) == 1


async def test_the_daemon_beside_us_is_never_asked_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_port()}")
    async with receiving(status(200)) as server:
        assert await asked(server.url) == 0


@pytest.mark.parametrize(
    "url",
    [
        "ftp://localhost/",
        "localhost:9595",
        "",
        "http://",
        "http://[::1",
        "http://localhost:99999/",
        "http://localhost:port/",
        "http://localhost:0/",
        "http://localhost/a b",
        "http://localhost/\n",
        "http://localhost/\u00e4",
        "file:///etc/hostname",
    ],
)
def test_what_cannot_be_asked_is_one_line_and_exit_2(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["health", "--url", url]) == 2
    said = capsys.readouterr().err
    assert said == f"{url!r} is no http address\n"
