"""What a run means that speaks no HTTP: a connection alone, or a program that was run.

Its facts are checks, and the outcome that a program named itself. A program knows what it saw, not
what that proves: what needs evidence of other probes (`auth_error`, `no_network`) or belongs to the
daemon (`unproven`, `slow`, `monitor_error`) is not its to say. See `CLAIMABLE`.

| run | outcome |
|---|---|
| no check at all | `monitor_error` |
| every check passed: within its latency objective; past it | `ok`; `slow` |
| a check failed, and the program named an outcome | that one |
| the same, and it named `bad_content` without ever having been `ok` here | `unproven` |
| the same, and it named `credential_rejected` | as for a key over HTTP: `auth_error` on evidence |
| a check failed without a word: was `ok` here before; never was | `bad_content`; `unproven` |
"""

from __future__ import annotations

from typing import Final, Protocol

from monitor.core.failure import Ruling
from monitor.core.observation import Check, Observation
from monitor.core.outcome import Outcome
from monitor.core.plan import ProbePlan

CLAIMABLE: Final = frozenset(
    {
        Outcome.OK,
        Outcome.TIMEOUT,
        Outcome.DNS_ERROR,
        Outcome.CONNECT_ERROR,
        Outcome.TLS_ERROR,
        Outcome.CREDENTIAL_REJECTED,
        Outcome.RATE_LIMITED,
        Outcome.OVERLOADED,
        Outcome.SERVER_ERROR,
        Outcome.BAD_CONTENT,
        Outcome.STREAM_BROKEN,
        Outcome.CLIENT_ERROR,
        Outcome.CHALLENGED,
        Outcome.BLOCKED,
    }
)
"""The outcomes that a program may name."""


class Known(Protocol):
    """What is known from before; the context of a verdict has this shape."""

    @property
    def probe(self) -> ProbePlan:
        """The probe's plan."""
        ...

    @property
    def proven(self) -> bool:
        """The probe has been ok here."""
        ...

    @property
    def key_worked(self) -> bool:
        """Its key has been accepted before."""
        ...

    @property
    def key_evidence(self) -> str | None:
        """Why a refusal is not the key's fault; None without."""
        ...

    @property
    def loop_late_max(self) -> float:
        """Seconds of event loop lateness from which a delay is our own."""
        ...


def judge_bare(observation: Observation, known: Known) -> Ruling:
    """Outcome and sentence of a run without answer and error; see the table above."""
    if not observation.checks:
        return Outcome.MONITOR_ERROR, "the run brought neither an answer nor an error"
    failed = next((check for check in observation.checks if not check.ok), None)
    if failed is None:
        return _good(observation, known)
    sentence = _words(failed)
    if observation.claimed is Outcome.CREDENTIAL_REJECTED:
        if known.key_worked and known.key_evidence is not None:
            return Outcome.AUTH_ERROR, f"{sentence}; {known.key_evidence}"
        return Outcome.CREDENTIAL_REJECTED, sentence
    outcome = observation.claimed or Outcome.BAD_CONTENT
    if outcome is Outcome.BAD_CONTENT and not known.proven:
        outcome = Outcome.UNPROVEN
    return outcome, sentence


def _good(observation: Observation, known: Known) -> Ruling:
    """A run whose checks all passed; what they have to say is told, as that a certificate ends."""
    took, objective = observation.timings.total, known.probe.latency_objective
    said = "".join(f"; {check.detail}" for check in observation.checks if check.detail)
    if took > objective and observation.loop_late <= known.loop_late_max:
        return Outcome.SLOW, f"correct, but took {took:.3g} s (objective {objective:.3g} s){said}"
    return Outcome.OK, f"as expected in {took:.3g} s{said}"


def _words(check: Check) -> str:
    return f"{check.name}: {check.detail}" if check.detail else f"{check.name} failed"
