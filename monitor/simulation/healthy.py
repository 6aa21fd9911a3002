"""What every endpoint answers on a good day.

Bodies and headers are those that the vendor's documentation and users' captures show. One thing is
kinder than the world: claude.ai answers everyone with its page, where the real one often asks a
server for a browser (the fault `challenge_403` does that).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NoReturn
from urllib.parse import parse_qs

from monitor.simulation import messages
from monitor.simulation._fault import HTML, JSON, TEXT, api_error_body
from monitor.simulation.endpoints import Endpoint, Service
from monitor.simulation.exchange import SimRequest, SimResponse
from monitor.simulation.models import MODELS, known_model, model_document, page_document

MESSAGE_BYTES_MAX = 32 * 1024 * 1024
"""Longest body that the API takes."""

_HELLO = b'{"message": "hello"}'
_SAMPLING = ("temperature", "top_p", "top_k")
_THINKING = {"enabled": True, "adaptive": True, "disabled": False}
_CODE_VERSION = "2.1.119"
_DESKTOP_VERSION = "1.4.758"
_DESKTOP_HASH = "5d2f1c0e9b8a7d6c5b4a39281706f5e4d3c2b1a0"
_LIMITS = {
    "requests": 4000,
    "tokens": 2_400_000,
    "input-tokens": 2_000_000,
    "output-tokens": 400_000,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A request with all that its answer depends on.

    Attributes:
        request: what is asked.
        endpoint: where it leads.
        at: when, UTC.
        request_id: the id that the answer will carry.
        key_valid: whether the key is a good one; None without a key.
    """

    request: SimRequest
    endpoint: Endpoint
    at: datetime
    request_id: str
    key_valid: bool | None


class _RefusedError(Exception):
    """A request that the API does not take."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message


def answer(scene: Scene) -> SimResponse:
    """The healthy answer to `scene`, with the headers of its content only."""
    if scene.endpoint.service in _API:
        return _api_answer(scene)
    if scene.request.method not in ("GET", "HEAD"):
        return SimResponse(status=405, headers=(("allow", "GET, HEAD"),))
    return _PLAIN[scene.endpoint.service](scene)


def _content(body: bytes | str, content_type: str) -> SimResponse:
    raw = body.encode() if isinstance(body, str) else body
    return SimResponse(headers=(("content-type", content_type),), body=raw)


def _not_found(_: Scene) -> SimResponse:
    return SimResponse(status=404, headers=(("content-type", TEXT),), body=b"Not Found")


def _hello(_: Scene) -> SimResponse:
    return _content(_HELLO, JSON)


_TITLES = {
    "claude_ai": "Claude",
    "console": "Claude Console",
    "government": "Claude for Government",
}


def _page(scene: Scene) -> SimResponse:
    """A page: enough HTML to be told from an error page."""
    if scene.request.bare_path == "/robots.txt":
        return _content("User-agent: *\nDisallow: /\n", TEXT)
    title = _TITLES.get(scene.endpoint.component or "", "Claude")
    return _content(
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'</head><body><div id="root"><h1>{title}</h1><a href="/login">Log in</a></div>'
        "</body></html>\n",
        HTML,
    )


_PACKAGE = f"AnthropicClaude-{_DESKTOP_VERSION}-full.nupkg"
_RELEASES = {
    "currentRelease": _DESKTOP_VERSION,
    "releases": [
        {
            "version": _DESKTOP_VERSION,
            "updateTo": {
                "version": _DESKTOP_VERSION,
                "url": "https://downloads.claude.ai/releases/darwin/universal/"
                f"{_DESKTOP_VERSION}/Claude.zip",
            },
        }
    ],
}
_FILES: Mapping[str, tuple[str, str]] = {
    "/claude-code-releases/latest": (_CODE_VERSION, TEXT),
    "/claude-code-releases/stable": (_CODE_VERSION, TEXT),
    "/releases/win32/x64/.latest": (
        json.dumps({"version": _DESKTOP_VERSION, "hash": _DESKTOP_HASH}),
        JSON,
    ),
    "/releases/win32/x64/RELEASES": (f"{_DESKTOP_HASH.upper()} {_PACKAGE} 154276096", TEXT),
    "/releases/darwin/universal/RELEASES.json": (json.dumps(_RELEASES), JSON),
}
"""Release files: the newest version, in the form that each updater reads."""


def _download(scene: Scene) -> SimResponse:
    found = _FILES.get(scene.request.bare_path)
    return _not_found(scene) if found is None else _content(*found)


def _control(scene: Scene) -> SimResponse:
    """A reference target: says that it was reached."""
    if scene.request.bare_path.endswith("generate_204"):
        return SimResponse(status=204)
    return _content("success\n", TEXT)


_PLAIN: Mapping[Service, Callable[[Scene], SimResponse]] = {
    Service.HELLO: _hello,
    Service.OAUTH_HELLO: _hello,
    Service.PAGE: _page,
    Service.DOWNLOAD: _download,
    Service.CONTROL: _control,
    Service.OTHER: _not_found,
}


def _api_answer(scene: Scene) -> SimResponse:
    """An answer of the API: the key first, then the request itself."""
    try:
        _check_key(scene)
        content = _API[scene.endpoint.service](scene)
    except _RefusedError as refusal:
        body = api_error_body(refusal.kind, refusal.message, scene.request_id)
        return SimResponse(status=refusal.status, headers=(("content-type", JSON),), body=body)
    if scene.endpoint.service is Service.MODELS:
        return content
    return replace(content, headers=(*content.headers, *_ratelimits(scene)))


def _check_key(scene: Scene) -> None:
    """Refuse who has no key, a wrong key, or does not say which version of the API it means."""
    if scene.key_valid is None:
        _refuse("x-api-key header is required", status=401, kind="authentication_error")
    if not scene.key_valid:
        bearer = scene.request.header("x-api-key") is None
        text = "Invalid bearer token" if bearer else "invalid x-api-key"
        _refuse(text, status=401, kind="authentication_error")
    if not scene.request.header("anthropic-version"):
        _refuse("anthropic-version: header is required")


def _refuse(message: str, *, status: int = 400, kind: str = "invalid_request_error") -> NoReturn:
    raise _RefusedError(status, kind, message)


def _refuse_model(model: str) -> NoReturn:
    _refuse(f"model: {model}", status=404, kind="not_found_error")


def _models(scene: Scene) -> SimResponse:
    """The list of models, or one of them."""
    if scene.request.method not in ("GET", "HEAD"):
        _refuse("Method Not Allowed", status=405)
    wanted = scene.request.bare_path.removeprefix("/v1/models").strip("/")
    if wanted:
        ident = known_model(wanted)
        if ident is None:
            _refuse_model(wanted)
        return _content(model_document(ident), JSON)
    query = parse_qs(scene.request.path.partition("?")[2])
    after = query.get("after_id", [None])[-1]
    page = page_document(_limit(query.get("limit", [])), after)
    if page is None:
        _refuse(f"after_id: {after} is no model")
    return _content(page, JSON)


def _limit(given: Sequence[str]) -> int:
    """`limit` of the query: 1 to 1000, 20 when not given."""
    if not given:
        return 20
    if not (given[-1].isdecimal() and 1 <= int(given[-1][:9]) <= 1000):  # noqa: PLR2004  # API's
        _refuse("limit: Input should be between 1 and 1000")
    return int(given[-1])


def _asked(scene: Scene, *, needs: tuple[str, ...]) -> dict[str, Any]:
    """The JSON body of a POST, with what it must have."""
    if scene.request.method != "POST":
        _refuse("Method Not Allowed", status=405)
    if len(scene.request.body) > MESSAGE_BYTES_MAX:
        _refuse("Request exceeds the maximum size", status=413, kind="request_too_large")
    body = _json_object(scene.request.body)
    for name in needs:
        if name not in body:
            _refuse(f"{name}: Field required")
    if known_model(str(body["model"])) is None:
        _refuse_model(str(body["model"]))
    if not isinstance(body["messages"], list) or not body["messages"]:
        _refuse("messages: at least one message is required")
    return body


def _json_object(raw: bytes) -> dict[str, Any]:
    """`raw` as a JSON object."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        _refuse("The request body is not valid JSON")
    return body


def _input_tokens(body: Mapping[str, Any]) -> int:
    """About what a tokenizer counts: a few for the frame, one for each four characters."""
    text = json.dumps([body["messages"], body.get("system", "")], ensure_ascii=False)
    return 5 + len(text) // 8


def _count_tokens(scene: Scene) -> SimResponse:
    body = _asked(scene, needs=("model", "messages"))
    return _content(json.dumps({"input_tokens": _input_tokens(body)}), JSON)


def _messages(scene: Scene) -> SimResponse:
    """A message, whole or as a stream."""
    body = _asked(scene, needs=("model", "max_tokens", "messages"))
    model = known_model(str(body["model"])) or ""
    if not MODELS[model].samples:
        for name in _SAMPLING:
            if name in body:
                _refuse(f"{name}: not supported on this model")
    tokens = body["max_tokens"]
    if not isinstance(tokens, int) or tokens < 1:
        _refuse("max_tokens: Input should be greater than or equal to 1")
    document = messages.message(
        messages.Asked(
            ident=f"msg_{scene.request_id.removeprefix('req_')}",
            model=model,
            input_tokens=_input_tokens(body),
            cut=tokens == 1,
            thinks=_thinks(body.get("thinking")),
            refused=messages.REFUSAL_MARK.encode() in scene.request.body,
        )
    )
    if body.get("stream") is True:
        events, gaps = messages.stream(document)
        headers = (("content-type", messages.EVENT_STREAM), ("cache-control", "no-cache"))
        return SimResponse(headers=headers, body=events, gaps=gaps)
    return _content(messages.document_bytes(document), JSON)


def _thinks(asked: Any) -> bool:
    """Whether thinking is switched on; left alone, a model does not think about a greeting."""
    if asked is None:
        return False
    kind = asked.get("type") if isinstance(asked, dict) else None
    if not isinstance(kind, str) or kind not in _THINKING:
        _refuse("thinking.type: Input should be 'adaptive', 'enabled' or 'disabled'")
    return _THINKING[kind]


def _ratelimits(scene: Scene) -> tuple[tuple[str, str], ...]:
    """What the organisation may still ask, per minute."""
    reset = f"{scene.at + timedelta(seconds=60):%Y-%m-%dT%H:%M:%SZ}"
    shown = _LIMIT_HEADERS if scene.endpoint.service is Service.MESSAGES else _LIMIT_HEADERS[:1]
    return tuple(header for counts, name in shown for header in (*counts, (f"{name}-reset", reset)))


_LIMIT_HEADERS = tuple(
    (
        (
            (f"anthropic-ratelimit-{name}-limit", str(limit)),
            (f"anthropic-ratelimit-{name}-remaining", str(limit - 1)),
        ),
        f"anthropic-ratelimit-{name}",
    )
    for name, limit in _LIMITS.items()
)

_API: Mapping[Service, Callable[[Scene], SimResponse]] = {
    Service.MODELS: _models,
    Service.COUNT_TOKENS: _count_tokens,
    Service.MESSAGES: _messages,
}
