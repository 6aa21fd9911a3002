"""An order gets its answer, or is withdrawn so that it does nothing later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from monitor.cli._orders import Wanted, give
from monitor.clock import VirtualClock
from monitor.storage.database import Database, open_database
from monitor.storage.orders import Order, OrderBook
from tests.cli.giving import outcome, passed, put_down

MUTE = Wanted(kind="mute", body={"for": 60}, author="alice")


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    opened = await open_database("sqlite://")
    yield opened
    await opened.close()


async def test_an_order_gets_its_answer(database: Database) -> None:
    clock, book = VirtualClock(), OrderBook(database, "local")
    async with asyncio.TaskGroup() as tasks:
        giving = tasks.create_task(outcome(give(book, clock, MUTE)))
        order = await put_down(book, giving)
        assert (order.kind, order.body, order.author) == ("mute", {"for": 60}, "alice")
        await book.take(order.id, clock.now())
        await book.done(order.id, "muted", clock.now(), ok=True)
        await passed(clock, giving)
    done = giving.result()
    assert isinstance(done, Order)
    assert (done.ok, done.result) == (True, "muted")


async def test_without_a_daemon_the_order_is_withdrawn(database: Database) -> None:
    clock, book = VirtualClock(), OrderBook(database, "local")
    async with asyncio.TaskGroup() as tasks:
        giving = tasks.create_task(outcome(give(book, clock, MUTE)))
        await passed(clock, giving)
    assert "no daemon took the order within 5 s" in str(giving.result())
    assert "nothing was changed" in str(giving.result())
    assert await book.waiting() == []


async def test_a_daemon_that_took_it_and_says_nothing_is_not_withdrawn_from(
    database: Database,
) -> None:
    clock, book = VirtualClock(), OrderBook(database, "local")
    async with asyncio.TaskGroup() as tasks:
        giving = tasks.create_task(outcome(give(book, clock, MUTE)))
        order = await put_down(book, giving)
        await book.take(order.id, clock.now())
        await passed(clock, giving)
    assert "has not confirmed it within 5 s" in str(giving.result())
    assert len(await book.waiting()) == 1
