"""Server-sent events: what happens, told to whoever listens, as it happens.

`Hub` is a sink of effects: it never waits. Each listener has a bounded queue of lines that are
encoded once for all; one that reads too slowly is let go, and its browser comes back with the id of
the last event that it saw. So a crowd of slow readers costs a bounded amount of memory and no time
of a probe.

The events: `incident.*` and `monitor.*` as they are announced, `component.state` when a component's
state changes, and `incident.revised` when an incident changed without an announcement.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any

from aiohttp import web

from monitor.core.effects import Announce, Effect, Revise, StateChanged
from monitor.web.ports import DEPS
from monitor.web.problem import Problem
from monitor.web.shapes import Shapes
from monitor.web.words import timestamp

LISTENERS_MAX = 24
"""So many may listen at once; the next is told to come back later."""

QUEUE_MAX = 64
"""Events that wait for one listener; one that has more waiting is let go."""

REPLAY_MAX = 200
"""Events kept for a listener that comes back."""

BEAT_SECONDS = 15.0
"""A comment is sent after so long a silence, so that nothing on the way takes the line for dead."""

WRITE_SECONDS = 10.0
"""How long one write may take."""

RETRY_MILLISECONDS = 3000
"""When a browser that lost the line is to come back."""

COME_BACK_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Line:
    """One event, encoded once: its number and its bytes on the wire."""

    number: int
    wire: bytes


@dataclass(slots=True, eq=False)
class Listener:
    """One who listens: what waits for it, and whether it was let go."""

    waiting: deque[Line] = field(default_factory=deque)
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    gone: bool = False

    def put(self, line: Line) -> None:
        """Let it hear `line`, or let it go when too much waits."""
        if len(self.waiting) >= QUEUE_MAX:
            self.gone = True
            self.waiting.clear()
        elif not self.gone:
            self.waiting.append(line)
        self.bell.set()


class Hub:
    """Tells every listener of every effect that a person may want to see. Fits `pipeline.Sink`."""

    def __init__(self, shapes: Shapes, now: Callable[[], datetime]) -> None:
        """`shapes` makes the documents; `now` is the time of effects that carry none."""
        self._shapes = shapes
        self._now = now
        self._listeners: set[Listener] = set()
        self._past: deque[Line] = deque(maxlen=REPLAY_MAX)
        self._number = 0
        self._closed = False

    def publish(self, effects: Sequence[Effect]) -> None:
        """Encode what is worth telling and put it down for each listener. Never waits."""
        for effect in effects:
            told = self._told(effect)
            if told is None:
                continue
            self._number += 1
            line = Line(self._number, encode(self._number, *told))
            self._past.append(line)
            for listener in self._listeners:
                listener.put(line)

    def _told(self, effect: Effect) -> tuple[str, dict[str, Any]] | None:
        """Name and document of an effect; None for what is nobody's business."""
        if isinstance(effect, Announce):
            event = effect.event
            document = self._shapes.event(event)
            if event.incident is not None:
                document["incident"] = self._shapes.incident(event.incident, event.at)
            return event.type.value, document
        if isinstance(effect, Revise):
            incident = self._shapes.incident(effect.incident, self._now())
            return "incident.revised", {"incident": incident}
        if isinstance(effect, StateChanged):
            return "component.state", {
                "component": effect.component,
                "before": effect.before.value,
                "after": effect.after.value,
                "at": timestamp(effect.at),
            }
        return None

    def join(self, after: int | None) -> Listener | None:
        """A new listener, with what came `after` the number it saw last; None when full."""
        if self._closed or len(self._listeners) >= LISTENERS_MAX:
            return None
        listener = Listener()
        if after is not None:
            missed = [line for line in self._past if line.number > after]
            listener.waiting.extend(missed[-QUEUE_MAX:])
            listener.bell.set()
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """It listens no more."""
        self._listeners.discard(listener)

    def close(self) -> None:
        """Let everybody go: the server stops."""
        self._closed = True
        for listener in self._listeners:
            listener.gone = True
            listener.bell.set()

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)


def encode(number: int, name: str, document: dict[str, Any]) -> bytes:
    """One event as the wire has it.

    The JSON has no line break and nothing beyond ASCII, so no text from outside can end a field.
    """
    data = json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return f"id: {number}\nevent: {name}\ndata: {data}\n\n".encode()


HUB = web.AppKey("hub", Hub)


def set_up(app: web.Application, hub: Hub | None) -> None:
    """Add the route over `hub`; None makes one that nobody feeds."""
    deps = app[DEPS]
    shapes = Shapes(deps.plan.vantage, deps.external_url)
    app[HUB] = hub or Hub(shapes, lambda: deps.status.status().at)
    app.router.add_get("/api/v1/events", events)
    app.on_shutdown.append(_close)


async def _close(app: web.Application) -> None:
    app[HUB].close()


async def events(request: web.Request) -> web.StreamResponse:
    """Everything that happens from now on, until the listener leaves or reads too slowly."""
    hub = request.app[HUB]
    listener = hub.join(_last_seen(request))
    if listener is None:
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"{LISTENERS_MAX} listen already; come back, or ask /api/v1/status",
            {"Retry-After": str(COME_BACK_SECONDS)},
        )
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
    )
    try:
        await response.prepare(request)
        await _write(response, f"retry: {RETRY_MILLISECONDS}\n: listening\n\n".encode())
        while not listener.gone:
            await _serve(response, listener)
    except (ConnectionError, TimeoutError):
        pass  # it left, or reads too slowly: both end here
    finally:
        hub.leave(listener)
        if listener.gone and request.transport is not None:
            request.transport.abort()  # what is buffered for a slow reader would keep its memory
    return response


async def _serve(response: web.StreamResponse, listener: Listener) -> None:
    """Send what waits; after a silence, a comment."""
    try:
        async with asyncio.timeout(BEAT_SECONDS):
            await listener.bell.wait()
    except TimeoutError:
        await _write(response, b": beat\n\n")
        return
    listener.bell.clear()
    while listener.waiting:
        await _write(response, listener.waiting.popleft().wire)


async def _write(response: web.StreamResponse, wire: bytes) -> None:
    async with asyncio.timeout(WRITE_SECONDS):
        await response.write(wire)


def _last_seen(request: web.Request) -> int | None:
    """The number of the last event that a returning listener saw."""
    text = request.headers.get("Last-Event-ID", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None  # noqa: PLR2004  # no number of ours is longer
