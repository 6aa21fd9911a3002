"""A receiver that answers as told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

from typing_extensions import override

from monitor.delivery import Delivered, Delivery, DeliverySink, Notifier, Result


class FakeNotifier(Notifier):
    """Answers with `answers` in turn, then takes everything; an exception is raised.

    While `gate` is clear, sends wait at it. `arrived` is set at each send.
    """

    def __init__(self, name: str = "oncall", answers: Iterable[Result | Exception] = ()) -> None:
        self._name = name
        self._answers: Iterator[Result | Exception] = iter(answers)
        self.sent: list[Delivery] = []
        self.arrived = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    @property
    @override
    def name(self) -> str:
        return self._name

    @property
    def ids(self) -> list[str]:
        """Ids of the events sent, in order."""
        return [delivery.event_id for delivery in self.sent]

    @override
    async def send(self, delivery: Delivery) -> Result:
        self.sent.append(delivery)
        self.arrived.set()
        await self.gate.wait()
        answer = next(self._answers, Delivered())
        if isinstance(answer, Exception):
            raise answer
        return answer


class FakeDeliverySink(DeliverySink):
    """Remembers what became of each attempt."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, type[Result]]] = []

    @override
    def delivered(self, delivery: Delivery, result: Result) -> None:
        self.heard.append((delivery.notifier, type(result)))
