"""Waiting for what comes of an order, on a clock that is moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from monitor.cli._orders import WAIT_SECONDS
from monitor.clock import VirtualClock
from monitor.refusal import Refusal
from monitor.storage.orders import Order, OrderBook

TURN_SECONDS = 0.001


async def outcome(giving: Awaitable[Order]) -> Order | Refusal:
    """The order as it was done, or why it was not."""
    try:
        return await giving
    except Refusal as refusal:
        return refusal


async def put_down(book: OrderBook, giving: asyncio.Task[Order | Refusal]) -> Order:
    """The order, once it is in the book."""
    while not (waiting := await book.waiting()):
        await asyncio.wait((giving,), timeout=TURN_SECONDS)
    return waiting[0]


async def passed(clock: VirtualClock, giving: asyncio.Task[Order | Refusal]) -> None:
    """Let the time pass that an order is waited for."""
    while not giving.done():
        await clock.advance(WAIT_SECONDS / 10)
        await asyncio.wait((giving,), timeout=TURN_SECONDS)
