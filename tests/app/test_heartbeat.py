from __future__ import annotations

import asyncio
from dataclasses import replace

from structlog.testing import capture_logs

from monitor.app.heartbeat import Heartbeat
from monitor.clock import VirtualClock
from monitor.core.heartbeat import Limits, Signs

WELL = Signs(lateness=0.0, unasked=1.0, store_error=None, stuck=())
ILL = replace(WELL, store_error="disk full")


class FakeLine:
    """Takes what is said; answers `answers` in turn, then always well."""

    def __init__(self, *answers: str | Exception | None) -> None:
        self._answers = list(answers)
        self.said: list[str] = []

    async def ping(self) -> str | None:
        self.said.append("ping")
        answer = self._answers.pop(0) if self._answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def fail(self, reasons: tuple[str, ...]) -> str | None:
        self.said.append("; ".join(reasons))
        return None


class Room:
    """A heartbeat over signs that a test sets."""

    def __init__(self, *answers: str | Exception | None) -> None:
        self.line = FakeLine(*answers)
        self.clock = VirtualClock()
        self.signs = WELL
        self.counts: list[str] = []
        self.heart = Heartbeat(
            self.line,
            self.clock,
            lambda: self.signs,
            Limits(lateness=30, unasked=90, stuck=900),
            self.counts.append,
        )


async def test_it_speaks_only_while_all_is_well() -> None:
    room = Room()
    await room.heart.once()
    room.signs = ILL
    await room.heart.once()
    room.signs = WELL
    await room.heart.once()
    assert room.line.said == ["ping", "the store cannot be written: disk full", "ping"]
    assert room.counts == ["sent", "withheld", "sent"]


async def test_a_change_is_logged_once() -> None:
    room = Room(None, None, "answered 500", "answered 500", None)
    with capture_logs() as logs:
        for signs in (WELL, WELL, WELL, WELL, ILL, ILL, WELL):
            room.signs = signs
            await room.heart.once()
    assert [(line["event"], line.get("reason")) for line in logs] == [
        ("heartbeat.sent", None),
        ("heartbeat.failed", "answered 500"),
        ("heartbeat.withheld", "the store cannot be written: disk full"),
        ("heartbeat.sent", None),
    ]


async def test_it_beats_at_its_interval_and_outlives_a_bug() -> None:
    room = Room(None, RuntimeError("a bug"), None)
    async with asyncio.TaskGroup() as tasks:
        beating = tasks.create_task(room.heart.beat(60.0))
        with capture_logs():
            await room.clock.advance(181.0)
        beating.cancel()
    assert room.line.said == ["ping"] * 3
