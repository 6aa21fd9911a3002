from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import timedelta

import pytest

from monitor.backtest.ahead import BATCH, in_batches, read_ahead
from monitor.backtest.runs import RecordedRun, RunFileError
from monitor.core.outcome import Outcome
from tests.factories import NOON


def runs(count: int) -> Iterator[RecordedRun]:
    for number in range(count):
        at = NOON + timedelta(seconds=number)
        yield RecordedRun(at, "api_hello", Outcome.OK, 0.25, answered=None, reason="")


def broken(count: int) -> Iterator[RecordedRun]:
    yield from runs(count)
    message = f"f:{count + 1}: is empty"
    raise RunFileError(message)


def killed() -> Iterator[RecordedRun]:
    yield from runs(1)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("count", [0, 1, BATCH, BATCH + 1, 3 * BATCH])
def test_another_process_gives_the_same_runs_in_the_same_batches(count: int) -> None:
    found = list(read_ahead(runs(count)))
    assert found == list(in_batches(runs(count)))
    assert all(type(run) is RecordedRun for batch in found for run in batch)


def test_an_error_comes_after_the_whole_batches_before_it() -> None:
    found = read_ahead(broken(BATCH + 5))
    assert len(next(found)) == BATCH
    with pytest.raises(RunFileError, match=rf"^f:{BATCH + 6}: is empty$"):
        next(found)


def test_a_process_that_dies_is_told() -> None:
    with pytest.raises(RunFileError, match="died"):
        list(read_ahead(killed()))


def test_who_stops_early_leaves_no_process_behind() -> None:
    found = read_ahead(runs(500 * BATCH))
    next(found)
    found.close()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
