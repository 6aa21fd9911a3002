"""Following an answer that comes piece by piece, and the limits of each stage of it.

The limits are kept apart so that a run which misses one says which: no connection, no head, no
first event, no content, no text, a silence while the model thinks or between the pieces of what it
says. `Pace` knows which of them is due when, and neither looks at a clock nor waits; `_http.py`
does that over sockets, the backtest in virtual time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, Protocol

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
    """When each stage of a stream must be over. Pings end none of them.

    The first five count from the start of the run; the others are silences.
    """

    connect: Duration = Field(default=10.0, gt=0)
    """Name look-up, connection and TLS handshake are done."""
    first_byte: Duration = Field(default=15.0, gt=0)
    """The head of the answer has come."""
    first_event: Duration = Field(default=20.0, gt=0)
    """The stream has begun: `message_start`, or an error."""
    first_content: Duration = Field(default=20.0, gt=0)
    """The first block of content has begun: text, thinking or any other."""
    first_token: Annotated[Duration, Field(gt=0)] | None = None
    """The first text has come. Not given: 25s at low effort, and else the timeout."""
    thinking: Annotated[Duration, Field(gt=0)] | None = None
    """The longest silence in a block of thinking. Not given: 20s at low effort, or the timeout."""
    gap: Duration = Field(default=10.0, gt=0)
    """The longest silence in and between other blocks once content comes, and to the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageLimits:
    """`Limits` with nothing left open, in seconds."""

    connect: float
    first_byte: float
    first_event: float
    first_content: float
    first_token: float
    thinking: float
    gap: float


def stage_limits(limits: Limits, *, first_token: float, thinking: float) -> StageLimits:
    """`limits`, with these two where they are not given."""
    return StageLimits(
        connect=limits.connect,
        first_byte=limits.first_byte,
        first_event=limits.first_event,
        first_content=limits.first_content,
        first_token=first_token if limits.first_token is None else limits.first_token,
        thinking=thinking if limits.thinking is None else limits.thinking,
        gap=limits.gap,
    )


class Stage(StrEnum):
    """What a run with a stream waits for."""

    CONNECT = "connect"
    FIRST_BYTE = "first_byte"
    FIRST_EVENT = "first_event"
    FIRST_CONTENT = "first_content"
    FIRST_TOKEN = "first_token"  # noqa: S105  # a token of a model, no secret
    THINKING = "thinking"
    GAP = "gap"
    END = "end"


_AWAITED: Final = {
    Stage.CONNECT: "the connection",
    Stage.FIRST_BYTE: "the first byte",
    Stage.FIRST_EVENT: "the first event",
    Stage.FIRST_CONTENT: "the first content",
    Stage.FIRST_TOKEN: "the first text",
    Stage.THINKING: "the end of its thinking",
    Stage.GAP: "more content",
    Stage.END: "the end of the stream",
}

_SINCE_THE_LAST_EVENT: Final = (Stage.THINKING, Stage.GAP)
"""Stages whose limit is a silence; the others count from the start of the run."""


_AFTER_THE_END: Final = (Failure.TIMEOUT, Failure.RESET, Failure.PROTOCOL)


class StreamReader(Protocol):
    """Reads one answer as it comes. Pure; made anew for each run."""

    @property
    def limits(self) -> StageLimits:
        """When each stage must be over."""
        ...

    @property
    def events(self) -> int:
        """How many events came so far; pings are none."""
        ...

    @property
    def stages(self) -> tuple[Stage, ...]:
        """What is waited for now: whichever of them is due first is the one that is missed."""
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

    def __init__(self, limits: StageLimits) -> None:
        """The run begins: it has to connect."""
        self._limits = limits
        self.due = Due(limits.connect, Stage.CONNECT)
        self._events = 0

    def entered(self, phase: Phase) -> None:
        """`phase` begins."""
        if phase in (Phase.REQUEST, Phase.FIRST_BYTE):
            self.due = Due(self._limits.first_byte, Stage.FIRST_BYTE)
        elif phase is Phase.TRANSFER:
            self.due = Due(self._limits.first_event, Stage.FIRST_EVENT)

    def came(self, reader: StreamReader, now: float) -> None:
        """Something came, and `reader` has taken it in."""
        if reader.ended:
            if self.due.stage is not Stage.END:
                self.due = Due(now + LINGER_SECONDS, Stage.END)
        elif reader.events > self._events:
            self._events = reader.events
            dues = (Due(self._at(stage, now), stage) for stage in reader.stages)
            self.due = min(dues, key=lambda due: due.at)

    def _at(self, stage: Stage, now: float) -> float:
        """When `stage`, which something put off now, must be over."""
        limit: float = getattr(self._limits, stage)
        return now + limit if stage in _SINCE_THE_LAST_EVENT else limit

    def missed(self, phase: Phase) -> TransportError:
        """The error of a run that missed the limit which is due, in `phase`."""
        stage = self.due.stage
        limit = LINGER_SECONDS if stage is Stage.END else getattr(self._limits, stage)
        return TransportError(
            kind=Failure.TIMEOUT,
            phase=phase,
            message=f"it waited longer than {limit:g} s for {_AWAITED[stage]}",
            awaited=f"waiting for {_AWAITED[stage]}, limit {limit:g} s",
            stalled=stage is Stage.GAP,
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
