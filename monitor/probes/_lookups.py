"""Threads for blocking name look-ups.

The loop's default executor has six threads on two cores: a few hung look-ups there would starve
the control targets, which are to tell whose fault it is.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

from typing_extensions import override

WAITING_MAX = 1024
"""How many name look-ups may wait for a thread."""

P = ParamSpec("P")
T = TypeVar("T")


class LookupThreads(Executor):
    """Daemon threads, so that a hung look-up never holds up the exit."""

    def __init__(self, width: int, *, waiting_max: int = WAITING_MAX) -> None:
        """At most `width` look-ups at once: as many as runs may be in flight."""
        self._width = width
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue(waiting_max)
        self._idle = threading.Semaphore(0)
        self._threads: list[threading.Thread] = []

    @override
    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run `fn` on a thread; OSError in the future when too many wait already."""
        future: Future[T] = Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except Exception as problem:  # noqa: BLE001  # it belongs to whoever waits for it
                future.set_exception(problem)

        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            future.set_exception(OSError("too many name look-ups hang"))
            return future
        if not self._idle.acquire(blocking=False) and len(self._threads) < self._width:
            name = f"lookup-{len(self._threads)}"
            self._threads.append(threading.Thread(target=self._work, name=name, daemon=True))
            self._threads[-1].start()
        return future

    def _work(self) -> None:
        """What a thread does: one job after the other until told to end."""
        while (job := self._jobs.get()) is not None:
            job()
            self._idle.release()

    @override
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let idle threads end. Nobody waits for a hung one, whatever `wait` says."""
        for _ in self._threads:
            try:
                self._jobs.put_nowait(None)
            except queue.Full:
                return
