"""Reads the vendor's status page beside the probes: a task of its own, which nothing waits for."""

from __future__ import annotations

import structlog

from monitor.clock import Clock
from monitor.config.schema import Config
from monitor.core.plan import Plan
from monitor.core.provider import ProviderReport
from monitor.pipeline import Pipeline, Progress
from monitor.probes import READ_SECONDS, ProbeContext, StatusPage, ask, wait_before

log = structlog.get_logger("monitor")


class ProviderWatch:
    """Keeps reading the page and tells the engine."""

    def __init__(self, config: Config, plan: Plan, context: ProbeContext, clock: Clock) -> None:
        """Ready to `run`; `context` is the one of the probes."""
        self._urls = config.provider_status.urls
        self._interval = config.provider_status.interval
        self._vantage = plan.vantage
        self._context = context
        self._clock = clock
        self._page = StatusPage(self._urls, plan.components)
        self._error: str | None = None
        self._known: set[str] = set()

    async def run(self, pipeline: Pipeline) -> None:
        """Read for ever; at once done where no URL is configured.

        A failed reading changes nothing but what is said of the page itself.
        """
        number = 0
        while self._urls:
            await self._clock.sleep(wait_before(number, self._interval, self._vantage))
            number += 1
            try:
                self.tell(await self.read(pipeline), pipeline)
            except Exception:
                log.exception("provider.failed")

    async def read(self, pipeline: Pipeline) -> ProviderReport:
        """One reading."""
        reading = self._page.read(pipeline.now())
        try:
            request = next(reading)
            while True:
                asked = await ask(request, self._context, Progress(), READ_SECONDS)
                request = reading.send(asked)
        except StopIteration as done:
            report: ProviderReport = done.value
            return report

    def tell(self, report: ProviderReport, pipeline: Pipeline) -> None:
        """Log what is new of the page itself, and let the engine know."""
        self._log(report)
        pipeline.provider(report)

    def _log(self, report: ProviderReport) -> None:
        """Say once when it cannot be read, when it can again, and what is unknown on it."""
        if report.error is not None and self._error is None:
            log.warning("provider.unreadable", error=report.error)
        elif report.error is None and self._error is not None:
            log.info("provider.readable", url=report.url)
        self._error = report.error
        for unknown in report.unknown_ids:
            if unknown not in self._known:
                log.warning("provider.unknown_component", component=unknown)
        self._known = set(report.unknown_ids) or self._known
