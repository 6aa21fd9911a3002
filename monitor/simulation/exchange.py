"""What goes over the simulated wire: a request, an answer, and how the conversation may break."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Transport(StrEnum):
    """How a conversation goes, below HTTP."""

    NONE = "none"
    """Nothing special: the answer is sent."""
    REFUSED = "refused"
    """No connection comes about."""
    RESET = "reset"
    """The connection is reset after the request was read, before any byte of an answer."""
    HANG = "hang"
    """The request is read and no byte ever comes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimRequest:
    """A request as the vendor's edge would see it.

    Attributes:
        method: HTTP method, upper case.
        host: host name without port, lower case.
        path: path with its query.
        headers: header names in any case.
        body: the whole body.
    """

    method: str
    host: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The value of header `name` (lower case), or None."""
        return next((value for key, value in self.headers.items() if key.lower() == name), None)

    @property
    def bare_path(self) -> str:
        """The path without its query."""
        return self.path.partition("?")[0]

    @property
    def key(self) -> str | None:
        """The credential it carries: an API key or a bearer token; None without one."""
        bearer = self.header("authorization") or ""
        scheme, _, token = bearer.partition(" ")
        return self.header("x-api-key") or (token.strip() if scheme.lower() == "bearer" else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimResponse:
    """An answer, or the way in which none comes. All times are seconds of the scenario.

    Attributes:
        status: HTTP status.
        headers: names in lower case, in the order in which they are sent.
        body: the whole body, uncompressed; empty for HEAD.
        delay: seconds before the first byte.
        transport: how the conversation goes; unless NONE, status, headers and body are not sent.
        bytes_per_second: how fast the body comes; None is at once.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    delay: float = 0.0
    transport: Transport = Transport.NONE
    bytes_per_second: float | None = None

    def header(self, name: str) -> str | None:
        """The first value of header `name` (lower case), or None."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def seconds(self) -> float:
        """Seconds until the last byte, or until the connection breaks; infinite for a hang."""
        if self.transport is Transport.HANG:
            return math.inf
        if self.transport is Transport.NONE and self.bytes_per_second is not None:
            return self.delay + len(self.body) / self.bytes_per_second
        return self.delay
