"""Orders are carried out once, acknowledged when stored, and refused in a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from monitor.app.orders import CLOSE_INCIDENT, OrderError, Orders
from monitor.clock import VirtualClock
from monitor.core.incident import EventType, Reason
from monitor.storage.database import Database, open_database
from monitor.storage.orders import VALID_FOR, Order, OrderBook, open_to_order
from tests.app.house import SwitchedWorld, a_house


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    opened = await open_database("sqlite://")
    yield opened
    await opened.close()


class Desk:
    """Orders of the kind `mute` and what was done of them."""

    def __init__(self, database: Database) -> None:
        self.clock = VirtualClock()
        self.book = OrderBook(database, "local")
        self.muted: list[Order] = []
        self.stored = True
        self.orders = Orders(self.book, {"mute": self.mute}, self.clock, self.store)

    def mute(self, order: Order) -> str:
        if order.body.get("bad"):
            message = "no such notifier"
            raise OrderError(message)
        self.muted.append(order)
        _ = 1 / order.body.get("divisor", 1)
        return "muted"

    async def store(self) -> None:
        if not self.stored:
            raise TimeoutError

    async def put(self, kind: str = "mute", **body: int) -> int:
        return await self.book.put(kind, body, "alice", self.clock.now())

    async def answer(self, number: int) -> tuple[bool | None, str | None]:
        found = await self.book.find(number)
        assert found is not None
        return found.ok, found.result


async def test_an_order_is_carried_out_and_acknowledged(database: Database) -> None:
    desk = Desk(database)
    number = await desk.put()
    await desk.orders.look()
    await desk.orders.look()
    assert await desk.answer(number) == (True, "muted")
    assert [order.author for order in desk.muted] == ["alice"]


async def test_what_cannot_be_done_is_refused_in_a_sentence(database: Database) -> None:
    desk = Desk(database)
    bad, unknown, broken = await desk.put(bad=1), await desk.put("fly"), await desk.put(divisor=0)
    await desk.orders.look()
    assert await desk.answer(bad) == (False, "no such notifier")
    assert await desk.answer(unknown) == (False, "this daemon knows no order 'fly'")
    assert await desk.answer(broken) == (False, "the daemon failed at it; its log has the error")


async def test_an_order_for_another_moment_is_not_carried_out(database: Database) -> None:
    desk = Desk(database)
    number = await desk.put()
    await desk.clock.advance((VALID_FOR + timedelta(seconds=1)).total_seconds())
    await desk.orders.look()
    ok, result = await desk.answer(number)
    assert not ok
    assert result is not None
    assert "while no daemon ran" in result
    assert desk.muted == []


async def test_it_is_acknowledged_once_it_is_stored_and_never_done_twice(
    database: Database,
) -> None:
    desk = Desk(database)
    desk.stored = False
    number = await desk.put()
    await desk.orders.look()
    await desk.orders.look()
    assert await desk.answer(number) == (None, None)
    desk.stored = True
    await desk.orders.look()
    assert await desk.answer(number) == (True, "muted")
    assert len(desk.muted) == 1


async def test_an_order_that_was_withdrawn_meanwhile_is_passed_over(database: Database) -> None:
    class Late(OrderBook):
        @override
        async def waiting(self) -> list[Order]:
            found = await super().waiting()
            for order in found:
                await self.withdraw(order.id, order.created_at)
            return found

    desk = Desk(database)
    await desk.put()
    late = Orders(Late(database, "local"), {"mute": desk.mute}, desk.clock, desk.store)
    await late.look()
    assert desk.muted == []


@pytest.mark.slow
async def test_a_running_daemon_closes_an_incident_by_order(tmp_path: Path) -> None:
    async with a_house(tmp_path, SwitchedWorld()) as house, house.daemon() as living:
        await living.settled()
        house.world.broken = True
        opened = await living.announced(EventType.OPENED)
        assert opened.incident is not None
        house.world.broken = False
        beside = await open_to_order(f"sqlite:///{house.database}")
        book = OrderBook(beside, "test")
        body = {"incident": opened.incident.id, "reason": "a drill"}
        number = await book.put(CLOSE_INCIDENT, body, "alice", house.clock.now())
        again = await book.put(CLOSE_INCIDENT, body, "alice", house.clock.now())
        closed = await living.announced(EventType.CLOSED)
        async with asyncio.timeout(30):
            while (found := await book.find(again)) is None or found.done_at is None:
                await house.clock.sleep(1.0)
        await beside.close()
        assert closed.reason is Reason.OPERATOR
        assert closed.incident is not None
        assert closed.incident.explanation == "closed by alice: a drill"
        assert found.result == f"no incident {opened.incident.id} lasts"
        assert number < again
