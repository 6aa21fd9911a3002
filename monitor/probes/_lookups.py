"""Looking names up: threads for what blocks, and the client's resolver that uses them.

The loop's default executor has six threads on two cores: a few hung look-ups there would starve
the control targets, which are to tell whose fault it is.
"""

from __future__ import annotations

import asyncio
import functools
import queue
import socket
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override

ADDRESSES_MAX = 16
"""How many addresses of a name are tried."""

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


class Resolver(AbstractResolver):
    """Looks names up on our own threads and says when a name is found."""

    def __init__(
        self,
        lookup: Callable[..., Iterable[tuple[Any, ...]]],
        executor: Executor,
        found: Callable[[], None],
    ) -> None:
        """`lookup` is `socket.getaddrinfo` or what stands in for it, run on `executor`."""
        self._lookup = lookup
        self._executor = executor
        self._found = found

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        look_up = functools.partial(
            self._lookup,
            host,
            port,
            family=family,
            type=socket.SOCK_STREAM,
            flags=socket.AI_ADDRCONFIG,
        )
        loop = asyncio.get_running_loop()
        rows = await loop.run_in_executor(self._executor, look_up)
        addresses = list(dict.fromkeys((int(row[0]), str(row[4][0])) for row in rows))
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
        self._found()
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=0)
            for kind, address in addresses[:ADDRESSES_MAX]
        ]

    @override
    async def close(self) -> None:
        """Nothing is held."""
