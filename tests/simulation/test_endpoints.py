from __future__ import annotations

import pytest

from monitor.simulation.endpoints import Service, locate


@pytest.mark.parametrize(
    ("host", "path", "service", "component"),
    [
        ("api.anthropic.com", "/api/hello", Service.HELLO, "api"),
        ("api.anthropic.com", "/v1/models/claude-haiku-5-5", Service.MODELS, "api"),
        ("api.anthropic.com", "/v1/messages/count_tokens", Service.COUNT_TOKENS, "api"),
        ("api.anthropic.com", "/v1/messages", Service.MESSAGES, "api"),
        ("api.anthropic.com", "/", Service.OTHER, "api"),
        ("platform.claude.com", "/v1/oauth/hello", Service.OAUTH_HELLO, "console"),
        ("platform.claude.com", "/", Service.PAGE, "console"),
        ("claude.ai", "/login", Service.PAGE, "claude_ai"),
        ("claude.ai", "/api/organizations", Service.OTHER, "claude_ai"),
        ("claude.fedstart.com", "/", Service.PAGE, "government"),
        ("claude.fedstart.com", "/v1/oauth/hello", Service.OTHER, "government"),
        ("downloads.claude.ai", "/claude-code-releases/stable", Service.DOWNLOAD, "claude_code"),
        ("downloads.claude.ai", "/releases/win32/x64/.latest", Service.DOWNLOAD, "cowork"),
        ("anthropic.statuspage.io", "/api/v2/summary.json", Service.STATUS, None),
        ("mcp-proxy.anthropic.com", "/", Service.OTHER, None),
        ("detectportal.firefox.com", "/success.txt", Service.CONTROL, None),
    ],
)
def test_every_endpoint_has_one_service_and_one_owner(
    host: str, path: str, service: Service, component: str | None
) -> None:
    endpoint = locate(host, path)

    assert (endpoint.service, endpoint.component) == (service, component)
