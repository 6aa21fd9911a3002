"""Following an answer that comes piece by piece, and the limits of each stage of it.

The limits are kept apart so that a run which misses one says which: no connection, no first byte,
no first content, silence between contents. `Pace` knows which of them is due when, and neither
looks at a clock nor waits; `_http.py` does that over sockets, the backtest in virtual time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from pydantic import Field

from monitor.core.observation import Failure, Phase, TransportError
from monitor.spec import Duration, Spec

if TYPE_CHECKING:
    from monitor.probes._base import AnyKind, HttpReply, ProbeSpec, Reading

STREAM_BYTES_MAX = 1024 * 1024
"""How long a whole stream may be: some thousand times what a probe asks for."""

LINGER_SECONDS = 1.0
"""How long the other side may take to end a stream whose last event has come."""


class Limits(Spec):
    """When each stage of a stream must be over. All but `gap` count from the start of the run."""

    connect: Duration = Field(default=10.0, gt=0)
    """Name look-up, connection and TLS handshake are done."""
    first_byte: Duration = Field(default=15.0, gt=0)
    """The head of the answer has come."""
    first_token: Duration = Field(default=20.0, gt=0)
    """The first content has come; pings are none."""
    gap: Duration = Field(default=10.0, gt=0)
    """The longest silence between two contents, and to the end; pings do not end it."""


class Stage(StrEnum):
    """What a run with a stream waits for."""

    CONNECT = "connect"
    FIRST_BYTE = "first_byte"
    FIRST_TOKEN = "first_token"  # noqa: S105  # a token of a model, no secret
    GAP = "gap"
    END = "end"


_AWAITED: Final = {
    Stage.CONNECT: "the connection",
    Stage.FIRST_BYTE: "the first byte",
    Stage.FIRST_TOKEN: "the first content",
    Stage.GAP: "more content",
    Stage.END: "the end of the stream",
}


_AFTER_THE_END: Final = (Failure.TIMEOUT, Failure.RESET, Failure.PROTOCOL)


class StreamReader(Protocol):
    """Reads one answer as it comes. Pure; made anew for each run."""

    @property
    def limits(self) -> Limits:
        """When each stage must be over."""
        ...

    @property
    def contents(self) -> int:
        """How many pieces of content came so far."""
        ...

    @property
    def ended(self) -> bool:
        """Whether its last event has come."""
        ...

    def takes(self, head: HttpReply) -> bool:
        """Whether the answer with this head is a stream to be followed."""
        ...

    def feed(self, chunk: bytes, at: float) -> None:
        """Take in what came `at` seconds after the start of the run.

        Raises:
            RefusedError: a limit of length is passed.
        """
        ...

    def reading(self, reply: HttpReply, error: TransportError | None) -> Reading:
        """What came; `error` is why it did not come to its end, if it did not."""
        ...


@dataclass(frozen=True, slots=True)
class Due:
    """The limit that comes next: seconds after the start of the run, and of which stage."""

    at: float
    stage: Stage


class Pace:
    """Which limit is due next. All times are seconds of the clock since the start of the run."""

    def __init__(self, limits: Limits) -> None:
        """The run begins: it has to connect."""
        self._limits = limits
        self.due = Due(limits.connect, Stage.CONNECT)
        self._contents = 0

    def entered(self, phase: Phase) -> None:
        """`phase` begins."""
        if phase in (Phase.REQUEST, Phase.FIRST_BYTE):
            self.due = Due(self._limits.first_byte, Stage.FIRST_BYTE)
        elif phase is Phase.TRANSFER:
            self.due = Due(self._limits.first_token, Stage.FIRST_TOKEN)

    def came(self, reader: StreamReader, now: float) -> None:
        """Something came, and `reader` has taken it in."""
        if reader.ended:
            if self.due.stage is not Stage.END:
                self.due = Due(now + LINGER_SECONDS, Stage.END)
        elif reader.contents > self._contents:
            self._contents = reader.contents
            self.due = Due(now + self._limits.gap, Stage.GAP)

    def missed(self, phase: Phase) -> TransportError:
        """The error of a run that missed the limit which is due, in `phase`."""
        stage = self.due.stage
        limit = LINGER_SECONDS if stage is Stage.END else getattr(self._limits, stage)
        return TransportError(
            kind=Failure.TIMEOUT,
            phase=phase,
            message=f"it waited longer than {limit:g} s for {_AWAITED[stage]}",
            awaited=f"waiting for {_AWAITED[stage]}, limit {limit:g} s",
        )


def unless_ended(
    error: TransportError | None, reader: StreamReader | None
) -> TransportError | None:
    """`error`, unless the last event had come: who reads a stream does not wait for its end."""
    if error is None or reader is None or not reader.ended or error.kind not in _AFTER_THE_END:
        return error
    return None


def reading_of(
    kind: AnyKind,
    spec: ProbeSpec,
    reply: HttpReply,
    error: TransportError | None,
    reader: StreamReader | None,
) -> Reading:
    """What `reply` says: followed as it came, or read as a whole.

    Half of a document meets no expectation and breaks none, so its checks are left out. A stream's
    reader knows what was to come and did not.
    """
    if reader is not None and reader.takes(reply):
        return reader.reading(reply, error)
    reading: Reading = kind.read(spec, reply)
    return reading if error is None else replace(reading, checks=())
