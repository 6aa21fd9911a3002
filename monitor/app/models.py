"""Reads the lists of models beside the probes: a task of its own, which nothing waits for."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from monitor.clock import Clock
from monitor.config.schema import Config
from monitor.core.family import family_of
from monitor.core.lifecycle import ModelReport, ModelSource, model_report
from monitor.core.models import ModelCatalog, ModelInfo
from monitor.core.plan import Plan, ProbePlan
from monitor.pipeline import Pipeline, Progress
from monitor.probes import ModelList, ProbeContext, UnreadableError, ask
from monitor.probes._claude import ClaudeSpec

READ_SECONDS = 20.0
"""How long one page may take to answer."""

LIST_SECONDS = 60.0
"""How long one reading of a list may take in all."""

INTERVAL = 3600.0
RETRY_SECONDS = 300.0
"""How long a list is left alone after a reading, and after a failed one; the latter doubles."""

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
            if source.error is None:
                log.warning("models.unreadable", list=source.name, error=str(error))
            source.error = str(error)
            wait = min(INTERVAL, RETRY_SECONDS * 2 ** min(source.failures, 10))
            source.failures += 1
        else:
            if source.error is not None:
                log.info("models.readable", list=source.name)
            source.error, source.failures, wait = None, 0, INTERVAL
        source.due = self._clock.monotonic() + wait

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


def _sources(config: Config, plan: Plan) -> tuple[_Source, ...]:
    """One for each key and address with which an enabled probe asks a model.

    A gateway's list is its own and says nothing about Claude, so it is not read.
    """
    specs = {spec.name: spec for spec in config.probes}
    groups: dict[tuple[str, str], list[tuple[ProbePlan, ClaudeSpec]]] = {}
    for probe in plan.enabled():
        spec = specs[probe.name]
        named = probe.model is not None and probe.credential_name is not None
        if named and isinstance(spec, ClaudeSpec) and not spec.gateway:
            where = (spec.base_url.rstrip("/"), probe.credential_name or "")
            groups.setdefault(where, []).append((probe, spec))
    return tuple(
        _Source(
            name=f"credential {credential}",
            probes=tuple(probe.name for probe, _ in asking),
            reader=ModelList(
                asking[0][1],
                config.credentials[credential].api_key,
                [probe.model or "" for probe, _ in asking],
            ),
        )
        for (_, credential), asking in groups.items()
    )
