"""Rolling memory of usable runs: one list a probe, ordered by the time each run *started*.

Results come late (a run that hangs ends after newer ones), so order of arrival means nothing here.
Only good and bad runs are entered; an excluded run leaves no trace but may take back an entry that
was made for it at the soft deadline.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter

from monitor.core.effects import Judged
from monitor.core.observation import Failure, Phase, TransportError
from monitor.core.outcome import Counts, Outcome

ENTRIES_MAX = 5_000
"""Upper bound of entries a probe: far above a day of bursts."""

_STARTED = attrgetter("started")


_CONNECTED = frozenset({Phase.REQUEST, Phase.FIRST_BYTE, Phase.TRANSFER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One usable run, as the rules see it.

    `connected`: it had a trusted connection to the vendor when its time was over. That proves the
    path to it, as an answer does; what does not answer is on the other side.
    """

    run_id: str
    probe: str
    at: datetime
    started: float
    bad: bool
    answered: bool
    connected: bool = False
    outcome: Outcome
    reason: str = ""
    request_id: str | None = None
    cf_ray: str | None = None

    @property
    def reached(self) -> bool:
        """Whether it reached the vendor: it answered, or a connection to it stood."""
        return self.answered or self.connected


def entry_of(judged: Judged) -> Entry:
    """The entry that a usable run makes in the windows."""
    observation, verdict = judged.observation, judged.verdict
    answer = observation.answer
    return Entry(
        run_id=observation.run_id,
        probe=observation.probe,
        at=observation.at,
        started=observation.started,
        bad=verdict.counts is Counts.BAD,
        answered=verdict.answered,
        connected=_connected(observation.error),
        outcome=verdict.outcome,
        reason=verdict.reason,
        request_id=None if answer is None else answer.request_id,
        cf_ray=None if answer is None else answer.cf_ray,
    )


def _connected(error: TransportError | None) -> bool:
    return error is not None and error.kind is Failure.TIMEOUT and error.phase in _CONNECTED


class Windows:
    """The entries of all probes. `horizon` seconds are kept."""

    def __init__(self, probes: Iterable[str], horizon: float) -> None:
        """Start empty."""
        self.horizon = horizon
        self._entries: dict[str, list[Entry]] = {name: [] for name in probes}

    def put(self, entry: Entry) -> Entry | None:
        """Enter a run; returns the entry of the same run that it replaces, if there was one."""
        entries = self._entries[entry.probe]
        if not entries or entries[-1].started < entry.started:
            entries.append(entry)  # the usual case: runs end in the order of their start
            return None
        before = self._take(entries, entry.run_id, entry.started)
        insort(entries, entry, key=_STARTED)
        return before

    def remove(self, probe: str, run_id: str, started: float) -> Entry | None:
        """Take back the entry of a run that turned out to be unusable."""
        return self._take(self._entries[probe], run_id, started)

    def complete(self, entries: Iterable[Entry], excluded: Iterable[str]) -> None:
        """Enter runs as they were stored, and take back those whose ids are `excluded`.

        A run that is held already, because it was entered at its soft deadline, becomes what it was
        in the end. It keeps its place: the two times of its start differ in the last digits.
        """
        held = {entry.run_id: entry for of in self._entries.values() for entry in of}
        for run_id in excluded:
            if run_id in held:
                self.remove(held[run_id].probe, run_id, held[run_id].started)
        for entry in entries:
            self.put(replace(entry, started=held.get(entry.run_id, entry).started))

    def of(self, probe: str) -> list[Entry]:
        """All entries of one probe, oldest first. Not to be changed."""
        return self._entries[probe]

    def since(self, probes: Iterable[str], start: float) -> list[Entry]:
        """Entries of `probes` that started at or after `start`, in order of start."""
        found: list[Entry] = []
        several = False
        for probe in probes:
            entries = self._entries[probe]
            if entries and entries[-1].started >= start:
                several = bool(found)
                found += entries[bisect_left(entries, start, key=_STARTED) :]
        if several:
            found.sort(key=_STARTED)
        return found

    def last(self, probe: str) -> Entry | None:
        """The entry of the run that started last."""
        entries = self._entries[probe]
        return entries[-1] if entries else None

    def prune(self, now: float) -> None:
        """Forget what is older than the horizon."""
        for entries in self._entries.values():
            old = bisect_left(entries, now - self.horizon, key=_STARTED)
            old = max(old, len(entries) - ENTRIES_MAX)
            if old > 0:
                del entries[:old]

    def clear(self) -> None:
        """Forget everything: the clocks no longer tell how old it is."""
        for entries in self._entries.values():
            entries.clear()

    def snapshot(self) -> dict[str, list[Entry]]:
        """A copy of all entries."""
        return {probe: list(entries) for probe, entries in self._entries.items() if entries}

    def restore(self, saved: Mapping[str, Iterable[Entry]]) -> None:
        """Take over saved entries of probes that still exist."""
        for probe, entries in saved.items():
            if probe in self._entries:
                self._entries[probe] = sorted(entries, key=_STARTED)

    @staticmethod
    def _take(entries: list[Entry], run_id: str, started: float) -> Entry | None:
        place = bisect_left(entries, started, key=_STARTED)
        while place < len(entries) and entries[place].started == started:
            if entries[place].run_id == run_id:
                return entries.pop(place)
            place += 1
        return None
