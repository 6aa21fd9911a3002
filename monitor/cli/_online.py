"""What `check --online` prints: models, control targets and the vendor's page as they are now."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from monitor.app.build import control_probe, probe_context, salt_of
from monitor.app.models import ModelWatch
from monitor.clock import Clock, SystemClock
from monitor.config.schema import Config
from monitor.core.answer import clean
from monitor.core.claude_api import EFFORTS
from monitor.core.lifecycle import ModelStanding
from monitor.core.models import ModelInfo
from monitor.core.moment import Moment
from monitor.core.plan import Plan
from monitor.core.provider import ProviderReport
from monitor.pipeline import Progress
from monitor.probes import READ_SECONDS, LookupThreads, ProbeContext, StatusPage, ask

LOOKUPS = 4


@dataclass(slots=True)
class Online:
    """What was found: lines to print, and how many of them need a look."""

    lines: list[str] = field(default_factory=list)
    worries: int = 0

    def title(self, words: str) -> None:
        """A heading."""
        self.lines += ["", words, "-" * len(words)]

    def good(self, text: str) -> None:
        """A line that needs nobody."""
        self.lines.append(f"  {text}")

    def bad(self, text: str) -> None:
        """A line that needs a look."""
        self.lines.append(f"  ! {text}")
        self.worries += 1


async def look_online(config: Config, clock: Clock | None = None) -> Online:
    """Ask the lists of models, the control targets and the vendor's page, each once."""
    clock = clock or SystemClock()
    lookups = LookupThreads(LOOKUPS)
    plan = config.plan(salt_of(config.vantage))
    found = Online()
    try:
        context = probe_context(config, clock, lookups)
        watch = ModelWatch(config, plan, context, clock)
        await _models(watch, plan, found)
        await _controls(plan, context, found)
        await _page(config, plan, context, found)
    finally:
        lookups.shutdown(wait=False)
    return found


async def _models(watch: ModelWatch, plan: Plan, found: Online) -> None:
    found.title("The list of models")
    report = await watch.refresh()
    if not watch.sources:
        found.bad("not asked: no enabled probe asks a model with a key")
    for source in watch.sources:
        if source.catalog is None:
            found.bad(f"{source.name}: cannot be read: {source.error}")
        else:
            part = "" if source.catalog.complete else ", as far as it could be read"
            found.good(f"{source.name}: {len(source.catalog.models)} models{part}")
    for each in report.models:
        info = next((watch.info(plan.probe(name)) for name in each.probes), None)
        text = f"{each.model}: {'; '.join(_standing(each, info))}"
        fine = each.listed is None or (each.listed and each.lifecycle in (None, "active"))
        (found.good if fine else found.bad)(text)
    for line in report.unasked:
        found.good(f"no probe asks {line}")


def _standing(each: ModelStanding, info: ModelInfo | None) -> Iterator[str]:
    if each.listed is None:
        yield "not known"
        return
    if not each.listed:
        yield "not in the list"
    elif each.lifecycle == "deprecated" and each.retires_at is not None:
        yield f"deprecated, to be retired on {each.retires_at:%Y-%m-%d}"
    else:
        yield each.lifecycle or "listed, its lifecycle is not said"
    if each.lifecycle != "active" and each.successor is not None:
        yield f"put {each.successor} in its place"
    if info is not None and info.line is not None:
        yield f"line {info.line}"
    if info is not None and info.thinking_types is not None:
        yield f"thinking {', '.join(sorted(info.thinking_types)) or 'of no type'}"
    if info is not None and info.efforts is not None:
        yield f"effort {', '.join(_by_level(info.efforts)) or 'not taken'}"


async def _controls(plan: Plan, context: ProbeContext, found: Online) -> None:
    found.title("Control targets")
    if not plan.controls:
        found.good("none")
    control = control_probe(context)
    for target in plan.controls:
        ok = (await control.check(target)).ok
        (found.good if ok else found.bad)(
            f"{target.name}: {'answers' if ok else 'does not answer'}"
        )


async def _page(config: Config, plan: Plan, context: ProbeContext, found: Online) -> None:
    found.title("The vendor's status page")
    urls = config.provider_status.urls
    if not urls:
        found.good("not read: no URL is given")
        return
    report = await _reading(StatusPage(urls, plan.components), context)
    if report.error is not None:
        found.bad(f"cannot be read: {report.error}")
        return
    found.good(f"read at {report.url}")
    for incident in report.open_incidents():
        found.good(clean(f"{incident.title} ({incident.status})"))


async def _reading(page: StatusPage, context: ProbeContext) -> ProviderReport:
    clock = context.clock
    reading = page.read(Moment(mono=clock.monotonic(), wall=clock.now()))
    try:
        request = next(reading)
        while True:
            request = reading.send(await ask(request, context, Progress(), READ_SECONDS))
    except StopIteration as done:
        report: ProviderReport = done.value
        return report


def _by_level(efforts: Collection[str]) -> tuple[str, ...]:
    """Efforts from the least on; what is not known comes last."""
    known = [level for level in EFFORTS if level in efforts]
    return (*known, *sorted(set(efforts) - set(EFFORTS)))
