"""A store that takes nothing for a while: the daemon probes on, says so, and announces it later."""

from __future__ import annotations

import asyncio
import io
import logging
import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog

from monitor import logs
from monitor.app import Daemon
from tests.crash.story import COMPONENTS, Stage, a_stage, clock_at, wrongs

pytestmark = [pytest.mark.delivery_faults, pytest.mark.slow, pytest.mark.timeout(120)]

ROOM = "size=4m"
LOCKER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
database.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""

Shut = Callable[[Path], AbstractContextManager[None]]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process holds the write lock of the database."""
    with subprocess.Popen(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", LOCKER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        try:
            yield
        finally:
            process.kill()


@contextmanager
def filled(path: Path) -> Iterator[None]:
    """Another file takes all the room that is left on the disk."""
    filler = path.parent / "filler"
    with filler.open("wb", buffering=0) as file:
        size = 65_536
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def not_longer(path: Path) -> Iterator[None]:
    """No file of this process may grow: what a quota does, and needs no rights."""
    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes."""
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    folder = tmp_path / "disk"
    folder.mkdir()
    made = mount and unmount and _run(mount, "-t", "tmpfs", "-o", ROOM, "tmpfs", str(folder))
    if not made:
        pytest.skip("this user may not mount a file system; the quota is tested all the same")
    yield folder
    assert unmount is not None
    assert _run(unmount, "--lazy", str(folder))  # threads of the driver may end a moment later


def _run(*command: str) -> bool:
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  # two of Debian's
    return done.returncode == 0


@pytest.fixture
def quiet_log() -> Iterator[None]:
    """Logging as in production, into memory: a file could not grow either."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure("warning", "json", (), io.StringIO())
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


async def told(daemon: Daemon) -> tuple[int, dict[str, Any]]:
    """What `/-/ready` says."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{daemon.port}/-/ready") as answer,
    ):
        return answer.status, await answer.json()


def problems(body: dict[str, Any]) -> dict[str, Any]:
    """The problems that are told, by their word."""
    return {each["problem"]: each for each in body["problems"]}


async def until_told(says: str, daemon: Daemon, stage: Stage) -> None:
    """Wait until it is told why nothing is written, or until the story takes too long.

    SQLite waits for a lock in the machine's own time: in the story's, an outage is over first.
    """
    async for _ in stage.looks():
        _, body = await told(daemon)
        if says in problems(body).get("store_not_written", {}).get("detail", ""):
            return


def failing(daemon: Daemon) -> set[str]:
    """The components of all open incidents."""
    return {part.component for each in daemon.engine.open_incidents() for part in each.components}


async def an_outage_while_shut(stage: Stage, shut: Shut, says: str) -> None:
    """A whole outage passes while the store takes nothing; it is told once it does again."""
    daemon = Daemon(stage.parsed(), clock_at(stage.origin), random.Random(0))
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(daemon.run(stop))
        await daemon.started.wait()
        await stage.until(stage.proven)
        with ExitStack() as shutting:
            # Not on the loop: the daemon may need it to end a turn of its own at the store.
            await asyncio.to_thread(shutting.enter_context, shut(stage.path))
            stage.weather.failing = True
            await stage.until(lambda: failing(daemon) == set(COMPONENTS))
            stage.weather.failing = False
            asked = stage.weather.asked
            await stage.until(lambda: not daemon.engine.open_incidents())
            assert stage.weather.asked > asked
            await until_told(says, daemon, stage)
            status, body = await told(daemon)
            assert (status, body["ready"]) == (200, True)
            problem = problems(body)["store_not_written"]
            assert says in problem["detail"]
            assert problem["detail"].endswith("probing goes on")
            assert problem["queued_changes"] >= 3  # opened, recovering, closed
            assert stage.receiver.got == []
        await stage.until(stage.ended)
        _, body = await told(daemon)
        assert "store_not_written" not in problems(body)
        stop.set()
    assert wrongs(stage) == []


async def test_a_database_that_another_process_locks(tmp_path: Path) -> None:
    async with a_stage(tmp_path / "locked.db") as stage:
        await an_outage_while_shut(stage, locked, "is locked by another process")


async def test_a_disk_that_is_full(small_disk: Path) -> None:
    async with a_stage(small_disk / "full.db") as stage:
        await an_outage_while_shut(stage, filled, "the disk is full")


async def test_a_quota_that_is_used_up(tmp_path: Path, quiet_log: None) -> None:
    async with a_stage(tmp_path / "quota.db") as stage:
        await an_outage_while_shut(stage, not_longer, "the disk reports an error")
