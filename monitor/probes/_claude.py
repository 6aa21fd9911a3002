"""What all questions to the Claude API share: where it is, how it is asked, what it counts.

Sources: the API's documentation of errors, models and token counting, and its SDK's types.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from monitor.core.observation import Check
from monitor.core.thinking import THINKING_ONLY_EFFORTS, Takes, Thinking, said
from monitor.probes._base import HttpReply, ProbeSpec
from monitor.probes._urls import HttpUrl
from monitor.spec import Secret

PROMPT = "Say OK."
"""What a message asks: as short as it can be."""

PROMPT_CHARS_MAX = 1000

REFUSAL = "refusal"
"""The reason to stop with which a model refuses: a healthy answer, which may have no content."""

THINKING_BLOCKS = frozenset({"thinking", "redacted_thinking"})
"""Blocks of thinking. What is in them may be left out."""

LIMITS = ("requests", "tokens", "input-tokens", "output-tokens")
"""The rate limits whose rest is read; a closed list, since each becomes a metric's label."""

Effort = Literal["low", "medium", "high", "xhigh", "max"]
"""How much a model puts into an answer; `EFFORTS` of `monitor.core.claude_api`."""

_INPUT_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_TOKENS_MAX = 10**9
_STOP_REASON = re.compile(r"[a-z_]{1,64}")

Model = Annotated[str, Field(pattern=r"^[\w.:@-]{1,100}$")]
"""The id of a model, or an alias of one."""


class ClaudeSpec(ProbeSpec):
    """What every probe of the API has."""

    base_url: HttpUrl = "https://api.anthropic.com"
    """Where the API is."""
    gateway: bool | None = None
    """Whether a proxy answers there that has words of its own (LiteLLM and the like): its own
    refusals are then ours, not Claude's. To be said where `base_url` is not the vendor's."""
    max_tokens: int = Field(default=16, ge=1, le=4096)
    """How long the answer of a message may be, thinking included; a cut answer is well."""
    prompt: str = Field(default=PROMPT, min_length=1, max_length=PROMPT_CHARS_MAX)
    """What a message asks."""
    anthropic_version: str = Field(default="2023-06-01", pattern=r"^[\w-]{1,32}$")
    """Version of the API."""
    thinking: Thinking = Thinking.AUTO
    """What a message says of thinking: `auto` reads in the list of models what is taken."""
    effort: Effort = "low"
    """How much effort a message asks for, where the list of models says that it is known."""

    @model_validator(mode="before")
    @classmethod
    def _thinking_has_a_new_key(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and "disable_thinking" in values:
            instead = "default" if values["disable_thinking"] is False else "auto"
            known = ", ".join(Thinking)
            msg = f"disable_thinking is now thinking, one of {known}: write thinking: {instead}"
            raise ValueError(msg)
        return values

    @model_validator(mode="after")
    def _effort_fits_thinking(self) -> Self:
        if self.thinking is Thinking.BETWEEN_TOOLS and self.effort in THINKING_ONLY_EFFORTS:
            msg = f"thinking between_tools is refused with effort {self.effort}"
            raise ValueError(msg)
        return self


def endpoint(spec: ClaudeSpec, path: str) -> str:
    """Where `path` of the API is."""
    return f"{spec.base_url.rstrip('/')}{path}"


def headers_of(spec: ClaudeSpec, key: Secret | None) -> tuple[dict[str, str], tuple[str, ...]]:
    """The headers of a question, and the secrets among them."""
    headers = {"accept": "application/json", "anthropic-version": spec.anthropic_version}
    secret = key.reveal() if key else ""
    if not secret:
        return headers, ()
    return {**headers, "x-api-key": secret}, (secret,)


def question(spec: ClaudeSpec, model: str | None) -> dict[str, Any]:
    """Model and prompt, as every POST has them."""
    return {"model": model, "messages": [{"role": "user", "content": spec.prompt}]}


def message_question(
    spec: ClaudeSpec, model: str | None, takes: Takes | None, **more: Any
) -> dict[str, Any]:
    """The body that asks for a message of a model that takes so much (None: nobody knows).

    No sampling parameters: newer models, and the newer version of the API, refuse them.
    """
    asked = {**question(spec, model), "max_tokens": spec.max_tokens, **more}
    words = said(spec.thinking, spec.effort, takes)
    if words.thinking is not None:
        asked["thinking"] = {"type": words.thinking}
    if words.effort is not None:
        asked["output_config"] = {"effort": words.effort}
    return asked


def encoded(document: Mapping[str, Any]) -> bytes:
    """`document` as it is sent."""
    return json.dumps(document, separators=(",", ":")).encode()


def a_check(name: str, ok: bool, detail: str, *, counts: bool = True) -> Check:  # noqa: FBT001  # the check's result
    """A check, with its detail where it was not met."""
    return Check(name=name, ok=ok, detail="" if ok else detail, counts=counts)


def stop_check(reason: object) -> Check:
    """Whether a reason to stop is given. Any name will do: the vendor adds them."""
    named = isinstance(reason, str) and _STOP_REASON.fullmatch(reason) is not None
    return a_check("stop_reason", named, "there is no stop_reason")


def remarks(
    reason: object, category: str | None, *, thought_only: bool = False
) -> tuple[Check, ...]:
    """What the run's sentence tells of a healthy message that is no plain answer.

    Args:
        reason: why it stopped.
        category: of a refusal, when it has one.
        thought_only: it had nothing but thinking by then.
    """
    if reason == REFUSAL:
        words = f"the model refused ({category or 'no category'})"
    elif thought_only:
        words = f"it stopped within its thinking ({reason})"
    else:
        return ()
    return (Check(name="answer", ok=False, detail=words, counts=False),)


def count(value: object) -> int | None:
    """`value`, if it is a plausible count of tokens."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= _TOKENS_MAX else None


def tokens(usage: object) -> tuple[int | None, int | None]:
    """Tokens sent, cached ones included, and tokens received; None where it is not said."""
    if not isinstance(usage, Mapping):
        return None, None
    sent = [known for name in _INPUT_COUNTS if (known := count(usage.get(name))) is not None]
    return (sum(sent) if sent else None), count(usage.get("output_tokens"))


def thinking_tokens(usage: object) -> int | None:
    """How many of the tokens received were thinking; None where it is not said."""
    details = usage.get("output_tokens_details") if isinstance(usage, Mapping) else None
    return count(details.get("thinking_tokens")) if isinstance(details, Mapping) else None


def refusal_category(details: object) -> str | None:
    """The category in a refusal's `stop_details`; None where it has none that looks like one."""
    name = details.get("category") if isinstance(details, Mapping) else None
    return name if isinstance(name, str) and _STOP_REASON.fullmatch(name) else None


def ratelimits(reply: HttpReply) -> tuple[tuple[str, float], ...]:
    """What the vendor says remains, by limit."""
    found = []
    for limit in LIMITS:
        text = reply.header(f"anthropic-ratelimit-{limit}-remaining") or ""
        if text.isascii() and text.isdigit() and len(text) <= len(str(_TOKENS_MAX)):
            found.append((limit, float(text)))
    return tuple(found)
