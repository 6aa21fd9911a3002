"""Gives the running daemon an order and waits for its word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from monitor.clock import Clock
from monitor.refusal import Refusal
from monitor.storage.orders import Order, OrderBook

WAIT_SECONDS = 5.0
LOOK_SECONDS = 0.2
"""How long the daemon's word is waited for, and how often it is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is wanted of the daemon, in the words of `Order`, and by whom."""

    kind: str
    body: Mapping[str, Any]
    author: str


async def give(book: OrderBook, clock: Clock, wanted: Wanted) -> Order:
    """Put an order down and wait until it is done, well or not: see its `ok` and `result`.

    An order that no daemon takes in time is withdrawn, so that it does nothing later.

    Raises:
        Refusal: no daemon took it, or one took it and said nothing more.
        StorageError: the store cannot be used.
    """
    number = await book.put(wanted.kind, wanted.body, wanted.author, clock.now())
    until = clock.monotonic() + WAIT_SECONDS
    while clock.monotonic() < until:
        found = await book.find(number)
        if found is not None and found.done_at is not None:
            return found
        await clock.sleep(LOOK_SECONDS)
    if await book.withdraw(number, clock.now()):
        msg = (
            f"no daemon took the order within {WAIT_SECONDS:.0f} s, and it was withdrawn: "
            "nothing was changed. Is the daemon running, with this storage.url?"
        )
        raise Refusal(msg)
    msg = (
        f"the daemon took the order and has not confirmed it within {WAIT_SECONDS:.0f} s: "
        "see whether its store can be written (/-/ready)"
    )
    raise Refusal(msg)
