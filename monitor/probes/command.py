"""Any program as a probe: its exit code says whether it went well, its last line says more.

| it ends with | and the run is |
|---|---|
| exit 0 | good |
| exit 0 and a last line `{"outcome": "overloaded", "reason": "..."}` | what the line says |
| exit 126 or 127, or a program that cannot be started | our set-up: `client_error` |
| any other exit, or a signal | what the last line says, if it names something bad; else `bad_content`, and `unproven` until it was good once |
| no end within the timeout | `timeout` |
| more than 1 MiB of output | `bad_content` |

The last line may be text, which becomes the run's sentence, or a JSON object with any of `outcome`
(see `core/bare.py` for those that a program may name), `reason`, and `usage` with `input_tokens`
and `output_tokens`, which are counted and paid for.

The program is run without a shell, in a session of its own, with nothing on its standard input and
only those variables of the environment that are named. When time is up its whole process group gets
SIGTERM, and SIGKILL soon after; whatever it left behind is killed when it ends. What it prints is
bounded and searched for the secrets that it was given.
"""  # noqa: E501  # a table's rows are one line each

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, BinaryIO, Literal, Self

from pydantic import Field, model_validator

from monitor.core.answer import clean, parse_json
from monitor.core.bare import CLAIMABLE
from monitor.core.observation import Check, Failure, Phase, Seen, TransportError
from monitor.core.outcome import Outcome
from monitor.pipeline import Progress
from monitor.probes._base import ProbeKind, ProbeSpec, Trail, hide
from monitor.probes._http import ProbeContext
from monitor.spec import Secret

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

REASON_CHARS_MAX = 160
HIDE_MIN = 6
"""A shorter value of a variable is a switch, not a secret."""

_CUT_BYTES = 4096
_READ_BYTES = 16 * 1024
_NOT_RUNNABLE = (126, 127)
_TOKENS_MAX = 10**9
_INPUT_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_CLAIMS: Mapping[str, Outcome] = {outcome.value: outcome for outcome in CLAIMABLE}

Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
"""Name of an environment variable."""


class CommandSpec(ProbeSpec):
    """A probe that runs a program."""

    kind: Literal["command"]
    argv: tuple[Annotated[str, Field(max_length=4096)], ...] = Field(min_length=1, max_length=64)
    """The program and its arguments, one a word; no shell sees them."""
    cwd: str | None = None
    """Directory that it runs in; the daemon's own when not given."""
    inherit: tuple[Variable, ...] = ("PATH", "HOME", "LANG")
    """Variables of the daemon's environment that it gets; no others."""
    env: dict[Variable, Secret] = Field(default_factory=dict, max_length=64)
    """Variables that it gets besides; their values never show."""
    credential_env: Variable = "ANTHROPIC_API_KEY"
    """The variable that the key named by `credential` is given in."""
    model: Annotated[str, Field(pattern=r"^[\w.:@-]{1,100}$")] | None = None
    """The model that it asks; with one, the probe costs money and needs a price."""
    input_tokens: int = Field(default=0, ge=0, le=_TOKENS_MAX)
    """Tokens that a run sends, for the forecast of its cost."""
    output_tokens: int = Field(default=0, ge=0, le=_TOKENS_MAX)
    """Tokens that a run receives, for the same."""

    @model_validator(mode="after")
    def _has_a_program(self) -> Self:
        if not self.argv[0].strip() or any("\0" in word for word in self.argv):
            msg = "argv begins with a program, and no word of it holds a NUL"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _says_what_it_costs(self) -> Self:
        if self.model is not None and not (self.input_tokens and self.output_tokens):
            msg = "with a model, say what a run costs: input_tokens and output_tokens"
            raise ValueError(msg)
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ended: its exit code (negative: the signal), and the end of its output."""

    code: int
    tail: str


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


async def ask(
    spec: CommandSpec,
    key: Secret | None,
    context: ProbeContext,
    progress: Progress,
    seconds: float,
) -> Seen:
    """Run the program once. Never raises for the world; a cancellation kills it."""
    trail = Trail(progress)
    trail.enter(Phase.CONNECT)
    secrets = tuple(
        text for one in (key, *spec.env.values()) if one and len(text := one.reveal()) >= HIDE_MIN
    )
    try:
        running = await _start(spec, _environment(spec, key), trail)
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or type(problem).__name__
        detail = hide(f"{spec.argv[0]} cannot be started: {why}", secrets)
        return _unusable(trail, clean(detail, REASON_CHARS_MAX))
    trail.enter(Phase.FIRST_BYTE)
    error: TransportError | None = None
    try:
        async with context.clock.timeout(seconds):
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
    if error is not None:
        return Seen(timings=trail.timings(), error=error)
    return _seen(trail, Ended(code=code, tail=hide(running.tail, secrets)))


def _environment(spec: CommandSpec, key: Secret | None) -> dict[str, str]:
    """The variables that the program gets."""
    found = {name: os.environ[name] for name in spec.inherit if name in os.environ}
    found |= {name: value.reveal() for name, value in spec.env.items()}
    if key:
        found[spec.credential_env] = key.reveal()
    return found


async def _start(spec: CommandSpec, environment: dict[str, str], trail: Trail) -> _Running:
    """Start it, its output going into a pipe of ours: asyncio's own would tie its end to that."""
    reader, writer = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *spec.argv,
            cwd=spec.cwd,
            env=environment,
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


# ------------------------------------------------------------------ what it means


def _unusable(trail: Trail, detail: str) -> Seen:
    """The program is not there, or may not be run: ours to repair."""
    check = Check(name="program", ok=False, detail=detail)
    return Seen(timings=trail.timings(), checks=(check,), claimed=Outcome.CLIENT_ERROR)


def _seen(trail: Trail, ended: Ended) -> Seen:
    """What a program that ended by itself said."""
    line = _last_line(ended.tail)
    document = parse_json(line.encode())
    said = document if isinstance(document, Mapping) else {}
    reason = said.get("reason") if said else line
    words = clean(reason, REASON_CHARS_MAX) if isinstance(reason, str) else ""
    if ended.code in _NOT_RUNNABLE:
        return _unusable(trail, f"exit {ended.code}: {words or 'it cannot be run'}")
    used, given = _usage(said)
    claimed = _CLAIMS.get(str(said.get("outcome")))
    good = ended.code == 0 and claimed in (None, Outcome.OK)
    detail = words if good else _blame(ended.code, claimed, words)
    return Seen(
        timings=trail.timings(),
        checks=(Check(name="program", ok=good, detail=detail),),
        claimed=None if claimed is Outcome.OK else claimed,
        input_tokens=used,
        output_tokens=given,
    )


def _last_line(text: str) -> str:
    """The last line that is not blank."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def _blame(code: int, claimed: Outcome | None, words: str) -> str:
    """How it ended, and what it said."""
    how = f"exit {code}" if code >= 0 else f"killed by signal {-code}"
    if code == 0:
        how = f"it says {claimed}"
    return f"{how}: {words}" if words else how


def _usage(said: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Tokens sent, cached ones included, and received; None where it is not said."""
    usage = said.get("usage")
    if not isinstance(usage, Mapping):
        return None, None
    sent = [count for name in _INPUT_COUNTS if (count := _count(usage.get(name))) is not None]
    return (sum(sent) if sent else None), _count(usage.get("output_tokens"))


def _count(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= _TOKENS_MAX else None


KIND = ProbeKind(
    name="command",
    spec=CommandSpec,
    ask=ask,
    model=lambda spec: spec.model,
    paid=lambda spec: spec.model is not None,
)
