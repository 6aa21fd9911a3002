"""Threads for look-ups: as many as asked for, never more, and none that holds up the exit."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import wait

import pytest

from monitor.probes import LookupThreads

SECONDS = 5.0


def test_a_result_and_an_error_both_come_back() -> None:
    threads = LookupThreads(1)
    assert threads.submit(pow, 2, 10).result(SECONDS) == 1024
    with pytest.raises(ZeroDivisionError):
        threads.submit(divmod, 1, 0).result(SECONDS)
    assert threads.submit(pow, 2, 3).result(SECONDS) == 8
    threads.shutdown()


def test_no_more_run_at_once_than_there_are_threads() -> None:
    threads, release, started = LookupThreads(2), threading.Event(), threading.Semaphore(0)

    def hang() -> str:
        started.release()
        release.wait(SECONDS)
        return threading.current_thread().name

    futures = [threads.submit(hang) for _ in range(6)]
    assert started.acquire(timeout=SECONDS)
    assert started.acquire(timeout=SECONDS)
    assert not started.acquire(timeout=0.05)
    release.set()
    assert {future.result(SECONDS) for future in futures} == {"lookup-0", "lookup-1"}
    threads.shutdown()


def test_a_thread_that_is_free_is_used_again() -> None:
    threads = LookupThreads(50)
    for _ in range(50):
        threads.submit(pow, 2, 2).result(SECONDS)
    assert len(threads._threads) < 50
    threads.shutdown()


def test_what_was_given_up_while_it_waited_never_runs() -> None:
    threads, release, ran = LookupThreads(1), threading.Event(), threading.Event()
    first = threads.submit(release.wait, SECONDS)
    second = threads.submit(ran.set)
    assert second.cancel()
    release.set()
    wait([first], SECONDS)
    assert threads.submit(ran.is_set).result(SECONDS) is False
    threads.shutdown()


def test_too_many_that_wait_are_refused() -> None:
    threads, release = LookupThreads(1, waiting_max=1), threading.Event()
    started = threading.Event()

    def hang() -> None:
        started.set()
        release.wait(SECONDS)

    threads.submit(hang)
    assert started.wait(SECONDS)
    queued = threads.submit(pow, 1, 1)
    with pytest.raises(OSError, match="too many name look-ups hang"):
        threads.submit(pow, 1, 1).result(SECONDS)
    threads.shutdown()  # finds no room to say so, and returns
    release.set()
    assert queued.result(SECONDS) == 1
    threads.shutdown()


def test_a_look_up_that_hangs_does_not_hold_up_the_exit() -> None:
    program = (
        "import threading; from monitor.probes import LookupThreads\n"
        "threads, started = LookupThreads(1), threading.Event()\n"
        "threads.submit(lambda: (started.set(), threading.Event().wait()))\n"
        "started.wait(); threads.shutdown(wait=True); print('done')"
    )
    done = subprocess.run(  # noqa: S603  # our own interpreter and program
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "done\n"
