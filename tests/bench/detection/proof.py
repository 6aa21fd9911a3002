"""Holds the fast way of driving the engine against the plain one: both must tell the same."""

from __future__ import annotations

import math
import multiprocessing
import sys
from functools import partial

from monitor.core.incident import Event
from tests.bench.detection.drive import Drive
from tests.bench.detection.products import product
from tests.bench.detection.world import DAY, Noise, World

PIECE_DAYS = 15.0
NOISE = Noise(p0=0.04, path=0.5)
"""More than any cell has, so that much happens."""

BOTH = (True, False)


def told(of: str, seed: str, days: float, *, fast: bool) -> list[tuple[float, Event]]:
    """What the engine announces in so many days of noise, each with its second."""
    length = days * DAY
    world = World(product(of), NOISE, seed, length)
    return Drive(product(of), world, fast=fast).play(length).announced


def same(of: str, days: float, number: int) -> tuple[int, int]:
    """How many events one piece of time has, and how many of them differ."""
    seed = f"proof/{of}/{number}"
    fast, plain = (told(of, seed, days, fast=way) for way in BOTH)
    differing = sum(one != other for one, other in zip(fast, plain, strict=False))
    return len(plain), differing + abs(len(fast) - len(plain))


def prove(days: float, jobs: int, of: str = "api") -> int:
    """0 if no event of so many days differs."""
    pieces = math.ceil(days / PIECE_DAYS)
    piece = min(days, PIECE_DAYS)
    events = differing = 0
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        for done, (found, wrong) in enumerate(
            pool.imap_unordered(partial(same, of, piece), range(pieces)), 1
        ):
            events, differing = events + found, differing + wrong
            print(f"\r{done} of {pieces} pieces", end="", file=sys.stderr, flush=True)
        # As in `run.results`: they end by themselves.
        pool.close()
        pool.join()
    print(f"\n{of}: {pieces * piece:.0f} days, {events} events, {differing} of them differ")
    return 1 if differing else 0
