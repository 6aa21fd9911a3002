"""Reads the lists of models beside the probes: a task of its own, which nothing waits for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import structlog

from monitor.clock import Clock
from monitor.config.schema import Config
from monitor.core.family import family_of
from monitor.core.lifecycle import ModelReport, ModelSource, model_report
from monitor.core.models import ModelCatalog, ModelInfo
from monitor.core.plan import Plan, ProbePlan
from monitor.pipeline import Pipeline, Progress
from monitor.probes import (
    ModelList,
    ProbeContext,
    UnreadableError,
    ask,
    model_lists,
    wait_after,
)

READ_SECONDS = 20.0
"""How long one page may take to answer."""

LIST_SECONDS = 60.0
"""How long one reading of a list may take in all."""

log = structlog.get_logger("monitor")


@dataclass(slots=True)
class _Source:
    """One list: who asks the models in it, and what was read of it last."""

    name: str
    probes: tuple[str, ...]
    reader: ModelList
    catalog: ModelCatalog | None = None
    error: str | None = None
    failures: int = 0
    due: float = float("-inf")


class ModelWatch:
    """Keeps reading the list of each key and address that a probe asks a model with."""

    def __init__(self, config: Config, plan: Plan, context: ProbeContext, clock: Clock) -> None:
        """Ready to `run`; `context` is the one of the probes."""
        self._plan = plan
        self._context = context
        self._clock = clock
        self.sources = _sources(config, plan)

    async def run(self, pipeline: Pipeline) -> None:
        """Read for ever; at once done where no enabled probe asks a model."""
        while self.sources:
            try:
                pipeline.models(await self.refresh())
            except Exception:
                log.exception("models.failed")
            due = min(source.due for source in self.sources)
            await self._clock.sleep(max(1.0, due - self._clock.monotonic()))

    async def refresh(self) -> ModelReport:
        """Read the lists that are due, and tell what all of them say now."""
        for source in self.sources:
            if source.due <= self._clock.monotonic():
                await self._read(source)
        return self.report()

    def postpone(self, error: str) -> None:
        """Whoever waited for `refresh` gave up: the lists that are due failed with `error`."""
        for source in self.sources:
            if source.due <= self._clock.monotonic():
                self._failed(source, error)

    def report(self) -> ModelReport:
        """What the lists say, each as it was read last."""
        guessed = {
            probe.model: family_of(probe.model)
            for probe in self._plan.enabled()
            if probe.model is not None
        }
        known = [ModelSource(probes=each.probes, catalog=each.catalog) for each in self.sources]
        return model_report(known, self._plan.probes, guessed)

    def info(self, probe: ProbePlan) -> ModelInfo | None:
        """What the list says of the model that `probe` asks; None where it says nothing."""
        for source in self.sources:
            if probe.name in source.probes and source.catalog is not None:
                return source.catalog.find(probe.model or "")
        return None

    async def _read(self, source: _Source) -> None:
        """One reading; a failed one keeps the list that was read before."""
        try:
            source.catalog = await self._asked(source.reader)
        except UnreadableError as error:
            self._failed(source, str(error))
        else:
            if source.error is not None:
                log.info("models.readable", list=source.name)
            source.error, source.failures = None, 0
            source.due = self._clock.monotonic() + wait_after(0)

    def _failed(self, source: _Source, error: str) -> None:
        """`source` cannot be read: said when it begins, and asked again later each time."""
        if source.error is None:
            log.warning("models.unreadable", list=source.name, error=error)
        source.error = error
        source.failures += 1
        source.due = self._clock.monotonic() + wait_after(source.failures)

    async def _asked(self, models: ModelList) -> ModelCatalog:
        ends = self._clock.monotonic() + LIST_SECONDS
        reading = models.read()
        try:
            request = next(reading)
            while True:
                left = ends - self._clock.monotonic()
                if left <= 0:
                    msg = f"the list of models takes longer than {LIST_SECONDS:g} s"
                    raise UnreadableError(msg)
                patience = min(READ_SECONDS, left)
                request = reading.send(await ask(request, self._context, Progress(), patience))
        except StopIteration as done:
            catalog: ModelCatalog = done.value
            return catalog


def questioned(plan: Plan, names: Collection[str]) -> Plan:
    """`plan` with those of `names` alone whose question depends on what a model takes.

    These are the ones that ask for an answer; to count tokens and to list models depends on
    nothing.
    """
    asking = (probe for probe in plan.probes if probe.name in names and probe.paid)
    return replace(plan, probes=tuple(asking))


def _sources(config: Config, plan: Plan) -> tuple[_Source, ...]:
    """The lists of all enabled probes that ask a model."""
    specs = {spec.name: spec for spec in config.probes}
    keys = {name: credential.api_key for name, credential in config.credentials.items()}
    asking = (
        (probe, specs[probe.name], keys.get(probe.credential_name or ""))
        for probe in plan.enabled()
    )
    return tuple(
        _Source(name=f"credential {each.credential}", probes=each.probes, reader=each.reader)
        for each in model_lists(asking)
    )
