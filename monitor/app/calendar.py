"""Which components are under maintenance or muted just now: the one place where that is joined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import structlog

from monitor.config.maintenance import MaintenanceSpec, windows
from monitor.core.incident import Incident
from monitor.core.plan import Window, all_covered
from monitor.storage.mutes import Mute

AHEAD = timedelta(days=2)
"""How far windows that come again are worked out ahead."""

RENEW = timedelta(hours=1)
"""How long that is good for."""

log = structlog.get_logger("monitor")


class Calendar:
    """Windows of the config, the vendor's, and mutes. All but the last are maintenance."""

    def __init__(self, specs: Sequence[MaintenanceSpec]) -> None:
        """Nothing is muted, and the vendor has announced nothing."""
        self._specs = tuple(specs)
        self._own: tuple[Window, ...] = ()
        self._made: datetime | None = None
        self._vendor: tuple[Window, ...] = ()
        self._mutes: tuple[Mute, ...] = ()

    def announced(self, vendor: Iterable[Window]) -> None:
        """What the vendor's page says of planned work, where that is to be honoured."""
        self._vendor = tuple(vendor)

    def muted(self, mutes: Iterable[Mute]) -> None:
        """The mutes that last, as the store has them."""
        found = tuple(mutes)
        for mute in set(found) - set(self._mutes):
            log.info(
                "component.muted",
                component=mute.component,
                until=mute.ends_at.isoformat(),
                author=mute.author,
                reason=mute.reason,
            )
        for mute in set(self._mutes) - set(found):
            log.info("component.unmuted", component=mute.component, author=mute.author)
        self._mutes = found

    def maintenance(self, now: datetime) -> tuple[Window, ...]:
        """The windows around `now`: what the engine shows as `under_maintenance`."""
        if self._made is None or not self._made <= now < self._made + RENEW:
            self._made = now
            self._own = windows(self._specs, now, now + AHEAD)
        return self._own + self._vendor

    def mutes(self, now: datetime) -> tuple[Mute, ...]:
        """The mutes that last at `now`."""
        return tuple(mute for mute in self._mutes if mute.starts_at <= now < mute.ends_at)

    def quiet(self, incident: Incident, at: datetime) -> bool:
        """Whether nothing new is announced of it: each of its components is covered at `at`."""
        mutes = (
            Window(starts=mute.starts_at, ends=mute.ends_at, components=(mute.component,))
            for mute in self._mutes
        )
        return all_covered(incident.names, (*self.maintenance(at), *mutes), at)
