"""From facts to a verdict: what a run came to, whose fault it is, and a sentence that says so.

The rules are tried in this order; the first that knows the run decides. Transport comes before the
answer, the layers in front of Claude before Claude itself, and what was expected before what an
error says: the probe that asks without a key expects its 401.

| rule | outcome |
|---|---|
| the event loop was late and the run timed out; our own bug | `monitor_error` |
| the controls fail too, no answer of the vendor's, expectations not met | `no_network` |
| our egress proxy refused, failed or answered itself (407, 511, or by its name) | `blocked` |
| neither answer nor error: a kind that speaks no HTTP | see `core/bare.py` |
| no answer: name, connection, handshake, time; a reset or no HTTP before an answer | `dns_error`, `connect_error`, `tls_error`, `timeout`, `connect_error` |
| the edge asks for a browser | `challenged` |
| Cloudflare cannot reach or use the origin (52x, category `origin`, 1xxx with a 5xx or of name resolution, tunnels and workers) | `server_error` |
| Cloudflare refuses this address, region or client (any other 1xxx, any other category with a 4xx) | `blocked` |
| the `forbidden` shape with a 4xx; sent to the page for unserved regions; 451 | `blocked` |
| the text `Rate exceeded` below 500: from a probe that was `ok` here before; never was | `bad_content`; `unproven` |
| every check that counts passed: within its latency objective; past it | `ok`; `slow` |
| a code or a sentence of the vendor's that is known (`core/causes.py`) | what it says: mostly `client_error` |
| with `gateway: true`, an error without Claude's document around it: 401, 403; 429; another below 500; 5xx | `credential_rejected`; `rate_limited`; `client_error`; `server_error` |
| 529, `overloaded_error` or the message "Overloaded", whatever the status | `overloaded` |
| 429, or `rate_limit_error` below 500 | `rate_limited` |
| the check `stream` failed, but for an error event of a type that refuses us | `stream_broken` |
| 5xx; `api_error` or `timeout_error` in any status | `server_error` |
| a key refused in an error document (401, 403, their types): worked before and evidence; else | `auth_error`; `credential_rejected` |
| only the check `model` failed | `client_error` |
| another 4xx error document (for a run without a key: but 401 and 403); a bare 402 or 413 | `client_error` |
| the answer broke off: late; otherwise | `timeout`; `bad_content` |
| anything else: from a probe that was `ok` here before; from one that never was | `bad_content`; `unproven` |

A 403 says that the key may not do this; successes of other probes say nothing against it, so it is
an `auth_error` only where this probe was ok before. Nor do successes of the same probe: behind a
pool of addresses of which one is refused, they alternate. What else may be evidence stands in
`core/credential.py`.

An error event in a stream counts as an error document does. Through a gateway, what it quotes of
Claude's own error is read in place of the gateway's; a refused key is never an `auth_error` there,
for which key was refused, the proxy's or the one behind it, nobody can tell.

Two rows are choices where the contract is silent. A bare 4xx without an error document (a 404 page
where a 200 was) from a proven probe is bad: our request did not change, so the other side did. And
a reset counts even from an unproven probe, being a failure of transport, while endless redirects
and oversized bodies do not, for a wrong URL gives them too.
"""  # noqa: E501  # a table's rows are one line each

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from monitor.core.answer import clean
from monitor.core.bare import judge_bare
from monitor.core.causes import cause_of, unwrapped
from monitor.core.failure import Ruling, judge_failure
from monitor.core.observation import Answer, Failure, Observation
from monitor.core.outcome import Outcome, Verdict
from monitor.core.plan import ProbePlan
from monitor.core.quotes import check_words, said, thought, told
from monitor.core.thinking import refused_key

SENTENCE_CHARS_MAX = 200
"""How long a verdict's reason may be, in characters."""

STREAM_CHECK = "stream"
"""Name of the check that a stream ran to its proper end."""

SET_UP_CHECK = "model"
"""Name of the check that what the config asks for exists: on its own it is our set-up."""

_OVERLOADED_STATUS = 529
_RATE_LIMITED_STATUS = 429
_FORBIDDEN_STATUS = 403
_LEGAL_STATUS = 451
_REFUSED_STATUSES = (401, 403)
_BARE_CLIENT_STATUSES = (402, 413)
_CLIENT_STATUS_MIN = 400
_REDIRECT_STATUS_MIN = 300
_SERVER_STATUS_MIN = 500

_UNAUTHORIZED_STATUS = 401
_OK_STATUS = 200
_AUTH_TYPES = ("authentication_error", "permission_error")
_SERVER_TYPES = ("api_error", "timeout_error")
_CLIENT_TYPES = (
    "billing_error",
    "conflict_error",
    "invalid_request_error",
    "not_found_error",
    "request_too_large",
)
_GATEWAY_KEY_TYPES = ("auth_error", "no_db_connection", "token_not_found_in_db", "expired_key")
"""Types with which LiteLLM refuses a key of its own, whatever the status."""

_DOUBT = "; this probe was never ok here: the vendor changed, or our config is wrong"

_CLOUDFLARE_BLOCKS_MIN = 1000
_CLOUDFLARE_OWNER_CODES: Final = frozenset(
    {1000, 1001, 1002, 1004, 1014, 1016, 1018, 1023, 1033, 1042, 1101, 1102, 1200}
)
"""Codes for which the site's owner or the edge is at fault, not who asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a verdict needs beyond the run itself.

    Attributes:
        probe: the probe's plan.
        proven: the probe has been ok here.
        key_worked: its key has been accepted before.
        key_evidence: the sentence that says why a refusal is not the key's fault; None without.
        no_network: the sentence that says that every proven control target fails too; None when
            they do not.
        loop_late_max: seconds of event loop lateness from which a time-out is our own.
    """

    probe: ProbePlan
    proven: bool
    key_worked: bool = False
    key_evidence: str | None = None
    no_network: str | None = None
    loop_late_max: float = 2.0

    @property
    def keyed(self) -> bool:
        """Whether the run carried a key."""
        return self.probe.credential is not None or self.probe.credential_name is not None


def classify(observation: Observation, context: Context) -> Verdict:
    """What the run means; see the table above. Total: every observation has a verdict."""
    outcome, sentence = _rule(observation, context)
    if outcome is Outcome.UNPROVEN:
        sentence = f"{clean(sentence, SENTENCE_CHARS_MAX - len(_DOUBT))}{_DOUBT}"
    return Verdict(
        outcome=outcome,
        reason=clean(sentence, SENTENCE_CHARS_MAX),
        answered=_answered(observation, context),
    )


def _rule(observation: Observation, context: Context) -> Ruling:
    for transport_rule in _TRANSPORT_RULES:
        ruling = transport_rule(observation, context)
        if ruling is not None:
            return ruling
    answer = observation.answer
    if answer is None:
        return judge_bare(observation, context)
    if context.probe.gateway:
        answer = unwrapped(answer)
    for answer_rule in _ANSWER_RULES:
        ruling = answer_rule(answer, observation, context)
        if ruling is not None:
            return ruling
    return _mismatch(answer, observation, context)


# ------------------------------------------------------------------ transport


def _late_loop(observation: Observation, context: Context) -> Ruling | None:
    error = observation.error
    if error is None or error.kind is not Failure.TIMEOUT:
        return None
    if observation.loop_late <= context.loop_late_max:
        return None
    late = f"the event loop was late by {observation.loop_late:.3g} s"
    return Outcome.MONITOR_ERROR, f"{late}: the time-out is our own"


def _own_bug(observation: Observation, context: Context) -> Ruling | None:
    error = observation.error
    if error is None or error.kind is not Failure.INTERNAL:
        return None
    return judge_failure(error, observation, proven=context.proven)


def _no_network(observation: Observation, context: Context) -> Ruling | None:
    if context.no_network is None or _answered(observation, context) or _expected(observation):
        return None
    return Outcome.NO_NETWORK, context.no_network


def _egress_failed(observation: Observation, context: Context) -> Ruling | None:
    error = observation.error
    if error is None or error.kind is not Failure.PROXY:
        return None
    return judge_failure(error, observation, proven=context.proven)


def _unanswered(observation: Observation, context: Context) -> Ruling | None:
    if observation.error is None or observation.answer is not None:
        return None
    return judge_failure(observation.error, observation, proven=context.proven)


# ------------------------------------------------------------------ layers in front of Claude


def _challenged(answer: Answer, _observation: Observation, _context: Context) -> Ruling | None:
    if not answer.challenge:
        return None
    sentence = f"the edge asks for a browser ({answer.status}): the origin is unknown"
    return Outcome.CHALLENGED, sentence


def _egress_answered(answer: Answer, _observation: Observation, _context: Context) -> Ruling | None:
    if not answer.egress_proxy:
        return None
    return Outcome.BLOCKED, f"our own way out answered {answer.status}, not Claude"


def _cloudflare(answer: Answer, _observation: Observation, _context: Context) -> Ruling | None:
    code, category = answer.cloudflare_code, answer.cloudflare_category
    if code is None and category is None:
        return None
    name = f"Cloudflare error {code or answer.status}"
    if category:
        name = f"{name} ({category})"
    if _is_owners(answer):
        return Outcome.SERVER_ERROR, f"{name}: the edge answers, the origin behind it does not"
    return Outcome.BLOCKED, f"{name}: the edge refuses this address or client"


def _is_owners(answer: Answer) -> bool:
    """Whether a Cloudflare error is the site's, not a refusal of who asks."""
    code = answer.cloudflare_code or answer.status
    return (
        answer.status >= _SERVER_STATUS_MIN
        or answer.cloudflare_category == "origin"
        or _SERVER_STATUS_MIN <= code < _CLOUDFLARE_BLOCKS_MIN
        or code in _CLOUDFLARE_OWNER_CODES
    )


def _region(answer: Answer, _observation: Observation, _context: Context) -> Ruling | None:
    if answer.region_blocked:
        return Outcome.BLOCKED, "sent to the page for regions that are not served"
    forbidden = answer.forbidden_shape and _is_client_status(answer.status)
    if forbidden or answer.status == _LEGAL_STATUS:
        return Outcome.BLOCKED, f"{said(answer)}: this place or address is blocked"
    return None


# ------------------------------------------------------------------ Claude


def _rate_exceeded(answer: Answer, _observation: Observation, context: Context) -> Ruling | None:
    if not answer.rate_exceeded or answer.status >= _SERVER_STATUS_MIN:
        return None
    outcome = Outcome.BAD_CONTENT if context.proven else Outcome.UNPROVEN
    return outcome, f"answered {answer.status} with nothing but 'Rate exceeded'"


def _as_expected(answer: Answer, observation: Observation, context: Context) -> Ruling | None:
    if not _expected(observation):
        return None
    took = observation.timings.total
    objective = context.probe.latency_objective
    if took > objective and observation.loop_late <= context.loop_late_max:
        late = f"correct, but took {took:.3g} s (objective {objective:.3g} s)"
        return Outcome.SLOW, f"{late}{thought(observation)}"
    words = f"{thought(observation)}{told(observation.checks)}"
    return Outcome.OK, f"answered {answer.status} as expected in {took:.3g} s{words}"


def _overloaded(answer: Answer, _observation: Observation, _context: Context) -> Ruling | None:
    message = (answer.error_message or answer.error_type or "").lower()
    if (
        answer.status == _OVERLOADED_STATUS
        or answer.error_type == "overloaded_error"
        or (message.startswith("overloaded") and answer.error_type != "invalid_request_error")
    ):
        return Outcome.OVERLOADED, said(answer)
    return None


def _known_cause(answer: Answer, _observation: Observation, _context: Context) -> Ruling | None:
    cause = cause_of(answer)
    return None if cause is None else (cause.outcome, f"{cause.meaning}: {said(answer)}")


def _gateway_answered(answer: Answer, _observation: Observation, context: Context) -> Ruling | None:
    """An error in a proxy's own words; what it passes on of Claude's is judged as Claude's."""
    if not context.probe.gateway or answer.enveloped:
        return None
    status = _stated_status(answer)
    sentence = f"{said(answer)}: the gateway's own answer, not Claude's"
    if status in _REFUSED_STATUSES or answer.error_type in _GATEWAY_KEY_TYPES:
        return Outcome.CREDENTIAL_REJECTED, sentence
    if status == _RATE_LIMITED_STATUS:
        return Outcome.RATE_LIMITED, sentence
    if _REDIRECT_STATUS_MIN <= status < _SERVER_STATUS_MIN:
        return Outcome.CLIENT_ERROR, sentence
    if status >= _SERVER_STATUS_MIN and status != _OVERLOADED_STATUS:
        return Outcome.SERVER_ERROR, sentence
    return None


def _stated_status(answer: Answer) -> int:
    """The status, or the one that an error in a gateway's 200 states in its `code`."""
    code = answer.error_code or ""
    if (
        answer.status == _OK_STATUS
        and code.isascii()
        and code.isdigit()
        and len(code) == len("401")
    ):
        return int(code)
    return answer.status


def _rate_limited(answer: Answer, _observation: Observation, _context: Context) -> Ruling | None:
    typed = answer.error_type == "rate_limit_error" and answer.status < _SERVER_STATUS_MIN
    if typed or answer.status == _RATE_LIMITED_STATUS:
        return Outcome.RATE_LIMITED, said(answer)
    return None


def _stream_broken(answer: Answer, observation: Observation, context: Context) -> Ruling | None:
    # Claude has taken the key when its stream begins; a gateway may not have asked yet.
    ours = (*_CLIENT_TYPES, *_AUTH_TYPES) if context.probe.gateway else _CLIENT_TYPES
    if answer.anthropic_error and answer.error_type in ours:
        return None
    for check in observation.checks:
        if check.name == STREAM_CHECK and check.failed:
            return Outcome.STREAM_BROKEN, f"answered {answer.status}, but {check_words(check)}"
    return None


def _server_error(answer: Answer, _observation: Observation, _context: Context) -> Ruling | None:
    typed = answer.anthropic_error and answer.error_type in _SERVER_TYPES
    if typed or answer.status >= _SERVER_STATUS_MIN:
        return Outcome.SERVER_ERROR, said(answer)
    return None


def _key_refused(answer: Answer, _observation: Observation, context: Context) -> Ruling | None:
    if not (context.keyed and _is_refusal(answer)):
        return None
    if not context.key_worked:
        return Outcome.CREDENTIAL_REJECTED, f"{said(answer)}; the key has never worked here"
    if context.key_evidence is None:
        return Outcome.CREDENTIAL_REJECTED, f"{said(answer)}; the key worked before"
    if is_forbidden(answer) and not context.proven:
        return Outcome.CREDENTIAL_REJECTED, f"{said(answer)}; the key was never allowed this here"
    return Outcome.AUTH_ERROR, f"{said(answer)}; {context.key_evidence}"


def is_forbidden(answer: Answer) -> bool:
    """Whether the key may not do this or not from here, rather than that it is not known."""
    if answer.status == _UNAUTHORIZED_STATUS:
        return False
    return answer.status == _FORBIDDEN_STATUS or answer.error_type == "permission_error"


def _refuses_us(answer: Answer) -> bool:
    """Whether it is an error document of a 4xx, or one in a 200: an error event of a stream."""
    told = _is_client_status(answer.status) or answer.status == _OK_STATUS
    return answer.anthropic_error and told


def _is_refusal(answer: Answer) -> bool:
    """Whether the application, by an error document, refuses who asks rather than what."""
    if not _refuses_us(answer):
        return False
    if answer.status == _FORBIDDEN_STATUS and answer.error_type in _CLIENT_TYPES:
        return False
    return answer.status in _REFUSED_STATUSES or answer.error_type in _AUTH_TYPES


def _not_set_up(answer: Answer, observation: Observation, _context: Context) -> Ruling | None:
    """The answer is sound and does not have what the config names: a model that was retired."""
    failed = [check for check in observation.checks if check.failed]
    if not failed or any(check.name != SET_UP_CHECK for check in failed):
        return None
    if observation.error is not None or answer.truncated:
        return None
    return Outcome.CLIENT_ERROR, f"not as configured: {check_words(failed[0])}"


def _client_error(answer: Answer, _observation: Observation, context: Context) -> Ruling | None:
    known = answer.error_type in _CLIENT_TYPES or _is_client_status(answer.status)
    typed = _refuses_us(answer) and known and not _is_refusal(answer)
    if typed or answer.status in _BARE_CLIENT_STATUSES:
        key = refused_key(answer.error_message) if context.probe.paid else None
        hint = "" if key is None else f"; change `{key}` of this probe"
        return Outcome.CLIENT_ERROR, f"{said(answer)}{hint}"
    return None


# ------------------------------------------------------------------ the rest


def _broken_off(_answer: Answer, observation: Observation, context: Context) -> Ruling | None:
    if observation.error is None:
        return None
    return judge_failure(observation.error, observation, proven=context.proven)


def _mismatch(answer: Answer, observation: Observation, context: Context) -> Ruling:
    """An answer that no rule knows and that is not the one expected."""
    failed = next((check for check in observation.checks if check.failed), None)
    sentence = said(answer) if failed is None else f"{said(answer)}; {check_words(failed)}"
    if context.probe.gateway and not answer.is_json and answer.content_type:
        sentence = f"{sentence}; the gateway sent {answer.content_type}, which Claude does not"
    return Outcome.BAD_CONTENT if context.proven else Outcome.UNPROVEN, sentence


def _answered(observation: Observation, context: Context) -> bool:
    """Whether an answer came that proves the way to the vendor (docs/detection.md)."""
    answer = observation.answer
    if answer is None or answer.egress_proxy:
        return False
    return answer.vendor or context.probe.answered_means_vendor


def _expected(observation: Observation) -> bool:
    """Whether what came is whole and as expected."""
    checks = observation.checks
    if observation.error is not None or not checks:
        return False
    return not any(check.failed for check in checks)


def _is_client_status(status: int) -> bool:
    return _CLIENT_STATUS_MIN <= status < _SERVER_STATUS_MIN


_TransportRule = Callable[[Observation, Context], Ruling | None]
_AnswerRule = Callable[[Answer, Observation, Context], Ruling | None]

_TRANSPORT_RULES: Final[tuple[_TransportRule, ...]] = (
    _late_loop,
    _own_bug,
    _no_network,
    _egress_failed,
    _unanswered,
)

_ANSWER_RULES: Final[tuple[_AnswerRule, ...]] = (
    _challenged,
    _egress_answered,
    _cloudflare,
    _region,
    _rate_exceeded,
    _as_expected,
    _known_cause,
    _gateway_answered,
    _overloaded,
    _rate_limited,
    _stream_broken,
    _server_error,
    _key_refused,
    _not_set_up,
    _client_error,
    _broken_off,
)
