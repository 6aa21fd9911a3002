"""The rehearsal told in the terminal: the truth, the vendor's posts and our own decisions, in time.

Plain lines of at most 80 columns, so that they read the same on a screen, in a pipe and in a log.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TextIO

from monitor.clock import Clock
from monitor.core.effects import Announce, Effect
from monitor.core.incident import EventType, Incident
from monitor.demo.receiver import Receipt
from monitor.simulation import Scenario
from monitor.spec import format_duration

WIDTH = 80
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

    # ------------------------------------------------------------ before and while

    def opening(self, page: str, speed: float) -> None:
        """What is about to be seen."""
        scenario = self._scenario
        minutes = (scenario.end - scenario.start).total_seconds() / 60
        self._write(scenario.title)
        self._write("=" * min(WIDTH, len(scenario.title)))
        took = format_duration(round(minutes * 60 / speed))
        self._write(f"{minutes:.0f} minutes of {scenario.start:%d %B %Y}, told in {took}.")
        self._write(f"The status page is open at {page}")
        for line in scenario.assumed:
            self._wrap("assumed: ", line)
        self._write()
        self._write("UTC       who     what")
        self._write(f"--------  ------  {'-' * (WIDTH - 18)}")
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
                self._line(event.at, "ours", f"{WORDS[event.type]} {event.summary}")

    def received(self, receipt: Receipt) -> None:
        """A webhook that arrived; only one that does not verify is worth a line."""
        if not receipt.verified:
            self._line(receipt.at, "hook", f"{receipt.type} arrived with a WRONG SIGNATURE")

    # ------------------------------------------------------------ at the end

    def summary(
        self, incidents: Sequence[Incident], receipts: Sequence[Receipt], runs: int
    ) -> None:
        """What it came to, beside what the vendor said."""
        self._write()
        self._write(f"{runs} runs, {len(incidents)} incidents, {len(receipts)} webhooks delivered")
        verified = sum(receipt.verified for receipt in receipts)
        self._write(f"({verified} with a valid signature).")
        self._write()
        impact = self._scenario.impact
        if incidents:
            self._write("component      opened    after  vendor's word  closed    severity")
        for incident in incidents:
            for name in incident.names:
                self._write(self._row(name, incident, None if impact is None else impact.start))
        quiet = sorted(
            {name for post in self._scenario.timeline for name in post.components}
            - {name for incident in incidents for name in incident.names}
        )
        if quiet:
            self._wrap("quiet: ", ", ".join(quiet))

    def _row(self, name: str, incident: Incident, start: datetime | None) -> str:
        after = "" if start is None else f"{(incident.opened_at - start).total_seconds():.0f} s"
        said = self._vendors_word(name)
        ahead = "" if said is None or start is None else _after(said - start)
        closed = "" if incident.closed_at is None else f"{incident.closed_at:%H:%M:%S}"
        return (
            f"{name:<13}  {incident.opened_at:%H:%M:%S}  {after:>5}  {ahead:>13}  "
            f"{closed:<8}  {incident.severity}"
        )

    def _vendors_word(self, component: str) -> datetime | None:
        """When the vendor's page first said that `component` was not operational."""
        for post in sorted(self._scenario.timeline, key=lambda post: post.at):
            if post.components.get(component, "operational") != "operational":
                return post.at
        return None

    # ------------------------------------------------------------ lines

    def _line(self, when: datetime, who: str, what: str) -> None:
        self._wrap(f"{when:%H:%M:%S}  {who:<6}  ", what)

    def _wrap(self, head: str, text: str) -> None:
        for line in textwrap.wrap(
            text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head)
        ):
            self._write(line)

    def _write(self, line: str = "") -> None:
        print(line, file=self._out, flush=True)


def _after(span: timedelta) -> str:
    seconds = span.total_seconds()
    return f"after {seconds / 60:.1f} min" if seconds >= 0 else "before"
