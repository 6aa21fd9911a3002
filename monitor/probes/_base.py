"""What every kind of probe shares: its Spec, its context, and how facts of HTTP are carried.

A kind is one module of this package that exports `KIND`. It says what to ask (`request`) and how to
read what comes back (`read`), both pure; `_http.py` does the asking. The backtest uses the same two
functions on a simulated world, so a rehearsal in virtual time judges what the sockets would carry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from pydantic import Field

from monitor.core.observation import Answer, Check
from monitor.core.outcome import Depth
from monitor.spec import Duration, Secret, Spec

BODY_BYTES_MAX = 256 * 1024
"""How much of a body is read, after decompression."""

HEADER_BYTES_MAX = 32 * 1024
"""How long all headers of an answer may be."""


class ProbeSpec(Spec):
    """What every probe has."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    """Unique name; a metric label."""
    kind: str
    """Kind of probe."""
    depth: Depth = Depth.EDGE
    """How far into Claude it goes."""
    components: tuple[str, ...] = Field(min_length=1)
    """The components it is evidence for."""
    interval: Duration = Field(default=30.0, gt=0)
    """Time between the starts of two runs."""
    timeout: Duration = Field(default=30.0, gt=0)
    """After this a run is given up."""
    soft_deadline: Duration = Field(default=10.0, gt=0)
    """A run still unanswered after this is entered as bad at once."""
    latency_objective: Duration | None = Field(default=None, gt=0)
    """A correct run past this is `slow`; the soft deadline when not given."""
    burst: bool = True
    """Whether it may be asked for extra runs after a bad one."""
    enabled: bool = True
    """Whether it runs."""
    credential: str | None = None
    """Name of the key it uses, under `credentials`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """What to ask over HTTP."""

    method: Literal["GET", "HEAD", "POST"]
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    redirects_max: int = 0
    body_bytes_max: int = BODY_BYTES_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpReply:
    """What came back: header names in lower case, the body as read after decompression."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    truncated: bool = False
    url: str = ""

    def header(self, name: str) -> str | None:
        """The first value of header `name` (lower case), or None."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A reply, read: the facts for the observation."""

    answer: Answer
    checks: tuple[Check, ...]
    input_tokens: int | None = None
    output_tokens: int | None = None
    ratelimits: tuple[tuple[str, float], ...] = ()


S = TypeVar("S", bound=ProbeSpec)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeKind(Generic[S]):
    """One kind of probe.

    Attributes:
        name: the kind's name: the file's name.
        spec: its Spec.
        request: (spec, key or None) to what is asked. Pure.
        read: (spec, reply) to the facts. Pure.
        model: (spec) to the model it asks, or None.
        paid: (spec) to whether a run costs money.
    """

    name: str
    spec: type[S]
    request: Callable[[S, Secret | None], HttpRequest]
    read: Callable[[S, HttpReply], Reading]
    model: Callable[[S], str | None] = lambda _spec: None
    paid: Callable[[S], bool] = lambda _spec: False


AnyKind = ProbeKind[Any]
