"""A configured probe, ready to run: a kind, a spec, a key and what all runs share."""

from __future__ import annotations

import re

from monitor.core.observation import (
    Failure,
    Observation,
    Origin,
    Phase,
    Seen,
    Timings,
    TransportError,
)
from monitor.core.plan import ProbePlan
from monitor.pipeline import Progress
from monitor.probes._base import AnyKind, HttpReply, ProbeSpec, Reading, report_bug
from monitor.probes._http import Asked, ProbeContext, ask
from monitor.probes._stream import StreamReader, reading_of
from monitor.spec import Secret


def user_agent(version: str, contact: str) -> str:
    """The honest User-Agent: who asks, why, and whom to write to.

    Raises:
        ValueError: `contact` holds what a header's comment may not.
    """
    contact = contact.strip()
    if not re.fullmatch(r"[ -~]{0,200}", contact) or re.search(r"[()\\]", contact):
        msg = "contact goes into a header: printable ASCII without ( ) and \\, 200 long at most"
        raise ValueError(msg)
    words = f"+{contact}; synthetic uptime probe" if contact else "synthetic uptime probe"
    return f"claude-uptime-monitor/{version} ({words})"


def plan_of(
    kind: AnyKind, spec: ProbeSpec, *, credential_fingerprint: str | None, disabled: str | None
) -> ProbePlan:
    """What engine and scheduler need to know of a configured probe.

    Args:
        kind: its kind.
        spec: its spec, of that kind.
        credential_fingerprint: salted hash of its key; None without one.
        disabled: why it does not run, in a sentence, when there is a reason beyond the spec's own.
    """
    if disabled is None and not spec.enabled:
        disabled = "It is switched off in the config."
    return ProbePlan(
        name=spec.name,
        kind=kind.name,
        depth=spec.depth,
        components=spec.components,
        interval=spec.interval,
        timeout=spec.timeout,
        soft_deadline=spec.soft_deadline,
        latency_objective=spec.latency_objective or spec.soft_deadline,
        credential=credential_fingerprint,
        credential_name=spec.credential,
        model=kind.model(spec),
        burst=spec.burst,
        paid=kind.paid(spec),
        answered_means_vendor=kind.answered_means_vendor(spec),
        alternative_for=spec.alternative_for,
        disabled=disabled,
    )


class BoundProbe:
    """A configured question, ready to be asked."""

    def __init__(
        self,
        kind: AnyKind,
        spec: ProbeSpec,
        plan: ProbePlan,
        key: Secret | None,
        context: ProbeContext,
    ) -> None:
        """Bind `kind` and `spec` to the `key` they use and to what all runs share.

        Raises:
            ValueError: the probe runs and is to use a key, and there is none.
        """
        if plan.enabled and spec.credential is not None and not key:
            msg = f"probe {spec.name} has no key, so it must be disabled"
            raise ValueError(msg)
        self._kind = kind
        self._spec = spec
        self._plan = plan
        self._key = key
        self._context = context

    @property
    def plan(self) -> ProbePlan:
        """What engine and scheduler know of it."""
        return self._plan

    async def run(self, run_id: str, origin: Origin, progress: Progress) -> Observation:
        """Ask once, over a new connection, within the timeout. Never raises for the world."""
        if self._kind.ask is not None:
            return await self._run_own(run_id, origin, progress)
        clock = self._context.clock
        at, started = clock.now(), clock.monotonic()
        request = self._kind.request(self._spec, self._key, self._context.takes(self._plan))
        stream = self._kind.stream
        reader = None if stream is None else stream(self._spec, self._key)
        asked = await ask(request, self._context, progress, self._plan.timeout, reader)
        reading, error = self._read(asked, reader, request.secrets)
        return Observation(
            run_id=run_id,
            probe=self._plan.name,
            at=at,
            started=started,
            ended=clock.monotonic(),
            timings=asked.timings,
            origin=origin,
            answer=reading.answer if reading else None,
            checks=reading.checks if reading else (),
            error=error,
            input_tokens=reading.input_tokens if reading else None,
            output_tokens=reading.output_tokens if reading else None,
            certificate_expires=asked.certificate_expires,
            ratelimits=reading.ratelimits if reading else (),
            first_token=reading.first_token if reading else None,
            first_content=reading.first_content if reading else None,
            per_output_token=reading.per_output_token if reading else None,
            thinking_tokens=reading.thinking_tokens if reading else None,
        )

    async def _run_own(self, run_id: str, origin: Origin, progress: Progress) -> Observation:
        """The same by the kind's own means; one that raises is our own bug."""
        clock = self._context.clock
        at, started = clock.now(), clock.monotonic()
        try:
            assert self._kind.ask is not None  # noqa: S101  # `run` looked
            seen = await self._kind.ask(
                self._spec, self._key, self._context, progress, self._plan.timeout
            )
        except Exception as problem:  # noqa: BLE001  # a bug of ours must not look like an outage
            report_bug(problem, (self._key.reveal(),) if self._key else ())
            message = f"{type(problem).__name__} in the probe itself; the log has the details"
            error = TransportError(kind=Failure.INTERNAL, phase=progress.phase, message=message)
            seen = Seen(timings=Timings(total=0.0), error=error)
        ended = clock.monotonic()
        return Observation(
            run_id=run_id,
            probe=self._plan.name,
            at=at,
            started=started,
            ended=ended,
            timings=seen.timings,
            origin=origin,
            answer=seen.answer,
            checks=seen.checks if seen.error is None else (),
            error=seen.error,
            input_tokens=seen.input_tokens,
            output_tokens=seen.output_tokens,
            certificate_expires=seen.certificate_expires,
            claimed=seen.claimed,
        )

    def _read(
        self, asked: Asked, reader: StreamReader | None, secrets: tuple[str, ...]
    ) -> tuple[Reading | None, TransportError | None]:
        """What the reply says, whole or in part; a reader that fails is our own bug."""
        reply: HttpReply | None = asked.reply
        if reply is None:
            return None, asked.error
        try:
            return reading_of(self._kind, self._spec, reply, asked.error, reader), asked.error
        except Exception as problem:  # noqa: BLE001  # a bug of ours must not look like an outage
            report_bug(problem, secrets)
            message = f"{type(problem).__name__} in reading the answer; the log has the details"
            return None, TransportError(
                kind=Failure.INTERNAL, phase=Phase.TRANSFER, message=message
            )
