"""What has to be announced because time has passed: the events that no run decides.

About once a second, while an incident lasts, it is compared with what the outbox says each notifier
was last told: whoever has to hear of it by now (`notify/_routing.due`) gets an event of its own.
Nothing is remembered here; a restart, a reload of routes or the end of a mute find the same table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from monitor.clock import Clock
from monitor.core.incident import EventType, Incident
from monitor.core.words import incident_sentence
from monitor.notify._addressees import Addressees
from monitor.pipeline import Change, LastTold

log = structlog.get_logger("monitor")


class Ledger(Protocol):
    """Knows what each notifier was last told."""

    async def told(self, incidents: list[str]) -> Mapping[str, Mapping[str, LastTold]]:
        """By incident and notifier, the last delivery."""
        ...


@dataclass(frozen=True, slots=True)
class Journal:
    """What the herald needs of the store.

    Attributes:
        change: takes what is to be written.
        unwritten: whether changes still wait: what they announce is not in the ledger yet.
    """

    change: Callable[[Change], None]
    unwritten: Callable[[], bool]


class Herald:
    """Announces late what was held back, and reminds."""

    def __init__(
        self,
        audience: Addressees,
        ledger: Ledger,
        clock: Clock,
        lasting: Callable[[], Iterable[Incident]],
        journal: Journal,
        titles: Mapping[str, str],
    ) -> None:
        """`lasting` are the engine's open incidents."""
        self._audience = audience
        self._ledger = ledger
        self._clock = clock
        self._lasting = lasting
        self._journal = journal
        self._titles = dict(titles)

    async def look(self) -> None:
        """Announce what is due.

        The incidents are asked for again once the ledger has answered, and no wait lies between
        that and the change: a close that is decided later is written later.

        Raises:
            StorageError: the outbox cannot be read.
        """
        names = [incident.id for incident in self._lasting()]
        if not names or self._journal.unwritten():
            return
        told = await self._ledger.told(names)
        if self._journal.unwritten():
            return
        now = self._clock.now()
        for incident in self._lasting():
            if incident.id in names:
                self._announce(incident, told.get(incident.id, {}), now)

    def _announce(self, incident: Incident, told: Mapping[str, LastTold], now: datetime) -> None:
        postings = tuple(self._audience.overdue(incident, told, now, self._sentence))
        if not postings:
            return
        for posting in postings:
            log.info(
                "incident.told_late",
                incident=incident.id,
                type=posting.event.type.value,
                notifiers=[envelope.notifier for envelope in posting.envelopes],
            )
        self._journal.change(Change(postings=postings))

    def _sentence(self, kind: EventType, incident: Incident) -> str:
        return incident_sentence(kind, incident, self._titles)
