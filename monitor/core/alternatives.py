"""Other routes to a model: how each stands, so that a failover can be decided from one document.

An alternative is a probe that is evidence for no component of Claude. It is asked and judged as the
others are, but it is in no pool, no burst and no guard: its failure says nothing about Claude.
"""

from __future__ import annotations

from collections.abc import Collection

from monitor.core.incident import Alternative, State
from monitor.core.plan import Plan, ProbePlan
from monitor.core.policy import Policy
from monitor.core.window import Windows

RECENT_SECONDS = 300.0
RECENT_INTERVALS = 3
"""How far back its runs are looked at, whichever is longer."""

MAJOR_RUNS = 2
"""One bad run alone is a degradation at most."""


def alternatives(
    plan: Plan, windows: Windows, policy: Policy, now: float, components: Collection[str]
) -> tuple[Alternative, ...]:
    """The routes beside any of `components`, by their probes' names, as they stand at `now`."""
    return tuple(
        Alternative(name=probe.name, state=state_of(probe, windows, policy, now))
        for probe in plan.probes
        if probe.alternative_for in components
    )


def state_of(probe: ProbePlan, windows: Windows, policy: Policy, now: float) -> State:
    """Its state by its usable runs of late.

    `operational` without a bad one, `major_outage` when 80 % (`detection.severity.major`) of two or
    more are bad, `degraded_performance` between them, `unknown` without any that is recent enough.
    """
    recent = max(RECENT_SECONDS, RECENT_INTERVALS * probe.interval)
    entries = windows.since((probe.name,), now - recent)
    oldest = now - policy.stale_after * probe.interval - probe.soft_deadline
    if not any(entry.started >= oldest for entry in entries):
        return State.UNKNOWN
    bad = sum(entry.bad for entry in entries)
    if bad == 0:
        return State.OPERATIONAL
    if len(entries) >= MAJOR_RUNS and bad >= policy.severity.major * len(entries):
        return State.MAJOR_OUTAGE
    return State.DEGRADED_PERFORMANCE
