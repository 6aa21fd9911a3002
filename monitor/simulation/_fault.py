"""What a fault is: a function from a request and its healthy answer to what comes instead.

Ids are taken from the healthy answer, so a fault rolls no dice; headers are cut to those of whoever
writes the answer: the application, the proxy before it, or the edge. The faults themselves stand in
`faults` (the API's own errors, and the table of all), `_edge` (what others answer in its place) and
`_broken` (what becomes of the connection, the stream and the pace).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import Field

from monitor.core.claude_api import ERROR_CODES, STOP_REASONS
from monitor.simulation._fields import Closed, Word
from monitor.simulation.endpoints import API_SERVICES, locate
from monitor.simulation.exchange import SimRequest, SimResponse
from monitor.simulation.models import ALIASES, MODELS
from monitor.spec import Duration

HTML = "text/html; charset=UTF-8"
JSON = "application/json"
TEXT = "text/plain"

EDGE_HEADERS = ("date", "server", "cf-ray")
PROXY_HEADERS = (*EDGE_HEADERS, "via")
APP_HEADERS = (
    *PROXY_HEADERS,
    "request-id",
    "anthropic-organization-id",
    "anthropic-workspace-id",
    "x-envoy-upstream-service-time",
)


class Parameters(Closed):
    """What a fault may be told. Each fault takes only some of these; see `FAULTS`."""

    message: str | None = Field(default=None, min_length=1, max_length=500)
    """The sentence in an error body."""
    reason: str | None = Field(default=None, min_length=1, max_length=200)
    """Envoy's reason for a reset; without one it has no healthy upstream."""
    delay: Annotated[Duration, Field(gt=0)] | None = None
    """How long a fault of the pace waits, or how late `status_late` is."""
    retry_after: Annotated[Duration, Field(gt=0)] | None = None
    """What the answer asks the client to wait."""
    rate: int | None = Field(default=None, ge=1)
    """Bytes per second of `drip`."""
    header: bool | None = None
    """Whether a challenge carries its `cf-mitigated` header."""
    code: Annotated[str, Word("error code", ERROR_CODES)] | None = None
    """The `error.details.error_code` of an error."""
    model: Annotated[str, Word("model", (*MODELS, *ALIASES))] | None = None
    """The model that `model_retired` retires."""
    stop_reason: Annotated[str, Word("stop_reason", sorted(STOP_REASONS))] | None = None
    """Why a message stops."""
    category: (
        Literal["cyber", "bio", "frontier_llm", "reasoning_extraction", "general_harms"] | None
    ) = None
    """What a refusal says that the request was taken for."""
    document: Literal["html", "json"] | None = None
    """The form of Cloudflare's error; as the request accepts, when not given."""


Strike = Callable[[SimRequest, SimResponse, Parameters], SimResponse]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultKind:
    """One kind of fault.

    Attributes:
        strike: (request, answer so far, parameters) to what comes instead. The very same answer
            means that the fault does not apply to it.
        does: what it does, in a few words for people.
        takes: the parameters it takes.
        needs: those of them that must be given.
        adds: it changes an answer rather than replacing it, so it combines with one that does.
        holds_back: it makes the vendor's page show each post by its `delay` later.
    """

    strike: Strike
    does: str
    takes: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    adds: bool = False
    holds_back: bool = False


def api_error_body(
    kind: str, message: str, request_id: str | None, details: Mapping[str, Any] | None = None
) -> bytes:
    """An error document of the vendor's API."""
    error: dict[str, Any] = {"type": kind, "message": message}
    if details is not None:
        error["details"] = dict(details)
    document = {"type": "error", "error": error, "request_id": request_id}
    return json.dumps(document, separators=(",", ":")).encode()


def cut(
    healthy: SimResponse, keep: tuple[str, ...], content_type: str | None
) -> tuple[tuple[str, str], ...]:
    """The headers of `healthy` that `keep` names, and the content type (None for no body)."""
    kept = tuple((key, value) for key, value in healthy.headers if key in keep)
    return kept if content_type is None else (*kept, ("content-type", content_type))


def instead(
    healthy: SimResponse, status: int, headers: tuple[tuple[str, str], ...], body: bytes
) -> SimResponse:
    """Another answer in the place of `healthy`, after the same delay and at once."""
    return replace(healthy, status=status, headers=headers, body=body, gaps=())


ERROR_TYPES_BY_STATUS: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""`error.type` by status; every other status is an `api_error`."""


def coded_error(code: str) -> tuple[str, dict[str, str | None]]:
    """`error.type` and `error.details` of an error with this code."""
    details: dict[str, str | None] = {"error_code": code}
    if code == "organization_on_hold":
        details["appeal_url"] = "https://console.anthropic.com/appeal"
    return ERROR_TYPES_BY_STATUS.get(ERROR_CODES[code].status, "api_error"), details


def spoken(code: str) -> str:
    """A sentence for an error with this code; nobody has quoted the vendor's own."""
    return f"{code.replace('_', ' ').capitalize()}."


def keyed(strike: Strike) -> Strike:
    """`strike`, for requests to the API that carry a key only.

    It stands for what an organization's own settings decide: without a key the API does not know
    whose they are.
    """

    def only(request: SimRequest, answer: SimResponse, parameters: Parameters) -> SimResponse:
        service = locate(request.host, request.bare_path).service
        if request.key is None or service not in API_SERVICES:
            return answer
        return strike(request, answer, parameters)

    return only


def api_error(
    healthy: SimResponse, status: int, kind: str, message: str, *, named: bool = True
) -> SimResponse:
    """An error that the application answers; `named` is whether its body carries the id."""
    request_id = healthy.header("request-id") if named else None
    body = api_error_body(kind, message, request_id)
    return instead(healthy, status, cut(healthy, APP_HEADERS, JSON), body)
