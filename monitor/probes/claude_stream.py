"""Probes of the Claude API that ask for a message as a stream: what most users of Claude wait for.

A stream may die after its 200. So it is followed as it comes, held to a limit at each stage, and
must end with `message_stop`; an error in its midst is told by its type, whatever the status was.

Nothing is asked of the words: any content will do, thinking too, and a model that refuses is well.
`expect: {contains: ...}` looks for a text in the answer. Where it is missing the run's sentence
says so, and nothing else changes: a model may put it otherwise any day.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, Self

from pydantic import Field, model_validator

from monitor.core.answer import clean, read
from monitor.core.classify import STREAM_CHECK
from monitor.core.observation import Answer, Check, Failure, TransportError
from monitor.core.outcome import Depth
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
    encoded,
    endpoint,
    headers_of,
    message_question,
    ratelimits,
    stop_check,
    tokens,
)
from monitor.probes._message_events import MessageEvents
from monitor.probes._sse import SseParser, TooLongError
from monitor.probes._stream import STREAM_BYTES_MAX, Limits
from monitor.spec import Secret, Spec

EVENT_STREAM = "text/event-stream"
"""The media type of a stream."""

BODY_BYTES_MAX = 16 * 1024
"""How much of a body is kept: enough for an error document, and the beginning of a stream."""

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
        return self


def request(spec: ClaudeStreamSpec, key: Secret | None) -> HttpRequest:
    """What to ask."""
    # The API streams whatever is accepted; the edge tells its errors in JSON to who accepts that.
    headers, secrets = headers_of(spec, key)
    return HttpRequest(
        method="POST",
        url=endpoint(spec, "/v1/messages"),
        headers={**headers, "content-type": "application/json"},
        body=encoded(message_question(spec, spec.model, stream=True)),
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
        self._first: float | None = None
        self._last = 0.0

    @property
    def limits(self) -> Limits:
        """When each stage must be over."""
        return self._spec.limits

    @property
    def contents(self) -> int:
        """How many pieces of content came so far."""
        return self._events.contents

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
        known = self._events.contents
        try:
            events = self._parser.feed(chunk)
        except TooLongError as problem:
            raise RefusedError(Failure.TOO_LARGE, str(problem)) from None
        for event in events:
            self._events.take(event.name, event.data)
        if self._events.contents > known:
            self._first = at if self._first is None else self._first
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
            per_output_token=self._per_token(given),
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
            anthropic_error=kind is not None,
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
        said = self._events.contents > 0 or reason == REFUSAL
        checks = (status, stream, a_check("content", said, "no content"), stop_check(reason))
        return (*checks, *self._known_answer(reason))

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
        stalled = error.kind is Failure.TIMEOUT and error.awaited and self._events.contents
        return f"it stalled: {error.awaited}" if stalled else None

    def _known_answer(self, reason: str | None) -> tuple[Check, ...]:
        expect = self._spec.expect
        if expect is None or reason == REFUSAL:
            return ()
        known = expect.contains.casefold() in self._events.text.casefold()
        return (a_check("answer", known, "another than expected, which is no fault", counts=False),)

    def _per_token(self, given: int | None) -> float | None:
        """Seconds a token after the first content; None unless a whole message has several."""
        if self._first is None or not self._events.stopped or given is None or given < 2:  # noqa: PLR2004  # there is a next one
            return None
        return (self._last - self._first) / (given - 1)


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
