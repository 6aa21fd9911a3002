"""A moment, told by both clocks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Now: `mono` seconds order and measure, `wall` (aware, UTC) is for people and storage."""

    mono: float
    wall: datetime

    def wall_at(self, mono: float) -> datetime:
        """The wall time that belongs to monotonic `mono`, by the clocks as they stand now."""
        return self.wall + timedelta(seconds=mono - self.mono)
