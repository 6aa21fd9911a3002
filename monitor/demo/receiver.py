"""The rehearsal's webhook receiver: takes everything, and checks each signature."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

from monitor.clock import Clock

TOLERANCE_SECONDS = 300.0
"""Standard Webhooks' own limit on the age of a message."""

BODY_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One delivery as it arrived.

    Attributes:
        id: the webhook's id.
        type: type of the event.
        incident: id of the incident, None for events of the monitor itself.
        at: when it arrived, in scenario time.
        verified: the signature fits, and the timestamp is fresh.
    """

    id: str
    type: str
    incident: str | None
    at: datetime
    verified: bool


class Receiver:
    """A real HTTP server on loopback."""

    def __init__(self, secret: str, clock: Clock, told: Callable[[Receipt], None]) -> None:
        """Verify with `secret`; every arrival is `told`."""
        self.secret = secret
        self.url = ""
        self.receipts: list[Receipt] = []
        self._clock = clock
        self._told = told
        self._webhook = Webhook(secret)
        self._runner: web.ServerRunner | None = None

    async def start(self) -> None:
        """Listen on any free port."""
        runner = web.ServerRunner(web.Server(self._take, access_log=None))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        self._runner = runner

    async def stop(self) -> None:
        """Close."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.BaseRequest) -> web.Response:
        body = await _read(request)
        document = _document(body)
        if document is None:
            return web.Response(status=400)
        name = request.headers.get("webhook-id", "")
        told = str(document.get("type", ""))
        data = document.get("data")
        about = data.get("id") if isinstance(data, dict) else None
        receipt = Receipt(
            id=name,
            type=told,
            incident=about if told.startswith("incident.") else None,
            at=self._clock.now(),
            verified=self._verify(request, name, body),
        )
        self.receipts.append(receipt)
        self._told(receipt)
        return web.Response(status=204)

    def _verify(self, request: web.BaseRequest, name: str, body: bytes) -> bool:
        """As the library's own `verify`, except that it asks the machine for the time."""
        try:
            signed = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
            given = request.headers["webhook-signature"].split()
        except (KeyError, ValueError, OverflowError, OSError):
            return False
        fresh = abs((self._clock.now() - signed).total_seconds()) <= TOLERANCE_SECONDS
        wanted = self._webhook.sign(name, signed, body.decode()).encode()
        return fresh and any(
            hmac.compare_digest(wanted, one.encode(errors="replace")) for one in given
        )


async def _read(request: web.BaseRequest) -> bytes:
    """The body; empty when it is longer than what is taken."""
    body = bytearray()
    async for part in request.content.iter_any():
        body += part
        if len(body) > BODY_BYTES_MAX:
            return b""
    return bytes(body)


def _document(body: bytes) -> dict[str, Any] | None:
    """The JSON object that `body` is; None when it is none."""
    try:
        document = json.loads(body)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
