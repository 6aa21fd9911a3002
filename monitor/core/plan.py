"""What is asked, of whom and how often: the frozen plan that config makes and the engine reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from monitor.core.outcome import Depth

PAID_BURST_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePlan:
    """One configured question, as far as the engine and the scheduler need to know it.

    Attributes:
        name: unique name.
        kind: kind of probe (`http`, `claude_json`, ...).
        depth: how far into Claude it goes.
        components: what it is evidence for; empty for an alternative.
        interval: seconds between the starts of two runs.
        timeout: seconds after which a run is given up.
        soft_deadline: seconds after which an unanswered run is entered as bad.
        latency_objective: seconds past which a correct run is `slow`.
        credential: salted hash of the key it uses; None without a key.
        credential_name: the key's name in the config.
        organization: the vendor's organization that the key belongs to, by the name that the config
            gives it; None where it names none.
        gateway: it asks through a proxy that answers for itself too, whose own words are no
            evidence about Claude.
        model: the model it asks, for probes that ask one.
        burst: whether it may be asked for extra runs.
        paid: whether a run costs money.
        answered_means_vendor: any HTTP answer of this target proves the path to the vendor.
        alternative_for: the component beside which it is another route; evidence for none.
        disabled: why it does not run, in one sentence; None when it runs.
    """

    name: str
    kind: str
    depth: Depth
    components: tuple[str, ...]
    interval: float
    timeout: float = 30.0
    soft_deadline: float = 10.0
    latency_objective: float = 10.0
    credential: str | None = None
    credential_name: str | None = None
    organization: str | None = None
    gateway: bool = False
    model: str | None = None
    burst: bool = True
    paid: bool = False
    answered_means_vendor: bool = False
    alternative_for: str | None = None
    disabled: str | None = None

    @property
    def enabled(self) -> bool:
        """Whether it runs."""
        return self.disabled is None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentPlan:
    """One product as its users see it."""

    name: str
    title: str
    statuspage_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlan:
    """One reference target: its host answers when this host has a network."""

    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A maintenance window: from `starts` until `ends`, for `components` (all when empty)."""

    starts: datetime
    ends: datetime
    components: tuple[str, ...] = ()
    reason: str = ""

    def covers(self, component: str, at: datetime) -> bool:
        """Whether `component` is under maintenance at `at`."""
        named = not self.components or component in self.components
        return named and self.starts <= at < self.ends


class Calendar:
    """Planned work: ours, which stands in the plan, and what becomes known meanwhile.

    In our own windows and the vendor's nothing opens. In those that the shell keeps (`maintain`)
    detection goes on, and announcements are held back by who sends them.
    """

    def __init__(self, ours: tuple[Window, ...]) -> None:
        """The vendor has announced nothing."""
        self._ours = ours
        self._kept: tuple[Window, ...] = ()
        self.vendors: tuple[Window, ...] = ()

    def __iter__(self) -> Iterator[Window]:
        """The windows in which nothing opens, ours first."""
        return iter((*self._ours, *self.vendors))

    def maintain(self, windows: tuple[Window, ...]) -> None:
        """Planned work that the shell keeps, as it is known now."""
        self._kept = windows

    def shown(self) -> tuple[Window, ...]:
        """Every window: what a component is shown to be under."""
        return (*self._ours, *self._kept, *self.vendors)


def all_covered(components: Iterable[str], windows: Iterable[Window], at: datetime) -> bool:
    """Whether each of `components` (at least one) is covered by a window at `at`."""
    names, known = tuple(components), tuple(windows)
    return bool(names) and all(any(w.covers(name, at) for w in known) for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole plan of one daemon.

    `honour_maintenance` says whether the maintenance that the vendor announces becomes windows.
    """

    vantage: str
    components: tuple[ComponentPlan, ...]
    probes: tuple[ProbePlan, ...]
    controls: tuple[ControlPlan, ...] = ()
    control_interval: float = 30.0
    maintenance: tuple[Window, ...] = ()
    honour_maintenance: bool = False

    def probe(self, name: str) -> ProbePlan:
        """The probe called `name`; KeyError when there is none."""
        for probe in self.probes:
            if probe.name == name:
                return probe
        raise KeyError(name)

    def enabled(self) -> tuple[ProbePlan, ...]:
        """The probes that run."""
        return tuple(probe for probe in self.probes if probe.enabled)


def phase_offset(name: str, interval: float) -> float:
    """Where in its interval a probe starts: seconds in [0, interval), fixed by its name.

    A hash of the name, so that a restart does not move the grid and probes do not bunch.
    """
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 * interval


def staggered_offsets(probes: tuple[ProbePlan, ...]) -> dict[str, float]:
    """Start offsets in seconds by probe name, spread evenly among probes of one interval.

    Within each group of equal interval the names are ordered by hash and set on a regular grid,
    turned by a hash of the interval so that groups do not meet. A fixed grid detects a hard
    outage sooner than drifting phases (docs/detection.md).
    """
    groups: dict[float, list[str]] = {}
    for probe in probes:
        groups.setdefault(probe.interval, []).append(probe.name)
    offsets: dict[str, float] = {}
    for interval, names in groups.items():
        ordered = sorted(names, key=lambda name: phase_offset(name, 1.0))
        turn = phase_offset(f"grid/{interval:g}", interval)
        for place, name in enumerate(ordered):
            offsets[name] = (turn + place * interval / len(ordered)) % interval
    return offsets
