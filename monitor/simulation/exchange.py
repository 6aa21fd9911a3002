"""What goes over the simulated wire: a request, an answer, and how the conversation may break."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

DRIP_PARTS_MAX = 64
"""A dripping body comes in at most so many parts, and one more for each gap."""

_MODELS_PATH = "/v1/models/"


class Transport(StrEnum):
    """How a conversation goes, below HTTP."""

    NONE = "none"
    """Nothing special: the answer is sent, and it is whole."""
    DNS = "dns"
    """The name does not resolve."""
    REFUSED = "refused"
    """No connection comes about: the other side says so at once."""
    UNREACHABLE = "unreachable"
    """No connection comes about: nobody answers."""
    RESET = "reset"
    """The connection is reset after the request was read, before any byte of an answer."""
    HANG = "hang"
    """The request is read and no byte ever comes back."""
    CUT = "cut"
    """Head and body are sent as given; then the connection ends, though more was promised."""
    STALL = "stall"
    """Head and body are sent as given; then no byte ever comes, though more was promised."""

    @property
    def answers(self) -> bool:
        """Whether a head of an answer comes at all."""
        return self in (Transport.NONE, Transport.CUT, Transport.STALL)


class Certificate(StrEnum):
    """What the server shows in a TLS handshake."""

    GOOD = "good"
    EXPIRED = "expired"
    """Its validity has ended."""
    WRONG_HOST = "wrong_host"
    """It is another host's."""
    UNTRUSTED = "untrusted"
    """No authority that a client trusts has signed it."""
    EXPIRING = "expiring"
    """Good, for three more days."""

    @property
    def refused(self) -> bool:
        """Whether a client that checks certificates refuses it."""
        return self not in (Certificate.GOOD, Certificate.EXPIRING)


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
        if not self.headers:
            return None
        bearer = self.header("authorization") or ""
        scheme, _, token = bearer.partition(" ")
        return self.header("x-api-key") or (token.strip() if scheme.lower() == "bearer" else None)

    @property
    def model(self) -> str | None:
        """The model it is about, in its path or in its body; None where it names none."""
        path = self.bare_path
        if path.startswith(_MODELS_PATH):
            return path.removeprefix(_MODELS_PATH)
        if not self.body:
            return None
        try:
            asked = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        model = asked.get("model") if isinstance(asked, dict) else None
        return model if isinstance(model, str) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SimResponse:
    """An answer, or the way in which none comes. All times are seconds of the scenario.

    Attributes:
        status: HTTP status.
        headers: names in lower case, in the order in which they are sent.
        body: the body as far as it comes, uncompressed; empty for HEAD.
        delay: seconds before the first byte.
        transport: how the conversation goes. Unless it `answers`, nothing of the answer is sent.
        bytes_per_second: how fast the body comes; None is at once.
        gaps: silences within the body: (offset, seconds to wait before the byte there), in order.
        certificate: what the server shows before all this, where the conversation is encrypted.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    delay: float = 0.0
    transport: Transport = Transport.NONE
    bytes_per_second: float | None = None
    gaps: tuple[tuple[int, float], ...] = ()
    certificate: Certificate = Certificate.GOOD

    def header(self, name: str) -> str | None:
        """The first value of header `name` (lower case), or None."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def seconds(self) -> float:
        """Seconds until the last byte, or until the connection breaks; infinite for a hang."""
        if self.transport in (Transport.HANG, Transport.STALL, Transport.UNREACHABLE):
            return math.inf
        if not self.transport.answers:
            return self.delay
        silent = sum(seconds for _offset, seconds in self.gaps)
        rate = self.bytes_per_second
        return self.delay + silent + (len(self.body) / rate if rate is not None else 0.0)

    def parts(self) -> Iterator[tuple[float, bytes]]:
        """The body in the parts in which it comes: (seconds to wait before it, the part).

        The first part's wait counts from the first byte of the head. A gap at the very end of the
        body is a wait before nothing: the last part is then empty.
        """
        waits = dict(self.gaps)
        ends = sorted({0, len(self.body), *waits})
        rate = self.bytes_per_second
        size = max(1, -(-len(self.body) // DRIP_PARTS_MAX)) if rate is not None else len(self.body)
        for begin, end in zip(ends, [*ends[1:], len(self.body)], strict=True):
            wait = waits.get(begin, 0.0)
            for start in range(begin, end, max(1, size)):
                part = self.body[start : min(start + size, end)]
                yield wait + (len(part) / rate if rate is not None else 0.0), part
                wait = 0.0
            if wait:
                yield wait, b""
