"""What the models of a scenario take, read in virtual time by the daemon's own reader."""

from __future__ import annotations

import random
from collections.abc import Iterable

from monitor.backtest.wire import see, sent
from monitor.core.models import ModelCatalog, ModelInfo
from monitor.core.moment import Moment
from monitor.core.observation import Timings
from monitor.core.plan import ProbePlan
from monitor.probes import (
    READ_SECONDS,
    Asked,
    HttpRequest,
    ModelList,
    ProbeSpec,
    UnreadableError,
    model_lists,
    wait_after,
)
from monitor.simulation import Scenario, World
from monitor.spec import Secret


class ModelLists:
    """Reads the lists of models of a scenario, and says what the model of each probe takes."""

    def __init__(
        self, asking: Iterable[tuple[ProbePlan, ProbeSpec, Secret | None]], scenario: Scenario
    ) -> None:
        """The lists have a chance of their own: to read them must not change what probes meet."""
        asking = tuple(asking)
        self._models = {probe.name: probe.model or "" for probe, _, _ in asking}
        self._world = World(scenario, rng=random.Random(0))  # noqa: S311  # a rehearsal
        self._takes: dict[str, ModelInfo | None] = {}
        self._failures = 0
        self.lists = model_lists(asking)

    def takes(self, name: str) -> ModelInfo | None:
        """What the list says of the model that probe `name` asks; None where it says nothing."""
        return self._takes.get(name)

    def read(self, now: Moment) -> float:
        """Read each list; gives the seconds until it is to be done again.

        One that cannot be read leaves what was known.
        """
        failed = False
        for each in self.lists:
            try:
                catalog = self._catalog(each.reader, now)
            except UnreadableError:
                failed = True
            else:
                for name in each.probes:
                    self._takes[name] = catalog.find(self._models[name])
        self._failures = self._failures + 1 if failed else 0
        return wait_after(self._failures)

    def _catalog(self, models: ModelList, now: Moment) -> ModelCatalog:
        reading = models.read()
        try:
            request = next(reading)
            while True:
                request = reading.send(self._asked(request, now))
        except StopIteration as done:
            catalog: ModelCatalog = done.value
            return catalog

    def _asked(self, request: HttpRequest, now: Moment) -> Asked:
        seen = see(self._world.answer(sent(request), now.wall), READ_SECONDS)
        return Asked(timings=Timings(total=seen.seconds), reply=seen.reply, error=seen.error)
