from __future__ import annotations

import json

from monitor.core.incident import Event, EventType, Reason
from monitor.notify._addressees import Addressees
from monitor.notify._base import Wording
from monitor.notify.webhook import KIND, WebhookSpec
from monitor.pipeline import Audience
from tests.factories import NOON

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def a_spec(name: str, url: str, **values: object) -> WebhookSpec:
    return WebhookSpec.model_validate(
        {"name": name, "kind": "webhook", "url": url, "secret": SECRET, **values}
    )


def test_every_enabled_notifier_gets_the_event_and_no_other() -> None:
    specs = [
        a_spec("oncall", "https://alerts.example.test/"),
        a_spec("unset", ""),
        a_spec("paused", "https://paused.example.test/", enabled=False),
        a_spec("archive", "https://archive.example.test/"),
    ]
    audience: Audience = Addressees(
        [(KIND, spec) for spec in specs], Wording(external_url="https://uptime.example.test")
    )
    event = Event(
        id="local-blind-1",
        type=EventType.BLIND,
        at=NOON,
        vantage="local",
        summary="This host has no network",
        reason=Reason.CONTROLS_FAILED,
    )
    envelopes = audience.envelopes(event)
    assert [envelope.notifier for envelope in envelopes] == ["oncall", "archive"]
    assert len({envelope.body for envelope in envelopes}) == 1
    document = json.loads(envelopes[0].body)
    assert document["type"] == "monitor.blind"
    assert document["data"]["links"] == {"self": "https://uptime.example.test/"}
