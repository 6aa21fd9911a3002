from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from standardwebhooks import Webhook

from monitor.clock import VirtualClock
from monitor.demo.receiver import BODY_BYTES_MAX, TOLERANCE_SECONDS, Receipt, Receiver

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 32).decode()
OPENED = {"type": "incident.opened", "data": {"id": "local-20260428-173433-api"}}


class Setting:
    """A receiver that listens, and what it told."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.told: list[Receipt] = []
        self.receiver = Receiver(SECRET, self.clock, self.told.append)

    async def post(self, document: Any = OPENED, *, secret: str = SECRET, **changes: Any) -> int:
        """Deliver `document`, signed with `secret` so many `ago`; the answer's status."""
        raw: bytes = changes.pop("raw", json.dumps(document).encode())
        at = self.clock.now() - timedelta(seconds=changes.pop("ago", 0.0))
        try:
            signature = Webhook(secret).sign("id-1", at, raw.decode())
        except UnicodeDecodeError:
            signature = "v1,none"
        headers = {
            "webhook-id": "id-1",
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signature,
        }
        headers |= {name.replace("_", "-"): value for name, value in changes.items()}
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.receiver.url, data=raw, headers=headers) as answer,
        ):
            return answer.status


@pytest.fixture
async def setting() -> AsyncIterator[Setting]:
    setting = Setting()
    await setting.receiver.start()
    yield setting
    await setting.receiver.stop()


async def test_a_delivery_with_our_signature_is_verified(setting: Setting) -> None:
    assert await setting.post() == 204
    wanted = Receipt(
        id="id-1",
        type="incident.opened",
        incident="local-20260428-173433-api",
        at=setting.clock.now(),
        verified=True,
    )
    assert setting.told == setting.receiver.receipts == [wanted]


async def test_one_of_several_signatures_is_enough(setting: Setting) -> None:
    at = setting.clock.now()
    right = Webhook(SECRET).sign("id-1", at, json.dumps(OPENED))
    wrong = Webhook(OTHER).sign("id-1", at, json.dumps(OPENED))
    await setting.post(webhook_signature=f"{wrong} {right}")
    assert setting.told[0].verified


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("another secret", {"secret": OTHER}),
        ("another id", {"webhook_id": "id-2"}),
        ("another time", {"webhook_timestamp": "1777395660"}),
        ("no time", {"webhook_timestamp": "noon"}),
        ("a time beyond all calendars", {"webhook_timestamp": "9" * 30}),
        ("an empty signature", {"webhook_signature": ""}),
        ("a signature in other letters", {"webhook_signature": "v1,\u00e9"}),
        ("stale", {"ago": TOLERANCE_SECONDS + 1}),
        ("from the future", {"ago": -TOLERANCE_SECONDS - 1}),
    ],
)
async def test_anything_else_is_taken_and_not_verified(
    what: str, changes: dict[str, Any], setting: Setting
) -> None:
    assert await setting.post(**changes) == 204
    assert [receipt.verified for receipt in setting.told] == [False]


async def test_a_timestamp_at_the_edge_is_fresh(setting: Setting) -> None:
    await setting.post(ago=TOLERANCE_SECONDS)
    assert setting.told[0].verified


async def test_an_event_of_the_monitor_itself_has_no_incident(setting: Setting) -> None:
    await setting.post({"type": "monitor.blind", "data": {"id": "local-1-blind-network"}})
    assert (setting.told[0].type, setting.told[0].incident) == ("monitor.blind", None)


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"\xff", b'"' + b"x" * BODY_BYTES_MAX + b'"'],
    ids=len,
)
async def test_what_is_no_event_is_refused_and_leaves_no_receipt(
    raw: bytes, setting: Setting
) -> None:
    assert await setting.post(raw=raw) == 400
    assert setting.told == []


async def test_a_body_in_many_parts_is_read_whole(setting: Setting) -> None:
    """A large event comes in several segments; the signature is over all of it."""
    await setting.post({**OPENED, "padding": "x" * (BODY_BYTES_MAX - 1024)})
    assert setting.told[0].verified
