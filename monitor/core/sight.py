"""Whether anybody watches. What nobody saw is unknown, whatever the components' states say.

Three ways of not seeing end up in one record: this host is blind (its network, or nothing answers),
the daemon was not running, and the machine was asleep.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from monitor.core.effects import SightChanged
from monitor.core.history import ASLEEP, NOT_RUNNING
from monitor.core.moment import Moment


class Sight:
    """Remembers since when it sees, or does not.

    Attributes:
        blind: why this host sees nothing; None while it sees.
    """

    def __init__(self) -> None:
        """It sees, until told otherwise."""
        self.blind: str | None = None
        self._missed: datetime | None = None

    def look(self, blind: str | None, now: Moment) -> list[SightChanged]:
        """Why this host is blind now, if it is: what changed."""
        before, self.blind = self.blind, blind
        if (before is None) is (blind is None):
            return []
        why = blind or f"over: {before}"
        return [SightChanged(sees=blind is None, at=now.wall, reason=why)]

    def missed(self, since: datetime) -> None:
        """The daemon that ran before was alive last at `since`."""
        self._missed = since

    def back(self, now: Moment) -> list[SightChanged]:
        """The daemon runs again: the time since the last one was alive is unknown."""
        since, self._missed = self._missed, None
        return [] if since is None else self._gap(since, now, NOT_RUNNING)

    def slept(self, drift: float, now: Moment) -> list[SightChanged]:
        """The wall clock went `drift` seconds further than the time that passed."""
        return self._gap(now.wall - timedelta(seconds=drift), now, ASLEEP)

    def _gap(self, since: datetime, now: Moment, reason: str) -> list[SightChanged]:
        if since >= now.wall or self.blind is not None:
            return []  # nothing was missed, or it is unknown already
        return [
            SightChanged(sees=False, at=since, reason=reason),
            SightChanged(sees=True, at=now.wall, reason=f"over: {reason}"),
        ]
