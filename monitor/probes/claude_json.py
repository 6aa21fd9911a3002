"""Probes of the Claude API that answer with one JSON document: models, count_tokens, a message.

`models` also asks without a key: the typed refusal shows, for nothing, that the gateway answers.
Checks hold for every model: no particular text is asked for, any reason to stop will do (a refusal
too), and the blocks of content may be of any type: a message that was cut within its thinking has
no text and is well. `count_tokens` would take `thinking` and `output_config`, and is asked without:
the count of a prompt depends on neither, and what is not sent cannot be refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import model_validator

from monitor.core.answer import parse_json, read
from monitor.core.lifecycle import RETIRED
from monitor.core.models import ModelCatalog, parse_page
from monitor.core.observation import Answer, Check
from monitor.core.outcome import Depth
from monitor.core.thinking import Takes
from monitor.probes._base import HttpReply, HttpRequest, ProbeKind, Reading
from monitor.probes._claude import (
    REFUSAL,
    THINKING_BLOCKS,
    ClaudeSpec,
    Model,
    a_check,
    count,
    encoded,
    endpoint,
    headers_of,
    message_question,
    question,
    ratelimits,
    refusal_category,
    remarks,
    stop_check,
    thinking_tokens,
    tokens,
)
from monitor.spec import Secret

MODELS_PAGE = 1000
"""The longest page of models that the API gives: a configured model must not hide on the next."""

_OK = 200
_UNAUTHORIZED = 401
_FORBIDDEN = 403


class ClaudeJsonSpec(ClaudeSpec):
    """A probe of the API. Depth follows from the call, unless given."""

    kind: Literal["claude_json"]
    call: Literal["models", "count_tokens", "message"]
    """What is asked: the list of models, the size of a prompt, an answer."""
    model: Model | None = None
    """The model to ask; with `models`, one that the list must hold."""

    @model_validator(mode="before")
    @classmethod
    def _depth_of_call(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or "depth" in values:
            return values
        keyless = values.get("call") == "models" and values.get("credential") is None
        depth = Depth.KEY
        if values.get("call") == "message":
            depth = Depth.INFERENCE
        elif keyless or values.get("gateway") is True:
            depth = Depth.GATEWAY
        return {**values, "depth": depth}

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
        if self.gateway and self.call != "message" and self.depth.level > Depth.GATEWAY.level:
            msg = (
                f"a gateway may answer {self.call} by itself, so it says nothing deeper than "
                "`gateway`: leave depth out"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _only_a_message_thinks(self) -> Self:
        unused = {"thinking", "effort"} & self.model_fields_set
        if self.call != "message" and unused:
            msg = f"call {self.call} has no {min(unused)}: only a message has"
            raise ValueError(msg)
        return self


def request(spec: ClaudeJsonSpec, key: Secret | None, takes: Takes | None = None) -> HttpRequest:
    """What to ask of a model that takes so much; None where the list of models does not say."""
    headers, secrets = headers_of(spec, key)
    if spec.call == "models":
        page = 1 if spec.model is None else MODELS_PAGE
        url = endpoint(spec, f"/v1/models?limit={page}")
        return HttpRequest(method="GET", url=url, headers=headers, secrets=secrets)
    counts = spec.call == "count_tokens"
    asked = question(spec, spec.model) if counts else message_question(spec, spec.model, takes)
    return HttpRequest(
        method="POST",
        url=endpoint(spec, "/v1/messages/count_tokens" if counts else "/v1/messages"),
        headers={**headers, "content-type": "application/json"},
        body=encoded(asked),
        secrets=secrets,
    )


def reading(spec: ClaudeJsonSpec, reply: HttpReply) -> Reading:
    """What the reply says, and the checks of the call."""
    answer = read(reply.status, reply.headers, reply.body, truncated=reply.truncated, url=reply.url)
    document = parse_json(reply.body)
    content = document if isinstance(document, Mapping) else None
    if spec.credential is None:
        checks = _gateway_refusal(answer) if spec.gateway else _refusal(answer)
        return Reading(answer=answer, checks=checks)
    checks = (
        a_check("status", reply.status == _OK, f"HTTP {reply.status}"),
        a_check("json", content is not None, "the body is no JSON object"),
    )
    if content is None or reply.status != _OK:
        return Reading(answer=answer, checks=checks, ratelimits=ratelimits(reply))
    usage = content.get("usage") if spec.call == "message" else None
    used, given = tokens(usage)
    return Reading(
        answer=answer,
        checks=(*checks, *_CHECKS[spec.call](spec, content)),
        input_tokens=used,
        output_tokens=given,
        thinking_tokens=thinking_tokens(usage),
        ratelimits=ratelimits(reply),
    )


def _refusal(answer: Answer) -> tuple[Check, ...]:
    """Without a key the gateway refuses, in its own words and with an id of its own."""
    typed = answer.anthropic_error and answer.error_type == "authentication_error"
    return (
        a_check("status", answer.status == _UNAUTHORIZED, f"HTTP {answer.status}"),
        a_check("type", typed, f"error type {answer.error_type or 'none'}"),
        a_check("request_id", answer.request_id is not None, "no request id"),
    )


def _gateway_refusal(answer: Answer) -> tuple[Check, ...]:
    """Without a key a proxy of ours refuses in words of its own, or gives its list to anybody."""
    known = answer.status in (_OK, _UNAUTHORIZED, _FORBIDDEN)
    return (
        a_check("status", known, f"HTTP {answer.status}"),
        a_check("json", answer.is_json, "the body is no JSON"),
    )


def _models(spec: ClaudeJsonSpec, content: Mapping[str, Any]) -> tuple[Check, ...]:
    data = content.get("data")
    entries = data if isinstance(data, list) else []
    checks = [a_check("data", isinstance(data, list), "there is no list of models")]
    if isinstance(data, list) and not entries:
        # The key was taken and the API answered: a key may be allowed no model at all.
        checks.append(
            a_check("models", ok=False, detail="the list of models is empty", counts=False)
        )
    if entries and spec.model is not None:
        page = parse_page(content)
        info = ModelCatalog(models=page.models if page else ()).find(spec.model)
        retired = info is not None and info.lifecycle == RETIRED
        words = "is retired" if retired else "is not in the list of models"
        found = info is not None and not retired
        checks.append(a_check("model", found, f"{spec.model} {words}"))
    return tuple(checks)


def _count_tokens(_spec: ClaudeJsonSpec, content: Mapping[str, Any]) -> tuple[Check, ...]:
    counted = count(content.get("input_tokens"))
    return (a_check("input_tokens", counted is not None, "input_tokens is no number"),)


def _message(_spec: ClaudeJsonSpec, content: Mapping[str, Any]) -> tuple[Check, ...]:
    blocks, identity = content.get("content"), content.get("id")
    named = isinstance(identity, str) and identity.startswith("msg_")
    reason = content.get("stop_reason")
    kinds = [_kind(block) for block in blocks] if isinstance(blocks, list) else []
    # A model that refuses may do so without a word.
    said = bool(kinds) or (reason == REFUSAL and isinstance(blocks, list))
    thought_only = bool(kinds) and THINKING_BLOCKS.issuperset(kinds)
    return (
        a_check("type", content.get("type") == "message", "type is not message"),
        a_check("id", named, "id does not begin with msg_"),
        a_check("role", content.get("role") == "assistant", "role is not assistant"),
        a_check("content", said, "content is empty"),
        stop_check(reason),
        *remarks(reason, refusal_category(content.get("stop_details")), thought_only=thought_only),
    )


def _kind(block: object) -> str:
    kind = block.get("type") if isinstance(block, Mapping) else None
    return kind if isinstance(kind, str) else ""


_CHECKS = {"models": _models, "count_tokens": _count_tokens, "message": _message}


KIND = ProbeKind(
    name="claude_json",
    spec=ClaudeJsonSpec,
    request=request,
    read=reading,
    model=lambda spec: None if spec.call == "models" else spec.model,
    paid=lambda spec: spec.call == "message",
    answered_means_vendor=lambda spec: spec.base_url.startswith("https://"),
)
