"""Carries out the orders that operators put into the store: one handler a kind.

A handler gets the order, acts, and returns what came of it in one sentence, or raises
`OrderError` with the sentence that says why not. What it did is acknowledged once it is stored,
so whoever waits for the acknowledgement can rely on it. Should the store be shut meanwhile, the
order is not carried out a second time: its answer waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog

from monitor.clock import Clock
from monitor.core.answer import clean
from monitor.pipeline import Pipeline
from monitor.storage.orders import VALID_FOR, Order, OrderBook

CLOSE_INCIDENT = "close_incident"
"""Body: `incident`, its id, and `reason`, a text."""

SETTLE_SECONDS = 2.0
"""How long an acknowledgement waits for what was done to be stored, before it is tried again."""

REASON_CHARS_MAX = 300

log = structlog.get_logger("monitor")


class OrderError(Exception):
    """An order cannot be carried out; the text is one sentence that says why."""


Handler = Callable[[Order], str]
"""Carries out an order of one kind; raises `OrderError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What came of an order."""

    ok: bool
    result: str


class Orders:
    """Takes what waits in the book, about once a second."""

    def __init__(
        self,
        book: OrderBook,
        handlers: Mapping[str, Handler],
        clock: Clock,
        stored: Callable[[], Awaitable[None]],
    ) -> None:
        """`stored` returns once all that was done so far is written."""
        self._book = book
        self._handlers = handlers
        self._clock = clock
        self._stored = stored
        self._answers: dict[int, _Answer] = {}

    async def look(self) -> None:
        """Carry out what waits.

        Raises:
            StorageError: the book cannot be read or written now; the rest waits.
        """
        for order in await self._book.waiting():
            answer = self._answers.get(order.id)
            if answer is None:
                if not await self._book.take(order.id, self._clock.now()):
                    continue
                answer = self._answers[order.id] = self._carry_out(order)
            if not await self._is_stored():
                return
            await self._book.done(order.id, answer.result, self._clock.now(), ok=answer.ok)
            del self._answers[order.id]

    def _carry_out(self, order: Order) -> _Answer:
        handler = self._handlers.get(order.kind)
        try:
            if handler is None:
                msg = f"this daemon knows no order {clean(order.kind, 40)!r}"
                raise OrderError(msg)  # noqa: TRY301  # one way to say no
            if self._clock.now() - order.created_at > VALID_FOR:
                msg = "it was given while no daemon ran, too long ago to be meant for now"
                raise OrderError(msg)  # noqa: TRY301  # as above
            answer = _Answer(ok=True, result=handler(order))
        except OrderError as error:
            answer = _Answer(ok=False, result=str(error))
        except Exception:
            log.exception("order.failed", kind=order.kind, order=order.id)
            answer = _Answer(ok=False, result="the daemon failed at it; its log has the error")
        log.warning(
            "order.done",
            kind=order.kind,
            order=order.id,
            author=clean(order.author, 100),
            ok=answer.ok,
            result=answer.result,
        )
        return answer

    async def _is_stored(self) -> bool:
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                await self._stored()
        except TimeoutError:
            return False
        return True


def incident_closer(pipeline: Pipeline) -> Handler:
    """The handler of `CLOSE_INCIDENT`."""

    def close(order: Order) -> str:
        incident = str(order.body.get("incident", ""))
        reason = clean(str(order.body.get("reason", "")), REASON_CHARS_MAX)
        sentence = f"closed by {clean(order.author, 100)}: {reason}"
        effects = pipeline.engine.close_incident(incident, sentence, pipeline.now())
        if not effects:
            msg = f"no incident {clean(incident, 100)} lasts"
            raise OrderError(msg)
        pipeline.carry_out(effects)
        return f"incident {incident} is closed"

    return close
