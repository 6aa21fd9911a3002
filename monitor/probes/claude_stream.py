"""Probes of the Claude API that ask for a message as a stream: what most users of Claude wait for.

A stream may die after its 200. So it is followed as it comes, held to a limit at each stage, and
must end with `message_stop`; an error in its midst is told by its type, whatever the status was.

A model that thinks begins a block and is silent, but for pings, until it has thought. So a block is
content from its start, and the silence within it has a limit of its own (`limits.thinking`).

Nothing is asked of the words: any content will do, a message that `max_tokens` cuts within its
thinking too, and a model that refuses is well.
`expect: {contains: ...}` looks for a text in the answer. Where it is missing the run's sentence
says so, and nothing else changes: a model may put it otherwise any day.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, Self

from pydantic import Field, model_validator

from monitor.core.answer import clean, quoted_error, read
from monitor.core.classify import STREAM_CHECK
from monitor.core.observation import Answer, Check, Failure, TransportError
from monitor.core.outcome import Depth
from monitor.core.thinking import Takes, Thinking
from monitor.probes._base import (
    HttpReply,
    HttpRequest,
    ProbeKind,
    Reading,
    RefusedError,
    hide,
)
from monitor.probes._claude import (
    REFUSAL,
    ClaudeSpec,
    Model,
    a_check,
    count,
    encoded,
    endpoint,
    headers_of,
    message_question,
    ratelimits,
    remarks,
    stop_check,
    tokens,
)
from monitor.probes._message_events import MessageEvents
from monitor.probes._sse import SseParser, TooLongError
from monitor.probes._stream import STREAM_BYTES_MAX, Limits, Stage, StageLimits, stage_limits
from monitor.spec import Secret, Spec, format_duration

EVENT_STREAM = "text/event-stream"
"""The media type of a stream."""

BODY_BYTES_MAX = 16 * 1024
"""How much of a body is kept: enough for an error document, and the beginning of a stream."""

FIRST_TOKEN_SECONDS = 25.0
"""When the first text of a model that is asked for little effort must have come."""

THINKING_SECONDS = 20.0
"""How long such a model may think in silence."""

_OK = 200
_NAME_CHARS_MAX = 64
_BROKEN = (Failure.RESET, Failure.PROTOCOL)


class KnownAnswer(Spec):
    """What the answer to the prompt should hold. Told where it does not, and never held against."""

    contains: str = Field(min_length=1, max_length=200)
    """A text within the answer; capital and small letters are the same."""


class ClaudeStreamSpec(ClaudeSpec):
    """A probe of one model, by a streamed message."""

    kind: Literal["claude_stream"]
    depth: Depth = Depth.INFERENCE
    """How far into Claude it goes."""
    model: Model
    """The model to ask."""
    limits: Limits = Field(default_factory=Limits)
    """When each stage must be over; `timeout` bounds the whole."""
    expect: KnownAnswer | None = None
    """What the answer should hold."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.credential is None:
            msg = "a stream needs a credential"
            raise ValueError(msg)
        for stage in sorted(self.limits.model_fields_set):
            limit = getattr(self.limits, stage)
            if limit is not None and limit > self.timeout:
                msg = (
                    f"limits.{stage} of {format_duration(limit)} is longer than the timeout of "
                    f"{format_duration(self.timeout)}: it would never pass"
                )
                raise ValueError(msg)
        return self

    @property
    def stage_limits(self) -> StageLimits:
        """The limits in force: more effort may think for as long as the whole run may take."""
        hurried = self.effort == "low" and self.thinking is not Thinking.DEFAULT
        return stage_limits(
            self.limits,
            first_token=FIRST_TOKEN_SECONDS if hurried else self.timeout,
            thinking=THINKING_SECONDS if hurried else self.timeout,
        )


def request(spec: ClaudeStreamSpec, key: Secret | None, takes: Takes | None = None) -> HttpRequest:
    """What to ask of a model that takes so much; None where the list of models does not say."""
    # The API streams whatever is accepted; the edge tells its errors in JSON to who accepts that.
    headers, secrets = headers_of(spec, key)
    return HttpRequest(
        method="POST",
        url=endpoint(spec, "/v1/messages"),
        headers={**headers, "content-type": "application/json"},
        body=encoded(message_question(spec, spec.model, takes, stream=True)),
        body_bytes_max=BODY_BYTES_MAX,
        secrets=secrets,
    )


def reading(_spec: ClaudeStreamSpec, reply: HttpReply) -> Reading:
    """What a reply says that is no stream: an error, or another content than was asked for."""
    answer = read(reply.status, reply.headers, reply.body, truncated=reply.truncated, url=reply.url)
    kind = answer.content_type or "none"
    return Reading(
        answer=answer,
        checks=(
            a_check("status", reply.status == _OK, f"HTTP {reply.status}"),
            a_check("content_type", kind == EVENT_STREAM, f"{kind} is no stream of events"),
        ),
        ratelimits=ratelimits(reply),
    )


class MessageStream:
    """Follows one streamed message."""

    def __init__(self, spec: ClaudeStreamSpec, key: Secret | None) -> None:
        """`key` is blanked out wherever the other side sends it back."""
        self._spec = spec
        self._secrets = (key.reveal(),) if key else ()
        self._parser = SseParser()
        self._events = MessageEvents()
        self._bytes = 0
        self._begun: float | None = None
        self._first: float | None = None
        self._last = 0.0

    @property
    def limits(self) -> StageLimits:
        """When each stage must be over."""
        return self._spec.stage_limits

    @property
    def events(self) -> int:
        """How many events came so far; pings are none."""
        return self._events.events

    @property
    def stages(self) -> tuple[Stage, ...]:
        """What is waited for now: an event that says more, and, until it came, the first text."""
        events = self._events
        if not events.started:
            return (Stage.FIRST_EVENT,)
        if not events.blocks and events.stop_reason is None:
            return (Stage.FIRST_CONTENT,)
        text = () if events.text or events.stop_reason is not None else (Stage.FIRST_TOKEN,)
        if events.silent:
            return (Stage.THINKING, *text)
        # A block of text that is empty so far is still the beginning of the answer.
        beginning = bool(text) and not events.deltas and not events.idle
        return text if beginning else (Stage.GAP, *text)

    @property
    def ended(self) -> bool:
        """Whether the last event has come: `message_stop`, or an error."""
        return self._events.ended

    def takes(self, head: HttpReply) -> bool:
        """Whether this is the stream that was asked for."""
        media_type = (head.header("content-type") or "").partition(";")[0]
        return head.status == _OK and media_type.strip().lower() == EVENT_STREAM

    def feed(self, chunk: bytes, at: float) -> None:
        """Take in what came `at` seconds after the start of the run.

        Raises:
            RefusedError: the stream, a line or an event is too long.
        """
        self._bytes += len(chunk)
        if self._bytes > STREAM_BYTES_MAX:
            msg = f"the stream is longer than {STREAM_BYTES_MAX} bytes"
            raise RefusedError(Failure.TOO_LARGE, msg)
        known = self._events.deltas
        try:
            events = self._parser.feed(chunk)
        except TooLongError as problem:
            raise RefusedError(Failure.TOO_LARGE, str(problem)) from None
        for event in events:
            self._events.take(event.name, event.data)
        if self._begun is None and self._events.blocks:
            self._begun = at
        if self._first is None and self._events.text:
            self._first = at
        if self._events.deltas > known:
            self._last = at

    def reading(self, reply: HttpReply, error: TransportError | None) -> Reading:
        """What came of the message; `error` is why it did not come to its end."""
        used, given = tokens(self._events.usage)
        return Reading(
            answer=self._answer(reply),
            checks=self._checks(reply, error),
            input_tokens=used,
            output_tokens=given,
            ratelimits=ratelimits(reply),
            first_token=self._first,
            first_content=self._begun,
            per_output_token=self._per_token(given),
            thinking_tokens=count(self._events.usage.get("thinking_tokens")),
        )

    def _answer(self, reply: HttpReply) -> Answer:
        """The answer, with what an error event says in the place of an error document."""
        answer = read(reply.status, reply.headers, reply.body, truncated=reply.truncated)
        answer = replace(answer, body_bytes=self._bytes)
        error = self._events.error
        if error is None:
            return answer
        kind = None if error.type is None else self._said(error.type, _NAME_CHARS_MAX)
        return replace(
            answer,
            error_type=kind,
            error_message=None if error.message is None else self._said(error.message),
            error_code=None if error.code is None else self._said(error.code, _NAME_CHARS_MAX),
            anthropic_error=kind is not None,
            enveloped=kind is not None and error.enveloped,
            wrapped=quoted_error(
                None if error.message is None else hide(error.message, self._secrets)
            ),
            request_id=answer.request_id or error.request_id,
        )

    def _said(self, text: str, chars_max: int = 300) -> str:
        return clean(hide(text, self._secrets), chars_max)

    def _checks(self, reply: HttpReply, error: TransportError | None) -> tuple[Check, ...]:
        """What a whole stream must have; of half of one, only what is broken already."""
        problem = self._problem(error)
        status = a_check("status", reply.status == _OK, f"HTTP {reply.status}")
        stream = a_check(STREAM_CHECK, problem is None, problem or "")
        if problem is not None or error is not None:
            return (status, stream) if problem is not None else ()
        reason = self._events.stop_reason
        # A model that refuses may do so without a word.
        said = self._events.spoken or reason == REFUSAL
        checks = (status, stream, a_check("content", said, "no content"), stop_check(reason))
        category, thought_only = self._events.stop_category, self._events.thought_only
        told = remarks(reason, category, thought_only=thought_only)
        return (*checks, *(told or self._known_answer()))

    def _problem(self, error: TransportError | None) -> str | None:
        """What broke the stream; None for one that is whole, or that only took too long to come."""
        said = self._events.error
        if said is not None:
            return f"an error event: {self._said(said.type or 'of no type', _NAME_CHARS_MAX)}"
        if self._events.problem is not None:
            return self._said(self._events.problem)
        if error is None:
            return None if self._events.stopped else self._events.missing
        if error.kind in _BROKEN:
            return f"it was cut off: {error.message}"
        return f"it stalled: {error.awaited}" if error.stalled else None

    def _known_answer(self) -> tuple[Check, ...]:
        expect = self._spec.expect
        if expect is None:
            return ()
        known = expect.contains.casefold() in self._events.text.casefold()
        return (a_check("answer", known, "another than expected, which is no fault", counts=False),)

    def _per_token(self, given: int | None) -> float | None:
        """Seconds a token of text after the first; None unless a whole message has several.

        The tokens of thinking came before; where their number is not told, neither is this.
        """
        thought = count(self._events.usage.get("thinking_tokens"))
        if thought is None:
            thought = None if self._events.thought else 0
        if self._first is None or given is None or thought is None or not self._events.stopped:
            return None
        text = given - thought
        return (self._last - self._first) / (text - 1) if text > 1 else None


KIND = ProbeKind(
    name="claude_stream",
    spec=ClaudeStreamSpec,
    request=request,
    read=reading,
    model=lambda spec: spec.model,
    paid=lambda _spec: True,
    answered_means_vendor=lambda spec: spec.base_url.startswith("https://"),
    stream=MessageStream,
)
