"""The whole daemon: who hears of an outage and when, what is held back, and the heartbeat."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.config.maintenance import MaintenanceSpec
from monitor.config.schema import Config
from monitor.core.incident import EventType
from monitor.notify._heartbeat import HeartbeatSpec
from monitor.notify.webhook import WebhookSpec
from monitor.storage.beside import open_beside
from monitor.storage.mutes import Mute, Mutes
from tests.app.house import SECRET, House, Living, a_house
from tests.fakes.receiver import receiving

pytestmark = pytest.mark.slow


def heard(house: House) -> dict[str, list[str]]:
    """What each notifier got, in order: the part of the type behind the dot; late ones marked."""
    question = "SELECT notifier, type, event_id FROM deliveries WHERE state = 'delivered'"
    with closing(sqlite3.connect(f"file:{house.database}?mode=ro", uri=True)) as database:
        rows = database.execute(f"{question} ORDER BY id").fetchall()
    found: dict[str, list[str]] = {}
    for notifier, kind, event in rows:
        mark = " late" if "-late-" in event else ""
        found.setdefault(notifier, []).append(kind.partition(".")[2] + mark)
    return found


def with_routes(house: House, **routes: dict[str, Any]) -> Config:
    """The house's configuration with these notifiers, all at its receiver."""
    specs = tuple(
        WebhookSpec.model_validate(
            {"name": name, "kind": "webhook", "url": str(house.receiver.url), "secret": SECRET}
            | {"route": route}
        )
        for name, route in routes.items()
    )
    return house.config().model_copy(update={"notifiers": specs})


async def ended(house: House, living: Living) -> None:
    """The outage ends, and the close has been taken by those who have to hear it."""
    house.world.broken = False
    await living.announced(EventType.CLOSED)
    await living.until(lambda: house.receipts[-1].type == "incident.closed")


async def seen(house: House, living: Living, true: Callable[[dict[str, list[str]]], bool]) -> None:
    """Until this is true of what was heard; looked at with every run."""
    await living.until(lambda: true(heard(house)))


async def test_a_page_comes_late_or_never_and_a_close_goes_to_those_who_were_told(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path) as house:
        config = with_routes(
            house,
            chat={},
            page={"after": "90s"},
            later={"after": "1d"},
            critical={"severity": "critical"},
            console={"events": ["monitor.blind"]},
        )
        async with house.daemon(config) as living:
            await living.settled()
            house.world.broken = True
            await seen(house, living, lambda told: bool(told.get("page")))
            await ended(house, living)
            await seen(
                house, living, lambda told: all(row[-1] == "closed" for row in told.values())
            )
    told = heard(house)
    assert told["chat"][0] == "opened"
    assert told["page"][0] == "opened late"
    assert told["chat"][-1] == told["page"][-1] == "closed"
    assert not {"later", "console"} & set(told)
    assert told.get("critical", ["opened", "closed"])[-1] == "closed"


async def test_a_mute_holds_back_the_opening_and_lifting_it_announces_what_lasts(
    tmp_path: Path,
) -> None:
    """Beside the running daemon; what is muted is probed and shown as ever."""
    async with a_house(tmp_path) as house, house.daemon() as living:
        await living.settled()
        beside = await open_beside(f"sqlite:///{house.database}")
        mutes, now = Mutes(beside, "test"), house.clock.now()
        mute = Mute(
            component="api",
            reason="known",
            author="ann",
            starts_at=now,
            ends_at=now + timedelta(hours=5),
        )
        await mutes.add(mute)
        document = await living.document("/api/v1/status")
        while not document["mutes"]:
            document = await living.document("/api/v1/status")
        assert document["mutes"][0]["author"] == "ann"
        house.world.broken = True
        await living.announced(EventType.OPENED)
        await living.page("/", "api is muted until")
        assert "outage" in (await living.document("/api/v1/components/api"))["state"]
        assert house.receipts == []
        await mutes.lift("api", house.clock.now())
        await beside.close()
        await living.until(lambda: bool(house.receipts))
        await ended(house, living)
    assert heard(house)["oncall"][0] == "opened late"
    assert heard(house)["oncall"][-1] == "closed"


async def test_what_outlives_its_window_is_announced_then(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        now = house.clock.now()
        window = MaintenanceSpec.model_validate(
            {"starts": now - timedelta(hours=1), "ends": now + timedelta(minutes=6)}
        )
        config = house.config().model_copy(update={"maintenance": (window,)})
        async with house.daemon(config) as living:
            await living.settled()
            house.world.broken = True
            event = await living.announced(EventType.OPENED)
            assert event.at < now + timedelta(minutes=6)
            state = (await living.document("/api/v1/components/api"))["state"]
            assert state == "under_maintenance"
            assert house.receipts == []
            await living.until(lambda: bool(house.receipts))
            assert house.clock.now() >= now + timedelta(minutes=6)
            await ended(house, living)
    assert heard(house)["oncall"][0] == "opened late"
    assert heard(house)["oncall"][-1] == "closed"
    assert event.incident is not None
    assert house.receipts[0].incident == event.incident.id


async def test_the_heartbeat_goes_out_while_all_is_well(tmp_path: Path) -> None:
    async with receiving() as listener, a_house(tmp_path) as house:
        spec = HeartbeatSpec.model_validate({"url": str(listener.url), "interval": "10s"})
        config = house.config().model_copy(update={"heartbeat": spec})
        async with house.daemon(config) as living:
            await listener.until(3)
            sent = 'claude_uptime_heartbeats_total{result="sent",vantage="test"}'
            assert await living.metric(sent) >= 2
