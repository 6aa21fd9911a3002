"""The detector's numbers: every threshold, with the default that the study arrived at.

Durations are seconds, shares are between 0 and 1. `docs/detection.md` argues the defaults.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Fast:
    """Many bad runs at once, of at least two probes.

    Opens at `failures` bad runs and a share of `ratio` of the runs in the window (`failures_three`
    and `ratio_three` in a pool of three probes), no probe giving more than half of either, spanning
    `span` by start time when at least `answered_min` probes (one more where more than three are
    heard) have HTTP answers of the vendor among them, else `span_unanswered`; where fewer than
    `answered_min` reached the vendor, it is the span in which two probes failed.
    """

    window: float = 60.0
    ratio: float = 0.33
    ratio_three: float = 0.27
    failures: int = 6
    failures_three: int = 5
    span: float = 10.0
    span_unanswered: float = 45.0
    answered_min: int = 2
    window_gaps: float = 6.5

    def needed(self, probes: int) -> tuple[int, float]:
        """How many bad runs, and which share of all, a pool of `probes` probes needs."""
        if probes == 3:  # noqa: PLR2004  # the study's sizes of pools
            return self.failures_three, self.ratio_three
        return self.failures, self.ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Solo:
    """An unbroken run of bad runs of one probe: `failures` of them, spanning `span`."""

    failures: int = 5
    span: float = 80.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow:
    """Episodes over a longer window.

    An episode is a run of consecutive bad runs of one probe; transport failures with no answer in
    between are one episode whichever probes they hit. Opens at the given number of episodes (by
    size of the pool) and a share of `ratio`, the first and the last at least `span` apart when at
    least `answered_min` bad runs are HTTP answers of the vendor, else `span_unanswered`.
    """

    window: float = 300.0
    ratio: float = 0.10
    episodes: int = 5
    episodes_three: int = 4
    episodes_small: int = 4
    span: float = 30.0
    span_unanswered: float = 60.0
    answered_min: int = 2

    def episodes_for(self, probes: int) -> int:
        """How many episodes a pool of `probes` probes needs."""
        if probes >= 4:  # noqa: PLR2004  # the study's sizes of pools
            return self.episodes
        return self.episodes_three if probes == 3 else self.episodes_small  # noqa: PLR2004


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """What is usual, and what that asks of the slow rules.

    The share of runs that fail while nothing is wrong is taken over the last `over` seconds without
    the newest `lag` seconds, which may be the trouble itself, and as if it had been `settled`
    seconds at least; bad runs less than `apart` seconds from the last one belong to the same
    disturbance. For each of `levels` that it exceeds, every slow rule needs one episode more.
    """

    levels: tuple[float, ...] = (0.002, 0.0035, 0.005, 0.007)
    over: float = 86_400.0
    lag: float = 3600.0
    settled: float = 10_800.0
    apart: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recover:
    """So many good runs in a row of the pool that opened mean `recovering`."""

    successes: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """When an incident ends.

    `window_clean` seconds after a clean step whose failing phase lasted `clean_after`, else
    `window`, at a share of bad runs of at most `ratio`, `min_samples` runs and every probe heard.
    A breach within `reopen_within` of the close continues the same incident. Without a usable run
    of the deciding pool for `gone_after` it ends, because nobody can tell any more.
    """

    window: float = 300.0
    window_clean: float = 120.0
    clean_after: float = 300.0
    ratio: float = 0.05
    min_samples: int = 15
    reopen_within: float = 900.0
    flaps_in: float = 3600.0
    flaps: int = 2
    gone_after: float = 7200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """When what was decided is told.

    An opening on runs that never reached the vendor is a suspicion first. It is told `after` so
    many seconds if `failures` bad runs have started since, and dropped when the runs are good again
    or after `give_up`. Components that join, and a severity that rises, are told together, `gather`
    after the first of them; those that are well again `leave` after the first of them, and
    never two of these within `apart`.
    """

    after: float = 30.0
    failures: int = 2
    give_up: float = 300.0
    gather: float = 30.0
    leave: float = 60.0
    apart: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """Extra runs after a bad one: every `gap` seconds, at most `extra`, bounded by the hour.

    `paid_extra` bounds the extra runs of a probe that costs money, per burst; `paid_per_day` over
    a day.
    """

    gap: float = 5.0
    extra: int = 18
    extra_per_hour: int = 240
    paid_extra: int = 3
    paid_per_day: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """When the control targets excuse a bad run.

    A bad run is our own network's when it overlaps a failure of every proven control target within
    `before` and `after` seconds. A target is proven while it answered within `proven_for` of its
    first failure. Opening waits for a control verdict at most `wait`. Blindness is announced once
    it has lasted `announce_after`: blips of our own network pass without a word.
    """

    before: float = 5.0
    after: float = 1.0
    proven_for: float = 600.0
    wait: float = 1.0
    announce_after: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Severity:
    """At which share of bad runs in the deciding pool, over `window`, an outage is a major one.

    Five minutes, so that an outage of 60 % does not pass for a major one by chance.
    """

    major: float = 0.80
    window: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """When answers that are right but slow are a degradation.

    A probe is slow while the median of its last `runs` good runs lies above a limit: `factor` times
    what that median usually is, the height that it exceeds for 0.5 % of the time with a quarter on
    top, and `floor`, the largest of the three. It stays so until the median falls below `clear`
    times that limit. A component is degraded once two of its probes have been slow for `lasting`,
    or one for `lasting_solo`, and is well again once none has been for `clear_after`. A baseline is
    of the last `baseline` seconds, and none is used before it spans `baseline_min`. `enabled`
    switches all of it.
    """

    enabled: bool = True
    factor: float = 2.0
    floor: float = 0.5
    runs: int = 10
    lasting: float = 180.0
    lasting_solo: float = 900.0
    clear: float = 0.75
    clear_after: float = 300.0
    baseline: float = 604_800.0
    baseline_min: float = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """All of it."""

    fast: Fast = field(default_factory=Fast)
    solo: Solo = field(default_factory=Solo)
    slow: tuple[Slow, ...] = field(
        default_factory=lambda: (
            Slow(),
            Slow(window=900.0, ratio=0.05, episodes=8, episodes_three=7, episodes_small=6),
        )
    )
    noise: Noise = field(default_factory=Noise)
    recover: Recover = field(default_factory=Recover)
    close: Close = field(default_factory=Close)
    burst: Burst = field(default_factory=Burst)
    guard: Guard = field(default_factory=Guard)
    severity: Severity = field(default_factory=Severity)
    announce: Announce = field(default_factory=Announce)
    join_within: float = 900.0
    latency: Latency = field(default_factory=Latency)
    cadence: float = 15.0
    stale_after: float = 3.0
    clock_drift: float = 2.0
    loop_late: float = 2.0
