"""One daemon a store: a lock of the operating system on a file beside the database.

Two daemons on one file would each open incidents of their own and overwrite each other's memory, so
whoever writes holds this lock for as long as it lives, and the second is told who that is. Whoever
only reads (`check`, a list of incidents) takes no lock and is never in the way.

The lock is `flock` on `DATABASE.lock`, not on the database: SQLite keeps POSIX locks on its own
file, and a process loses all of those when it closes any other descriptor of it. The kernel frees
the lock when its process ends, however it ends, so a file that a dead process left behind is no
obstacle; it is never removed, because between opening and locking it a second daemon would hold a
file that is no longer there. Its content only tells people who holds it, and decides nothing.

Where it does not reach: a network file system may keep `flock` on each host to itself (NFS mounted
with `local_lock` or `nolock`), and then two hosts do not see each other. SQLite's WAL mode does not
work across hosts there either, so the store belongs on a disk of this host.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from monitor.storage.database import MEMORY, StorageError, file_of, make_folder

SUFFIX: Final = ".lock"
HOLDER_BYTES_MAX: Final = 1024
"""How much of the file is read: what we write is far shorter."""

_TAKEN = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
_MODE = 0o640


@contextlib.contextmanager
def only_daemon(url: str, since: datetime) -> Iterator[None]:
    """Hold the store at `url` while the block lasts, as its only daemon from `since` (aware) on.

    A database in memory belongs to its process anyway and needs no lock.

    Raises:
        StorageError: another daemon holds it (the text says who), or the file cannot be locked.
    """
    path = file_of(url)
    if path == MEMORY:
        yield
        return
    make_folder(path)
    # The same file by two names is one store.
    descriptor = _open(path, os.path.realpath(path) + SUFFIX)
    try:
        _take(path, descriptor)
        _sign(descriptor, since)
        yield
    finally:
        os.close(descriptor)


def _open(place: str, path: str) -> int:
    """A descriptor that no child process inherits."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
    except OSError as error:
        message = (
            f"{place} cannot be locked, {error.strerror} at {path}: "
            "give this user that file and its folder"
        )
        raise StorageError(message) from error


def _take(place: str, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            message = (
                f"{place} is in use by another daemon ({_holder(descriptor)}): "
                "stop that one, or point storage.url at another file"
            )
        else:
            message = (
                f"{place} cannot be locked ({error.strerror}): "
                "its file system knows no locks, put it on a local disk"
            )
        raise StorageError(message) from error


def _sign(descriptor: int, since: datetime) -> None:
    """Write down who holds it. On a full disk it is held without a name."""
    told = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": since.astimezone(UTC).isoformat(timespec="seconds"),
    }
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(told).encode() + b"\n", 0)


def _holder(descriptor: int) -> str:
    """Who holds it, for people; the file may be empty, cut off, or another program's."""
    try:
        told = json.loads(os.pread(descriptor, HOLDER_BYTES_MAX, 0))
        pid, host = int(told["pid"]), str(told["host"])
        since = datetime.fromisoformat(told["since"]).astimezone(UTC)
    except (OSError, ValueError, TypeError, KeyError, OverflowError):
        return "who it is cannot be read"
    name = "".join(char for char in host if char.isprintable())
    return f"pid {pid} on {name}, since {since:%Y-%m-%d %H:%M:%S} UTC"
