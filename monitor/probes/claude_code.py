"""The Claude Code CLI as a probe: what its users meet, from its start to a model's answer.

`claude -p PROMPT --output-format json` is run once, and what it prints is read by
`core/claude_code.py`. It never tries again (`CLAUDE_CODE_MAX_RETRIES=0`): with its own ten tries a
refused key takes three minutes and looks like a time-out. But a stream that breaks it asks for
again without streaming, by itself, so a good run does not prove that streams work; a
`claude_stream` probe does. `env: {CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK: "1"}` takes that away.

It gets a home directory of its own, empty and removed when it ends, works in an empty directory in
it, and sees only the variables that are named here: the key, where the API is, the egress proxy
and CA of the monitor, and the documented switches that leave out telemetry, error reports, updates
and all other traffic that an answer does not need. There is one run at a time, over all probes of
this kind: each takes some 200 MB.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from monitor.core.claude_code import CliRun, our_set_up, read_run
from monitor.core.observation import Check, Failure, Seen
from monitor.core.outcome import Depth, Outcome
from monitor.pipeline import Progress
from monitor.probes._base import ProbeKind, ProbeSpec, Trail
from monitor.probes._claude import PROMPT, PROMPT_CHARS_MAX, Model
from monitor.probes._http import ProbeContext
from monitor.probes._program import (
    HIDE_MIN,
    CannotStartError,
    Program,
    Variable,
    run_program,
)
from monitor.probes._urls import HttpUrl
from monitor.spec import Duration, Secret

BASE_URL = "https://api.anthropic.com"
"""Where the CLI asks by itself."""

TURN_SHARE = 0.5
"""How much of the soft deadline a run waits for another run of the CLI to end."""

INPUT_TOKENS = 17_000
"""Tokens of system prompt and tools, some 51 kB; an estimate, for the forecast of the cost."""

OUTPUT_TOKENS = 150
"""Tokens of a short answer with a little thinking; an estimate too."""

_TOKENS_MAX = 10**9

_INHERITED: Final = (
    "PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS",
)  # fmt: skip
"""Variables of the daemon's environment that it gets; no others."""

_SWITCHES: Final[Mapping[str, str]] = {
    "CLAUDE_CODE_MAX_RETRIES": "0",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_TELEMETRY": "1",
    "NO_COLOR": "1",
}

_OURS: Final = (
    "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "CLAUDE_CODE_MAX_RETRIES",
    "HOME", "TMPDIR",
)  # fmt: skip
"""Variables that `env` may not name: the kind sets them, or they would take the key's place."""


class ClaudeCodeSpec(ProbeSpec):
    """A probe that runs the Claude Code CLI."""

    kind: Literal["claude_code"]
    depth: Depth = Depth.INFERENCE
    """How far into Claude it goes: a model answers."""
    command: tuple[Annotated[str, Field(max_length=4096)], ...] = Field(
        default=("claude",), min_length=1, max_length=32
    )
    """The CLI, and options before those that the probe gives; no shell sees them."""
    model: Model
    """The model that is asked."""
    credential: str
    """Name of the key it uses, under `credentials`; given as ANTHROPIC_API_KEY."""
    base_url: HttpUrl = BASE_URL
    """Where the API is; another than the vendor's is given as ANTHROPIC_BASE_URL."""
    gateway: bool | None = None
    """Whether a proxy answers there that has words of its own; see the other probes of the API."""
    prompt: str = Field(default=PROMPT, min_length=1, max_length=PROMPT_CHARS_MAX)
    """What is asked."""
    env: dict[Variable, Secret] = Field(default_factory=dict, max_length=64)
    """Variables that it gets besides; their values never show."""
    input_tokens: int = Field(default=INPUT_TOKENS, ge=1, le=_TOKENS_MAX)
    """Tokens that a run sends, for the forecast of its cost; what it says it used is counted."""
    output_tokens: int = Field(default=OUTPUT_TOKENS, ge=1, le=_TOKENS_MAX)
    """Tokens that a run receives, for the same."""
    interval: Duration = Field(default=1800.0, gt=0)
    """Time between the starts of two runs."""
    timeout: Duration = Field(default=300.0, gt=0)
    """After this a run is given up and killed."""
    soft_deadline: Duration = Field(default=60.0, gt=0)
    """A run still unanswered after this is entered as bad at once."""
    burst: bool = False
    """Whether it may be asked for extra runs after a bad one; they cost as much as any."""

    @model_validator(mode="after")
    def _can_be_run(self) -> Self:
        if not self.command[0].strip() or any("\0" in word for word in self.command):
            msg = "command begins with a program, and no word of it holds a NUL"
            raise ValueError(msg)
        if self.prompt.startswith("-") or "\0" in self.prompt:
            msg = "prompt holds no NUL and does not begin with a dash: it would be an option"
            raise ValueError(msg)
        taken = next((name for name in self.env if name in _OURS), None)
        if taken is not None:
            msg = f"env may not name {taken}: the probe sets it by itself"
            raise ValueError(msg)
        return self


async def ask(
    spec: ClaudeCodeSpec,
    key: Secret | None,
    context: ProbeContext,
    progress: Progress,
    seconds: float,
) -> Seen:
    """Run the CLI once. Never raises for the world; a cancellation kills it."""
    began = context.clock.monotonic()
    try:
        async with context.clock.timeout(min(spec.soft_deadline, seconds) * TURN_SHARE):
            await context.cli_turn.acquire()
    except TimeoutError:
        return _busy(progress)
    try:
        waited = context.clock.monotonic() - began
        return await _run(spec, key, context, Trail(progress), seconds - waited)
    finally:
        context.cli_turn.release()


def _busy(progress: Progress) -> Seen:
    """Another run of the CLI did not end in time: this one says nothing."""
    why = "another probe's run of the CLI is still under way; give them longer intervals"
    check = Check(name="turn", ok=False, detail=why)
    return Seen(timings=Trail(progress).timings(), checks=(check,), claimed=Outcome.MONITOR_ERROR)


async def _run(
    spec: ClaudeCodeSpec, key: Secret | None, context: ProbeContext, trail: Trail, seconds: float
) -> Seen:
    try:
        with _private_home() as home:
            program = Program(
                argv=arguments(spec),
                environment=environment(spec, key, context, home),
                cwd=str(home / "work"),
                secrets=_secrets(spec, key),
            )
            ended = await run_program(program, trail, context.clock, seconds)
    except CannotStartError as problem:
        return _seen(trail, our_set_up(f"{problem}: install Claude Code, or name it in command"))
    except OSError as problem:
        return _seen(trail, our_set_up(f"no home directory can be made: {problem.strerror}"))
    if ended.error is None:
        run = read_run(ended.code, ended.tail, proxied=context.proxy is not None)
        return _seen(trail, run)
    if ended.error.kind is Failure.TOO_LARGE:
        return _seen(trail, our_set_up(f"{ended.error.message}, and was stopped"))
    return Seen(timings=trail.timings(), error=ended.error)


def arguments(spec: ClaudeCodeSpec) -> tuple[str, ...]:
    """The command line."""
    options = ("--output-format", "json", "--model", spec.model, "--max-turns", "1")
    return (*spec.command, "-p", spec.prompt, *options)


def environment(
    spec: ClaudeCodeSpec, key: Secret | None, context: ProbeContext, home: Path
) -> dict[str, str]:
    """The variables that it gets, all of them."""
    found = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    if context.ca_file is not None:
        found["NODE_EXTRA_CA_CERTS"] = str(context.ca_file)
    if context.proxy is not None:
        found |= {"HTTPS_PROXY": context.proxy, "HTTP_PROXY": context.proxy}
    if spec.base_url != BASE_URL:
        found["ANTHROPIC_BASE_URL"] = spec.base_url
    if key:
        found["ANTHROPIC_API_KEY"] = key.reveal()
    given = {name: value.reveal() for name, value in spec.env.items()}
    return {**found, **_SWITCHES, **given, "HOME": str(home), "TMPDIR": str(home / "tmp")}


def _secrets(spec: ClaudeCodeSpec, key: Secret | None) -> tuple[str, ...]:
    """Texts that are blanked out of what it prints."""
    values = [value.reveal() for value in (key, *spec.env.values()) if value]
    return tuple(text for text in values if len(text) >= HIDE_MIN)


@contextmanager
def _private_home() -> Iterator[Path]:
    """A home directory for one run."""
    home = Path(tempfile.mkdtemp(prefix="claude-uptime-cli-"))
    try:
        (home / "work").mkdir()
        (home / "tmp").mkdir()
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _seen(trail: Trail, run: CliRun) -> Seen:
    return Seen(
        timings=trail.timings(),
        checks=run.checks,
        answer=run.answer,
        error=run.error,
        claimed=run.claimed,
        input_tokens=run.input_tokens,
        output_tokens=run.output_tokens,
    )


KIND = ProbeKind(
    name="claude_code",
    spec=ClaudeCodeSpec,
    ask=ask,
    model=lambda spec: spec.model,
    paid=lambda _spec: True,
    answered_means_vendor=lambda spec: spec.base_url.startswith("https://"),
)
