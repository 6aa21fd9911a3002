"""Plays a world to the peers: its scheduled runs, one after the other, and nothing else."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from random import Random

from tests.bench.detection.fates import Fate
from tests.bench.detection.peers import PEERS
from tests.bench.detection.products import HEALTHY_SECONDS, Product
from tests.bench.detection.trials import LONGEST, WEEKS_DAYS, Trial
from tests.bench.detection.world import DAY, Noise, Stretch, World

WARM = 4000.0
"""Seconds before the onset: the longest window is full."""


def compare(product: Product, noise: Noise, share: float, seed: str) -> Trial:
    """How long each peer takes to say that the product is down, after a step to `share`."""
    onset = WARM + Random(f"{seed}/scene").uniform(0.0, product.round)
    end = onset + LONGEST
    trouble = Stretch(start=onset, end=end, probes=product.subject, fate=Fate.ANSWERED, share=share)
    rules = {name: make() for name, make in PEERS.items()}
    found: Trial = dict.fromkeys(PEERS)
    for at, probe, bad in _runs(product, World(product, noise, seed, end, (trouble,)), end):
        for name, rule in list(rules.items()):
            if rule.hear(probe, at, bad=bad) and at >= onset:
                found[name] = at - onset
                del rules[name]
        if not rules:
            break
    return found


def compare_quiet(product: Product, noise: Noise, seed: str, days: float = WEEKS_DAYS) -> Trial:
    """How often each peer says so in some weeks without an outage."""
    length = days * DAY
    rules = {name: make() for name, make in PEERS.items()}
    found: Trial = {"years": days / 365.25, **dict.fromkeys(PEERS, 0.0)}
    down: set[str] = set()
    for at, probe, bad in _runs(product, World(product, noise, seed, length), length):
        for name, rule in rules.items():
            if not rule.hear(probe, at, bad=bad):
                down.discard(name)
            elif name not in down:
                down.add(name)
                found[name] = (found[name] or 0.0) + 1
    return found


def _runs(product: Product, world: World, length: float) -> Iterator[tuple[float, str, bool]]:
    """The end of every scheduled run, its probe and whether it failed; almost in order."""
    due = [
        (product.offsets[probe.name], place, probe)
        for place, probe in enumerate(product.plan.probes)
    ]
    heapq.heapify(due)
    while due[0][0] < length:
        at, place, probe = due[0]
        heapq.heapreplace(due, (at + probe.interval, place, probe))
        fate = world.fate(place, probe.name, at, scheduled=True)
        seconds = fate.value.seconds
        if seconds is None:
            seconds = HEALTHY_SECONDS[probe.depth]
        yield at + min(seconds, probe.timeout), probe.name, fate is not Fate.GOOD
