from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
import uvloop
from pydantic import ValidationError

from monitor.core.observation import Check, Failure, Observation, Origin, Phase
from monitor.core.outcome import Outcome
from monitor.pipeline import Progress
from monitor.probes import BoundProbe, plan_of
from monitor.probes._http import ProbeContext
from monitor.probes.command import KIND, CommandSpec
from monitor.spec import Secret
from tests.probes.processes import dies
from tests.probes.wire import asking

SECRET = "sk-ant-test-0123456789"


def a_spec(*argv: str, **changes: object) -> CommandSpec:
    return CommandSpec.model_validate(
        {
            "name": "code_cli",
            "kind": "command",
            "argv": argv,
            "components": ("claude_code",),
            "timeout": "20s",
            **changes,
        }
    )


def python(code: str) -> tuple[str, ...]:
    """A program."""
    return (sys.executable, "-I", "-c", code)


async def run(
    context: ProbeContext, *argv: str, key: Secret | None = None, **changes: object
) -> Observation:
    spec = a_spec(*argv, **changes)
    plan = plan_of(KIND, spec, credential_fingerprint=None, disabled=None)
    probe = BoundProbe(KIND, spec, plan, key, context)
    return await probe.run("code_cli/1", Origin.SCHEDULED, Progress())


async def shell(
    context: ProbeContext, script: str, key: Secret | None = None, **changes: object
) -> Observation:
    """A program that is a script of the system's shell."""
    return await run(context, "/bin/sh", "-c", script, key=key, **changes)


def only(seen: Observation) -> Check:
    assert seen.error is None, seen.error
    (check,) = seen.checks
    return check


def written(log: Path) -> str:
    """What a program wrote."""
    return log.read_text()


def children() -> int:
    """How many children of ours wait to be reaped; -1 when we have none."""
    try:
        return os.waitpid(-1, os.WNOHANG)[0]
    except ChildProcessError:
        return -1


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where a program writes what a test wants to know."""
    return tmp_path / "log"


# ---------------------------------------------------------------- what it means


@pytest.mark.parametrize(
    ("script", "ok", "claimed", "detail"),
    [
        ("exit 0", True, None, ""),
        ("echo first; echo OK 42; echo", True, None, "OK 42"),
        ("echo whatever >&2; exit 3", False, None, "exit 3: whatever"),
        ("exit 1", False, None, "exit 1"),
        ("kill -9 $$", False, None, "killed by signal 9"),
        ("exit 127", False, Outcome.CLIENT_ERROR, "exit 127: it cannot be run"),
        (
            """echo '{"outcome": "overloaded", "reason": "too busy"}'""",
            False,
            Outcome.OVERLOADED,
            "it says overloaded: too busy",
        ),
        (
            """echo '{"outcome": "rate_limited"}'; exit 1""",
            False,
            Outcome.RATE_LIMITED,
            "exit 1",
        ),
        ("""echo '{"outcome": "ok", "reason": "fine"}'""", True, None, "fine"),
        ("""echo '{"outcome": "ok"}'; exit 2""", False, None, "exit 2"),
        ("""echo '{"outcome": "auth_error"}'; exit 1""", False, None, "exit 1"),
        ("""echo '{"outcome": ["ok"], "reason": 7}'""", True, None, ""),
        ("""echo '{"broken'""", True, None, '{"broken'),
        ("printf 'a\\033[31mb\\n'", True, None, "ab"),
    ],
    ids=[
        "silent",
        "text",
        "other exit",
        "silent failure",
        "signal",
        "not found",
        "claims",
        "claims with an exit",
        "claims ok",
        "a failed exit is never ok",
        "what it may not claim",
        "what is no claim",
        "no JSON",
        "terminal escapes",
    ],
)
async def test_exit_code_and_last_line_say_what_a_run_is(
    script: str,
    ok: bool,  # noqa: FBT001  # a column of the table
    claimed: Outcome | None,
    detail: str,
    context: ProbeContext,
) -> None:
    seen = await shell(context, script)
    check = only(seen)
    assert (check.ok, seen.claimed) == (ok, claimed)
    assert check.detail == detail


async def test_tokens_are_counted_from_the_last_line(context: ProbeContext) -> None:
    usage = {"input_tokens": 3, "cache_read_input_tokens": 14_000, "output_tokens": 5}
    line = json.dumps({"type": "result", "result": "OK", "usage": usage})
    seen = await run(context, *python(f"print({line!r})"))
    assert (seen.input_tokens, seen.output_tokens) == (14_003, 5)


@pytest.mark.parametrize("usage", ['{"input_tokens": -1, "output_tokens": true}', "7", "null"])
async def test_what_is_no_count_of_tokens_is_passed_over(usage: str, context: ProbeContext) -> None:
    seen = await shell(context, f"""echo '{{"usage": {usage}}}'""")
    assert (seen.input_tokens, seen.output_tokens) == (None, None)


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("/nowhere/claude", "-p"), "No such file or directory"),
        ((str(Path(__file__)),), "Permission denied"),
    ],
    ids=["missing", "no program"],
)
async def test_a_program_that_cannot_be_started_is_our_own_set_up(
    argv: tuple[str, ...], why: str, context: ProbeContext
) -> None:
    seen = await run(context, *argv)
    assert seen.claimed is Outcome.CLIENT_ERROR
    assert why in only(seen).detail


async def test_a_directory_that_is_not_there_is_our_own_set_up(context: ProbeContext) -> None:
    seen = await run(context, "/bin/true", cwd="/nowhere")
    assert seen.claimed is Outcome.CLIENT_ERROR


# ---------------------------------------------------------------- what it is given


async def test_it_gets_only_the_variables_that_are_named(
    context: ProbeContext, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOT_NAMED", "leak")
    monkeypatch.setenv("NAMED", "yes")
    await shell(
        context,
        f"/usr/bin/env > {log}",
        inherit=("PATH", "NAMED", "ABSENT"),
        env={"OWN": "value"},
        key=Secret(SECRET),
    )
    given = dict(line.split("=", 1) for line in written(log).splitlines())
    for of_the_shell in ("PWD", "SHLVL", "_", "OLDPWD"):
        given.pop(of_the_shell, None)
    assert given == {
        "PATH": os.environ["PATH"],
        "NAMED": "yes",
        "OWN": "value",
        "ANTHROPIC_API_KEY": SECRET,
    }


async def test_no_shell_sees_the_arguments(context: ProbeContext) -> None:
    seen = await run(context, "/bin/echo", "$HOME;", "`id`")
    assert only(seen).detail == "$HOME; `id`"


async def test_its_standard_input_is_empty(context: ProbeContext) -> None:
    seen = await run(context, *python("import sys; print(repr(sys.stdin.read()))"))
    assert only(seen).detail == "''"


async def test_a_secret_that_it_prints_is_hidden(context: ProbeContext) -> None:
    seen = await shell(
        context,
        'echo "$ANTHROPIC_API_KEY $WORD $SWITCH"',
        env={"WORD": "open-sesame", "SWITCH": "1"},
        key=Secret(SECRET),
    )
    assert only(seen).detail == "[hidden] [hidden] 1"
    assert SECRET not in repr(seen)


# ---------------------------------------------------------------- how it is ended


async def test_a_program_that_does_not_end_is_ended_with_all_that_it_started(
    context: ProbeContext, log: Path
) -> None:
    script = f"sleep 300 & echo $! $$ > {log}; echo begun; wait"
    seen = await shell(context, script, timeout="700ms", soft_deadline="700ms")
    assert seen.error is not None
    assert (seen.error.kind, seen.error.phase) == (Failure.TIMEOUT, Phase.TRANSFER)
    assert all(dies(int(pid)) for pid in written(log).split())


async def test_a_program_that_ignores_sigterm_is_killed(context: ProbeContext, log: Path) -> None:
    script = f"trap '' TERM; echo $$ > {log}; while :; do sleep 0.1; done"
    seen = await shell(context, script, timeout="300ms", soft_deadline="300ms")
    assert seen.error is not None
    assert seen.error.kind is Failure.TIMEOUT
    assert dies(int(written(log)))


async def test_what_it_leaves_behind_is_killed_and_not_waited_for(
    context: ProbeContext, log: Path
) -> None:
    seen = await shell(context, f"sleep 300 & echo $! > {log}; echo done")
    assert only(seen).detail == "done"
    assert seen.seconds < 10
    assert dies(int(written(log)))


async def test_one_that_moved_to_another_session_does_not_hold_the_run(
    context: ProbeContext, log: Path
) -> None:
    code = (
        "import os, sys, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        f"    open({str(log)!r}, 'w').write(str(os.getpid()))\n"
        "    time.sleep(300)\n"
        "while True:\n"
        f"    if os.path.exists({str(log)!r}) and open({str(log)!r}).read(): break\n"
        "print('done', flush=True)\n"
    )
    seen = await run(context, *python(code))
    try:
        assert only(seen).detail == "done"
    finally:
        os.kill(int(written(log)), 9)


async def test_output_is_bounded(context: ProbeContext) -> None:
    seen = await run(context, *python("while True: print('x' * 1000)"))
    assert seen.error is not None
    assert seen.error.kind is Failure.TOO_LARGE


async def test_of_a_long_output_the_end_is_read(context: ProbeContext) -> None:
    seen = await run(context, *python("print('y\\n' * 100_000 + 'the end')"))
    assert only(seen).detail == "the end"


async def test_a_cancelled_run_kills_the_program(context: ProbeContext, log: Path) -> None:
    os.mkfifo(log)
    task = asyncio.ensure_future(  # noqa: TID251  # to be cancelled
        shell(context, f"echo $$ > {log}; sleep 300")
    )
    pid = int(await asyncio.to_thread(written, log))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert dies(pid)


async def test_no_run_leaves_a_zombie(context: ProbeContext) -> None:
    await shell(context, "sleep 300 & exit 0")
    assert children() == -1


async def test_a_bug_in_a_kind_is_our_own(context: ProbeContext) -> None:
    spec = a_spec("/bin/true")
    plan = plan_of(KIND, spec, credential_fingerprint=None, disabled=None)
    broken = BoundProbe(KIND, spec.model_copy(update={"argv": None}), plan, None, context)
    seen = await broken.run("code_cli/1", Origin.SCHEDULED, Progress())
    assert seen.error is not None
    assert seen.error.kind is Failure.INTERNAL


def test_it_is_the_same_on_the_daemon_s_event_loop(log: Path) -> None:
    async def several() -> None:
        with asking() as context:
            good = await shell(context, f"sleep 300 & echo $! > {log}; echo done")
            late = await shell(context, "sleep 300", timeout="300ms", soft_deadline="300ms")
            missing = await run(context, "/nowhere/claude")
        assert only(good).detail == "done"
        assert dies(int(written(log)))
        assert late.error is not None
        assert late.error.kind is Failure.TIMEOUT
        assert missing.claimed is Outcome.CLIENT_ERROR

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(several())


# ---------------------------------------------------------------- the spec


@pytest.mark.parametrize(
    "wrong",
    [
        {"argv": ()},
        {"argv": (" ",)},
        {"argv": ("a\0b",)},
        {"env": {"NOT A NAME": "x"}},
        {"inherit": ("A=B",)},
        {"model": "claude-haiku-5-5"},
    ],
    ids=["none", "blank", "a NUL", "env", "inherit", "a model without tokens"],
)
def test_what_cannot_be_run_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        a_spec(**{"argv": ("x",), **wrong})


def test_a_probe_with_a_model_costs_money() -> None:
    spec = a_spec("claude", model="claude-haiku-5-5", input_tokens=20_000, output_tokens=50)
    plan = plan_of(KIND, spec, credential_fingerprint=None, disabled=None)
    assert (plan.paid, plan.model) == (True, "claude-haiku-5-5")
    assert not plan_of(KIND, a_spec("x"), credential_fingerprint=None, disabled=None).paid
