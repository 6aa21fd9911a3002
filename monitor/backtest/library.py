"""Plays scenarios with a configuration, one after the other or on several cores."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from monitor.backtest.replay import Record, Rehearsal, questions
from monitor.backtest.score import Score, score
from monitor.backtest.vendorpage import VendorPage
from monitor.config.schema import Config, CredentialSpec
from monitor.simulation import Scenario, World
from monitor.simulation.keys import simulated_key
from monitor.spec import Secret


@dataclass(frozen=True, slots=True)
class Playing:
    """One scenario with one seed: what happened, and how that compares."""

    record: Record
    score: Score


def with_simulated_keys(config: Config) -> Config:
    """The configuration with keys that only the simulated Claude knows, for every credential.

    Each stays the key of the organization that its credential names.
    """
    keys = {
        name: CredentialSpec(
            api_key=Secret(simulated_key(name, one.organization)), organization=one.organization
        )
        for name, one in config.credentials.items()
    }
    return config.model_copy(update={"credentials": keys})


def play(config: Config, scenario: Scenario, seed: int) -> Playing:
    """Play `scenario` once, in virtual time. The same seed gives the same playing."""
    config = config.rehearsed().with_probe_settings(scenario.probes)
    plan = config.plan()
    world = World(scenario, rng=random.Random(seed))  # noqa: S311  # the same seed, the same play
    page = VendorPage(config, plan, scenario)
    record = Rehearsal(world, plan, config.policy(), questions(config, plan), page).play()
    return Playing(record, score(scenario, record.events, record.runs, seed))


def play_all(
    config: Config, scenarios: Sequence[Scenario], seeds: int, workers: int
) -> Iterator[Playing]:
    """Every scenario with each of the seeds 0 to `seeds` - 1, in that order, as they are played.

    `workers` processes share the work; 1 stays in this one.
    """
    work = [(config, scenario, seed) for scenario in scenarios for seed in range(seeds)]
    if workers <= 1 or len(work) <= 1:
        yield from map(_play, work)
        return
    with ProcessPoolExecutor(min(workers, len(work)), mp_context=get_context("fork")) as pool:
        yield from pool.map(_play, work)


def _play(work: tuple[Config, Scenario, int]) -> Playing:
    return play(*work)
