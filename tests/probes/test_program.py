"""What every kind that runs a program relies on; `test_command.py` has the rest over a probe."""

from __future__ import annotations

import sys

import pytest

from monitor.clock import SystemClock
from monitor.core.observation import Failure, Phase
from monitor.pipeline import Progress
from monitor.probes._base import Trail
from monitor.probes._program import (
    OUTPUT_BYTES_MAX,
    TAIL_BYTES_MAX,
    CannotStartError,
    Ended,
    Program,
    run_program,
)

SECRET = "planted-secret"


async def run(*argv: str, seconds: float = 20.0, **environment: str) -> Ended:
    program = Program(argv=argv, environment=environment, secrets=(SECRET,))
    return await run_program(program, Trail(Progress()), SystemClock(), seconds)


async def shell(script: str, seconds: float = 20.0, **environment: str) -> Ended:
    return await run("/bin/sh", "-c", script, seconds=seconds, **environment)


async def test_it_says_how_it_ended_and_what_it_printed() -> None:
    ended = await shell("echo out; echo err >&2; exit 3")
    assert (ended.code, ended.tail, ended.error) == (3, "out\nerr\n", None)
    assert (await shell("kill -9 $$")).code == -9


async def test_it_gets_the_environment_that_it_is_given_and_no_more() -> None:
    ended = await run("/usr/bin/env", ONLY="this")
    assert ended.tail == "ONLY=this\n"


async def test_a_secret_in_its_output_is_blanked_out() -> None:
    assert (await shell(f"echo a{SECRET}b")).tail == "a[hidden]b\n"


async def test_one_that_is_not_there_says_which_and_why() -> None:
    with pytest.raises(CannotStartError, match=r"/nowhere/x cannot be started: No such file"):
        await run("/nowhere/x")


async def test_time_is_up_in_the_phase_that_it_reached() -> None:
    ended = await shell("echo begun; sleep 300", seconds=0.5)
    assert ended.error is not None
    assert (ended.error.kind, ended.error.phase) == (Failure.TIMEOUT, Phase.TRANSFER)


async def test_a_flood_is_stopped_and_only_its_end_is_kept() -> None:
    ended = await run(sys.executable, "-I", "-c", "while True: print('x' * 9999)")
    assert ended.error is not None
    assert ended.error.kind is Failure.TOO_LARGE
    assert str(OUTPUT_BYTES_MAX) in ended.error.message
    assert len(ended.tail) < TAIL_BYTES_MAX
