"""What every kind of probe shares: its Spec, its context, and how facts of HTTP are carried.

A kind is one module of this package that exports `KIND`. It says what to ask (`request`) and how to
read what comes back (`read`), both pure; `_http.py` does the asking. The backtest uses the same two
functions on a simulated world, so a rehearsal in virtual time judges what the sockets would carry.
"""

from __future__ import annotations

import ssl
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

import aiohttp
import structlog
from aiohttp import http_exceptions
from pydantic import Field

from monitor.core.answer import redact
from monitor.core.observation import Answer, Check, Failure, Phase, Seen, Timings, TransportError
from monitor.core.outcome import Depth
from monitor.core.thinking import Takes
from monitor.pipeline import Progress
from monitor.probes._stream import StreamReader
from monitor.spec import Duration, Secret, Spec

BODY_BYTES_MAX = 256 * 1024
"""How much of a body is read, after decompression."""

HEADER_BYTES_MAX = 32 * 1024
"""How long all headers of an answer may be."""

MESSAGE_CHARS_MAX = 200
"""How long the message of a transport error may be."""

_HIDDEN = "[hidden]"


class ProbeSpec(Spec):
    """What every probe has."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    """Unique name; a metric label."""
    kind: str
    """Kind of probe."""
    depth: Depth = Depth.EDGE
    """How far into Claude it goes."""
    components: tuple[str, ...] = ()
    """The components it is evidence for: one at least, unless `alternative_for` is given."""
    alternative_for: str | None = None
    """The component beside which it is another route: then it is evidence for none."""
    interval: Duration = Field(default=30.0, gt=0)
    """Time between the starts of two runs."""
    timeout: Duration = Field(default=30.0, gt=0)
    """After this a run is given up."""
    soft_deadline: Duration = Field(default=10.0, gt=0)
    """A run still unanswered after this is entered as bad at once."""
    latency_objective: Annotated[Duration, Field(gt=0)] | None = None
    """A correct run past this is `slow`; the soft deadline when not given."""
    burst: bool = True
    """Whether it may be asked for extra runs after a bad one."""
    enabled: bool = True
    """Whether it runs."""
    credential: str | None = None
    """Name of the key it uses, under `credentials`."""


class Trail:
    """What a run leaves behind as it goes: its phases, the one under way, the certificates."""

    def __init__(
        self,
        progress: Progress,
        now: Callable[[], float] = time.perf_counter,
        entered: Callable[[Phase], None] = lambda _phase: None,
    ) -> None:
        """`progress` and `entered` are told of each phase; `now` gives the machine's seconds."""
        self._progress = progress
        self._now = now
        self._entered = entered
        self._began = self._since = now()
        self._running: Phase | None = None
        self._spent: dict[Phase, float] = {}
        self.certificate_expires: datetime | None = None

    @property
    def phase(self) -> Phase:
        """The phase that began last."""
        return self._progress.phase

    def enter(self, phase: Phase | None) -> None:
        """`phase` begins (None: none does), and whichever was under way ends."""
        moment = self._now()
        if self._running is not None:
            spent = self._spent.get(self._running, 0.0)
            self._spent[self._running] = spent + moment - self._since
        self._since, self._running = moment, phase
        if phase is not None:
            self._progress.phase = phase
            self._entered(phase)

    def elapsed(self) -> float:
        """The machine's seconds since the run began."""
        return self._now() - self._began

    def certificate(self, certificate: Any) -> None:
        """Take note of the peer's `certificate`, as `getpeercert()` gives it."""
        ends = certificate.get("notAfter") if isinstance(certificate, dict) else None
        if isinstance(ends, str):
            expires = datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC)
            known = self.certificate_expires
            self.certificate_expires = expires if known is None else min(known, expires)

    def timings(self) -> Timings:
        """The phases so far; ends the one under way."""
        self.enter(None)
        # Rounding must not make the parts longer than the whole.
        total = max(self._since - self._began, sum(self._spent.values()))
        return Timings(total=total, **{phase.value: took for phase, took in self._spent.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """What to ask over HTTP. Its headers may hold a key, so they stay out of its `repr`."""

    method: Literal["GET", "HEAD", "POST"]
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    redirects_max: int = 0
    body_bytes_max: int = BODY_BYTES_MAX
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Texts that are blanked out wherever they come back: in the answer, a message, a log line."""


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
    first_token: float | None = None
    first_content: float | None = None
    per_output_token: float | None = None
    thinking_tokens: int | None = None


S = TypeVar("S", bound=ProbeSpec)


def _no_http() -> Any:
    msg = "a kind that asks by its own means has no request and no reply"
    raise TypeError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeKind(Generic[S]):
    """One kind of probe.

    Attributes:
        name: the kind's name: the file's name.
        spec: its Spec.
        request: (spec, key or None, what the list of models says that its model takes, or None)
            to what is asked. Pure.
        read: (spec, reply) to the facts. Pure.
        ask: (spec, key or None, `ProbeContext`, progress, seconds) to what was seen: in place of
            these two, for a kind that does not ask over HTTP. It keeps the promises of `_http.ask`.
            The simulated Claude does not know it, so a rehearsal leaves such probes out.
        model: (spec) to the model it asks, or None.
        paid: (spec) to whether a run costs money.
        answered_means_vendor: (spec) to whether any HTTP answer proves the path to the vendor,
            since no one else can give one.
        stream: (spec, key or None) to what follows an answer as it comes; None reads it whole.
    """

    name: str
    spec: type[S]
    request: Callable[[S, Secret | None, Takes | None], HttpRequest] = lambda _spec, _key, _takes: (
        _no_http()
    )
    read: Callable[[S, HttpReply], Reading] = lambda _spec, _reply: _no_http()
    ask: Callable[[S, Secret | None, Any, Progress, float], Awaitable[Seen]] | None = None
    model: Callable[[S], str | None] = lambda _spec: None
    paid: Callable[[S], bool] = lambda _spec: False
    answered_means_vendor: Callable[[S], bool] = lambda _spec: False
    stream: Callable[[S, Secret | None], StreamReader] | None = None


AnyKind = ProbeKind[Any]


class OnlyOnceError(aiohttp.ClientError):
    """Carries a broken connection past the client's own retry: see `_http.only_once`."""

    def __init__(self, cause: Exception) -> None:
        """`cause` is what broke."""
        super().__init__("not tried again")
        self.cause = cause


class RefusedError(Exception):
    """We stopped a conversation ourselves: a limit was passed."""

    def __init__(self, kind: Failure, message: str) -> None:
        """`kind` and `message` go into the transport error as they are."""
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of the table: exceptions, what they are (None: as the phase says), the words."""

    caught: type[BaseException] | tuple[type[BaseException], ...]
    kind: Failure | None
    say: Callable[[Any], str]


def _reason(problem: BaseException | None) -> str:
    """What the system says of `problem`, without addresses or file names."""
    # Only errors that OpenSSL itself raised have these two attributes.
    if isinstance(problem, ssl.SSLCertVerificationError):
        return str(getattr(problem, "verify_message", "") or "certificate verify failed")
    if isinstance(problem, ssl.SSLError):
        reason = str(getattr(problem, "reason", "") or "TLS failure")
        return reason.replace("_", " ").lower()
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    return type(problem).__name__


_INCOMPLETE = (http_exceptions.ContentLengthError, http_exceptions.TransferEncodingError)

# In order: the first row that fits speaks. What no row fits is our own fault (`INTERNAL`).
_TABLE: tuple[_Row, ...] = (
    _Row(
        aiohttp.ClientConnectorDNSError,
        Failure.DNS,
        lambda e: f"the name does not resolve: {_reason(e.os_error)}",
    ),
    _Row(
        aiohttp.ClientHttpProxyError,
        Failure.PROXY,
        lambda e: f"the egress proxy answered {e.status} to CONNECT",
    ),
    _Row(
        aiohttp.ClientProxyConnectionError,
        Failure.PROXY,
        lambda e: f"cannot connect to the egress proxy: {_reason(e.os_error)}",
    ),
    _Row(
        aiohttp.ClientConnectorCertificateError,
        Failure.TLS,
        lambda e: f"the certificate is refused: {_reason(e.certificate_error)}",
    ),
    _Row(aiohttp.ClientConnectorError, None, lambda e: _reason(e.os_error)),
    _Row(
        aiohttp.ServerDisconnectedError, None, lambda _e: "the connection ended without an answer"
    ),
    _Row(http_exceptions.LineTooLong, Failure.TOO_LARGE, lambda _e: "a header is too long"),
    _Row(_INCOMPLETE, Failure.RESET, lambda _e: "the body ended before it was whole"),
    _Row(
        http_exceptions.ContentEncodingError,
        Failure.PROTOCOL,
        lambda _e: "the body cannot be decompressed",
    ),
    _Row(
        (aiohttp.ClientResponseError, http_exceptions.HttpProcessingError),
        Failure.PROTOCOL,
        lambda e: f"this is not HTTP: {e.message}",
    ),
    _Row(aiohttp.ClientPayloadError, Failure.RESET, lambda _e: "the body broke off"),
    _Row(RefusedError, None, str),
    _Row((aiohttp.ClientConnectionError, OSError), None, _reason),
)

_BY_PHASE = {Phase.DNS: Failure.DNS, Phase.CONNECT: Failure.CONNECT, Phase.TLS: Failure.TLS}


def _root(problem: BaseException) -> BaseException:
    """The exception that says most: the client wraps the parser's own."""
    if isinstance(problem, OnlyOnceError):
        return _root(problem.cause)
    cause = problem.__cause__
    if isinstance(cause, http_exceptions.HttpProcessingError):
        return _root(cause)
    return problem


def transport_error(problem: Exception, phase: Phase, *, proxied: bool) -> TransportError:
    """What `problem`, met in `phase`, is in our words.

    Args:
        problem: what the library raised.
        phase: the phase that was under way.
        proxied: the run goes through an egress proxy, whose failures are not the target's: until
            the tunnel stands there is nothing but the proxy to blame.
    """
    root = _root(problem)
    row = next((row for row in _TABLE if isinstance(root, row.caught)), None)
    if row is None:
        return TransportError(
            kind=Failure.INTERNAL,
            phase=phase,
            message=f"{type(root).__name__} in the monitor itself; its log has the details",
        )
    kind = root.kind if isinstance(root, RefusedError) else row.kind
    kind = kind or _BY_PHASE.get(phase, Failure.RESET)
    if proxied and phase in (Phase.DNS, Phase.CONNECT):
        kind = Failure.PROXY
    return TransportError(kind=kind, phase=phase, message=redact(row.say(root))[:MESSAGE_CHARS_MAX])


def report_bug(problem: BaseException, secrets: tuple[str, ...] = ()) -> None:
    """Log a failure of our own: where, and what, without `secrets` and without local variables."""
    structlog.get_logger().error(
        "run.failed_inside",
        error=type(problem).__name__,
        detail=hide(redact(str(problem)), secrets),
        traceback="".join(traceback.format_tb(problem.__traceback__)),
    )


def hide(text: str, secrets: tuple[str, ...]) -> str:
    """`text` without the secrets that the other side, or a library, put into it."""
    for secret in secrets:
        text = text.replace(secret, _HIDDEN)
    return text


def hide_in(reply: HttpReply | None, secrets: tuple[str, ...]) -> HttpReply | None:
    """`reply` without the secrets that it sends back to us."""
    if reply is None or not secrets:
        return reply
    body = reply.body
    for secret in secrets:
        body = body.replace(secret.encode(), _HIDDEN.encode())
    headers = tuple((name, hide(value, secrets)) for name, value in reply.headers)
    return replace(reply, body=body, headers=headers)
