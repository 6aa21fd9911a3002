"""Reads ahead in a second process, so that parsing and judging share the work of two cores.

The other process parses and sends the runs in batches through a pipe. The pipe is what bounds it:
when nobody takes, it waits. An error of the reading comes through the pipe too, in its place.
"""

from __future__ import annotations

import contextlib
import pickle
import signal
from collections.abc import Generator, Iterable, Iterator
from functools import partial
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection

from monitor.backtest.runs import RecordedRun, RunFileError

BATCH = 500
"""Runs in one batch: some 25 kB, of which a pipe holds two, so that neither side waits long."""

STOP_SECONDS = 5.0


def in_batches(runs: Iterable[RecordedRun]) -> Iterator[list[RecordedRun]]:
    """The same runs, `BATCH` at a time."""
    source = iter(runs)
    while batch := list(islice(source, BATCH)):
        yield batch


def read_ahead(runs: Iterable[RecordedRun]) -> Generator[list[RecordedRun], None, None]:
    """The same runs in batches, read by a process of their own.

    Args:
        runs: must not have been begun here, and be read here no more.

    Raises:
        RunFileError: the reading raised it, or its process died.
    """
    context = get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(runs, ours, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield from _received(ours)
    finally:
        ours.close()
        process.terminate()
        process.join(STOP_SECONDS)


def _received(pipe: Connection) -> Iterator[list[RecordedRun]]:
    while True:
        try:
            columns = pickle.loads(pipe.recv_bytes())  # noqa: S301  # our own process wrote it
        except EOFError:
            msg = "the process that reads the runs died"
            raise RunFileError(msg) from None
        if isinstance(columns, RunFileError):
            raise columns
        if not columns:
            return
        yield list(map(_made, zip(*columns, strict=True)))


def _send(runs: Iterable[RecordedRun], other: Connection | None, pipe: Connection) -> None:
    """Send all runs, then an empty batch; or an error, which ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who reads from us
    if other is not None:
        other.close()
    with contextlib.suppress(BrokenPipeError):  # who reads from us has gone
        try:
            for batch in in_batches(runs):
                pipe.send_bytes(_packed(tuple(zip(*batch, strict=True))))
        except RunFileError as error:
            pipe.send_bytes(_packed(error))
        else:
            pipe.send_bytes(_packed(()))


_made = partial(tuple.__new__, RecordedRun)
"""What `RecordedRun._make` does, without its detour through Python for each of millions."""


def _packed(value: object) -> bytes:
    return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
