"""Two daemons on one store: the second is told who holds it; the dead hold nothing."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from monitor.app import Daemon, StartError
from monitor.clock import VirtualClock
from monitor.config.schema import Config
from monitor.storage.database import StorageError, open_database
from monitor.storage.lock import only_daemon

ROOT = Path(__file__).resolve().parents[2]
SINCE = datetime(2026, 4, 28, 17, 30, tzinfo=UTC)

HOLDER = """
import sys
from datetime import UTC, datetime
from monitor.storage.lock import only_daemon
with only_daemon(sys.argv[1], datetime(2026, 4, 28, 17, 30, tzinfo=UTC)):
    print("held", flush=True)
    sys.stdin.read()
"""

PROBE = {
    "name": "hello",
    "kind": "http",
    "url": "http://127.0.0.1:9/hello",
    "depth": "edge",
    "components": ["api"],
    "expect": {"status": 200},
}


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


@contextmanager
def held_by_another(url: str) -> Iterator[subprocess.Popen[str]]:
    """Another process holds the store at `url` until it is killed or told to end."""
    command = [sys.executable, "-c", HOLDER, url]
    with subprocess.Popen(  # noqa: S603  # our own interpreter
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_the_second_is_told_who_holds_the_store(path: Path) -> None:
    url = url_of(path)
    with (
        held_by_another(url) as holder,
        pytest.raises(StorageError) as refused,
        only_daemon(url, SINCE),
    ):
        pytest.fail("two hold one store")
    assert str(refused.value) == (
        f"{path} is in use by another daemon (pid {holder.pid} on {socket.gethostname()}, "
        "since 2026-04-28 17:30:00 UTC): stop that one, or point storage.url at another file"
    )


def test_a_process_that_was_killed_holds_nothing(path: Path) -> None:
    url = url_of(path)
    with held_by_another(url) as holder:
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        with only_daemon(url, SINCE):
            pass


def test_a_file_of_a_dead_process_is_no_obstacle_and_gets_a_new_name(path: Path) -> None:
    path.parent.mkdir()
    lock = path.parent / "monitor.db.lock"
    lock.write_text(json.dumps({"pid": 1, "host": "gone", "since": "x" * 500}))
    with only_daemon(url_of(path), SINCE):
        assert json.loads(lock.read_text()) == {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": "2026-04-28T17:30:00+00:00",
        }


def test_it_can_be_taken_again_once_it_was_given_back(path: Path) -> None:
    with only_daemon(url_of(path), SINCE):
        pass
    with only_daemon(url_of(path), SINCE + timedelta(hours=1)):
        pass


def test_an_error_within_gives_it_back(path: Path) -> None:
    with pytest.raises(RuntimeError), only_daemon(url_of(path), SINCE):
        raise RuntimeError
    with only_daemon(url_of(path), SINCE):
        pass


def test_the_same_file_by_another_name_is_the_same_store(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    other.symlink_to(path)
    with (
        only_daemon(url_of(path), SINCE),
        pytest.raises(StorageError, match="in use by another daemon"),
        only_daemon(url_of(other), SINCE),
    ):
        pytest.fail("two hold one store")


def test_two_stores_in_one_folder_do_not_meet(tmp_path: Path) -> None:
    with (
        only_daemon(url_of(tmp_path / "a.db"), SINCE),
        only_daemon(url_of(tmp_path / "b.db"), SINCE),
    ):
        pass


def test_a_database_in_memory_needs_no_lock() -> None:
    with only_daemon("sqlite://", SINCE), only_daemon("sqlite:///:memory:", SINCE):
        pass


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b'{"pid": null, "host": "h", "since": "2026-04-28T17:30:00Z"}',
        b'{"pid": 1e999, "host": "h", "since": "2026-04-28T17:30:00Z"}',
        b'{"pid": 1, "host": "h", "since": "yesterday"}',
        b"\xff\xfe" * 2000,
    ],
    ids=["empty", "text", "list", "nothing", "no pid", "huge pid", "no time", "bytes"],
)
def test_a_holder_that_cannot_be_read_is_refused_all_the_same(path: Path, content: bytes) -> None:
    url = url_of(path)
    with only_daemon(url, SINCE):
        (path.parent / "monitor.db.lock").write_bytes(content)
        with (
            pytest.raises(StorageError, match=r"another daemon \(who it is cannot be read\)"),
            only_daemon(url, SINCE),
        ):
            pytest.fail("two hold one store")


def test_the_holders_name_stays_on_one_line_and_its_time_is_utc(path: Path) -> None:
    url = url_of(path)
    zone = timezone(timedelta(hours=2))
    with only_daemon(url, SINCE.astimezone(zone)):
        lock = path.parent / "monitor.db.lock"
        told = json.loads(lock.read_text()) | {"host": "a\nb\x1b[31m"}
        lock.write_text(json.dumps(told))
        with pytest.raises(StorageError) as refused, only_daemon(url, SINCE):
            pytest.fail("two hold one store")
    assert str(refused.value).isprintable()
    assert "on ab[31m, since 2026-04-28 17:30:00 UTC" in str(refused.value)


def test_a_file_that_cannot_be_locked_is_an_error_in_one_line(path: Path) -> None:
    (path.parent / "monitor.db.lock").mkdir(parents=True)
    with pytest.raises(StorageError) as refused, only_daemon(url_of(path), SINCE):
        pytest.fail("held without a file")
    assert os.strerror(errno.EISDIR) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_child_process_does_not_inherit_the_lock(path: Path) -> None:
    url = url_of(path)
    with only_daemon(url, SINCE):
        child = subprocess.Popen(["sleep", "30"], close_fds=False)  # noqa: S607  # any child will do
    try:
        with only_daemon(url, SINCE):
            pass
    finally:
        child.kill()
        child.wait()


async def test_whoever_only_reads_is_not_in_the_way(path: Path) -> None:
    url = url_of(path)
    with only_daemon(url, SINCE):
        database = await open_database(url)
        await database.close()
        with sqlite3.connect(path) as reader:
            assert reader.execute("SELECT count(*) FROM incidents").fetchone() == (0,)
        reader.close()


# ---------------------------------------------------------------- the daemon


def a_config(path: Path) -> dict[str, object]:
    return {
        "web": {"listen": "127.0.0.1:0"},
        "storage": {"url": url_of(path)},
        "components": {"api": {"title": "Claude API"}},
        "probes": [PROBE],
    }


async def test_a_daemon_does_not_start_on_the_store_of_another(path: Path) -> None:
    daemon = Daemon(Config.model_validate(a_config(path)), VirtualClock(), random.Random(0))
    with held_by_another(url_of(path)) as holder, pytest.raises(StartError) as refused:
        await daemon.run(asyncio.Event())
    assert f"another daemon (pid {holder.pid} on" in str(refused.value)
    assert os.listdir(path.parent) == ["monitor.db.lock"]  # noqa: PTH208  # no file was touched


def test_the_command_says_so_in_one_line_and_exits_with_2(
    path: Path, tmp_path: Path, offline: dict[str, str]
) -> None:
    config = tmp_path / "claude.yaml"
    config.write_text(json.dumps(a_config(path)))

    def command(name: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603  # our own command
            [sys.executable, "-m", "monitor", name, "--config", str(config)],
            cwd=ROOT,
            env=offline,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    with held_by_another(url_of(path)) as holder:
        ended, checked = command("run"), command("check")
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert f"pid {holder.pid} on {socket.gethostname()}, since" in line
    assert "in use" not in checked.stdout + checked.stderr
