"""Probes of the Claude API that answer with one JSON document: models, count_tokens, a message.

`models` also asks without a key: the typed refusal shows, for nothing, that the gateway answers.
Checks hold for every model: no particular text is asked for, any known reason to stop will do
(a refusal too), and the first block of content may be of any type.

Sources: the API's documentation of errors, models and token counting, and its SDK's types.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from monitor.core.answer import parse_json, read
from monitor.core.observation import Answer, Check
from monitor.core.outcome import Depth
from monitor.probes._base import HttpReply, HttpRequest, HttpUrl, ProbeKind, ProbeSpec, Reading
from monitor.spec import Secret

PROMPT = "Say OK."
"""What a message asks: as short as it can be."""

STOP_REASONS = frozenset(
    {
        "end_turn",
        "max_tokens",
        "stop_sequence",
        "tool_use",
        "pause_turn",
        "refusal",
        "model_context_window_exceeded",
    }
)
LIMITS = ("requests", "tokens", "input-tokens", "output-tokens")
"""The rate limits whose rest is read; a closed list, since each becomes a metric's label."""

MODELS_PAGE = 1000
"""The longest page of models that the API gives: a configured model must not hide on the next."""

_OK = 200
_UNAUTHORIZED = 401
_INPUT_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_TOKENS_MAX = 10**9


class ClaudeJsonSpec(ProbeSpec):
    """A probe of the API. Depth follows from the call, unless given."""

    kind: Literal["claude_json"]
    base_url: HttpUrl = "https://api.anthropic.com"
    """Where the API is."""
    call: Literal["models", "count_tokens", "message"]
    """What is asked: the list of models, the size of a prompt, an answer."""
    model: Annotated[str, Field(pattern=r"^[\w.:@-]{1,100}$")] | None = None
    """The model to ask; with `models`, one that the list must hold."""
    max_tokens: int = Field(default=16, ge=1, le=256)
    """How long the answer of a message may be."""
    anthropic_version: str = Field(default="2023-06-01", pattern=r"^[\w-]{1,32}$")
    """Version of the API."""
    disable_thinking: bool = True
    """Whether a message switches thinking off, which newer models have on."""

    @model_validator(mode="before")
    @classmethod
    def _depth_of_call(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or "depth" in values:
            return values
        keyless = values.get("credential") is None
        depths = {"models": Depth.GATEWAY if keyless else Depth.KEY, "message": Depth.INFERENCE}
        return {**values, "depth": depths.get(str(values.get("call")), Depth.KEY)}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.call != "models" and self.model is None:
            msg = f"call {self.call} needs a model"
            raise ValueError(msg)
        if self.call != "models" and self.credential is None:
            msg = f"call {self.call} needs a credential; only models is asked without a key"
            raise ValueError(msg)
        if self.credential is None and self.model is not None:
            msg = "without a credential there is no list to look for a model in"
            raise ValueError(msg)
        return self


def request(spec: ClaudeJsonSpec, key: Secret | None) -> HttpRequest:
    """What to ask. No sampling parameters: newer models refuse them."""
    headers = {"accept": "application/json", "anthropic-version": spec.anthropic_version}
    secret = key.reveal() if key else ""
    if secret:
        headers["x-api-key"] = secret
    secrets = (secret,) if secret else ()
    base = spec.base_url.rstrip("/")
    if spec.call == "models":
        page = 1 if spec.model is None else MODELS_PAGE
        url = f"{base}/v1/models?limit={page}"
        return HttpRequest(method="GET", url=url, headers=headers, secrets=secrets)
    headers["content-type"] = "application/json"
    path = "/v1/messages" if spec.call == "message" else "/v1/messages/count_tokens"
    body = json.dumps(_question(spec), separators=(",", ":")).encode()
    return HttpRequest(method="POST", url=base + path, headers=headers, body=body, secrets=secrets)


def _question(spec: ClaudeJsonSpec) -> dict[str, Any]:
    """The body of a POST."""
    question: dict[str, Any] = {
        "model": spec.model,
        "messages": [{"role": "user", "content": PROMPT}],
    }
    if spec.call == "message":
        question["max_tokens"] = spec.max_tokens
        if spec.disable_thinking:
            question["thinking"] = {"type": "disabled"}
    return question


def reading(spec: ClaudeJsonSpec, reply: HttpReply) -> Reading:
    """What the reply says, and the checks of the call."""
    answer = read(reply.status, reply.headers, reply.body, truncated=reply.truncated, url=reply.url)
    document = parse_json(reply.body)
    content = document if isinstance(document, Mapping) else None
    if spec.credential is None:
        return Reading(answer=answer, checks=_refusal(answer))
    checks = (
        _check("status", reply.status == _OK, f"HTTP {reply.status}"),
        _check("json", content is not None, "the body is no JSON object"),
    )
    if content is None or reply.status != _OK:
        return Reading(answer=answer, checks=checks, ratelimits=_ratelimits(reply))
    used, given = _usage(content) if spec.call == "message" else (None, None)
    return Reading(
        answer=answer,
        checks=(*checks, *_CHECKS[spec.call](spec, content)),
        input_tokens=used,
        output_tokens=given,
        ratelimits=_ratelimits(reply),
    )


def _check(name: str, ok: bool, detail: str) -> Check:  # noqa: FBT001  # the check's result
    return Check(name=name, ok=ok, detail="" if ok else detail)


def _refusal(answer: Answer) -> tuple[Check, ...]:
    """Without a key the gateway refuses, in its own words and with an id of its own."""
    typed = answer.anthropic_error and answer.error_type == "authentication_error"
    return (
        _check("status", answer.status == _UNAUTHORIZED, f"HTTP {answer.status}"),
        _check("type", typed, f"error type {answer.error_type or 'none'}"),
        _check("request_id", answer.request_id is not None, "no request id"),
    )


def _models(spec: ClaudeJsonSpec, content: Mapping[str, Any]) -> tuple[Check, ...]:
    data = content.get("data")
    entries = data if isinstance(data, list) else []
    checks = [_check("data", bool(entries), "the list of models is empty or missing")]
    if entries and spec.model is not None:
        # An alias stands in the list with its date: claude-x as claude-x-20260101.
        ids = [str(entry.get("id")) for entry in entries if isinstance(entry, Mapping)]
        known = any(name == spec.model or name.startswith(f"{spec.model}-2") for name in ids)
        checks.append(_check("model", known, f"{spec.model} is not in the list of models"))
    return tuple(checks)


def _count_tokens(_spec: ClaudeJsonSpec, content: Mapping[str, Any]) -> tuple[Check, ...]:
    counted = _count(content.get("input_tokens"))
    return (_check("input_tokens", counted is not None, "input_tokens is no number"),)


def _message(_spec: ClaudeJsonSpec, content: Mapping[str, Any]) -> tuple[Check, ...]:
    blocks, identity = content.get("content"), content.get("id")
    named = isinstance(identity, str) and identity.startswith("msg_")
    return (
        _check("type", content.get("type") == "message", "type is not message"),
        _check("id", named, "id does not begin with msg_"),
        _check("role", content.get("role") == "assistant", "role is not assistant"),
        _check("content", isinstance(blocks, list) and bool(blocks), "content is empty"),
        _check("stop_reason", _is_known_stop(content.get("stop_reason")), "unknown stop_reason"),
    )


def _is_known_stop(reason: object) -> bool:
    return isinstance(reason, str) and reason in STOP_REASONS


_CHECKS = {"models": _models, "count_tokens": _count_tokens, "message": _message}


def _count(value: object) -> int | None:
    """`value`, if it is a plausible count of tokens."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= _TOKENS_MAX else None


def _usage(content: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Tokens sent, cached ones included, and tokens received; None where it is not said."""
    usage = content.get("usage")
    if not isinstance(usage, Mapping):
        return None, None
    sent = [count for name in _INPUT_COUNTS if (count := _count(usage.get(name))) is not None]
    return (sum(sent) if sent else None), _count(usage.get("output_tokens"))


def _ratelimits(reply: HttpReply) -> tuple[tuple[str, float], ...]:
    """What the vendor says remains, by limit."""
    found = []
    for limit in LIMITS:
        text = reply.header(f"anthropic-ratelimit-{limit}-remaining") or ""
        if text.isascii() and text.isdigit() and len(text) <= len(str(_TOKENS_MAX)):
            found.append((limit, float(text)))
    return tuple(found)


KIND = ProbeKind(
    name="claude_json",
    spec=ClaudeJsonSpec,
    request=request,
    read=reading,
    model=lambda spec: None if spec.call == "models" else spec.model,
    paid=lambda spec: spec.call == "message",
    answered_means_vendor=lambda spec: spec.base_url.startswith("https://"),
)
