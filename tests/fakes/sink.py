"""A listener that remembers."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from monitor.core.effects import Effect
from monitor.core.incident import Event
from monitor.pipeline import Audience, Envelope, Sink


class FakeSink(Sink):
    """Keeps every effect, in order."""

    def __init__(self) -> None:
        self.effects: list[Effect] = []

    @override
    def publish(self, effects: Sequence[Effect]) -> None:
        self.effects.extend(effects)


class FakeAudience(Audience):
    """The given notifiers hear of every event; the body is the event's id."""

    def __init__(self, *notifiers: str) -> None:
        self._notifiers = notifiers

    @override
    def envelopes(self, event: Event) -> tuple[Envelope, ...]:
        return tuple(Envelope(notifier=name, body=event.id.encode()) for name in self._notifiers)
