"""Programs that a test starts and ends by its own handle, and a bounded wait for what they do."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from monitor.clock import SystemClock

POLL_SECONDS = 0.2
STOP_SECONDS = 10.0
ANSWER_SECONDS = 10.0
LOG_CHARS_MAX = 3000

T = TypeVar("T")


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(look: Callable[[], Awaitable[T | None]], *, within: float, what: str) -> T:
    """Ask `look` again and again until it says something; fail with `what` after `within` s."""
    clock = SystemClock()
    deadline = clock.monotonic() + within
    while True:
        found = await look()
        if found:
            return found
        if clock.monotonic() > deadline:
            msg = f"not within {within:g} s: {what}"
            raise AssertionError(msg)
        await clock.sleep(POLL_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A running program.

    Attributes:
        process: its handle.
        said: the file of its standard error, and of its standard output unless that was parted.
    """

    process: asyncio.subprocess.Process
    said: Path

    def alive(self) -> None:
        """Fail with its last words if it has ended."""
        if self.process.returncode is not None:
            words = self.said.read_text(errors="replace")[-LOG_CHARS_MAX:]
            msg = f"it ended with {self.process.returncode}:\n{words}"
            raise AssertionError(msg)


@asynccontextmanager
async def running(
    *command: str | Path,
    said: Path,
    output: Path | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> AsyncIterator[Program]:
    """Start `command` for the block; at its end SIGTERM, and after ten seconds SIGKILL."""
    with said.open("wb") as errors, (output or said).open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            env=env,
            cwd=cwd,
        )
    try:
        yield Program(process=process, said=said)
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


async def ran(*command: str | Path) -> str:
    """The output of a program that ends by itself, successfully."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode(errors="replace")
    return out.decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prometheus:
    """A Prometheus on loopback, asked over its HTTP API."""

    program: Program
    url: str
    session: aiohttp.ClientSession

    async def ask(self, route: str, **parameters: str) -> Any:
        """The data of an answer of the API; a refused query fails with Prometheus's words."""
        self.program.alive()
        async with self.session.get(f"{self.url}/api/v1/{route}", params=parameters) as answer:
            body = await answer.json()
        assert body["status"] == "success", f"{parameters}: {body}"
        return body["data"]

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an instant query, without those that are not a number.

        A scalar comes as one sample without labels.
        """
        data = await self.ask("query", query=expression)
        if data["resultType"] == "scalar":
            return [{"metric": {}, "value": data["result"]}]
        return [sample for sample in data["result"] if sample["value"][1] != "NaN"]

    async def firing(self, alert: str, **labels: str) -> list[dict[str, Any]]:
        """The instances of `alert` that fire now."""
        wanted = {"alertname": alert, **labels}
        return [
            each
            for each in (await self.ask("alerts"))["alerts"]
            if each["state"] == "firing" and wanted.items() <= each["labels"].items()
        ]


@asynccontextmanager
async def prometheus(
    program: str, config: Path, folder: Path, session: aiohttp.ClientSession
) -> AsyncIterator[Prometheus]:
    """Run Prometheus with `config`, its data in `folder`, until the end of the block."""
    port = free_port()
    async with running(
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=exemplar-storage",
        said=folder / "prometheus.log",
    ) as started:
        server = Prometheus(program=started, url=f"http://127.0.0.1:{port}", session=session)
        await until(
            lambda: _ready(started, session, f"{server.url}/-/ready"),
            within=20,
            what="Prometheus is ready",
        )
        yield server


@dataclass(frozen=True, slots=True, kw_only=True)
class Alertmanager:
    """An Alertmanager on loopback, asked through amtool."""

    program: Program
    url: str
    amtool: Path

    async def _amtool(self, *words: str) -> str:
        self.program.alive()
        return await ran(self.amtool, f"--alertmanager.url={self.url}", *words)

    async def alerts(self, *matchers: str, only: str = "--active") -> list[dict[str, str]]:
        """Labels of the alerts that match; `only` is amtool's `--active` or `--inhibited`."""
        return [each["labels"] for each in await self.details(*matchers, only=only)]

    async def details(self, *matchers: str, only: str = "--active") -> list[dict[str, Any]]:
        """The same, whole."""
        found: list[dict[str, Any]] = json.loads(
            await self._amtool("alert", "query", only, "--output=json", *matchers)
        )
        return found

    async def add(self, name: str, annotations: Sequence[str] = (), **labels: str) -> None:
        """Raise an alert, as Prometheus would."""
        pairs = [f"{key}={value}" for key, value in labels.items()]
        await self._amtool("alert", "add", name, *pairs, *annotations)


@asynccontextmanager
async def alertmanager(
    program: str,
    config: Path,
    folder: Path,
    session: aiohttp.ClientSession,
    *,
    port: int | None = None,
) -> AsyncIterator[Alertmanager]:
    """Run Alertmanager with `config`, its data in `folder`, until the end of the block.

    On a free port; `port` is for one that comes back where it was.
    """
    port = port or free_port()
    async with running(
        program,
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        said=folder / "alertmanager.log",
    ) as started:
        url = f"http://127.0.0.1:{port}"
        await until(
            lambda: _ready(started, session, f"{url}/-/ready"),
            within=20,
            what="Alertmanager is ready",
        )
        # Debian brings amtool with the server.
        yield Alertmanager(program=started, url=url, amtool=Path(program).with_name("amtool"))


async def _ready(program: Program, session: aiohttp.ClientSession, url: str) -> bool:
    program.alive()
    try:
        async with session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientConnectionError:
        return False


def client() -> aiohttp.ClientSession:
    """A client for loopback: no proxy, no long waits."""
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS), trust_env=False
    )
