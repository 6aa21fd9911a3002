"""The rehearsal told in the terminal: the truth, the vendor's posts and our own decisions, in time.

Plain lines of at most 80 columns, so that they read the same on a screen, in a pipe and in a log.
"""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TextIO

from monitor.clock import Clock
from monitor.core.effects import Announce, Effect, Revise
from monitor.core.incident import EventType, Incident
from monitor.demo.receiver import Receipt
from monitor.simulation import Scenario
from monitor.spec import format_duration

WIDTH = 80
WHO = 7
_ROW = "{:<13}  {:<8}  {:>6}  {:>11}  {:<10}  {:>6}  {}"
WORDS = {
    EventType.OPENED: "OPENED",
    EventType.UPDATED: "UPDATED",
    EventType.RECOVERING: "RECOVERING",
    EventType.CLOSED: "CLOSED",
    EventType.REOPENED: "REOPENED",
    EventType.REMINDER: "REMINDER",
    EventType.BLIND: "BLIND",
    EventType.SIGHTED: "SIGHTED",
    EventType.MISCONFIGURED: "CHECK THIS",
}


class Narrator:
    """Tells what happens. Fits `pipeline.Sink`."""

    def __init__(self, scenario: Scenario, clock: Clock, out: TextIO) -> None:
        """Tell of `scenario` on `out`."""
        self._scenario = scenario
        self._clock = clock
        self._out = out
        self._noted: set[str] = set()

    # ------------------------------------------------------------ before and while

    def opening(self, page: str, speed: float) -> None:
        """What is about to be seen."""
        scenario = self._scenario
        minutes = (scenario.end - scenario.start).total_seconds() / 60
        self._write(scenario.title)
        self._write("=" * min(WIDTH, len(scenario.title)))
        took = format_duration(round(minutes * 60 / speed))
        day = f"{scenario.start.day} {scenario.start:%B %Y}"
        self._write(f"{minutes:.0f} minutes of {day}, told in {took}.")
        self._write(f"The status page is open at {page}")
        if scenario.assumed:
            self._write("What no source says is assumed; the list stands at the end.")
        self._write()
        self._write(f"UTC       {'who':{WHO}}  what")
        self._write(f"--------  {'-' * WHO}  {'-' * (WIDTH - WHO - 12)}")
        self._line(scenario.start, "world", "all is well; the monitor starts")

    async def tell(self) -> None:
        """The truth and the vendor's posts, each at its time."""
        moments: list[tuple[datetime, str, str]] = [
            (post.at, "vendor", f"{post.status.upper()} {post.body}")
            for post in self._scenario.timeline
        ]
        if self._scenario.impact is not None:
            moments.append((self._scenario.impact.start, "world", "THE IMPACT BEGINS"))
            moments.append((self._scenario.impact.end, "world", "THE IMPACT ENDS"))
        for when, who, what in sorted(moments):
            await self._clock.sleep((when - self._clock.now()).total_seconds())
            self._line(when, who, what)

    def publish(self, effects: Sequence[Effect]) -> None:
        """Our own decisions, as they fall."""
        for effect in effects:
            if isinstance(effect, Announce):
                event = effect.event
                self._line(event.at, "monitor", f"{WORDS[event.type]} {event.summary}")
                self._lead(event.incident)
            elif isinstance(effect, Revise):
                self._lead(effect.incident)

    def _lead(self, incident: Incident | None) -> None:
        """Who was first, as soon as the vendor's page has been read and fits."""
        note = None if incident is None else incident.provider
        if incident is None or note is None or note.lead_seconds is None:
            return
        if incident.id not in self._noted:
            self._noted.add(incident.id)
            span = format_duration(abs(round(note.lead_seconds)))
            order = "after" if note.lead_seconds >= 0 else "before"
            said = f"{', '.join(incident.names)}: the vendor posted {span} {order} us"
            self._line(self._clock.now(), "monitor", said)

    def received(self, receipt: Receipt) -> None:
        """A webhook that arrived; only one that does not verify is worth a line."""
        if not receipt.verified:
            self._line(receipt.at, "webhook", f"{receipt.type} arrived with a WRONG SIGNATURE")

    # ------------------------------------------------------------ at the end

    def summary(
        self,
        incidents: Sequence[Incident],
        receipts: Sequence[Receipt],
        runs: int,
        components: Collection[str],
    ) -> None:
        """What it came to, beside what the vendor said; `components` are those that are watched."""
        verified = sum(receipt.verified for receipt in receipts)
        self._write()
        self._wrap(
            "",
            f"{_count(runs, 'run')}, {_count(len(incidents), 'incident')}, "
            f"{_count(len(receipts), 'webhook')} delivered, {verified} with a valid signature.",
        )
        if incidents:
            self._write()
            self._table(incidents)
        quiet = sorted(set(components) - {name for each in incidents for name in each.names})
        if quiet:
            self._write()
            self._wrap("quiet: ", ", ".join(quiet))
        if self._scenario.assumed:
            self._write()
            self._write("Assumed in this scenario, because no source says it:")
        for line in self._scenario.assumed:
            self._wrap("- ", line)

    def _table(self, incidents: Sequence[Incident]) -> None:
        if self._scenario.impact is not None:
            self._write("late: after the impact began, and after it ended")
        titles = ("component", "opened", "late", "vendor late", "closed", "late", "severity")
        self._write(_ROW.format(*titles))
        for incident in incidents:
            for name in incident.names:
                self._write(self._row(name, incident).rstrip())

    def _row(self, name: str, incident: Incident) -> str:
        impact = self._scenario.impact
        began = None if impact is None else impact.start
        return _ROW.format(
            name,
            f"{incident.opened_at:%H:%M:%S}",
            _late(incident.opened_at, began),
            _late(self._vendors_word(name), began),
            "still open" if incident.closed_at is None else f"{incident.closed_at:%H:%M:%S}",
            _late(incident.closed_at, None if impact is None else impact.end),
            str(incident.severity),
        )

    def _vendors_word(self, component: str) -> datetime | None:
        """When the vendor's page first said that `component` was not operational."""
        for post in sorted(self._scenario.timeline, key=lambda post: post.at):
            if post.components.get(component, "operational") != "operational":
                return post.at
        return None

    # ------------------------------------------------------------ lines

    def _line(self, when: datetime, who: str, what: str) -> None:
        self._wrap(f"{when:%H:%M:%S}  {who:{WHO}}  ", what)

    def _wrap(self, head: str, text: str) -> None:
        for line in textwrap.wrap(
            text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head)
        ):
            self._write(line)

    def _write(self, line: str = "") -> None:
        print(line, file=self._out, flush=True)


def _late(when: datetime | None, since: datetime | None) -> str:
    """How long after `since` it was; empty where one of them is not known."""
    if when is None or since is None:
        return ""
    seconds = round((when - since).total_seconds())
    return format_duration(seconds) if seconds >= 0 else "before"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
