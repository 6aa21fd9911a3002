"""What the vendor's own status page says, and which of its incidents fits one of ours.

The page is read beside the probes and is never by itself evidence about Claude: nothing here moves
a detector. It is a word to be shown: beside a component, and on an incident with the time by which
we or the vendor were first.

Which incident of the vendor's fits one of ours: it was posted from half an hour before our impact
began until half an hour after we closed. Among those, one that names a component of ours; where the
vendor names none at all (its feed does not), time alone has to do. The nearest to our opening wins.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from monitor.core.codec import from_plain, to_plain
from monitor.core.incident import Incident, ProviderNote, State
from monitor.core.plan import Window

FITS_WITHIN = timedelta(minutes=30)
"""How long before our impact, or after our close, a post may be about the same thing."""

FRESH_FOR = timedelta(minutes=15)
"""A report older than this is history: it is shown with its age, and nothing is said from it."""

WINDOW_MAX = timedelta(hours=24)
"""An announced maintenance longer than this is shown but not honoured: it would hide an outage."""

NOTES_MAX = 200

OVER = frozenset({"resolved", "postmortem", "completed"})
"""Statuses of the vendor's with which an incident is over; `monitoring` is none of them."""

_AUTHENTICATION = re.compile(
    r"authenticat|\bauth\b|\b401\b|\bapi[ -]?keys?\b|\bcredentials?\b|unauthori[sz]ed",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorUpdate:
    """One post on an incident of the vendor's; `at` is None where it cannot be read."""

    at: datetime | None
    status: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorIncident:
    """An incident as the vendor's page tells it. Its texts are from outside, cleaned and cut.

    Attributes:
        id: its id on the page.
        title: its title.
        url: its page; None where none can be trusted.
        status: `investigating`, `identified`, `monitoring`, `resolved`, `postmortem`, or as it is.
        impact: `none`, `minor`, `major` or `critical`; None where the page does not say.
        posted_at: when the first word on it was posted.
        updated_at: when the last was.
        components: those of ours that it affects; empty where the page does not say.
        updates: its posts, newest first.
    """

    id: str
    title: str
    url: str | None
    status: str
    impact: str | None
    posted_at: datetime
    updated_at: datetime
    components: tuple[str, ...] = ()
    updates: tuple[VendorUpdate, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether the vendor calls it over."""
        return self.status in OVER


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorMaintenance:
    """Work that the vendor has announced."""

    id: str
    title: str
    status: str
    starts: datetime
    ends: datetime
    components: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderReport:
    """What one reading of the vendor's page came to.

    Attributes:
        read_at: when the page last answered; None while it never has.
        url: what answered.
        indicator: the overall word: `none`, `minor`, `major`, `critical`, `maintenance`; None where
            it is not known.
        components: the state of each of our components on the page, by name.
        incidents: newest first.
        maintenances: announced and under way.
        unknown_ids: components on the page that are not in our configuration, as `id (name)`.
        error: why the last reading failed; None when it did not. Says nothing about Claude.
    """

    read_at: datetime | None = None
    url: str = ""
    indicator: str | None = None
    components: tuple[tuple[str, State], ...] = ()
    incidents: tuple[VendorIncident, ...] = ()
    maintenances: tuple[VendorMaintenance, ...] = ()
    unknown_ids: tuple[str, ...] = ()
    error: str | None = None

    def fresh(self, now: datetime) -> bool:
        """Whether it is recent enough to be said."""
        return self.read_at is not None and now - self.read_at <= FRESH_FOR

    def state_of(self, component: str, now: datetime) -> State:
        """The vendor's word on `component`; unknown where there is none of late."""
        if not self.fresh(now):
            return State.UNKNOWN
        return dict(self.components).get(component, State.UNKNOWN)

    def open_incidents(self) -> tuple[VendorIncident, ...]:
        """Those that the vendor does not call over."""
        return tuple(incident for incident in self.incidents if not incident.is_over)


def windows_of(report: ProviderReport) -> tuple[Window, ...]:
    """Announced maintenance as windows in which nothing opens: only of components it names."""
    return tuple(
        Window(
            starts=each.starts,
            ends=each.ends,
            components=each.components,
            reason=f"the vendor's maintenance: {each.title}",
        )
        for each in report.maintenances
        if each.components and each.status not in OVER
        if timedelta() < each.ends - each.starts <= WINDOW_MAX
    )


def speaks_of_keys(report: ProviderReport, components: Iterable[str]) -> frozenset[str]:
    """The components of which the page says now that authentication fails.

    An open incident has to use a word for it; where it names no component it may be any.
    """
    found: set[str] = set()
    for incident in report.open_incidents():
        texts = (incident.title, *(update.text for update in incident.updates))
        if any(_AUTHENTICATION.search(text) for text in texts):
            found |= set(incident.components or components)
    return frozenset(found)


def fitting(incident: Incident, report: ProviderReport) -> VendorIncident | None:
    """The vendor's incident that fits ours, if there is one: see the module's text."""
    last = incident.closed_at + FITS_WITHIN if incident.closed_at else None
    timely = [
        theirs
        for theirs in report.incidents
        if incident.started_at - FITS_WITHIN <= theirs.posted_at
        if last is None or theirs.posted_at <= last
    ]
    ours = set(incident.names)
    named = [theirs for theirs in timely if ours & set(theirs.components)]
    candidates = named or [theirs for theirs in timely if not theirs.components]
    return min(
        candidates, key=lambda theirs: abs(theirs.posted_at - incident.opened_at), default=None
    )


class ProviderBook:
    """The newest report, and what was noted of it on each incident of ours."""

    def __init__(self) -> None:
        """The page has not been read."""
        self.report: ProviderReport | None = None
        self._notes: OrderedDict[str, ProviderNote] = OrderedDict()
        self._closed: dict[str, Incident] = {}

    def hear(
        self, report: ProviderReport, lasting: Iterable[Incident], now: datetime
    ) -> tuple[Incident, ...]:
        """Take in a report. The incidents, open or closed of late, on which it says something new.

        A failed reading leaves what was read before as it is, with the error beside it.
        """
        before = self.report or ProviderReport()
        if report.error is not None:
            self.report = replace(before, error=report.error)
            return ()
        self.report = replace(
            report, incidents=tuple(_completed(each, before) for each in report.incidents)
        )
        self._closed = {
            name: each
            for name, each in self._closed.items()
            if each.closed_at is not None and now - each.closed_at <= FITS_WITHIN
        }
        known = {each.id: each for each in (*self._closed.values(), *lasting)}
        changed: list[Incident] = []
        for incident in known.values():
            noted = self.noted(incident, now)
            if noted.provider != incident.provider:
                changed.append(noted)
        return tuple(changed)

    def noted(self, incident: Incident, now: datetime) -> Incident:
        """`incident` with what the page says beside it now."""
        note = self._note(incident, now)
        if note is not None:
            self._notes[incident.id] = note
            self._notes.move_to_end(incident.id)
        while len(self._notes) > NOTES_MAX:
            self._notes.popitem(last=False)
        noted = self.shown(incident)
        if incident.closed_at is not None:
            self._closed[incident.id] = noted
        else:
            self._closed.pop(incident.id, None)
        return noted

    def shown(self, incident: Incident) -> Incident:
        """`incident` with the note that was made last."""
        note = self._notes.get(incident.id)
        return incident if note is None else replace(incident, provider=note)

    def _note(self, incident: Incident, now: datetime) -> ProviderNote | None:
        """What is to be noted now; None leaves what stands there.

        What was found once stays, though the page forgets it; how the page stood stays as it was
        when the incident closed.
        """
        before = self._notes.get(incident.id) or incident.provider
        if self.report is None or not self.report.fresh(now):
            return before
        theirs = fitting(incident, self.report)
        closed = incident.closed_at is not None and incident.id in self._closed
        if before is not None and closed and theirs is None:
            return before
        note = before or ProviderNote()
        if not closed or before is None:
            note = replace(note, indicator=self.report.indicator)
        if theirs is None:
            return note
        return replace(
            note,
            incident_url=theirs.url,
            posted_at=theirs.posted_at,
            lead_seconds=(theirs.posted_at - incident.opened_at).total_seconds(),
        )

    def snapshot(self) -> dict[str, Any]:
        """The notes, as plain values; the page itself is read again."""
        return {name: to_plain(note) for name, note in self._notes.items()}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take over a snapshot."""
        for name, note in saved.items():
            self._notes[name] = from_plain(ProviderNote, note)


def _completed(theirs: VendorIncident, before: ProviderReport) -> VendorIncident:
    """With the components and the impact that an earlier report had: not every source has them."""
    if theirs.components:
        return theirs
    known = next((each for each in before.incidents if each.id == theirs.id), theirs)
    return replace(theirs, components=known.components, impact=theirs.impact or known.impact)
