"""The test events: marked, in pairs, and harmless to receivers that act by themselves."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from monitor.app.trial import TrialError, _send, trial_events, try_notifiers, wanted
from monitor.clock import SystemClock, VirtualClock
from monitor.config.load import from_text
from monitor.config.schema import Config
from monitor.core.incident import EventType, SeverityLevel
from monitor.delivery import Delivered, Delivery, Result, Retry, notifier_of
from tests.factories import NOON
from tests.fakes.notifier import FakeNotifier
from tests.fakes.receiver import receiving, status

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TEXT = """
components: {{api: {{title: Claude API}}}}
probes: [{{name: page, kind: http, url: "https://example.test/", components: [api], interval: 30s}}]
notifiers: {notifiers}
"""


def a_config(*notifiers: dict[str, Any]) -> Config:
    def none(_name: str) -> str:
        raise AssertionError

    return from_text(TEXT.format(notifiers=json.dumps(notifiers)), "test.yaml", {}, none)


def hook(name: str = "oncall", url: object = "http://hook.test/", **more: object) -> dict[str, Any]:
    return {"name": name, "kind": "webhook", "url": str(url), "secret": SECRET, **more}


# ---------------------------------------------------------------- the events


@pytest.mark.parametrize("severity", list(SeverityLevel))
def test_a_test_is_an_open_and_its_close_and_marked_in_every_part(severity: SeverityLevel) -> None:
    opened, closed = trial_events(a_config(), NOON, severity)
    assert (opened.type, closed.type) == (EventType.OPENED, EventType.CLOSED)
    for event in (opened, closed):
        assert event.id.startswith("test-local-")
        assert event.summary.startswith("TEST, nothing ")
        assert event.incident is not None
        assert event.incident.id == "test-local-20260428-120000"
        assert event.incident.names == ("test",)
        assert event.incident.severity is severity
    assert opened.id != closed.id


def test_a_test_may_be_left_open() -> None:
    events = trial_events(a_config(), NOON, SeverityLevel.MINOR, leave_open=True)
    assert [event.type for event in events] == [EventType.OPENED]


# ---------------------------------------------------------------- who is tried


def test_all_that_are_enabled_are_tried_or_the_one_that_is_named() -> None:
    config = a_config(hook(), hook("second"), hook("off", enabled=False))
    assert [spec.name for _, spec in wanted(config, None)] == ["oncall", "second"]
    assert [spec.name for _, spec in wanted(config, "second")] == ["second"]


@pytest.mark.parametrize(
    ("notifiers", "name", "message"),
    [
        ([], None, "the configuration has no notifiers"),
        ([hook()], "oncal", "no notifier is called oncal; did you mean oncall?"),
        ([hook(enabled=False)], None, "oncall is disabled: enabled is false"),
        ([hook(), hook("off", url="")], "off", "off is disabled: no url: set ALERT_WEBHOOK_URL"),
    ],
)
def test_where_nobody_can_be_tried_that_is_one_line(
    notifiers: list[dict[str, Any]], name: str | None, message: str
) -> None:
    with pytest.raises(TrialError) as caught:
        wanted(a_config(*notifiers), name)
    assert str(caught.value) == message


# ---------------------------------------------------------------- sending


async def trials(config: Config, **settings: Any) -> list[tuple[str, str, Result]]:
    clock = SystemClock()
    events = trial_events(config, clock.now(), SeverityLevel.MINOR, **settings)
    found = await try_notifiers(config, wanted(config, None), events, clock)
    return [(each.notifier, str(each.type), each.result) for each in found]


async def test_every_kind_gets_its_pair_and_what_became_of_it_is_told() -> None:
    kinds = ("webhook", "alertmanager", "pagerduty", "chat")
    async with receiving(*(status(200) for _ in range(8))) as receiver:
        url = str(receiver.url)
        config = a_config(
            hook(url=url),
            {"name": "alertmanager", "kind": "alertmanager", "urls": url},
            {"name": "pagerduty", "kind": "pagerduty", "url": url, "routing_key": "k" * 32},
            {"name": "chat", "kind": "chat", "urls": f"json{url.removeprefix('http')}"},
        )
        found = await trials(config)
    assert [(notifier_of(name), kind) for name, kind, _ in found] == [
        (name, kind)
        for name in ("oncall", *kinds[1:])
        for kind in ("incident.opened", "incident.closed")
    ]
    assert all(isinstance(result, Delivered) for _, _, result in found)
    assert len(receiver.got) == 8
    assert all(b"TEST" in got.body for got in receiver.got)


async def test_where_the_open_is_not_taken_no_close_is_sent_and_the_others_are_tried() -> None:
    async with receiving(status(404)) as bad, receiving() as good:
        found = await trials(a_config(hook(url=bad.url), hook("second", good.url)))
    assert found[0] == ("oncall", "incident.opened", Retry(reason="answered 404"))
    assert [name for name, _, _ in found] == ["oncall", "second", "second"]


async def test_a_kind_that_has_no_word_for_an_event_is_not_asked_to_send_it() -> None:
    async with receiving() as receiver:
        config = a_config({"name": "am", "kind": "alertmanager", "urls": str(receiver.url)})
        clock = SystemClock()
        opened, closed = trial_events(config, clock.now(), SeverityLevel.MINOR)
        recovering = type(opened)(
            **{
                **{name: getattr(opened, name) for name in type(opened).__slots__},
                "type": EventType.RECOVERING,
            }
        )
        events = (opened, recovering, closed)
        found = await try_notifiers(config, wanted(config, None), events, clock)
    assert [each.type for each in found] == [EventType.OPENED, EventType.CLOSED]


async def test_a_file_that_cannot_be_used_is_one_line_that_names_the_notifier(
    tmp_path: Path,
) -> None:
    with pytest.raises(TrialError, match=r"^notifier oncall: cannot read certificates from /"):
        await trials(a_config(hook(ca_file=str(tmp_path / "none.pem"))))


def a_delivery() -> Delivery:
    return Delivery(
        id=0,
        event_id="test-1",
        type="incident.opened",
        incident_id="test",
        notifier="oncall",
        body=b"{}",
        attempts=0,
        created_at=NOON,
    )


async def test_a_bug_of_a_kind_is_told_by_its_name_alone() -> None:
    broken = FakeNotifier(answers=[RuntimeError("PLANTED")])
    result = await _send(broken, a_delivery(), VirtualClock())
    assert result == Retry(reason="the notifier failed: RuntimeError")


async def test_a_notifier_that_hangs_is_left() -> None:
    class Hanging(FakeNotifier):
        @override
        async def send(self, delivery: Delivery) -> Result:
            await asyncio.Event().wait()
            raise AssertionError

    clock = VirtualClock()
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(_send(Hanging(), a_delivery(), clock))
        await clock.advance(30.1)
        assert await sending == Retry(reason="not sent within 30s")
