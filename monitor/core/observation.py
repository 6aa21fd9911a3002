"""Facts: what a run saw, without a judgement.

A probe fills these in; `classify` alone decides what they mean. Everything here is bounded and
free of secrets: a probe redacts before it builds an observation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from monitor.core.outcome import Outcome

EXCERPT_CHARS_MAX = 300
"""How much of a body an observation may carry, in characters."""


class Origin(StrEnum):
    """Why a run took place."""

    SCHEDULED = "scheduled"
    SWEEP = "sweep"
    BURST = "burst"
    MANUAL = "manual"


class Phase(StrEnum):
    """The disjoint parts of a run, in their order."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    REQUEST = "request"
    FIRST_BYTE = "first_byte"
    TRANSFER = "transfer"


class Failure(StrEnum):
    """Why no whole answer came."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    RESET = "reset"
    PROTOCOL = "protocol"
    PROXY = "proxy"
    TOO_LARGE = "too_large"
    REDIRECTS = "redirects"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportError:
    """A conversation that did not end with a whole answer.

    Attributes:
        kind: what went wrong.
        phase: where it went wrong.
        message: the cause in a few words; bounded, redacted.
        awaited: what was waited for when a limit of its own ran out, where the phase does not say
            it (`waiting for the first content, limit 20 s`); empty otherwise.
        stalled: the other side fell silent in the midst of what it was saying.
    """

    kind: Failure
    phase: Phase
    message: str
    awaited: str = ""
    stalled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """How long each phase took, in seconds; None for a phase that did not take place.

    The phases are disjoint and their sum is at most `total`.
    """

    total: float
    dns: float | None = None
    connect: float | None = None
    tls: float | None = None
    request: float | None = None
    first_byte: float | None = None
    transfer: float | None = None

    def phases(self) -> tuple[tuple[Phase, float], ...]:
        """The phases that took place, in order, with their seconds."""
        pairs = (
            (Phase.DNS, self.dns),
            (Phase.CONNECT, self.connect),
            (Phase.TLS, self.tls),
            (Phase.REQUEST, self.request),
            (Phase.FIRST_BYTE, self.first_byte),
            (Phase.TRANSFER, self.transfer),
        )
        return tuple((phase, seconds) for phase, seconds in pairs if seconds is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One expectation and whether it was met.

    Attributes:
        name: what was expected, in one word (`status`, `json`, `type`, ...).
        ok: whether it was met.
        detail: what was seen, when it was not.
        counts: whether a run that does not meet it is not as expected; a check that does not count
            is only told.
    """

    name: str
    ok: bool
    detail: str = ""
    counts: bool = True

    @property
    def failed(self) -> bool:
        """Whether it was not met, and that counts."""
        return self.counts and not self.ok


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedError:
    """Claude's own error document, as a gateway quotes it in the message of an error of its own."""

    type: str
    message: str | None = None
    code: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer, read for what the classification asks of it. See `core.answer.read`.

    Attributes:
        status: HTTP status.
        content_type: media type in lower case, without parameters.
        is_json: whether the body parsed as JSON.
        error_type: `error.type` of an error body, whatever its status.
        error_message: `error.message`, bounded and redacted.
        error_code: `error.details.error_code`, as of a spend limit; `error.code`, which the vendor
            does not send and gateways do, where there are no details.
        anthropic_error: the body is an error document of the vendor's API
            (`{"type": "error", "error": {"type": ...}}`).
        enveloped: the `"type": "error"` stands around it, which gateways' own errors mostly lack.
        wrapped: the one error document of the vendor's that the error's message quotes whole.
        forbidden_shape: the body is `{"error": {"type": "forbidden", ...}}` without the top-level
            `type`: the sign of a geographic or address block.
        region_blocked: sent to the vendor's page for regions that it does not serve.
        egress_proxy: a proxy on our side of the way made this answer, not the vendor.
        request_id: the vendor's id of the request, from header or body; failing that a gateway's.
        cf_ray: Cloudflare's id of the request.
        challenge: the edge asks for a browser: header or page markers say so.
        cloudflare_code: code of a Cloudflare error, from the status, the page or the document.
        cloudflare_category: `error_category` of Cloudflare's JSON document.
        proxy_text: Envoy or a load balancer answered in plain text.
        rate_exceeded: the body is the web tier's `Rate exceeded`.
        retry_after: seconds, from `retry-after`, when it is a number.
        vendor: the answer carries the vendor's or its edge's headers.
        body_bytes: size of the body as read.
        truncated: the body was longer than what was read.
        excerpt: beginning of the body, bounded and redacted.
    """

    status: int
    content_type: str = ""
    is_json: bool = False
    error_type: str | None = None
    error_message: str | None = None
    error_code: str | None = None
    anthropic_error: bool = False
    enveloped: bool = False
    wrapped: WrappedError | None = None
    forbidden_shape: bool = False
    region_blocked: bool = False
    egress_proxy: bool = False
    request_id: str | None = None
    cf_ray: str | None = None
    challenge: bool = False
    cloudflare_code: int | None = None
    cloudflare_category: str | None = None
    proxy_text: bool = False
    rate_exceeded: bool = False
    retry_after: float | None = None
    vendor: bool = False
    body_bytes: int = 0
    truncated: bool = False
    excerpt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a kind that does not ask over HTTP brings back of one run.

    Attributes:
        timings: phases and total, in the machine's seconds.
        checks: the expectations, in order; they do not count beside an `error`.
        answer: the HTTP answer that it tells of; None: it tells of none.
        error: why nothing came of it, or None.
        claimed: the outcome that a program named itself.
        input_tokens, output_tokens: what it was billed for, where it says so.
        certificate_expires: the end of validity of the certificate that was shown.
    """

    timings: Timings
    checks: tuple[Check, ...] = ()
    answer: Answer | None = None
    error: TransportError | None = None
    claimed: Outcome | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    certificate_expires: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The facts of one run.

    Attributes:
        run_id: unique over all runs of a vantage; also names the entry that a late result replaces.
        probe: name of the probe.
        at: wall time at which the run started, UTC.
        started: monotonic seconds at the start.
        ended: monotonic seconds at the end (of what is known, when `provisional`).
        origin: why the run took place.
        timings: phases and total.
        answer: the HTTP answer, if one came.
        checks: the expectations, in order.
        error: why no whole answer came, or None.
        provisional: the soft deadline passed and the run goes on; its real result will follow.
        loop_late: longest time, in seconds, by which the event loop was late during the run: a
            time-out with a late loop is our own.
        input_tokens: tokens sent, for a probe that is paid by them.
        output_tokens: tokens received.
        certificate_expires: end of validity of the server's certificate.
        ratelimits: what the vendor says remains, by kind of limit.
        first_token: seconds from the start of the run to the first text of a streamed answer.
        first_content: the same to its first block of content, which may be thinking.
        per_output_token: seconds from one token of its text to the next, on average.
        thinking_tokens: how many of the tokens received were thinking.
        claimed: the outcome that a program named itself, for a run without an answer.
    """

    run_id: str
    probe: str
    at: datetime
    started: float
    ended: float
    timings: Timings
    origin: Origin = Origin.SCHEDULED
    answer: Answer | None = None
    checks: tuple[Check, ...] = ()
    error: TransportError | None = None
    provisional: bool = False
    loop_late: float = 0.0
    input_tokens: int | None = None
    output_tokens: int | None = None
    certificate_expires: datetime | None = None
    ratelimits: tuple[tuple[str, float], ...] = field(default=())
    first_token: float | None = None
    first_content: float | None = None
    per_output_token: float | None = None
    thinking_tokens: int | None = None
    claimed: Outcome | None = None

    @property
    def seconds(self) -> float:
        """How long the run took."""
        return self.ended - self.started
