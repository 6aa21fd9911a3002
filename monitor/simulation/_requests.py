"""What the API refuses of a request for a message or a count of tokens, and how it takes the rest.

Which fields there are is the vendor's Python SDK 2.14.0's; what each model takes stands in
`models`; sentences are the API's where users have quoted them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from monitor.core.claude_api import API_VERSIONS, EFFORTS, THINKING_TYPES
from monitor.simulation.exchange import SimRequest
from monitor.simulation.models import MODELS, Model, known_model

MESSAGE_BYTES_MAX = 32 * 1024 * 1024
"""Longest body that the API takes."""

BUDGET_TOKENS_MIN = 1024
"""Smallest budget of thinking that is switched on by hand."""

EASY_BYTES_MAX = 400
"""Below this length of its messages a question is taken for an easy one."""

THINKING_TOKENS: Final = {"low": 40, "medium": 120, "high": 320, "xhigh": 900, "max": 2000}
"""About how long a model thinks about an easy question, by effort; `max_tokens` may cut it."""

THINKING_SECONDS: Final = {"low": 0.4, "medium": 1.0, "high": 2.5, "xhigh": 6.0, "max": 12.0}
"""About how long that takes."""

_SAMPLING: Final[Mapping[str, tuple[object, ...]]] = {
    "temperature": (1, None),
    "top_p": (1, None),
    "top_k": (None,),
}
"""Sampling parameters, and their default values."""

_SHARED: Final = frozenset({
    *("model", "messages", "system", "tools", "tool_choice", "thinking", "output_config"),
    *("cache_control", "speed", *_SAMPLING),
})  # fmt: skip
_MESSAGE: Final = frozenset({
    *_SHARED,
    *("max_tokens", "metadata", "stop_sequences", "stream", "service_tier", "container"),
    *("inference_geo", "diagnostics"),
})  # fmt: skip
_BETA: Final = frozenset({
    *("billing_policy", "compaction", "context_management", "fallback_credit_token", "fallbacks"),
    *("mcp_servers", "thread", "output_format"),
})  # fmt: skip


class RefusedRequestError(Exception):
    """A request that the API does not take.

    Attributes:
        status: HTTP status.
        kind: `error.type`.
        message: `error.message`.
    """

    def __init__(self, status: int, kind: str, message: str) -> None:
        """Refuse with this status, type and sentence."""
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message


def refuse(message: str, *, status: int = 400, kind: str = "invalid_request_error") -> NoReturn:
    """Refuse a request.

    Raises:
        RefusedRequestError: always.
    """
    raise RefusedRequestError(status, kind, message)


def refuse_model(model: str) -> NoReturn:
    """Refuse a model that does not answer."""
    refuse(f"model: {model}", status=404, kind="not_found_error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request that the API takes.

    Attributes:
        model: id of the model.
        body: what was sent.
        input_tokens: how long the prompt is.
        max_tokens: the longest answer; 0 for a count of tokens.
        thinking_tokens: how long the model would think; 0 when it does not.
        thinking_seconds: how long that takes.
        shown: its thinking is shown, not only signed.
    """

    model: str
    body: Mapping[str, Any]
    input_tokens: int
    max_tokens: int = 0
    thinking_tokens: int = 0
    thinking_seconds: float = 0.0
    shown: bool = False


def question(request: SimRequest, *, counts: bool) -> Question:
    """What `request` asks; `counts` for a count of tokens.

    Raises:
        RefusedRequestError: the API does not take it.
    """
    if request.method != "POST":
        refuse("Method Not Allowed", status=405)
    if len(request.body) > MESSAGE_BYTES_MAX:
        refuse("Request exceeds the maximum size", status=413, kind="request_too_large")
    body = _json_object(request.body)
    for name in ("model", "messages") if counts else ("model", "max_tokens", "messages"):
        if name not in body:
            refuse(f"{name}: Field required")
    _check_fields(request, body, _SHARED if counts else _MESSAGE)
    ident = known_model(str(body["model"]))
    if ident is None:
        refuse_model(str(body["model"]))
    model = MODELS[ident]
    _check_messages(body["messages"])
    _check_sampling(request, body, model)
    tokens = 0 if counts else _max_tokens(body["max_tokens"], ident, model)
    length, seconds, shown = _thought(body, ident, model, None if counts else tokens)
    return Question(
        model=ident,
        body=body,
        input_tokens=_input_tokens(body),
        max_tokens=tokens,
        thinking_tokens=length,
        thinking_seconds=seconds,
        shown=shown,
    )


def _json_object(raw: bytes) -> dict[str, Any]:
    """`raw` as a JSON object."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        refuse("The request body is not valid JSON")
    return body


def _check_fields(request: SimRequest, body: Mapping[str, Any], known: frozenset[str]) -> None:
    """Refuse what is no field; the fields of betas are taken of who names a beta."""
    beta = request.header("anthropic-beta") is not None or "beta=true" in request.path
    for name in body:
        if name not in known and not (beta and name in _BETA):
            refuse(f"{name}: Extra inputs are not permitted")


def _check_messages(given: Any) -> None:
    if not isinstance(given, list):
        refuse("messages: Input should be a valid array")
    if not given:
        refuse("messages: at least one message is required")
    for place, item in enumerate(given):
        _check_one(f"messages.{place}", item)


def _check_one(name: str, item: Any) -> None:
    """One message of a conversation."""
    if not isinstance(item, dict):
        refuse(f"{name}: Input should be an object")
    for key in ("role", "content"):
        if key not in item:
            refuse(f"{name}.{key}: Field required")
    if item["role"] not in ("user", "assistant", "system"):
        refuse(f"{name}.role: Input should be 'user' or 'assistant'")
    if not isinstance(item["content"], str | list):
        refuse(f"{name}.content: Input should be a valid string or array")


def _check_sampling(request: SimRequest, body: Mapping[str, Any], model: Model) -> None:
    """The newer version knows no sampling parameters; newer models take the default ones only."""
    newest = request.header("anthropic-version") == API_VERSIONS[0]
    for name, defaults in _SAMPLING.items():
        if name not in body:
            continue
        if newest:
            refuse(f"{name}: Extra inputs are not permitted")
        if not model.samples and body[name] not in defaults:
            refuse(f"{name}: not supported on this model")


def _max_tokens(given: Any, ident: str, model: Model) -> int:
    if not isinstance(given, int) or isinstance(given, bool):
        refuse("max_tokens: Input should be a valid integer")
    if given < 0:
        refuse("max_tokens: Input should be greater than or equal to 0")
    if given > model.longest:
        refuse(
            f"max_tokens: {given} > {model.longest}, which is the maximum allowed number of output "
            f"tokens for {ident}"
        )
    return given


def _thought(
    body: Mapping[str, Any], ident: str, model: Model, max_tokens: int | None
) -> tuple[int, float, bool]:
    """How many tokens a model thinks, how many seconds, and whether it shows them."""
    effort = _effort(body.get("output_config"), ident, model)
    asked = body.get("thinking")
    if asked is None:
        kind, shown = model.default, not model.omits
    else:
        kind, shown = _thinking(asked, ident, model, max_tokens), _shown(asked, model)
        if kind in ("disabled", "between_tools"):
            _check_off(kind, effort, model)
    easy = len(json.dumps(body["messages"])) < EASY_BYTES_MAX
    skips = kind == "adaptive" and len(model.thinking) > 1 and easy and effort == "low"
    if kind in ("disabled", "between_tools") or skips:
        return 0, 0.0, shown
    level = effort or "high"
    return THINKING_TOKENS[level], THINKING_SECONDS[level], shown


def _effort(config: Any, ident: str, model: Model) -> str | None:
    """The level of effort: the one that is asked for, or the model's; None where it has none."""
    if config is None:
        config = {}
    if not isinstance(config, dict):
        refuse("output_config: Input should be an object")
    asked = config.get("effort")
    if asked is None:
        return model.effort if model.efforts else None
    if asked not in EFFORTS:
        levels = ", ".join(f"'{level}'" for level in EFFORTS)
        refuse(f"output_config.effort: Input should be one of {levels}")
    if asked not in model.efforts:
        what = f"the effort level '{asked}'" if model.efforts else "the effort parameter"
        refuse(f"output_config.effort: {ident} does not support {what}")
    return str(asked)


def _thinking(asked: Any, ident: str, model: Model, max_tokens: int | None) -> str:
    """The `thinking.type` of a request, if the model takes it."""
    kind = asked.get("type") if isinstance(asked, dict) else None
    if kind not in THINKING_TYPES:
        kinds = ", ".join(f"'{kind}'" for kind in THINKING_TYPES)
        refuse(f"thinking.type: Input should be one of {kinds}")
    if kind not in model.thinking:
        refuse(_unsupported(kind, ident, model))
    if kind == "enabled":
        budget = asked.get("budget_tokens")
        if not isinstance(budget, int) or isinstance(budget, bool):
            refuse("thinking.enabled.budget_tokens: Field required")
        if budget < BUDGET_TOKENS_MIN:
            refuse(
                "thinking.enabled.budget_tokens: Input should be greater than or equal to "
                f"{BUDGET_TOKENS_MIN}"
            )
        if max_tokens is not None and budget >= max_tokens:
            refuse("`max_tokens` must be greater than `thinking.budget_tokens`")
    return str(kind)


def _unsupported(kind: str, ident: str, model: Model) -> str:
    """The sentence for a kind of thinking that the model does not take."""
    begin = f'"thinking.type.{kind}" is not supported for this model.'
    if kind == "adaptive":
        return f"adaptive thinking is not supported on {ident}"
    if kind == "disabled" and "between_tools" in model.thinking:
        return f'{begin} Use "thinking.type.between_tools" to turn thinking off between turns.'
    return (
        f'{begin} Use "thinking.type.adaptive" and "output_config.effort" to control thinking '
        "behavior."
    )


def _check_off(kind: str, effort: str | None, model: Model) -> None:
    """Some models refuse to switch thinking off at their highest efforts."""
    if effort is None:
        return
    if EFFORTS.index(effort) > EFFORTS.index(model.off_at_most):
        refuse(f"\"thinking.type.{kind}\" is not supported with effort '{effort}' on this model.")


def _shown(asked: Mapping[str, Any], model: Model) -> bool:
    display = asked.get("display")
    if display is None:
        return not model.omits
    if asked["type"] not in ("adaptive", "enabled"):
        refuse(f"thinking.{asked['type']}.display: Extra inputs are not permitted")
    if display not in ("summarized", "omitted"):
        refuse("thinking.display: Input should be 'summarized' or 'omitted'")
    return bool(display == "summarized")


def _input_tokens(body: Mapping[str, Any]) -> int:
    """About what a tokenizer counts: a few for the frame, one for each eight bytes of JSON."""
    parts = [body["messages"], body.get("system", ""), body.get("tools", [])]
    return 5 + len(json.dumps(parts, ensure_ascii=False)) // 8
