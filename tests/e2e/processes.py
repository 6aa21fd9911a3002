"""Our own command in processes of its own: started, listened to, told to stop, never left over."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

ENDS_SECONDS = 50.0
"""Longest time that a command may take which ends by itself; far more than any needs."""

LINE_BYTES_MAX = 1024 * 1024

_OURS = ("ANTHROPIC_", "ALERT_", "CLAUDE_UPTIME_CONFIG", "CLAUDE_UPTIME_CONTACT")


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` without what would change the shipped configuration."""
    return {name: value for name, value in environment.items() if not name.startswith(_OURS)}


def ran(
    *arguments: str, env: Mapping[str, str], cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """`claude-uptime ARGUMENTS`, run to its end."""
    return subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-m", "monitor", *arguments],
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=ENDS_SECONDS,
        check=False,
    )


@dataclass(slots=True)
class _Stream:
    """The lines that came so far, and whether more can come."""

    lines: list[str]
    ended: bool = False


class Program:
    """A running process of ours."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self._out = _Stream([])
        self._err = _Stream([])
        self._news = asyncio.Condition()

    @property
    def stdout(self) -> str:
        """What it wrote so far."""
        return "".join(self._out.lines)

    @property
    def stderr(self) -> str:
        """What it wrote so far."""
        return "".join(self._err.lines)

    async def said(self, pattern: str) -> re.Match[str]:
        """Wait for a line of either stream in which `pattern` is found."""

        def found() -> re.Match[str] | None:
            lines = (*self._out.lines, *self._err.lines)
            return next(filter(None, (re.search(pattern, line) for line in lines)), None)

        async with self._news:
            await self._news.wait_for(lambda: found() or (self._out.ended and self._err.ended))
        match = found()
        assert match is not None, f"it ended without {pattern!r}:\n{self.stdout}\n{self.stderr}"
        return match

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.process.terminate()

    async def status(self) -> int:
        """Wait for its end, and for the last line."""
        async with self._news:
            await self._news.wait_for(lambda: self._out.ended and self._err.ended)
        return await self.process.wait()

    async def listen(self, reader: asyncio.StreamReader | None, *, errors: bool) -> None:
        """Take in what it writes, to the end."""
        assert reader is not None
        stream = self._err if errors else self._out
        while line := await reader.readline():
            async with self._news:
                stream.lines.append(line.decode(errors="replace"))
                self._news.notify_all()
        async with self._news:
            stream.ended = True
            self._news.notify_all()


@asynccontextmanager
async def running(
    *arguments: str, env: Mapping[str, str], cwd: Path = ROOT, before: Sequence[str] = ()
) -> AsyncIterator[Program]:
    """`claude-uptime ARGUMENTS` while the block lasts; killed at its end if it still runs.

    `before` is a command that becomes ours, as `unshare -n`.
    """
    process = await asyncio.create_subprocess_exec(
        *(*before, sys.executable, "-m", "monitor", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LINE_BYTES_MAX,
        env=env,
        cwd=cwd,
    )
    program = Program(process)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(program.listen(process.stdout, errors=False))
        tasks.create_task(program.listen(process.stderr, errors=True))
        try:
            yield program
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
