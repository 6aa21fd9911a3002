"""What waits to be written, in one heap that can only grow together.

Everything that waits is written in one transaction, so the order between two changes shows only in
what the later one replaces: the newest version of an incident, the newest snapshot. Keeping no more
than that bounds what a store that is shut for a day can pile up. Events and changes of state are
all kept, in order.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from monitor.core.effects import Rejudged, StateChanged
from monitor.core.incident import Incident
from monitor.pipeline import Change, Posting
from monitor.storage.rows import RunRow


@dataclass(slots=True, kw_only=True)
class Batch:
    """Runs and changes that will be committed together.

    Attributes:
        runs: rows, oldest first.
        rejudged: new verdicts, in order; each after the runs that it names.
        incidents: newest version of each, by id.
        postings: events with their envelopes, in order.
        states: changes of the components' states, in order.
        snapshot: the newest one and when it was taken.
        changes: how many changes are in it.
        last: number of the last run or change in it.
    """

    runs: deque[RunRow] = field(default_factory=deque)
    rejudged: list[Rejudged] = field(default_factory=list)
    incidents: dict[str, Incident] = field(default_factory=dict)
    postings: list[Posting] = field(default_factory=list)
    states: list[StateChanged] = field(default_factory=list)
    snapshot: tuple[datetime, bytes] | None = None
    changes: int = 0
    last: int = 0

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self.runs) or self.changes > 0

    def add(self, change: Change, at: datetime) -> None:
        """Take a change in; `at` is when its snapshot was taken."""
        self.changes += 1
        self.rejudged.extend(change.rejudged)
        self.postings.extend(change.postings)
        self.states.extend(change.states)
        for posting in change.postings:
            if posting.event.incident is not None:
                self.incidents[posting.event.incident.id] = posting.event.incident
        for incident in change.incidents:
            self.incidents[incident.id] = incident
        if change.snapshot is not None:
            self.snapshot = (at, change.snapshot)

    def extend(self, later: Batch) -> None:
        """Take in all of a batch that was given after this one."""
        self.runs.extend(later.runs)
        self.rejudged.extend(later.rejudged)
        self.incidents.update(later.incidents)
        self.postings.extend(later.postings)
        self.states.extend(later.states)
        self.snapshot = later.snapshot or self.snapshot
        self.changes += later.changes
        self.last = max(self.last, later.last)

    def shrink(self, runs_max: int) -> int:
        """Drop the oldest runs beyond `runs_max`; how many went. Changes stay."""
        dropped = max(0, len(self.runs) - runs_max)
        for _ in range(dropped):
            self.runs.popleft()
        return dropped
