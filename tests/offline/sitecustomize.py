"""No network beyond this machine, for a Python process and without its knowledge.

The test run installs it in itself (`tests/conftest.py`), and a process started with this folder on
its `PYTHONPATH` installs it at start: see the fixture `offline`. Sockets of the standard library
are watched by an audit hook, which also sees asyncio's; uvloop makes its own, so its three doors
are watched by hand.

A name under a top-level domain that is reserved (RFC 6761) is answered as a resolver without such
a name would: a test may ask for one. Everything else outside fails like a host without a network.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

RESERVED = (".invalid", ".test", ".example", ".localhost")
"""Domains that no resolver knows."""

ENABLE = "CLAUDE_UPTIME_TESTS_OFFLINE"
"""Environment variable that installs the guard when this is imported as `sitecustomize`."""


def is_local(host: Any) -> bool:
    """Whether `host` is this machine: no name, a loopback address or `localhost`."""
    if host is None or host in ("", b""):
        return True
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    if name == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def is_numeric(host: Any) -> bool:
    """Whether `host` is an address, so that asking for it needs no resolver."""
    try:
        ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return True


class Guard:
    """Refuses what leaves the machine and calls `report` with one sentence about it."""

    def __init__(self, report: Callable[[str], None]) -> None:
        """`report` is called for every attempt that no test may make."""
        self._report = report

    def look_up(self, host: Any) -> None:
        """Raise `socket.gaierror` for a name that is not this machine's."""
        if is_local(host) or is_numeric(host):
            return
        if not str(host).rstrip(".").endswith(RESERVED):
            self._report(f"a look-up of {host!r}")
        raise socket.gaierror(socket.EAI_NONAME, f"no network here: {host}")

    def connect(self, address: Any) -> None:
        """Raise `OSError` for an address that is not this machine's; unix sockets are."""
        if not isinstance(address, tuple) or is_local(address[0]):
            return
        self._report(f"a connection to {address!r}")
        raise OSError(errno.ENETUNREACH, f"no network here: {address}")

    def reach(self, host: Any, port: Any) -> None:
        """Judge a name or address that will be looked up and connected to in one go."""
        self.look_up(host)
        self.connect((host, port))

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Judge one event of the interpreter."""
        if not event.startswith("socket."):
            return
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            if arguments[1] is not None:
                self.connect(arguments[1])
        elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
            self.look_up(arguments[0])


def _watch_uvloop(guard: Guard) -> None:
    """Put the guard before the doors of uvloop, whose sockets the interpreter does not see."""
    try:
        import uvloop  # noqa: PLC0415  # optional, and this module must load without it
    except ImportError:
        return
    kinds: dict[str, Callable[..., None]] = {
        "getaddrinfo": lambda host, *_a, **_k: guard.look_up(host),
        "sock_connect": lambda _socket, address: guard.connect(address),
        "create_connection": lambda _f=None, host=None, port=None, **_k: guard.reach(host, port),
        "create_datagram_endpoint": lambda _f, _local=None, remote_addr=None, **_k: guard.reach(
            *(remote_addr or (None, None))[:2]
        ),
    }
    for name, judge in kinds.items():
        setattr(uvloop.Loop, name, _guarded(getattr(uvloop.Loop, name), judge))


def _guarded(inner: Callable[..., Any], judge: Callable[..., None]) -> Callable[..., Any]:
    async def outer(loop: Any, *args: Any, **kwargs: Any) -> Any:
        judge(*args, **kwargs)
        return await inner(loop, *args, **kwargs)

    return outer


def install(report: Callable[[str], None]) -> None:
    """Guard this process until it ends: an audit hook cannot be taken out again."""
    guard = Guard(report)
    sys.addaudithook(guard.audit)
    _watch_uvloop(guard)


if os.environ.get(ENABLE):
    install(lambda _what: None)
