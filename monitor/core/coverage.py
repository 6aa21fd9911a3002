"""What a component's state rests on: whose evidence it is, and how much of it can be used.

Some products have no address of their own that could be asked in full. Claude Code runs on the API
and the Console's logins, Cowork on claude.ai and the API; they are judged from probes that stand
for those. The first component that a probe names is the one that it asks; for the others its
evidence is shared, and the page says so.

And evidence may be there without being of use: from a data centre claude.ai asks for a browser, so
that runs come back and say nothing. The share of usable runs is shown, so that `unknown` has a
reason and a thin `operational` can be told from a sound one.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from typing import Final

from monitor.core.effects import CoverageView, Judged
from monitor.core.outcome import Counts, Outcome
from monitor.core.plan import Plan

COVERAGE_SECONDS = 900.0
"""How far back runs are looked at."""

RUNS_MAX = 256
"""Runs of one probe that are remembered at most."""

_WHY: Final = {
    Outcome.CHALLENGED: "were met by a browser challenge, so the origin is unknown",
    Outcome.BLOCKED: "were blocked on the way or at the edge",
    Outcome.CREDENTIAL_REJECTED: "had their key refused",
    Outcome.RATE_LIMITED: "were rate-limited",
    Outcome.CLIENT_ERROR: "failed by our own set-up",
    Outcome.UNPROVEN: "met an answer that was never right here",
    Outcome.NO_NETWORK: "had no network",
    Outcome.MONITOR_ERROR: "failed inside the monitor",
}


def shared_with(plan: Plan, component: str) -> tuple[str, ...]:
    """The components whose probes `component` is judged from too, in the plan's order."""
    asked = {
        probe.components[0]
        for probe in plan.enabled()
        if component in probe.components and probe.components[0] != component
    }
    return tuple(other.name for other in plan.components if other.name in asked)


def shared_sentence(plan: Plan, component: str) -> str:
    """That `component` is judged from shared evidence; empty when all of it is its own."""
    others = shared_with(plan, component)
    if not others:
        return ""
    titles = {other.name: other.title for other in plan.components}
    probes = [probe for probe in plan.enabled() if component in probe.components]
    own = sum(probe.components[0] == component for probe in probes)
    names = [titles[name] for name in others]
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"judged from evidence shared with {listed}; {own} of {len(probes)} probes are its own"


class Coverage:
    """Remembers of each probe which runs could be used. Times are monotonic seconds."""

    def __init__(self, plan: Plan) -> None:
        """Nothing has run."""
        self._runs: dict[str, deque[tuple[float, Outcome, bool]]] = {
            probe.name: deque(maxlen=RUNS_MAX) for probe in plan.probes
        }

    def learn(self, judged: Judged) -> None:
        """A run has ended."""
        seen, verdict = judged.observation, judged.verdict
        used = verdict.counts is not Counts.EXCLUDED
        self._runs[seen.probe].append((seen.started, verdict.outcome, used))

    def view(self, probes: Sequence[str], now: float) -> CoverageView:
        """Of the runs of these probes."""
        since = now - COVERAGE_SECONDS
        runs = [run for name in probes for run in self._runs.get(name, ()) if run[0] >= since]
        lost = Counter(outcome for _, outcome, used in runs if not used)
        usable = len(runs) - lost.total()
        if not lost:
            return CoverageView(runs=len(runs), usable=usable)
        (commonest, count), *_ = lost.most_common(1)
        return CoverageView(
            runs=len(runs),
            usable=usable,
            lost_to=f"{count} of {len(runs)} runs {_WHY[commonest]}",
        )
