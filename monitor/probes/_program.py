"""Running a program: without a shell, in a session of its own, with every limit held.

It gets nothing on its standard input and only the variables of the environment that it is given.
When time is up its whole process group gets SIGTERM, and SIGKILL soon after; whatever it left
behind is killed when it ends. What it prints is bounded, and searched for the secrets it was given.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, BinaryIO

from pydantic import Field

from monitor.clock import Clock
from monitor.core.observation import Failure, Phase, TransportError
from monitor.probes._base import Trail, hide

OUTPUT_BYTES_MAX = 1024 * 1024
"""How much a program may print before it is stopped."""

TAIL_BYTES_MAX = 64 * 1024
"""How much of the end of its output is looked at."""

TERM_SECONDS = 2.0
"""Machine seconds between SIGTERM and SIGKILL."""

DRAIN_SECONDS = 1.0
"""Machine seconds for the rest of its output once it has ended."""

REAP_TRIES = 5
REAP_SECONDS = 0.02
"""How often, and how far apart, orphans of its group are looked for when it has ended."""

HIDE_MIN = 6
"""A shorter value of a variable is a switch, not a secret."""

_CUT_BYTES = 4096
_READ_BYTES = 16 * 1024

Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
"""Name of an environment variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program to run.

    Attributes:
        argv: the program and its arguments.
        environment: all the variables that it gets; they may hold keys.
        cwd: directory that it runs in; None: the daemon's own.
        secrets: texts that are blanked out of what it prints.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    cwd: str | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ended.

    Attributes:
        code: its exit code; negative: the signal that killed it.
        tail: the end of what it printed.
        error: why it was ended by us: it took too long, or printed too much.
    """

    code: int
    tail: str
    error: TransportError | None = None


class CannotStartError(Exception):
    """The program is not there, or may not be run; says which and why."""


async def run_program(program: Program, trail: Trail, clock: Clock, seconds: float) -> Ended:
    """Run `program` once, for `seconds` at most. A cancellation kills it.

    Raises:
        CannotStartError: it did not start.
    """
    trail.enter(Phase.CONNECT)
    try:
        running = await _start(program, trail)
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or type(problem).__name__
        message = hide(f"{program.argv[0]} cannot be started: {why}", program.secrets)
        raise CannotStartError(message) from None
    trail.enter(Phase.FIRST_BYTE)
    error: TransportError | None = None
    try:
        async with clock.timeout(seconds):
            await running.follow()
    except TimeoutError:
        message = f"the program did not end within {seconds:g} s"
        error = TransportError(kind=Failure.TIMEOUT, phase=trail.phase, message=message)
        await running.terminate()
    finally:
        code = await running.end()
    if running.flooded:
        message = f"it printed more than {OUTPUT_BYTES_MAX} bytes"
        error = TransportError(kind=Failure.TOO_LARGE, phase=Phase.TRANSFER, message=message)
    return Ended(code=code, tail=hide(running.tail, program.secrets), error=error)


class _Running:
    """A program under way, with its process group and what it prints."""

    def __init__(self, process: asyncio.subprocess.Process, output: BinaryIO, trail: Trail) -> None:
        self._process = process
        self._output = output
        self._trail = trail
        self._total = 0
        self._tail = bytearray()

    @property
    def flooded(self) -> bool:
        """It printed more than it may."""
        return self._total > OUTPUT_BYTES_MAX

    @property
    def tail(self) -> str:
        """The end of what it printed; a piece at a cut, which may be half a secret, left out."""
        cut = self._total > TAIL_BYTES_MAX
        return self._tail[_CUT_BYTES if cut else 0 :].decode("utf-8", "replace")

    async def follow(self) -> None:
        """Read until it ends.

        What it started may hold its output open, so its own end is what is waited for.
        """
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._read())
            await self._process.wait()
            self._signal(signal.SIGKILL)
            await asyncio.wait((reading,), timeout=DRAIN_SECONDS)
            reading.cancel()

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        stream = asyncio.StreamReader(limit=_READ_BYTES)
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), self._output
        )
        try:
            while part := await stream.read(_READ_BYTES):
                if self._total == 0:
                    self._trail.enter(Phase.TRANSFER)
                self._total += len(part)
                self._tail += part
                del self._tail[:-TAIL_BYTES_MAX]
                if self.flooded:
                    self._signal(signal.SIGKILL)
                    return
        finally:
            transport.close()

    async def terminate(self) -> None:
        """Ask the group to end, and wait a little."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TERM_SECONDS):
                await self._process.wait()

    async def end(self) -> int:
        """Kill what is left, of it and of what it started, and give its exit code."""
        self._signal(signal.SIGKILL)
        code = await self._process.wait()
        self._output.close()
        for _ in range(REAP_TRIES):
            if self._reaped():
                break
            await asyncio.sleep(REAP_SECONDS)  # noqa: TID251  # the machine's own dying takes real time
        return code

    def _reaped(self) -> bool:
        """Whether no child of ours is left in its group: as process 1 we inherit its orphans."""
        try:
            while os.waitpid(-self._process.pid, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return True
        return False

    def _signal(self, number: signal.Signals) -> None:
        # The group has the program's id, and lives on while any member of it does.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


async def _start(program: Program, trail: Trail) -> _Running:
    """Start it, its output going into a pipe of ours: asyncio's own would tie its end to that."""
    reader, writer = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *program.argv,
            cwd=program.cwd,
            env=program.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=writer,
            stderr=writer,
            start_new_session=True,
        )
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    return _Running(process, os.fdopen(reader, "rb", buffering=0), trail)
