"""Orders: put down by one process, taken by another, done or withdrawn, never both."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.storage.database import Database, StorageError
from monitor.storage.orders import (
    BODY_CHARS_MAX,
    ORDERS_MAX,
    RESULT_CHARS_MAX,
    OrderBook,
    open_to_order,
)
from tests.factories import NOON

LATER = NOON + timedelta(seconds=1)


async def test_an_order_comes_back_as_it_was_put_down(database: Database) -> None:
    book = OrderBook(database, "local")
    number = await book.put("mute", {"for": 60, "why": "maintenance é"}, "alice", NOON)
    (order,) = await book.waiting()
    assert order == await book.find(number)
    assert (order.kind, order.body, order.author) == (
        "mute",
        {"for": 60, "why": "maintenance é"},
        "alice",
    )
    assert order.created_at == NOON
    assert (order.taken_at, order.done_at, order.ok, order.result) == (None, None, None, None)


async def test_an_order_is_taken_and_done(database: Database) -> None:
    book = OrderBook(database, "local")
    number = await book.put("mute", {}, "alice", NOON)
    assert await book.take(number, NOON)
    await book.done(number, "r" * 2 * RESULT_CHARS_MAX, LATER, ok=True)
    found = await book.find(number)
    assert found is not None
    assert (found.taken_at, found.done_at, found.ok) == (NOON, LATER, True)
    assert found.result == "r" * RESULT_CHARS_MAX
    assert await book.waiting() == []


async def test_an_order_that_nobody_took_can_be_withdrawn_and_then_not_taken(
    database: Database,
) -> None:
    book = OrderBook(database, "local")
    number = await book.put("mute", {}, "alice", NOON)
    assert await book.withdraw(number, LATER)
    assert not await book.take(number, LATER)
    found = await book.find(number)
    assert found is not None
    assert (found.ok, found.result) == (False, "withdrawn: nobody took it")


async def test_an_order_that_was_taken_cannot_be_withdrawn(database: Database) -> None:
    book = OrderBook(database, "local")
    number = await book.put("mute", {}, "alice", NOON)
    await book.take(number, NOON)
    assert not await book.withdraw(number, LATER)
    assert [order.id for order in await book.waiting()] == [number]


async def test_an_order_that_was_taken_and_not_done_is_taken_again(database: Database) -> None:
    book = OrderBook(database, "local")
    number = await book.put("mute", {}, "alice", NOON)
    assert await book.take(number, NOON)
    assert await book.take(number, LATER)


async def test_orders_come_oldest_first_and_never_too_many(database: Database) -> None:
    book = OrderBook(database, "local")
    numbers = [await book.put("mute", {}, "alice", NOON) for _ in range(ORDERS_MAX + 1)]
    assert [order.id for order in await book.waiting()] == numbers[:ORDERS_MAX]


async def test_each_vantage_has_its_own_orders(database: Database) -> None:
    number = await OrderBook(database, "local").put("mute", {}, "alice", NOON)
    other = OrderBook(database, "elsewhere")
    assert await other.waiting() == []
    assert await other.find(number) is None
    assert not await other.take(number, NOON)


async def test_what_is_too_long_is_refused_or_cut(database: Database) -> None:
    book = OrderBook(database, "local")
    with pytest.raises(ValueError, match="at most 10000 characters"):
        await book.put("mute", {"why": "x" * BODY_CHARS_MAX}, "alice", NOON)
    number = await book.put("mute", {}, "a\udcff" * 200, NOON)
    found = await book.find(number)
    assert found is not None
    assert found.author == "a?" * 50


async def test_a_second_process_puts_orders_down_beside_the_daemon(
    in_file: Database, path: Path
) -> None:
    beside = await open_to_order(f"sqlite:///{path}")
    number = await OrderBook(beside, "local").put("mute", {}, "alice", NOON)
    await beside.close()
    assert [order.id for order in await OrderBook(in_file, "local").waiting()] == [number]


async def test_where_no_daemon_ever_ran_nothing_is_created(path: Path) -> None:
    with pytest.raises(StorageError, match="has the daemon run"):
        await open_to_order(f"sqlite:///{path}")
    assert not await asyncio.to_thread(path.exists)
