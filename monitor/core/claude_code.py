"""Reading what the Claude Code CLI prints for `--output-format json`: the facts of a run.

The CLI ends with one JSON document, whatever happened. `is_error` says whether there is an answer,
`api_error_status` which HTTP status refused it, `api_error_type` and `api_error_code` what the
error document said (since 2.1.332 at the latest; where they are absent the status stands for the
type), `result` the answer or a sentence. The exit code says nothing that the document does not.

| the document says | and the run is |
|---|---|
| no error, and words | good |
| the model refused, was cut by its limit, or wanted to use a tool in its only turn | good: it answered |
| a status | judged as an HTTP answer with that status, type, code and message |
| a failure of connection, name, certificate, proxy or time, by the code in its sentence | a transport error |
| a stream without events or cut (where the CLI does not ask again without a stream) | `stream_broken` |
| another sentence that begins with `API Error`, as of an empty or malformed response | `bad_content`; `unproven` until it was good once |
| anything else (`Not logged in`); no document; two; fields of other types | our set-up: `client_error` |

What the CLI gets wrong by itself is never held against Claude. Its sentences were seen on 2.1.332
against a server that failed in each of these ways.
"""  # noqa: E501  # a table's rows are one line each

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from monitor.core.answer import clean, parse_json, plain, read
from monitor.core.claude_api import ERROR_TYPES
from monitor.core.observation import Answer, Check, Failure, Phase, TransportError
from monitor.core.outcome import Outcome

SENTENCE_CHARS_MAX = 160
"""How much of a sentence of the CLI's is kept."""

CHECK = "claude_code"
"""Name of the check that the CLI brought an answer."""

_STREAM_CHECK = "stream"
"""Name of the check that a stream ran to its end; `classify` knows it."""

_OK = 200
_STATUS_MIN, _STATUS_MAX = 100, 599
_NOT_RUNNABLE = (126, 127)
_SIGNAL_BASE = 128
_TOKENS_MAX = 10**9

_TYPES: Final[Mapping[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
"""What an error of this status is of, where the CLI does not say (the vendor's page "Errors")."""

_PAGES: Final = ("Just a moment...", "Attention Required! | Cloudflare")
"""Titles of the edge's pages; the CLI gives the title in place of a message."""

_BEFORE = re.compile(
    r"^(?:Failed to authenticate\. )?API Error: (?:Request rejected \(\d{3}\) · |\d{3} )?"
)
_BEHIND = re.compile(r"\.? This is a server-side issue, usually temporary.*$", re.DOTALL)
_CAUSE = re.compile(r"\(([A-Z][A-Z0-9_]{3,60}|StreamTruncated)\)")
_REQUEST_ID = re.compile(r"\breq_\w{1,60}")
_FORBIDDEN = "Request not allowed"
_BROKEN_STREAM = ("Stream ended without", "(StreamTruncated)", " mid-response")
_TIMED_OUT = "Request timed out"
_API_ERROR = "API Error"

_DNS = (Failure.DNS, Phase.DNS)
_CONNECT = (Failure.CONNECT, Phase.CONNECT)
_LATE = (Failure.TIMEOUT, Phase.CONNECT)
_RESET = (Failure.RESET, Phase.FIRST_BYTE)
_CAUSES: Final = {
    **dict.fromkeys(("ENOTFOUND", "EAI_AGAIN", "EAI_FAIL", "EAI_NODATA", "EAI_NONAME"), _DNS),
    **dict.fromkeys(("ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL"), _CONNECT),
    **dict.fromkeys(("ETIMEDOUT", "ESOCKETTIMEDOUT", "UND_ERR_CONNECT_TIMEOUT"), _LATE),
    **dict.fromkeys(("ECONNRESET", "ECONNABORTED", "EPIPE", "UND_ERR_SOCKET"), _RESET),
}
_TLS_WORDS = ("CERT", "EPROTO", "_SSL_", "_TLS_", "UNABLE_TO_", "CRL_", "HOSTNAME_MISMATCH")


@dataclass(frozen=True, slots=True, kw_only=True)
class CliRun:
    """The facts of a run of the CLI.

    Attributes:
        checks: the expectations, in order; they do not count beside an `error`.
        answer: the HTTP answer that the CLI tells of; None where it tells of none.
        error: the failure of transport that the CLI tells of.
        claimed: the outcome, where it is our own set-up that failed.
        input_tokens, output_tokens: what was billed, over all that it asked; None: not said.
    """

    checks: tuple[Check, ...] = ()
    answer: Answer | None = None
    error: TransportError | None = None
    claimed: Outcome | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


def our_set_up(why: str) -> CliRun:
    """A run of which only our own side is to blame; `why` is a sentence."""
    check = Check(name=CHECK, ok=False, detail=clean(why, SENTENCE_CHARS_MAX))
    return CliRun(checks=(check,), claimed=Outcome.CLIENT_ERROR)


def read_run(code: int, output: str, *, proxied: bool) -> CliRun:
    """What a run of the CLI came to.

    Args:
        code: its exit code; negative: the signal that killed it.
        output: the end of what it printed, warnings and all.
        proxied: it went through an egress proxy, whose failures are not the target's.
    """
    documents = _documents(plain(output))
    if not documents:
        return our_set_up(_without_result(code, output))
    if len(documents) > 1:
        return our_set_up(f"it printed {len(documents)} results, and one is expected")
    (said,) = documents
    wrong = next((name for name, fits in _FIELDS.items() if not fits(said.get(name))), None)
    if wrong is not None:
        return our_set_up(f"its result is not understood: {wrong} is not what it should be")
    seen = _failed(said, proxied=proxied) if said["is_error"] else _good(said)
    sent, received = _tokens(said)
    return CliRun(
        checks=seen.checks,
        answer=seen.answer,
        error=seen.error,
        claimed=seen.claimed,
        input_tokens=sent,
        output_tokens=received,
    )


# ------------------------------------------------------------------ the document


def _documents(output: str) -> list[Mapping[str, Any]]:
    """The results in `output`: JSON objects on a line of their own, or one over several lines."""
    found = [each for line in output.splitlines() if (each := _result(line)) is not None]
    if found:
        return found
    begin, end = output.find("{"), output.rfind("}")
    whole = _result(output[begin : end + 1]) if begin >= 0 else None
    return [] if whole is None else [whole]


def _result(text: str) -> Mapping[str, Any] | None:
    """The result that `text` is; other JSON, as of a log, is none."""
    document = parse_json(text.strip().encode())
    if isinstance(document, Mapping) and "is_error" in document:
        return document
    return None


def _is_status(value: object) -> bool:
    if value is None:
        return True
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    return _STATUS_MIN <= value <= _STATUS_MAX


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


_FIELDS: Final[Mapping[str, Callable[[object], bool]]] = {
    "is_error": lambda value: isinstance(value, bool),
    "api_error_status": _is_status,
    "api_error_type": _is_text,
    "api_error_code": _is_text,
    "subtype": _is_text,
    "stop_reason": _is_text,
    "result": _is_text,
}
"""What is read of a result, and what each must be."""


def _without_result(code: int, output: str) -> str:
    """Why there is no result."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    words = f": {lines[-1]}" if lines else ""
    if code in _NOT_RUNNABLE:
        return f"it cannot be run (exit {code}){words}"
    number = -code if code < 0 else code - _SIGNAL_BASE
    if code < 0 or code > _SIGNAL_BASE:
        return f"it was ended from outside by signal {number} (memory? another program?){words}"
    return f"it printed no result (exit {code}){words}"


# ------------------------------------------------------------------ what it means


def _good(said: Mapping[str, Any]) -> CliRun:
    """It says that there is an answer."""
    words = bool((said.get("result") or "").strip())
    detail = "" if words else "its answer is empty"
    return CliRun(checks=(Check(name=CHECK, ok=words, detail=detail),))


def _failed(said: Mapping[str, Any], *, proxied: bool) -> CliRun:
    """It says that there is none."""
    sentence = said.get("result") or ""
    status = said.get("api_error_status")
    if status is not None:
        return _answered(_answer(said, status), clean(sentence, SENTENCE_CHARS_MAX))
    told = _told_all_the_same(said)
    if told:
        return CliRun(checks=(Check(name=CHECK, ok=True, detail=told),))
    error = _transport(sentence, proxied=proxied)
    if error is not None:
        return CliRun(error=error)
    words = clean(_BEFORE.sub("", sentence), SENTENCE_CHARS_MAX)
    if any(words_of_it in sentence for words_of_it in _BROKEN_STREAM):
        return _answered(read(_OK, (), b""), words, name=_STREAM_CHECK)
    if sentence.startswith(_API_ERROR):
        return _answered(read(_OK, (), b""), words)
    return our_set_up(sentence or f"it failed without a word ({said.get('subtype')})")


def _answered(answer: Answer, words: str, *, name: str = CHECK) -> CliRun:
    return CliRun(answer=answer, checks=(Check(name=name, ok=False, detail=words),))


def _told_all_the_same(said: Mapping[str, Any]) -> str:
    """What a model did that answered, though not with words; empty where it did not answer."""
    if said.get("stop_reason") == "refusal":
        return "the model refused, which is an answer"
    if said.get("subtype") == "error_max_turns":
        return "the model wanted to use a tool, which is an answer"
    if said.get("api_error") == "max_output_tokens":
        return "the answer was cut at its limit"
    return ""


def _answer(said: Mapping[str, Any], status: int) -> Answer:
    """The HTTP answer that the CLI tells of, put together as it must have been."""
    sentence = said.get("result") or ""
    message = _BEHIND.sub("", _BEFORE.sub("", sentence)).strip()
    kind, code = said.get("api_error_type"), said.get("api_error_code")
    if kind is None and message in _PAGES:
        page = f"<html><title>{message}</title>".encode()
        return read(status, (("content-type", "text/html"),), page)
    if kind is None and message.startswith("{"):
        # The body itself, as of an edge that answers in JSON of its own.
        return read(status, (), message.encode())
    if kind is None:
        kind = "forbidden" if message == _FORBIDDEN else _TYPES.get(status)
    error: dict[str, Any] = {"type": kind, "message": message}
    if code is not None:
        error["details"] = {"error_code": code}
    named = _REQUEST_ID.search(sentence)
    body = {"error": error, "request_id": named[0] if named else None}
    if kind in ERROR_TYPES:
        # The vendor's own document has a type at the top; the edge's and a gateway's do not.
        body["type"] = "error"
    return read(status, (), json.dumps(body).encode() if kind else message.encode())


def _transport(sentence: str, *, proxied: bool) -> TransportError | None:
    """The failure of transport that `sentence` tells of; None where it tells of none."""
    if sentence.startswith(_TIMED_OUT):
        return _error(Failure.TIMEOUT, Phase.FIRST_BYTE, "")
    found = _CAUSE.search(sentence)
    cause = found[1] if found else ""
    if "PROXY" in cause:
        return _error(Failure.PROXY, Phase.CONNECT, cause)
    if cause in _CAUSES:
        kind, phase = _CAUSES[cause]
        ours = proxied and kind in (Failure.DNS, Failure.CONNECT)
        return _error(Failure.PROXY if ours else kind, phase, cause)
    if any(word in cause for word in _TLS_WORDS):
        return _error(Failure.TLS, Phase.TLS, cause)
    return None


def _error(kind: Failure, phase: Phase, cause: str) -> TransportError:
    message = f"Claude Code says {cause}" if cause else "Claude Code gave up waiting"
    return TransportError(kind=kind, phase=phase, message=message)


# ------------------------------------------------------------------ tokens


def _tokens(said: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Tokens sent, cached ones included, and received, over every model and request.

    `modelUsage` counts requests that `usage` leaves out, as a stream that broke off.
    """
    models = said.get("modelUsage")
    each = list(models.values()) if isinstance(models, Mapping) else []
    if each:
        names = ("inputTokens", "cacheCreationInputTokens", "cacheReadInputTokens")
        return _sum(each, names), _sum(each, ("outputTokens",))
    usage = said.get("usage")
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return _sum([usage], names), _sum([usage], ("output_tokens",))


def _sum(usages: list[Any], names: tuple[str, ...]) -> int | None:
    """The sum of the counts under `names`; None where none of them is one."""
    values = [usage.get(name) for usage in usages if isinstance(usage, Mapping) for name in names]
    counts = [count for value in values if (count := _count(value)) is not None]
    return sum(counts) if counts else None


def _count(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= _TOKENS_MAX else None
