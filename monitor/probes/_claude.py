"""What all questions to the Claude API share: where it is, how it is asked, what it counts.

Sources: the API's documentation of errors, models and token counting, and its SDK's types.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from monitor.core.observation import Check
from monitor.probes._base import HttpReply, ProbeSpec
from monitor.probes._urls import HttpUrl
from monitor.spec import Secret

PROMPT = "Say OK."
"""What a message asks: as short as it can be."""

PROMPT_CHARS_MAX = 1000

REFUSAL = "refusal"
"""The reason to stop with which a model refuses: a healthy answer, which may have no content."""

LIMITS = ("requests", "tokens", "input-tokens", "output-tokens")
"""The rate limits whose rest is read; a closed list, since each becomes a metric's label."""

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
    max_tokens: int = Field(default=16, ge=1, le=256)
    """How long the answer of a message may be."""
    prompt: str = Field(default=PROMPT, min_length=1, max_length=PROMPT_CHARS_MAX)
    """What a message asks."""
    anthropic_version: str = Field(default="2023-06-01", pattern=r"^[\w-]{1,32}$")
    """Version of the API."""
    disable_thinking: bool = True
    """Whether a message switches thinking off, which newer models have on."""


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


def message_question(spec: ClaudeSpec, model: str | None, **more: Any) -> dict[str, Any]:
    """The body that asks for a message. No sampling parameters: newer models refuse them."""
    asked = {**question(spec, model), "max_tokens": spec.max_tokens, **more}
    if spec.disable_thinking:
        asked["thinking"] = {"type": "disabled"}
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


def ratelimits(reply: HttpReply) -> tuple[tuple[str, float], ...]:
    """What the vendor says remains, by limit."""
    found = []
    for limit in LIMITS:
        text = reply.header(f"anthropic-ratelimit-{limit}-remaining") or ""
        if text.isascii() and text.isdigit() and len(text) <= len(str(_TOKENS_MAX)):
            found.append((limit, float(text)))
    return tuple(found)
