"""The `detection` section: the core's policy as people write it.

Field names are those of `monitor/core/policy.py`, which also holds every default and says what each
means; here durations and shares get their notation (`60s`, `33%`) and their bounds.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated

from pydantic import Field

from monitor.core import policy
from monitor.spec import Duration, Share, Spec, format_duration

_FAST = policy.Fast()
_SOLO = policy.Solo()
_SLOW = policy.Slow()
_NOISE = policy.Noise()
_RECOVER = policy.Recover()
_CLOSE = policy.Close()
_BURST = policy.Burst()
_GUARD = policy.Guard()
_SEVERITY = policy.Severity()
_ANNOUNCE = policy.Announce()
_LATENCY = policy.Latency()
_POLICY = policy.Policy()


class FastSpec(Spec):
    """Many bad runs at once, of at least two probes."""

    window: Duration = Field(default=_FAST.window, gt=0)
    """How far it looks back, at least; it grows with the intervals of the probes."""
    ratio: Share = Field(default=_FAST.ratio, gt=0)
    """Share of the runs in the window that must be bad."""
    failures: int = Field(default=_FAST.failures, ge=2)
    """Bad runs needed, no probe giving more than half."""
    ratio_three: Annotated[Share, Field(gt=0)] | None = None
    """The share in a pool of three probes; left out it is `ratio`, or 27 % where that is too."""
    failures_three: int | None = Field(default=None, ge=2)
    """Bad runs in a pool of three; left out it is `failures`, or 5 where that is left out too."""
    span: Duration = _FAST.span
    """Time from the first to the last of them when `answered_min` probes have HTTP answers."""
    span_unanswered: Duration = _FAST.span_unanswered
    """The same for runs that never got an answer: a blip of the route looks like that too."""
    answered_min: int = Field(default=_FAST.answered_min, ge=0)
    """How many probes must have HTTP answers of the vendor to prove that the route works.

    Where more than three probes are heard it takes one more.
    """
    window_gaps: float = Field(default=_FAST.window_gaps, ge=0, le=1000)
    """How many runs of the pool the window must hold, at least."""

    def rule(self) -> policy.Fast:
        """The same numbers as the core takes them.

        Whoever sets a number without a word on pools of three means all pools.
        """
        three = {
            f"{name}_three": getattr(self, name)
            for name in ("failures", "ratio")
            if name in self.model_fields_set
        }
        return policy.Fast(**(three | self.model_dump(exclude_none=True)))


class SoloSpec(Spec):
    """An unbroken run of bad runs of one probe."""

    failures: int = Field(default=_SOLO.failures, ge=2)
    """Bad runs needed."""
    span: Duration = _SOLO.span
    """Time from the first to the last of them: longer than the longest blip of one probe."""


class SlowSpec(Spec):
    """Episodes over a longer window: outages that come and go."""

    window: Duration = Field(gt=0)
    """How far it looks back, at least; it grows with the intervals of the probes."""
    ratio: Share = Field(gt=0)
    """Share of the runs in the window that must be bad."""
    episodes: int = Field(ge=2)
    """Episodes needed in a pool of four probes or more."""
    episodes_three: int = Field(ge=2)
    """Episodes needed in a pool of three."""
    episodes_small: int = Field(ge=2)
    """Episodes needed in a pool of one or two."""
    span: Duration = _SLOW.span
    """Time from the first to the last episode when at least `answered_min` are HTTP answers."""
    span_unanswered: Duration = _SLOW.span_unanswered
    """The same for bad runs that never got an answer."""
    answered_min: int = Field(default=_SLOW.answered_min, ge=0)
    """How many HTTP answers of the vendor prove that the route works."""


class NoiseSpec(Spec):
    """What is usual here, and what that asks of the slow rules."""

    levels: tuple[Share, ...] = Field(default=_NOISE.levels, max_length=8)
    """For each of these shares of usually bad runs that is exceeded, one episode more."""
    over: Duration = Field(default=_NOISE.over, ge=3600, le=2_678_400)
    """How far back the usual reaches."""
    lag: Duration = _NOISE.lag
    """The newest past that does not count: it may be the trouble itself."""
    settled: Duration = Field(default=_NOISE.settled, gt=0)
    """A shorter past counts as so long: it takes time to know a place."""
    apart: Duration = Field(default=_NOISE.apart, gt=0)
    """Bad runs less than this apart are one disturbance."""


class RecoverSpec(Spec):
    """When an incident counts as recovering."""

    successes: int = Field(default=_RECOVER.successes, ge=1)
    """Good runs in a row of the pool that opened it."""


class CloseSpec(Spec):
    """When an incident ends."""

    window: Duration = Field(default=_CLOSE.window, gt=0)
    """How long it must have been good."""
    window_clean: Duration = Field(default=_CLOSE.window_clean, gt=0)
    """The same after one clean step that failed for `clean_after` or longer."""
    clean_after: Duration = _CLOSE.clean_after
    """How long the failing phase of a clean step is, at least."""
    ratio: Share = _CLOSE.ratio
    """Share of the runs in that time that may be bad."""
    min_samples: int = Field(default=_CLOSE.min_samples, ge=1)
    """Runs needed."""
    reopen_within: Duration = _CLOSE.reopen_within
    """A breach this soon after the close continues the same incident."""
    flaps_in: Duration = _CLOSE.flaps_in
    """Time within which re-opens are counted."""
    flaps: int = Field(default=_CLOSE.flaps, ge=1)
    """So many re-opens double the window, and so many returns are flapping."""
    gone_after: Duration = Field(default=_CLOSE.gone_after, gt=0)
    """After so long without a usable run nobody can tell any more, and the incident ends."""


class BurstSpec(Spec):
    """Extra runs after a bad one."""

    gap: Duration = Field(default=_BURST.gap, ge=1)
    """Time between them; a second at least."""
    extra: int = Field(default=_BURST.extra, ge=0, le=1000)
    """How many after one bad run; 0 switches bursts off."""
    extra_per_hour: int = Field(default=_BURST.extra_per_hour, ge=0)
    """How many in an hour, for each component."""
    paid_extra: int = Field(default=_BURST.paid_extra, ge=0)
    """How many of a probe that costs money, in one burst."""
    paid_per_day: int = Field(default=_BURST.paid_per_day, ge=0)
    """How many of all probes that cost money, in a day."""


class GuardSpec(Spec):
    """When the control targets excuse a bad run."""

    before: Duration = _GUARD.before
    """A control failure up to this long before a bad run excuses it."""
    after: Duration = _GUARD.after
    """A control failure up to this long after it does too."""
    proven_for: Duration = Field(default=_GUARD.proven_for, gt=0)
    """How long an answer proves a control target."""
    wait: Duration = _GUARD.wait
    """How long an opening waits for the control's word."""
    announce_after: Duration = _GUARD.announce_after
    """How long this host must be without network before that is announced."""


class SeveritySpec(Spec):
    """When an outage is a major one."""

    major: Share = Field(default=_SEVERITY.major, gt=0)
    """Share of bad runs in the deciding pool."""
    window: Duration = Field(default=_SEVERITY.window, gt=0)
    """Over this time."""


class AnnounceSpec(Spec):
    """When what was decided is told."""

    after: Duration = _ANNOUNCE.after
    """How long an opening on runs that never reached the vendor waits to be confirmed."""
    failures: int = Field(default=_ANNOUNCE.failures, ge=1)
    """So many bad runs that started since confirm it."""
    give_up: Duration = Field(default=_ANNOUNCE.give_up, gt=0)
    """It is withdrawn after so long, and when the runs are good again."""
    gather: Duration = _ANNOUNCE.gather
    """Components that join, and a severity that rises, are told together after so long."""
    leave: Duration = _ANNOUNCE.leave
    """The same for components that are well again while others are not."""
    apart: Duration = _ANNOUNCE.apart
    """Two such updates are at least so far apart."""


class LatencySpec(Spec):
    """When answers that are right but slow are a degradation."""

    enabled: bool = _LATENCY.enabled
    """Whether slowness is judged at all."""
    factor: float = Field(default=_LATENCY.factor, ge=1.1, le=100)
    """How many times as long as usual a probe takes that is slow."""
    floor: Duration = _LATENCY.floor
    """What takes less than this is never slow."""
    runs: int = Field(default=_LATENCY.runs, ge=5, le=1000)
    """How many of its last good runs the median is of."""
    lasting: Duration = _LATENCY.lasting
    """How long two probes of a component are slow before it is degraded."""
    lasting_solo: Duration = _LATENCY.lasting_solo
    """How long one probe alone is."""
    clear: Share = Field(default=_LATENCY.clear, gt=0)
    """A slow probe is so until its median falls below this share of the limit."""
    clear_after: Duration = _LATENCY.clear_after
    """How long no probe of it is slow before a component is well again."""
    baseline: Duration = Field(default=_LATENCY.baseline, ge=86_400, le=2_678_400)
    """How far back the usual reaches: a day to a month."""
    baseline_min: Duration = Field(default=_LATENCY.baseline_min, ge=21_600)
    """How long a baseline is before it is used."""


def _slow(rule: policy.Slow) -> SlowSpec:
    """A slow rule in the notation of the config."""
    numbers = dataclasses.asdict(rule)
    durations = {
        name: format_duration(numbers[name]) for name in ("window", "span", "span_unanswered")
    }
    return SlowSpec.model_validate(numbers | durations)


class DetectionSpec(Spec):
    """How bad runs become an incident, and how it ends."""

    fast: FastSpec = FastSpec()
    """Many bad runs at once."""
    solo: SoloSpec = SoloSpec()
    """One probe, without a break."""
    slow: tuple[SlowSpec, ...] = Field(
        default=tuple(_slow(rule) for rule in _POLICY.slow), max_length=8
    )
    """Episodes over longer windows, one rule a window."""
    noise: NoiseSpec = NoiseSpec()
    """How calm it usually is."""
    recover: RecoverSpec = RecoverSpec()
    """From open to recovering."""
    close: CloseSpec = CloseSpec()
    """From recovering to closed."""
    burst: BurstSpec = BurstSpec()
    """How a bad run is confirmed."""
    guard: GuardSpec = GuardSpec()
    """Whose network it is."""
    severity: SeveritySpec = SeveritySpec()
    """From a partial to a major outage."""
    announce: AnnounceSpec = AnnounceSpec()
    """When it is told."""
    join_within: Duration = Field(default=_POLICY.join_within, ge=0)
    """A component that fails so soon after another is part of the same incident."""
    latency: LatencySpec = LatencySpec()
    """From operational to degraded performance."""
    cadence: Duration = Field(default=_POLICY.cadence, gt=0)
    """Time between the runs of a probe while its component is not well."""
    stale_after: float = Field(default=_POLICY.stale_after, ge=1, le=1000)
    """A probe unheard for so many of its intervals is stale."""
    clock_drift: Duration = Field(default=_POLICY.clock_drift, gt=0)
    """A wall clock that steps further than this has jumped."""
    loop_late: Duration = Field(default=_POLICY.loop_late, gt=0)
    """An event loop this late makes a time-out our own."""

    def policy(self) -> policy.Policy:
        """The same numbers as the core takes them: seconds, and shares between 0 and 1."""
        return policy.Policy(
            fast=self.fast.rule(),
            solo=policy.Solo(**self.solo.model_dump()),
            slow=tuple(policy.Slow(**rule.model_dump()) for rule in self.slow),
            noise=policy.Noise(**self.noise.model_dump()),
            recover=policy.Recover(**self.recover.model_dump()),
            close=policy.Close(**self.close.model_dump()),
            burst=policy.Burst(**self.burst.model_dump()),
            guard=policy.Guard(**self.guard.model_dump()),
            severity=policy.Severity(**self.severity.model_dump()),
            announce=policy.Announce(**self.announce.model_dump()),
            join_within=self.join_within,
            latency=policy.Latency(**self.latency.model_dump()),
            cadence=self.cadence,
            stale_after=self.stale_after,
            clock_drift=self.clock_drift,
            loop_late=self.loop_late,
        )
