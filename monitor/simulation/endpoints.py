"""The hosts and paths of Claude that a probe may ask, and which component each one belongs to.

One owner per endpoint: a fault that names a component strikes what that component's users reach
first. Which components an endpoint is *evidence* for is another question, and the config's to
answer: a dead Cowork must not take the API host with it only because Cowork uses the API.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

COMPONENTS = ("claude_ai", "console", "api", "claude_code", "cowork", "government")
"""The six components, in the order of the vendor's status page."""


class Service(StrEnum):
    """What kind of question an endpoint answers."""

    HELLO = "hello"
    OAUTH_HELLO = "oauth_hello"
    MODELS = "models"
    COUNT_TOKENS = "count_tokens"
    MESSAGES = "messages"
    PAGE = "page"
    DOWNLOAD = "download"
    STATUS = "status"
    CONTROL = "control"
    OTHER = "other"
    """A host of the vendor's, a path that no probe of ours asks."""


API_SERVICES = frozenset({Service.MODELS, Service.COUNT_TOKENS, Service.MESSAGES})
"""The services that need a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a request goes: the service, and the component that owns it (None: no component's)."""

    service: Service
    component: str | None


STATUS_HOSTS = ("status.claude.com", "anthropic.statuspage.io", "status.anthropic.com")

_OWNERS = {
    "claude.ai": "claude_ai",
    "platform.claude.com": "console",
    "console.anthropic.com": "console",
    "api.anthropic.com": "api",
    "downloads.claude.ai": "cowork",
    "claude.fedstart.com": "government",
}
_DOMAINS = ("anthropic.com", "claude.ai", "claude.com", "claudeusercontent.com", "fedstart.com")
_API = {
    "/api/hello": Service.HELLO,
    "/v1/models": Service.MODELS,
    "/v1/messages": Service.MESSAGES,
    "/v1/messages/count_tokens": Service.COUNT_TOKENS,
}
_CODE_RELEASES = "/claude-code-releases/"

VENDOR_HOSTS = (*_OWNERS, *STATUS_HOSTS)
"""The vendor's hosts that are answered for."""


def is_vendor(host: str) -> bool:
    """Whether `host` is one of the vendor's, answered for or not."""
    return (
        host in _OWNERS
        or host in STATUS_HOSTS
        or any(host == domain or host.endswith(f".{domain}") for domain in _DOMAINS)
    )


def locate(host: str, path: str) -> Endpoint:
    """Where `path` (without query) of `host` leads.

    A host that is none of the vendor's is a control target: whatever references a config names,
    they answer as long as this host has a network.
    """
    if host in STATUS_HOSTS:
        return Endpoint(service=Service.STATUS, component=None)
    owner = _OWNERS.get(host)
    if owner is None:
        return Endpoint(
            service=Service.OTHER if is_vendor(host) else Service.CONTROL, component=None
        )
    if host == "downloads.claude.ai":
        component = "claude_code" if path.startswith(_CODE_RELEASES) else owner
        return Endpoint(service=Service.DOWNLOAD, component=component)
    return Endpoint(service=_service(host, path), component=owner)


def _service(host: str, path: str) -> Service:
    """The service behind `path` of a host with pages or with the API."""
    if host == "api.anthropic.com":
        fallback = Service.MODELS if path.startswith("/v1/models/") else Service.OTHER
        return _API.get(path, fallback)
    if path == "/v1/oauth/hello" and host in ("platform.claude.com", "console.anthropic.com"):
        return Service.OAUTH_HELLO
    return Service.OTHER if path.startswith(("/v1/", "/api/")) else Service.PAGE
