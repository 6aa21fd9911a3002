"""TLS, timed. The client has no event between connection and handshake, so TLS itself tells.

One context holds the CAs for all runs (loading the system's takes 20 ms). Each run connects with
a view of it, a context of its own that makes connections of the shared one and has them report.
This works the same on asyncio and on uvloop: both drive an `ssl.SSLObject` over memory buffers.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from typing_extensions import override


class _Timed(ssl.SSLObject):
    """A TLS connection that tells when its handshake begins and ends."""

    view: _View

    @override
    def do_handshake(self) -> None:
        """One step of the handshake: raises while the peer's part is missing."""
        self.view.begun()
        super().do_handshake()
        self.view.done(self.getpeercert())

    @override
    def unwrap(self) -> None:
        """Say goodbye without waiting for the peer's: a dead one would hold the socket for 30 s."""
        try:
            super().unwrap()
        except ssl.SSLWantReadError:
            return


class _View(ssl.SSLContext):
    """One run's view of the shared context."""

    shared: ssl.SSLContext
    begun: Callable[[], None]
    done: Callable[[Any], None]

    @override
    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """A connection of the shared context that reports to this run."""
        connection = self.shared.wrap_bio(*args, **kwargs)
        assert isinstance(connection, _Timed)  # noqa: S101  # `Tls` made the shared context so
        connection.view = self
        return connection


class Tls:
    """The CAs that are trusted, and the way to connect with them."""

    def __init__(self, ca_file: Path | None = None) -> None:
        """Trust the system's CAs, and those of the PEM file `ca_file` as well.

        Raises:
            ValueError: the file cannot be read, or holds no certificate.
        """
        self._shared = ssl.create_default_context()
        self._shared.set_alpn_protocols(["http/1.1"])
        self._shared.sslobject_class = _Timed
        if ca_file is not None:
            try:
                self._shared.load_verify_locations(cafile=ca_file)
            except ssl.SSLError:
                msg = f"ca_file {ca_file} holds no certificate in PEM"
                raise ValueError(msg) from None
            except OSError as problem:
                msg = f"ca_file {ca_file}: {problem.strerror}"
                raise ValueError(msg) from None

    def view(self, begun: Callable[[], None], done: Callable[[Any], None]) -> ssl.SSLContext:
        """A context for one run.

        Args:
            begun: called at each step of a handshake, the first time before anything is sent.
            done: called with the peer's certificate, as `getpeercert()` gives it, after the last.
        """
        view = _View(ssl.PROTOCOL_TLS_CLIENT)
        view.shared, view.begun, view.done = self._shared, begun, done
        return view
