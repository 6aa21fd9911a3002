"""What the engine asks of the shell: it decides, others act. The list stands here and only here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from monitor.core.incident import Alternative, Event, Incident, State
from monitor.core.lifecycle import NO_REPORT, ModelReport
from monitor.core.observation import Observation
from monitor.core.outcome import Depth, Verdict
from monitor.core.provider import ProviderReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A run and what it came to. Provisional runs are judged too but never stored or counted."""

    observation: Observation
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejudged:
    """Earlier runs that mean something else in the light of later evidence."""

    run_ids: tuple[str, ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """An event to put into the outbox; `event.incident` is the version of the incident to store."""

    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Revise:
    """An incident changed without an announcement: store it."""

    incident: Incident


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestBurst:
    """Run these probes again, each as often as given, over new connections.

    Attributes:
        runs: name and number of extra runs.
        gap: seconds between two of them.
        paced: name and gap of those that are to be spread wider, the first after one such gap.
    """

    runs: tuple[tuple[str, int], ...]
    gap: float
    paced: tuple[tuple[str, float], ...] = ()

    def pace(self) -> tuple[tuple[str, int, float, float], ...]:
        """Name, number, wait before the first and gap of each, spread so as not to bunch."""
        own = dict(self.paced)
        return tuple(
            (name, count, own[name], own[name])
            if name in own
            else (name, count, self.gap * (place + 1) / len(self.runs), self.gap)
            for place, (name, count) in enumerate(self.runs)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckControl:
    """Ask the control targets now: a bad run raises the question whose network it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCadence:
    """Run these probes every `interval` seconds; None goes back to their own intervals."""

    probes: tuple[str, ...]
    interval: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged:
    """A component's state changed; `reason` is one sentence: why."""

    component: str
    before: State
    after: State
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SightChanged:
    """This host sees Claude again (`sees`), or nothing any more; what lies between is unknown."""

    sees: bool
    at: datetime
    reason: str


Effect = (
    Judged
    | Rejudged
    | Announce
    | Revise
    | RequestBurst
    | CheckControl
    | SetCadence
    | StateChanged
    | SightChanged
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlResult:
    """One run of a control target.

    Attributes:
        target: name of the control target.
        at: wall time at the start.
        started: monotonic seconds at the start.
        ended: monotonic seconds at the end.
        ok: an HTTP answer of any status came.
    """

    target: str
    at: datetime
    started: float
    ended: float
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthView:
    """What is known of a component at one depth."""

    depth: Depth
    state: State
    probes: int
    runs: int
    bad: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageView:
    """How much of a component's evidence could be used lately.

    Attributes:
        runs: runs of its probes within the last 15 minutes.
        usable: those that count as good or bad.
        lost_to: why most of the others could not be used, in a few words; empty when none was lost.
    """

    runs: int
    usable: int
    lost_to: str = ""

    @property
    def share(self) -> float | None:
        """Share of usable runs; None without runs."""
        return self.usable / self.runs if self.runs else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentView:
    """A component as it stands now.

    Attributes:
        name, title: from the plan.
        state: its state; `since` when it has been so.
        reason: one sentence: why this state.
        error_ratio: share of bad runs in the deciding pool over five minutes; None without runs.
        deciding_depth: the pool that the ratio is of.
        depths: one row a depth that has enabled probes.
        suspect: a burst is running because of a bad run.
        incident_id: the open incident, if any.
        coverage: how much of its evidence could be used lately.
        shared_with: names of the components whose probes it is judged from too.
        shared: that in a sentence; empty when all of its evidence is its own.
    """

    name: str
    title: str
    state: State
    since: datetime
    reason: str
    error_ratio: float | None
    deciding_depth: Depth | None
    depths: tuple[DepthView, ...]
    suspect: bool
    incident_id: str | None
    coverage: CoverageView = CoverageView(runs=0, usable=0)
    shared_with: tuple[str, ...] = ()
    shared: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeView:
    """A probe as it stands now.

    Attributes:
        name: from the plan.
        proven: it has been ok here.
        last: its last run.
        paused: why its scheduled runs do not take place for now; None when they do.
    """

    name: str
    proven: bool
    last: Judged | None
    paused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkView:
    """What the control guard says.

    Attributes:
        up: this host has a network, as far as can be told.
        guard_active: at least one control target is proven.
        targets: (name, proven, last result) of each control target.
    """

    up: bool
    guard_active: bool
    targets: tuple[tuple[str, bool, bool | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusView:
    """Everything that a page, an API or a metric shows of now.

    `suspects` are incidents that wait to be confirmed: nobody was told of them yet. `provider` is
    what the vendor's page says (None: it has not been asked), `alternatives` every other route,
    `models` what the lists of models say of the configured ones.
    """

    at: datetime
    vantage: str
    components: tuple[ComponentView, ...]
    probes: tuple[ProbeView, ...]
    network: NetworkView
    open_incidents: tuple[Incident, ...]
    suspects: tuple[Incident, ...] = ()
    provider: ProviderReport | None = None
    alternatives: tuple[Alternative, ...] = ()
    models: ModelReport = NO_REPORT
