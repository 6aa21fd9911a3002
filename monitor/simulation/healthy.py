"""What every endpoint answers on a good day.

Bodies and headers are those that the vendor's documentation and users' captures show. One thing is
kinder than the world: claude.ai answers everyone with its page, where the real one often asks a
server for a browser (the fault `challenge_403` does that).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from monitor.core.claude_api import API_VERSIONS
from monitor.simulation import messages
from monitor.simulation._fault import HTML, JSON, TEXT, api_error_body
from monitor.simulation._modellist import page_of_list
from monitor.simulation._requests import RefusedRequestError, question, refuse, refuse_model
from monitor.simulation.endpoints import Endpoint, Service
from monitor.simulation.exchange import SimRequest, SimResponse
from monitor.simulation.models import ALIASES, CATALOGUE, LISTING, model_document

_HELLO = b'{"message": "hello"}'
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


def answer(scene: Scene) -> SimResponse:
    """The healthy answer to `scene`, with the headers of its content only."""
    if scene.endpoint.service in _API:
        return _api_answer(scene)
    if scene.endpoint.component == "api" and scene.endpoint.service is Service.OTHER:
        return _beside_the_api(scene)
    if scene.request.method not in ("GET", "HEAD"):
        return SimResponse(status=405, headers=(("allow", "GET, HEAD"),))
    return _PLAIN[scene.endpoint.service](scene)


def _beside_the_api(scene: Scene) -> SimResponse:
    """A path of the API's host that nothing here answers: an error in the API's form."""
    if scene.request.bare_path == "/":
        return SimResponse(status=405, headers=(("allow", "POST"),))
    body = api_error_body("not_found_error", "Not Found", scene.request_id)
    return SimResponse(status=404, headers=(("content-type", JSON),), body=body)


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
    except RefusedRequestError as refusal:
        body = api_error_body(refusal.kind, refusal.message, scene.request_id)
        return SimResponse(status=refusal.status, headers=(("content-type", JSON),), body=body)
    if scene.endpoint.service is Service.MODELS:
        return content
    return replace(content, headers=(*content.headers, *_ratelimits(scene)))


def _check_key(scene: Scene) -> None:
    """Refuse who has no key, a wrong key, or does not say which version of the API it means."""
    if scene.key_valid is None:
        refuse("x-api-key header is required", status=401, kind="authentication_error")
    if not scene.key_valid:
        bearer = scene.request.header("x-api-key") is None
        text = "Invalid bearer token" if bearer else "invalid x-api-key"
        refuse(text, status=401, kind="authentication_error")
    version = scene.request.header("anthropic-version")
    if not version:
        refuse("anthropic-version: header is required")
    if version not in API_VERSIONS:
        refuse(f'anthropic-version: "{version}" is not a valid version')


def _models(scene: Scene) -> SimResponse:
    """The list of models, or one of them."""
    if scene.request.method not in ("GET", "HEAD"):
        refuse("Method Not Allowed", status=405)
    wanted = scene.request.bare_path.removeprefix("/v1/models").strip("/")
    if wanted:
        ident = ALIASES.get(wanted, wanted)
        if ident not in CATALOGUE:
            refuse_model(wanted)
        return _content(model_document(ident), JSON)
    return _content(page_of_list(scene.request.path, LISTING), JSON)


def _count_tokens(scene: Scene) -> SimResponse:
    counted = question(scene.request, counts=True)
    return _content(json.dumps({"input_tokens": counted.input_tokens}), JSON)


def _messages(scene: Scene) -> SimResponse:
    """A message, whole or as a stream."""
    asked = question(scene.request, counts=False)
    document = messages.message(
        messages.Asked(
            ident=f"msg_{scene.request_id.removeprefix('req_')}",
            model=asked.model,
            input_tokens=asked.input_tokens,
            max_tokens=asked.max_tokens,
            thinks=asked.thinking_tokens > 0,
            thinking_tokens=asked.thinking_tokens,
            shown=asked.shown,
            stop_sequences=tuple(map(str, asked.body.get("stop_sequences") or ())),
            tool=_tool(asked.body),
            refused=messages.REFUSAL_MARK.encode() in scene.request.body,
        )
    )
    if asked.body.get("stream") is True:
        events, gaps = messages.stream(
            document, messages.FIRST_TOKEN_SECONDS + asked.thinking_seconds
        )
        headers = (("content-type", messages.EVENT_STREAM), ("cache-control", "no-cache"))
        return SimResponse(headers=headers, body=events, gaps=gaps)
    whole = _content(messages.document_bytes(document), JSON)
    return replace(whole, delay=asked.thinking_seconds)


def _tool(body: Mapping[str, Any]) -> str | None:
    """The tool that the request wants used; None where the model may choose, and chooses none."""
    choice, tools = body.get("tool_choice"), body.get("tools")
    if not isinstance(choice, dict) or not isinstance(tools, list) or not tools:
        return None
    names = [str(tool.get("name")) for tool in tools if isinstance(tool, dict)]
    if choice.get("type") == "tool":
        return str(choice.get("name"))
    return names[0] if choice.get("type") == "any" and names else None


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
