"""The daemon as an operator has it: a process, a port, a database file and signals."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.e2e.configs import SHIPPED, one_probe
from tests.e2e.processes import Program, ran, running, without_settings

pytestmark = pytest.mark.slow

STOP_SECONDS = 8.0
"""What SIGTERM may take."""

BLIND_SECONDS = 90.0
"""The daemon says it after half a minute; a busy machine may need longer."""

NAMESPACE = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
"""A network of its own, in which there is nobody."""

FETCH = "import sys, urllib.request as u; sys.stdout.write(u.urlopen(sys.argv[1]).read().decode())"


def rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


async def started(program: Program) -> str:
    """Wait until it runs; the address that it answers at."""
    line = await program.said(r'"event": "daemon\.started".*"port": (\d+)')
    return f"http://127.0.0.1:{line.group(1)}"


async def stopped(program: Program) -> dict[str, Any]:
    """Tell it to stop, wait for that; what it said at the very end."""
    program.terminate()
    async with asyncio.timeout(STOP_SECONDS):
        assert await program.status() == 0
    last: dict[str, Any] = json.loads(program.stderr.splitlines()[-1])
    assert last["event"] == "daemon.stopped"
    return last


# ---------------------------------------------------------------- a host without a network


def has_namespaces() -> bool:
    """Whether this user may have a network of its own."""
    if not all(map(shutil.which, ("unshare", "ip", "nsenter"))):
        return False
    tried = subprocess.run(  # noqa: S603  # words of our own
        [*NAMESPACE, "true"], capture_output=True, check=False
    )
    return tried.returncode == 0


async def fetched(before: Sequence[str], url: str) -> Any:
    """The JSON document at `url`, asked for by a process that `before` starts."""
    process = await asyncio.create_subprocess_exec(
        *before, sys.executable, "-c", FETCH, url, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(out)


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_without_a_network_all_is_unknown_and_one_event_says_why(
    offline: dict[str, str], tmp_path: Path
) -> None:
    """The shipped configuration, as it is where a network of its own can be had."""
    before: tuple[str, ...] = ()
    if has_namespaces():
        before = NAMESPACE
        env = without_settings(os.environ)
    else:
        env = without_settings(offline)
        env["CLAUDE_UPTIME_CONFIG"] = str(tmp_path / "moved.yaml")
        text = SHIPPED.read_text().replace('listen: "0.0.0.0:9595"', 'listen: "127.0.0.1:0"')
        (tmp_path / "moved.yaml").write_text(text)
    async with running("run", env=env, cwd=tmp_path, before=before) as program:
        address = await started(program)
        async with asyncio.timeout(BLIND_SECONDS):
            await program.said(r'"event": "monitor\.(blind|misconfigured)"')
        inside = ("nsenter", "-t", str(program.process.pid), "--net") if before else ()
        status = await fetched(inside, f"{address}/api/v1/status")
        incidents = await fetched(inside, f"{address}/api/v1/incidents")
        await stopped(program)

    states = {each["component"]: each["state"] for each in status["components"]}
    names = ("claude_ai", "console", "api", "claude_code", "cowork", "government")
    assert states == dict.fromkeys(names, "unknown")
    assert incidents["incidents"] == []
    database = tmp_path / "data" / "claude-uptime.db"
    assert rows(database, "SELECT count(*) FROM incidents") == [(0,)]
    assert rows(database, "SELECT type FROM incident_events") == [("monitor.blind",)]
    outcomes = dict(rows(database, "SELECT outcome, count(*) FROM runs GROUP BY outcome"))
    assert set(outcomes) == {"no_network"}
    assert outcomes["no_network"] >= 10
    assert "Traceback" not in program.stderr


# ---------------------------------------------------------------- the stop


class Held:
    """A page that is asked for and does not answer until it is let go."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.go = asyncio.Event()
        self.url = ""

    async def answer(self, _request: web.Request) -> web.Response:
        self.asked.set()
        await self.go.wait()
        return web.Response(text="here at last")


@asynccontextmanager
async def held() -> AsyncIterator[Held]:
    page = Held()
    app = web.Application()
    app.router.add_get("/", page.answer)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    try:
        page.url = str(server.make_url("/"))
        yield page
    finally:
        page.go.set()
        await server.close()


async def test_a_run_that_is_under_way_is_drained(offline: dict[str, str], tmp_path: Path) -> None:
    async with held() as page:
        config = one_probe(page.url, tmp_path / "state.db", tmp_path)
        env = without_settings(offline)
        async with running("run", "--config", str(config), env=env) as program:
            address = await started(program)
            await page.asked.wait()
            async with aiohttp.ClientSession() as session:
                for path in ("/", "/-/healthy", "/-/ready", "/metrics", "/api/v1/status"):
                    async with session.get(address + path) as answer:
                        assert answer.status == 200, path
            program.terminate()
            await program.said("daemon.stopping")
            page.go.set()
            last = await stopped(program)  # a second signal changes nothing
    assert last["aborted_runs"] == 0
    assert last["unwritten"] == "nothing"
    found = rows(tmp_path / "state.db", "SELECT probe, outcome, origin FROM runs")
    assert found == [("page", "ok", "sweep")]


async def test_a_run_that_never_ends_is_cut_and_put_down_to_ourselves(
    offline: dict[str, str], tmp_path: Path
) -> None:
    async with held() as page:
        config = one_probe(page.url, tmp_path / "state.db", tmp_path)
        env = without_settings(offline)
        async with running("run", "--config", str(config), env=env) as program:
            await started(program)
            await page.asked.wait()
            last = await stopped(program)
    assert last["aborted_runs"] == 1
    assert last["unwritten"] == "nothing"
    found = rows(tmp_path / "state.db", "SELECT probe, outcome, counts FROM runs")
    assert found == [("page", "monitor_error", "excluded")]


# ---------------------------------------------------------------- it cannot start


def test_a_bad_configuration_is_one_line_with_its_place(offline: dict[str, str]) -> None:
    path = "tests/data/broken/unknown-key.yaml"
    ended = ran("run", "--config", path, env=without_settings(offline))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert re.fullmatch(rf"{path}:9: probes\[0\]\.intervalx: unknown key; .*\n", ended.stderr)


def test_a_port_in_use_is_one_line(offline: dict[str, str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        database = tmp_path / "state.db"
        config = one_probe("http://127.0.0.1:9/", database, tmp_path, listen=listen)
        ended = ran("run", "--config", str(config), env=without_settings(offline))
    assert ended.returncode == 2
    # The lines of its log are JSON.
    words = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    assert words == [f"cannot listen on {listen}: address already in use"]
