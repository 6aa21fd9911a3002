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

The program is run as `_program.py` says, with those variables of the environment that are named.
"""  # noqa: E501  # a table's rows are one line each

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from monitor.core.answer import clean, parse_json
from monitor.core.bare import CLAIMABLE
from monitor.core.observation import Check, Seen
from monitor.core.outcome import Outcome
from monitor.pipeline import Progress
from monitor.probes._base import ProbeKind, ProbeSpec, Trail
from monitor.probes._http import ProbeContext
from monitor.probes._program import (
    HIDE_MIN,
    CannotStartError,
    Ended,
    Program,
    Variable,
    run_program,
)
from monitor.spec import Secret

REASON_CHARS_MAX = 160
_NOT_RUNNABLE = (126, 127)
_TOKENS_MAX = 10**9
_INPUT_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_CLAIMS: Mapping[str, Outcome] = {outcome.value: outcome for outcome in CLAIMABLE}


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


async def ask(
    spec: CommandSpec,
    key: Secret | None,
    context: ProbeContext,
    progress: Progress,
    seconds: float,
) -> Seen:
    """Run the program once. Never raises for the world; a cancellation kills it."""
    trail = Trail(progress)
    secrets = tuple(
        text for one in (key, *spec.env.values()) if one and len(text := one.reveal()) >= HIDE_MIN
    )
    program = Program(
        argv=spec.argv, environment=_environment(spec, key), cwd=spec.cwd, secrets=secrets
    )
    try:
        ended = await run_program(program, trail, context.clock, seconds)
    except CannotStartError as problem:
        return _unusable(trail, clean(str(problem), REASON_CHARS_MAX))
    if ended.error is not None:
        return Seen(timings=trail.timings(), error=ended.error)
    return _seen(trail, ended)


def _environment(spec: CommandSpec, key: Secret | None) -> dict[str, str]:
    """The variables that the program gets."""
    found = {name: os.environ[name] for name in spec.inherit if name in os.environ}
    found |= {name: value.reveal() for name, value in spec.env.items()}
    if key:
        found[spec.credential_env] = key.reveal()
    return found


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
