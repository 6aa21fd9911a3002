"""What a gateway answers that stands between the monitor and Claude: LiteLLM's proxy.

Statuses, shapes and sentences are those of LiteLLM's proxy 1.108.7, in its own form or, on the
route of messages, in the API's. None of them carries the vendor's headers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from monitor.simulation import messages
from monitor.simulation._fault import HTML, JSON, FaultKind, Parameters, Strike, cut, instead
from monitor.simulation.endpoints import API_SERVICES, Service, locate
from monitor.simulation.exchange import SimRequest, SimResponse

_COOLDOWN_SECONDS = 5


def _said(healthy: SimResponse, status: int, document: object) -> SimResponse:
    """A document of the gateway's own."""
    headers = (*cut(healthy, ("date",), JSON), ("server", "uvicorn"))
    return instead(healthy, status, headers, json.dumps(document, separators=(",", ":")).encode())


def _service(request: SimRequest) -> Service | None:
    """The service of the API that is asked; None for everything else."""
    service = locate(request.host, request.bare_path).service
    return service if service in API_SERVICES else None


def _refused(status: int, kind: str, message: str, param: str | None) -> Strike:
    """The gateway refuses the key: its own form, without `"type": "error"` at the top."""

    def strike(request: SimRequest, healthy: SimResponse, _: Parameters) -> SimResponse:
        if _service(request) is None or request.key is None:
            return healthy
        error = {"message": message, "type": kind, "param": param, "code": str(status)}
        return _said(healthy, status, {"error": error})

    return strike


def _cooldown(request: SimRequest, healthy: SimResponse, _: Parameters) -> SimResponse:
    """After an upstream refusal a model rests: messages are refused, the rest answered locally."""
    service = _service(request)
    if service is None:
        return healthy
    model = request.model or "claude"
    if service is Service.COUNT_TOKENS:
        return _said(healthy, 200, {"input_tokens": 10})
    if service is Service.MODELS:
        entry = {"id": model, "object": "model", "created": 1677610602, "owned_by": "openai"}
        return _said(healthy, 200, {"data": [entry], "object": "list"})
    text = (
        f"No deployments available for selected model, Try again in {_COOLDOWN_SECONDS} seconds. "
        f"Passed model={model}. pre-call-checks=False, cooldown_list=[]"
    )
    return _said(healthy, 429, _enveloped("rate_limit_error", text))


def _enveloped(kind: str, message: str) -> dict[str, object]:
    """An error of the route of messages, in the API's form and without a request id."""
    return {"type": "error", "error": {"type": kind, "message": message}}


def _upstream(status: int, kind: str, text: str) -> Strike:
    """What the gateway makes of a failure behind it, on the route of messages."""

    def strike(request: SimRequest, healthy: SimResponse, _: Parameters) -> SimResponse:
        if _service(request) is not Service.MESSAGES:
            return healthy
        return _said(healthy, status, _enveloped(kind, text))

    return strike


def _html(request: SimRequest, healthy: SimResponse, _: Parameters) -> SimResponse:
    """A page with 200, which the gateway calls a stream where one was asked for."""
    if _service(request) is not Service.MESSAGES:
        return healthy
    streamed = healthy.header("content-type") == messages.EVENT_STREAM
    kind = messages.EVENT_STREAM if streamed else HTML
    headers = (*cut(healthy, ("date",), kind), ("server", "uvicorn"))
    page = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body></body></html>"
    return instead(healthy, 200, headers, page)


_WRAPPED = (
    "litellm.InternalServerError: AnthropicException - "
    '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
)
_LIMITED = (
    "litellm.RateLimitError: AnthropicException - "
    '{"type":"error","error":{"type":"rate_limit_error",'
    '"message":"Number of requests has exceeded your rate limit"}}'
)
_NO_CONNECTION = "litellm.InternalServerError: AnthropicException - Cannot connect to host"

GATEWAY: Mapping[str, FaultKind] = {
    "gateway_key_400": FaultKind(
        strike=_refused(400, "no_db_connection", "No connected db.", None),
        does="400 of LiteLLM, which has no database: it does not know our key",
    ),
    "gateway_key_401": FaultKind(
        strike=_refused(
            401,
            "token_not_found_in_db",
            "Authentication Error, Invalid API key provided.",
            "key",
        ),
        does="401 of LiteLLM: our key is not in its database",
    ),
    "gateway_cooldown_429": FaultKind(
        strike=_cooldown,
        does="429 of LiteLLM to messages: the model rests; the rest is answered without Claude",
    ),
    "gateway_overloaded_500": FaultKind(
        strike=_upstream(500, "api_error", _WRAPPED),
        does="500 of LiteLLM to messages, with Claude's 529 inside of the sentence",
    ),
    "gateway_rate_limit_429": FaultKind(
        strike=_upstream(429, "rate_limit_error", _LIMITED),
        does="429 of LiteLLM to messages: Claude's, without its retry-after",
    ),
    "gateway_unreachable_500": FaultKind(
        strike=_upstream(500, "api_error", _NO_CONNECTION),
        does="500 of LiteLLM to messages: it cannot connect to Claude",
    ),
    "gateway_html_200": FaultKind(
        strike=_html, does="200 with a page in the place of a message or a stream"
    ),
}
"""Faults of a gateway."""
