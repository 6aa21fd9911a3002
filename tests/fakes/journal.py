"""A store that keeps everything in lists."""

from __future__ import annotations

from typing_extensions import override

from monitor.core.effects import Judged
from monitor.pipeline import Change, Journal


class FakeJournal(Journal):
    """Remembers runs and changes, and in which order they came."""

    def __init__(self) -> None:
        self.written: list[Judged | Change] = []

    @property
    def runs(self) -> list[Judged]:
        """The quiet runs."""
        return [entry for entry in self.written if isinstance(entry, Judged)]

    @property
    def changes(self) -> list[Change]:
        """What was to be committed at once."""
        return [entry for entry in self.written if isinstance(entry, Change)]

    @override
    def run(self, judged: Judged) -> None:
        self.written.append(judged)

    @override
    def change(self, change: Change) -> None:
        self.written.append(change)
