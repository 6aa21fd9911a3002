"""The cells of the benchmark: each is one kind of trial, tried many times."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from monitor.core.outcome import Depth
from tests.bench.detection.april import april
from tests.bench.detection.comparing import compare, compare_quiet
from tests.bench.detection.fates import Fate
from tests.bench.detection.products import Product, product
from tests.bench.detection.trials import (
    WEEKS_DAYS,
    Staging,
    Trial,
    excluded,
    flapping,
    outage,
    own_network,
    try_once,
    weeks,
)
from tests.bench.detection.world import Noise

OUTAGES = 400
OUTAGES_THREE = 2000
"""Of the three-probe product: they are cheap, and some of its rows lie close to their targets."""
EPISODES = 200
HARMLESS = 1000
YEARS = 30.0
WHOLE_YEARS = 2.0
PEER_YEARS = 4.0
PLAYINGS = 100
SHARES = (100, 70, 50, 30, 20, 10, 5)
"""Percents of failing runs that the curve is drawn through."""

SEED = "held out 2026-11-26, third"
"""Names the source of all chance. Nothing was chosen after a look at what it brings."""
SEED_THREE = "held out 2026-11-26, fourth"
"""That of the three-probe product, whose counts were changed after a look at the third."""
QUICK_SEED = "quick"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """`count` trials of one kind, or `quick` of them; each takes the name of its chance.

    `chunk` of them are one piece of work. `yearly`: they are stretches of quiet time. `chance`
    names where the chance of a whole run comes from.
    """

    name: str
    count: int
    quick: int
    trial: Callable[[str], Trial]
    chunk: int = 10
    yearly: bool = False
    chance: str = SEED

    def try_one(self, number: int, *, quick: bool) -> Trial:
        """Trial `number`."""
        return self.trial(f"{QUICK_SEED if quick else self.chance}/{self.name}/{number}")


def subject(of: Product) -> frozenset[str]:
    """All of the component's probes."""
    return of.subject


def keyed_depth(of: Product) -> frozenset[str]:
    """Probes that need a key to be accepted."""
    return of.at_least(Depth.KEY)


def inference(of: Product) -> frozenset[str]:
    """Probes that need a model to answer."""
    return of.at_least(Depth.INFERENCE)


def one(of: Product) -> tuple[str]:
    """One probe of the deepest."""
    return (of.one,)


def keyed(of: Product) -> frozenset[str]:
    """Probes that carry the key."""
    return of.keyed


def _outages(name: str, of: str, staging: Staging, *, quick: int = 60) -> Cell:
    def trial(seed: str) -> Trial:
        return try_once(product(of), Noise(), staging, seed)

    count = OUTAGES_THREE if of == "r0" else OUTAGES
    return Cell(name=name, count=count, quick=quick, trial=trial, chance=_chance(of))


def _chance(of: str) -> str:
    return SEED_THREE if of == "r0" else SEED


def _detection() -> Iterable[Cell]:
    depths: tuple[tuple[str, Callable[[Product], Iterable[str]]], ...] = (
        ("all depths", subject),
        ("key and deeper", keyed_depth),
        ("inference only", inference),
    )
    for name, probes in depths:
        for share in (100, 60, 20):
            yield _outages(f"api, {name}, {share} %", "shipped", outage(probes, share / 100))
    for share in SHARES:
        yield _outages(f"three probes, {share} %", "r0", outage(subject, share / 100))
    yield _outages("api, one stream dead", "shipped", outage(one))
    yield _outages("three probes, one dead", "r0", outage(one))
    for title, of in (("api", "shipped"), ("three probes", "r0")):
        yield _outages(f"{title}, unanswered", of, outage(subject, fate=Fate.REFUSED))
        yield _outages(f"{title}, hang", of, outage(subject, fate=Fate.HANGING))
        yield _outages(f"{title}, ramp", of, outage(subject, ramp=300.0))
        for share in (100, 50):
            short = outage(subject, share / 100, seconds=120.0)
            yield _outages(f"{title}, 2 minutes, {share} %", of, short)


def _closing() -> Iterable[Cell]:
    for share in (100, 50, 20):
        staging = outage(subject, share / 100, seconds=1200.0, closing=True)
        yield _outages(f"api, 20 minutes, {share} %", "api", staging, quick=20)
    staging = outage(subject, seconds=180.0, closing=True)
    yield _outages("api, 3 minutes, 100 %", "api", staging, quick=20)
    for minutes in (2, 4, 6):
        trial = partial(_once, "api", flapping(minutes))
        yield Cell(name=f"api, flapping {minutes}/{minutes}", count=EPISODES, quick=6, trial=trial)


def _once(of: str, staging: Staging, seed: str) -> Trial:
    return try_once(product(of), Noise(), staging, seed)


def _harmless() -> Iterable[Cell]:
    for name, staging in (
        ("own-network blip", own_network),
        ("429 storm", excluded(keyed, Fate.RATE_LIMITED, 10.0, 0.5)),
        ("challenge wave", excluded(subject, Fate.CHALLENGED, 10.0, 0.3)),
        # It does not come back: a key that is taken again after a refusal was not revoked.
        ("only key revoked", excluded(keyed, Fate.KEY_REFUSED, 30.0, 1.0, after=0.0)),
    ):
        trial = partial(_once, "api", staging)
        yield Cell(name=f"api, {name}", count=HARMLESS, quick=50, trial=trial)


def _quiet() -> Iterable[Cell]:
    for title, of, years in (
        ("api", "api", YEARS),
        ("three probes", "r0", YEARS),
        ("six components", "shipped", WHOLE_YEARS),
    ):
        for name, noise, quick in (
            ("0.1 %", Noise(), 6),
            ("0.5 %", Noise(p0=0.005), 3),
            ("1 %", Noise(p0=0.01), 2),
            ("path blips", Noise(path=0.1), 6),
        ):
            if of == "shipped" and name not in ("0.1 %", "0.5 %"):
                continue
            yield Cell(
                name=f"{title}, quiet, {name}",
                count=round(years * 365.25 / WEEKS_DAYS),
                quick=quick if of != "shipped" else 1,
                trial=partial(_weeks, of, noise),
                chunk=1,
                yearly=True,
                chance=_chance(of),
            )


def _weeks(of: str, noise: Noise, seed: str) -> Trial:
    return weeks(product(of), noise, seed)


def _peers() -> Iterable[Cell]:
    for share in SHARES:
        trial = partial(_compared, share / 100)
        yield Cell(name=f"peers, {share} %", count=OUTAGES, quick=20, trial=trial)
    yield Cell(
        name="peers, quiet",
        count=round(PEER_YEARS * 365.25 / WEEKS_DAYS),
        quick=2,
        trial=_compared_quiet,
        chunk=1,
    )


def _compared(share: float, seed: str) -> Trial:
    return compare(product("r0"), Noise(), share, seed)


def _compared_quiet(seed: str) -> Trial:
    return compare_quiet(product("r0"), Noise(), seed)


def _replay() -> Iterable[Cell]:
    yield Cell(name="28 April", count=PLAYINGS, quick=4, trial=april, chunk=1)


CELLS = {
    cell.name: cell
    for cell in (
        *_detection(),
        *_closing(),
        *_harmless(),
        *_quiet(),
        *_peers(),
        *_replay(),
    )
}
