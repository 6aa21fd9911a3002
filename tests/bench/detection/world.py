"""The noise model and the outages: what a run meets that starts at a given moment.

`docs/detection.md` describes the model. Its rates are assumptions, not data. Chance comes from
seeded sources, one for each purpose: runs that are left out of a simulation, because they are known
to be good, take nothing from the chance of the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from tests.bench.detection.fates import Fate
from tests.bench.detection.products import Product

DAY = 86_400.0
BLIP_SECONDS = (15.0, 45.0, 75.0)
NETWORK_SECONDS = (5.0, 40.0)
PATH_SECONDS = (10.0, 40.0)
DELICATE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Rates of what goes wrong without an outage.

    Attributes:
        p0: share of runs that fail by themselves, half of them with an answer.
        blips: a day and probe, in which each of its runs fails.
        network: a day, in which nothing leaves this host.
        path: a day, in which nothing reaches the vendor, while the control targets answer.
    """

    p0: float = 0.001
    blips: float = 2 / 3
    network: float = 0.5
    path: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A time of trouble: `share` of the runs of `probes` meet `fate`.

    With `ramp` the share rises from 0 over so many seconds. With `controls` the control targets
    fail too, as slowly as the runs.
    """

    start: float
    end: float
    probes: frozenset[str]
    fate: Fate
    share: float = 1.0
    ramp: float = 0.0
    controls: bool = False

    def share_at(self, at: float) -> float:
        """The share of runs that it hits at `at`."""
        if not self.ramp:
            return self.share
        return self.share * min(1.0, (at - self.start) / self.ramp)


class World:
    """One simulated stretch of time for one product. Ask it in order of time."""

    def __init__(
        self,
        product: Product,
        noise: Noise,
        seed: str,
        length: float,
        outage: tuple[Stretch, ...] = (),
    ) -> None:
        """`seed` names the source of all chance; `outage` happens beside the noise."""
        self._p0 = noise.p0
        self._chances = [Random(f"{seed}/base/{p.name}") for p in product.plan.probes]
        self._extra = Random(f"{seed}/extra")
        self._outage = Random(f"{seed}/outage")
        self.left = [self._until_failure(chance) for chance in self._chances]
        found = [*_noise(product, noise, seed, length), *outage]
        self._coming = sorted(found, key=lambda stretch: stretch.start, reverse=True)
        self._active: list[Stretch] = []
        self._delicate = sorted(
            (each.start - DELICATE_SECONDS, each.end + DELICATE_SECONDS)
            for each in found
            if each.controls or each in outage
        )

    def trouble(self, lead: float, lag: float, now: float) -> float:
        """When the next trouble begins, less `lead`; `now` while one lasts, and `lag` longer."""
        self._advance(now)
        while self._coming and self._coming[-1].start <= now:
            self._active.append(self._coming.pop())
        if any(stretch.end + lag > now for stretch in self._active):
            return now
        return self._coming[-1].start - lead if self._coming else math.inf

    def delicate(self, now: float) -> bool:
        """Whether the control targets, or an outage, have to do with a run that ends now."""
        while self._delicate and self._delicate[0][1] < now:
            del self._delicate[0]
        return bool(self._delicate) and self._delicate[0][0] <= now

    def fate(self, place: int, probe: str, at: float, *, scheduled: bool) -> Fate:
        """What the run of the probe at `place` in the plan meets, begun at `at`."""
        base = self._base(place, scheduled=scheduled)
        for stretch in self._at(at):
            if probe in stretch.probes and self._hits(stretch, at):
                return stretch.fate
        return base

    def control(self, at: float) -> Fate:
        """What a run of a control target meets."""
        failing = [stretch.fate for stretch in self._at(at) if stretch.controls]
        return failing[0] if failing else Fate.GOOD

    def skip(self, place: int, runs: int) -> None:
        """So many scheduled runs of a probe are left out; none of them would have failed."""
        self.left[place] -= runs

    def _hits(self, stretch: Stretch, at: float) -> bool:
        share = stretch.share_at(at)
        return share >= 1 or self._outage.random() < share

    def _base(self, place: int, *, scheduled: bool) -> Fate:
        chance = self._chances[place] if scheduled else self._extra
        if scheduled:
            if self.left[place] > 0:
                self.left[place] -= 1
                return Fate.GOOD
            self.left[place] = self._until_failure(chance)
        elif chance.random() >= self._p0:
            return Fate.GOOD
        return _either(chance)

    def _until_failure(self, chance: Random) -> int:
        """How many good runs come before the next failing one."""
        if self._p0 <= 0:
            return 1 << 60
        return math.floor(math.log(1.0 - chance.random()) / math.log(1.0 - self._p0))

    def _at(self, now: float) -> list[Stretch]:
        while self._coming and self._coming[-1].start <= now:
            self._active.append(self._coming.pop())
        return [stretch for stretch in self._active if stretch.end > now]

    def _advance(self, now: float) -> None:
        """Forget what ended long ago."""
        self._active = [stretch for stretch in self._active if stretch.end > now - 600.0]


def _either(chance: Random) -> Fate:
    """With an answer or without."""
    return Fate.ANSWERED if chance.random() < 0.5 else Fate.REFUSED


def _noise(product: Product, noise: Noise, seed: str, length: float) -> Iterator[Stretch]:
    """Every blip of the time."""
    everything = product.everything
    for probe in product.plan.probes:
        chance = Random(f"{seed}/blips/{probe.name}")
        for start in _moments(noise.blips, chance, length):
            seconds = chance.choice(BLIP_SECONDS)
            only = frozenset((probe.name,))
            yield Stretch(start=start, end=start + seconds, probes=only, fate=_either(chance))
    for rate, bounds, controls, name in (
        (noise.network, NETWORK_SECONDS, True, "network"),
        (noise.path, PATH_SECONDS, False, "path"),
    ):
        chance = Random(f"{seed}/{name}")
        for start in _moments(rate, chance, length):
            yield silence(everything, start, chance.uniform(*bounds), chance, controls=controls)


def silence(
    probes: frozenset[str], start: float, seconds: float, chance: Random, *, controls: bool
) -> Stretch:
    """Nothing gets through: half of such blips say so at once, half only after ten seconds."""
    fate = chance.choice((Fate.REFUSED, Fate.UNREACHED))
    return Stretch(start=start, end=start + seconds, probes=probes, fate=fate, controls=controls)


def _moments(rate: float, chance: Random, length: float) -> Iterator[float]:
    """Moments of a Poisson process of `rate` a day."""
    at = 0.0
    while rate > 0:
        at += chance.expovariate(rate / DAY)
        if at >= length:
            return
        yield at
