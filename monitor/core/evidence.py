"""What a decision rests on: counts and samples, kept for as long as an incident lasts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from typing import Any

from monitor.core.codec import from_plain, to_plain
from monitor.core.incident import Evidence, Sample, Tally
from monitor.core.outcome import Outcome
from monitor.core.window import Entry

SAMPLES_FIRST = 5
SAMPLES_LAST = 5
REASON_CHARS_MAX = 200


class Totals:
    """Runs and bad runs of one incident's deciding pool, by outcome and probe."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._runs: Counter[str] = Counter()
        self._bad: Counter[str] = Counter()
        self._outcomes: Counter[tuple[str, Outcome]] = Counter()
        self._first: list[Sample] = []
        self._last: list[Sample] = []

    def add(self, entry: Entry) -> None:
        """Count a run in."""
        self._runs[entry.probe] += 1
        self._outcomes[entry.probe, entry.outcome] += 1
        if not entry.bad:
            return
        self._bad[entry.probe] += 1
        sample = _sample(entry)
        if len(self._first) < SAMPLES_FIRST:
            self._first.append(sample)
        else:
            self._last = [*self._last, sample][-SAMPLES_LAST:]

    def take_back(self, entry: Entry) -> None:
        """Count a run out: it means something else, or its real result has come."""
        self._runs[entry.probe] -= 1
        self._outcomes[entry.probe, entry.outcome] -= 1
        self._bad[entry.probe] -= entry.bad
        sample = _sample(entry)
        self._first = [other for other in self._first if other != sample]
        self._last = [other for other in self._last if other != sample]

    def probes(self) -> frozenset[str]:
        """The probes whose runs are counted."""
        return frozenset(self._runs)

    def cause(self, probes: Container[str] | None = None) -> Outcome | None:
        """The commonest bad outcome, of `probes` or of all; None without a bad run.

        The order of the list of outcomes breaks a tie.
        """
        counts = self._by_outcome(probes)
        bad = [
            (count, -list(Outcome).index(outcome), outcome)
            for outcome, count in counts.items()
            if count > 0 and _is_bad(outcome)
        ]
        return max(bad)[2] if bad else None

    def _by_outcome(self, probes: Container[str] | None = None) -> Counter[Outcome]:
        counts: Counter[Outcome] = Counter()
        for (probe, outcome), count in self._outcomes.items():
            if probes is None or probe in probes:
                counts[outcome] += count
        return counts

    def evidence(self, seconds: float, depths: Mapping[str, str]) -> Evidence:
        """The counts as evidence over `seconds`; `depths` gives each probe's depth."""
        runs, bad = self._runs.total(), self._bad.total()
        by_depth: dict[str, list[int]] = {}
        for probe, count in self._runs.items():
            row = by_depth.setdefault(depths.get(probe, "edge"), [0, 0])
            row[0] += count
            row[1] += self._bad[probe]
        return Evidence(
            runs=runs,
            bad=bad,
            error_ratio=round(bad / runs, 4) if runs else 0.0,
            window_seconds=round(seconds, 3),
            by_outcome=tuple(
                Tally(name=outcome, runs=count, bad=count if _is_bad(outcome) else 0)
                for outcome, count in sorted(self._by_outcome().items())
                if count > 0
            ),
            by_depth=tuple(
                Tally(name=name, runs=row[0], bad=row[1]) for name, row in sorted(by_depth.items())
            ),
            by_probe=tuple(
                Tally(name=name, runs=count, bad=self._bad[name])
                for name, count in sorted(self._runs.items())
            ),
            samples=tuple(self._first + self._last),
        )

    def snapshot(self) -> dict[str, Any]:
        """All that is remembered, as plain values."""
        return {
            "runs": dict(self._runs),
            "bad": dict(self._bad),
            "outcomes": [
                [probe, str(outcome), count] for (probe, outcome), count in self._outcomes.items()
            ],
            "first": to_plain(self._first),
            "last": to_plain(self._last),
        }

    @classmethod
    def restored(cls, saved: Mapping[str, Any]) -> Totals:
        """The totals that `snapshot` wrote."""
        totals = cls()
        totals._runs = Counter(saved["runs"])
        totals._bad = Counter(saved["bad"])
        totals._outcomes = Counter({(p, Outcome(o)): count for p, o, count in saved["outcomes"]})
        totals._first = [from_plain(Sample, item) for item in saved["first"]]
        totals._last = [from_plain(Sample, item) for item in saved["last"]]
        return totals

    @classmethod
    def over(cls, entries: Iterable[Entry]) -> Totals:
        """The totals of these entries."""
        totals = cls()
        for entry in entries:
            totals.add(entry)
        return totals


def _sample(entry: Entry) -> Sample:
    return Sample(
        probe=entry.probe,
        at=entry.at,
        outcome=entry.outcome,
        reason=entry.reason[:REASON_CHARS_MAX],
        request_id=entry.request_id,
        cf_ray=entry.cf_ray,
    )


def _is_bad(outcome: Outcome) -> bool:
    return outcome not in (Outcome.OK, Outcome.SLOW)
