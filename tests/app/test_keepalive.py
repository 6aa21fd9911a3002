"""Receivers that forget are told again; those that do not are left alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from monitor.app.keepalive import Keepalive
from monitor.clock import VirtualClock
from monitor.core.incident import EventType
from monitor.delivery import Delivered, Delivery, GiveUp, Notifier, Result, Retry
from monitor.storage.in_force import Effective
from tests.app.house import a_house
from tests.factories import an_incident
from tests.fakes.notifier import FakeNotifier
from tests.fakes.receiver import receiving

INCIDENT = an_incident("api")


class Forgetful(Notifier):
    """Is refreshed every 30 s; answers in turn, then takes everything."""

    def __init__(self, *answers: Result | Exception) -> None:
        self.refresh_seconds = 30.0
        self.heard: list[Sequence[bytes]] = []
        self._answers = iter(answers)

    @property
    @override
    def name(self) -> str:
        return "alerts"

    @override
    async def send(self, delivery: Delivery) -> Result:
        raise AssertionError(delivery)

    async def refresh(self, told: Callable[[], Awaitable[Sequence[bytes]]]) -> Result:
        self.heard.append(await told())
        answer = next(self._answers, Delivered())
        if isinstance(answer, Exception):
            raise answer
        return answer


class FakeTold(Effective):
    """Every incident that is asked for is in force, as its id."""

    def __init__(self) -> None:
        pass

    @override
    async def bodies(self, notifier: str, incident_ids: Collection[str]) -> list[bytes]:
        return [f"{notifier} {each}".encode() for each in incident_ids]


@asynccontextmanager
async def kept(
    *notifiers: Notifier, clock: VirtualClock, opened: bool = True
) -> AsyncIterator[None]:
    incidents = (INCIDENT,) if opened else ()
    keepalive = Keepalive(notifiers, FakeTold(), lambda: incidents, clock)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(keepalive.run())
        await clock.advance(0)
        yield
        task.cancel()


async def test_what_is_open_is_said_at_once_and_again_and_again() -> None:
    forgetful, clock = Forgetful(), VirtualClock()
    async with kept(forgetful, FakeNotifier(), clock=clock):
        assert forgetful.heard == [[f"alerts {INCIDENT.id}".encode()]]
        await clock.advance(29.9)
        assert len(forgetful.heard) == 1
        await clock.advance(0.2)
        assert len(forgetful.heard) == 2


async def test_with_nothing_open_the_store_is_not_asked() -> None:
    forgetful, clock = Forgetful(), VirtualClock()
    async with kept(forgetful, clock=clock, opened=False):
        assert forgetful.heard == [[]]


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (Retry(reason="answered 503"), "answered 503"),
        (GiveUp(reason="answered 400"), "answered 400"),
        (RuntimeError("PLANTED"), "RuntimeError"),
    ],
)
async def test_a_failure_is_told_once_until_it_works_again_and_ends_nothing(
    failure: Result | Exception, reason: str
) -> None:
    forgetful, clock = Forgetful(failure, failure, Delivered(), failure), VirtualClock()
    with capture_logs() as logs:
        async with kept(forgetful, clock=clock):
            for _ in range(3):
                await clock.advance(30)
    assert len(forgetful.heard) == 4
    assert [(each["event"], each.get("reason")) for each in logs] == [
        ("notifier.not_refreshed", reason),
        ("notifier.refreshed_again", None),
        ("notifier.not_refreshed", reason),
    ]


async def test_a_turn_that_hangs_is_left() -> None:
    clock = VirtualClock()

    class Hanging(Forgetful):
        @override
        async def refresh(self, told: Callable[[], Awaitable[Sequence[bytes]]]) -> Result:
            self.heard.append(await told())
            await asyncio.Event().wait()
            raise AssertionError

    hanging = Hanging()
    with capture_logs() as logs:
        async with kept(hanging, clock=clock):
            await clock.advance(30)
            await clock.advance(30)
    assert len(hanging.heard) == 2
    assert logs[0]["reason"] == "TimeoutError"


# ---------------------------------------------------------------- the whole daemon


@pytest.mark.slow
async def test_a_daemon_repeats_what_is_open_over_its_own_restart_and_not_after_the_close(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path) as house, receiving() as receiver:
        url = str(receiver.url.with_path("/"))
        given = {"name": "alerts", "kind": "alertmanager", "urls": [url], "repost": "30s"}
        plain = house.config()
        notifiers = [*plain.notifiers, given]
        config = type(plain).model_validate({**dict(plain), "notifiers": notifiers})

        def said() -> list[str]:
            """`lasting` or `over` for each post, by whether something in it lasts."""
            now = house.clock.now().isoformat()
            return [
                "lasting"
                if any(alert["endsAt"] > now[:19] for alert in json.loads(got.body))
                else "over"
                for got in receiver.got
            ]

        async with house.daemon(config) as living:
            await living.settled()
            house.world.broken = True
            await living.announced(EventType.OPENED)
            await living.until(lambda: len(receiver.got) >= 3)
        before = len(receiver.got)
        async with house.daemon(config) as living:
            await living.until(lambda: len(receiver.got) > before)
            house.world.broken = False
            closed = await living.announced(EventType.CLOSED)
            await living.until(lambda: house.receipts[-1].id == closed.id)
            await living.until(lambda: said()[-1] == "over")
            count = len(receiver.got)
            asked = house.world.asked
            await living.until(lambda: house.world.asked > asked + 20)
            assert len(receiver.got) == count
