"""Errors of the HTTP client that no server of ours can provoke on demand.

These come from `aioresponses`, which never opens a connection; everything else about the webhook is
tested over real sockets in `test_webhook.py`.
"""

from __future__ import annotations

import ssl
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aioresponses import aioresponses, core
from yarl import URL

from monitor.clock import VirtualClock
from monitor.delivery import Delivery, Retry
from monitor.notify._base import NotifierContext
from monitor.notify.webhook import KIND, WebhookSpec

TARGET = "https://hooks.example/claude"
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


class _Response(aiohttp.ClientResponse):
    """aioresponses 0.7.9 does not know an argument that aiohttp 3.14 requires."""

    def __init__(self, *args: Any, **named: Any) -> None:
        named.setdefault("stream_writer", SimpleNamespace(output_size=0))
        super().__init__(*args, **named)


def a_delivery() -> Delivery:
    return Delivery(
        id=1,
        event_id="local-20260428-173412-api-1",
        type="incident.opened",
        incident_id="local-20260428-173412-api",
        notifier="oncall",
        body=b"{}",
        attempts=0,
        created_at=VirtualClock().now(),
    )


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(aiohttp.ServerDisconnectedError(), id="server disconnected"),
        pytest.param(aiohttp.ClientPayloadError("cut short"), id="payload"),
        pytest.param(aiohttp.ClientOSError(104, "Connection reset by peer"), id="reset"),
        pytest.param(aiohttp.ServerTimeoutError("slow"), id="server timeout"),
        pytest.param(aiohttp.InvalidURL(URL("https://hooks.example/")), id="invalid url"),
        pytest.param(ssl.SSLError(1, "bad record mac"), id="tls broke in mid-air"),
        pytest.param(TimeoutError(), id="timeout"),
    ],
)
async def test_a_rare_error_of_the_client_is_tried_again_and_tells_no_secret(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core, "ClientResponse", _Response)
    spec = WebhookSpec.model_validate(
        {"name": "oncall", "kind": "webhook", "url": f"{TARGET}?token=planted", "secret": SECRET}
    )
    notifier = KIND.build(spec, NotifierContext(clock=VirtualClock(), user_agent="test"))
    with aioresponses() as faults:
        faults.post(f"{TARGET}?token=planted", exception=error)
        result = await notifier.send(a_delivery())
    assert isinstance(result, Retry)
    assert result.reason
    assert "planted" not in result.reason
