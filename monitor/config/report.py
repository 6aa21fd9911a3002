"""What `claude-uptime check` prints: the plan in words, for a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from monitor import notify
from monitor.config import checks
from monitor.config.schema import Config, PriceSpec
from monitor.core.forecast import DAY, ComponentForecast
from monitor.core.incident import SeverityLevel
from monitor.core.plan import Plan, ProbePlan
from monitor.notify._base import NotifierSpec
from monitor.notify._routing import RouteSpec
from monitor.probes._base import ProbeSpec
from monitor.spec import format_duration

WIDTH = 80

RUN_BYTES = 400
"""What a run takes in the database with its indexes, about (measured in tests/storage)."""

SUM_BYTES = 300
"""What the sums of a probe or a component over an hour or a day take, about."""

_LABEL = 11

TOKENS_IN = 15
"""Tokens that a probe's prompt is reckoned at: a sentence of two words, and what frames it."""

TOKENS_OUT = 16
"""Tokens that an answer is reckoned at where the probe sets no limit."""

_MILLION = 1_000_000


def render_check(config: Config, path: Path | str) -> str:
    """The plan of `config`, which was read from `path`, as plain text."""
    plan = config.plan()
    forecasts = config.forecast()
    lines = [
        *_head(config, plan, path),
        *_components(plan, forecasts),
        *_disabled(plan),
        *_alternatives(plan),
        *_provider(config),
        *_control(config),
        *_notifiers(config),
        *_quiet(config),
        *_load(config, plan),
        *_cost(config, plan),
        *_warnings(config),
    ]
    return "\n".join(lines) + "\n"


def _head(config: Config, plan: Plan, path: Path | str) -> Iterator[str]:
    enabled = len(plan.enabled())
    yield f"{path}: valid"
    yield from _wrapped(
        f"vantage {config.vantage}: {len(plan.components)} components, "
        f"{enabled} of {len(plan.probes)} probes enabled, listening on {config.web.listen}"
    )


def _components(plan: Plan, forecasts: tuple[ComponentForecast, ...]) -> Iterator[str]:
    yield from _title("Components", "and after how long which rule opens an incident")
    yield from _wrapped(
        "fast and solo while every run is answered with an error, slow while every second one is; "
        "targets that never answer take longer"
    )
    for component, forecast in zip(plan.components, forecasts, strict=True):
        yield ""
        yield f"{component.name} ({component.title})"
        opening = forecast.opening
        yield from _row(
            "opens",
            "never: no rule can open it"
            if opening is None
            else f"after about {_about(opening.seconds)}, by {opening.reason} "
            f"over the {opening.depth} pool; {forecast.runs_per_day:,.0f} runs a day",
        )
        for pool in forecast.pools:
            own = [probe for name in pool.probes if (probe := plan.probe(name)).depth is pool.depth]
            names = ", ".join(f"{probe.name} {format_duration(probe.interval)}" for probe in own)
            rules = ", ".join(f"{rule.reason} {_about(rule.seconds)}" for rule in pool.openings)
            yield from _row(pool.depth, names)
            yield from _row("", f"-> {rules or 'no rule'}")


def _disabled(plan: Plan) -> Iterator[str]:
    why: dict[str, list[str]] = defaultdict(list)
    for probe in plan.probes:
        if probe.disabled is not None:
            why[probe.disabled].append(probe.name)
    if why:
        yield from _title("Disabled probes")
    for reason, names in why.items():
        yield from _wrapped(reason)
        yield from _wrapped(", ".join(names), indent=4)


def _alternatives(plan: Plan) -> Iterator[str]:
    routes = [probe for probe in plan.probes if probe.alternative_for is not None]
    if routes:
        yield from _title("Alternative routes", "evidence for nothing")
    for probe in routes:
        beside = f"beside {probe.alternative_for}, every {format_duration(probe.interval)}"
        yield from _row(probe.name, beside)


def _provider(config: Config) -> Iterator[str]:
    spec = config.provider_status
    yield from _title("The vendor's status page", f"every {format_duration(spec.interval)}")
    for url in spec.urls:
        yield from _wrapped(url)
    if not spec.urls:
        yield from _wrapped("not read: no URL is given")


def _control(config: Config) -> Iterator[str]:
    yield from _title("Control targets", f"every {format_duration(config.control.interval)}")
    for target in config.control.targets:
        yield from _row(target.name, target.url)
    if not config.control.targets:
        yield from _wrapped("none: an outage of this host's network looks like one of Claude's")


def _notifiers(config: Config) -> Iterator[str]:
    yield from _title("Notifiers")
    for spec in config.notifiers:
        why = _not_sending(spec)
        yield from _row(spec.name, f"{spec.kind}, " + (f"disabled: {why}" if why else "enabled"))
        if spec.route != RouteSpec() and not why:
            yield from _row("", "; ".join(_route(spec.route)))
    if not config.notifiers:
        yield from _wrapped("none: nobody will hear of an incident")
    beat = config.heartbeat
    every = f"every {format_duration(beat.interval)} while all is well"
    yield from _row("heartbeat", every if beat.url else "none: no heartbeat.url")


def _route(route: RouteSpec) -> Iterator[str]:
    """What a notifier hears of, where that is not everything at once."""
    if route.components:
        yield f"of {', '.join(route.components)}"
    if route.severity is not SeverityLevel.MINOR:
        yield f"from {route.severity} on"
    if route.after:
        yield f"after {format_duration(route.after)}"
    if route.reminders:
        yield f"reminded every {format_duration(route.reminders)}"
    if route.events is not None:
        yield f"only {', '.join(route.events)}"


def _quiet(config: Config) -> Iterator[str]:
    if config.maintenance:
        yield from _title("Maintenance", "when nothing new is announced")
    for window in config.maintenance:
        yield from _wrapped(window.in_words())


def _not_sending(spec: NotifierSpec) -> str | None:
    return next(kind for kind in notify.kinds() if kind.name == spec.kind).disabled(spec)


def _load(config: Config, plan: Plan) -> Iterator[str]:
    """Requests by host, as scheduled."""
    hosts: dict[str, float] = defaultdict(float)
    for spec, probe in zip(config.probes, plan.probes, strict=True):
        if probe.enabled:
            hosts[_host(spec)] += DAY / probe.interval
    for target in config.control.targets:
        hosts[urlsplit(target.url).netloc] += DAY / config.control.interval
    runs = sum(DAY / probe.interval for probe in plan.enabled())
    yield from _title("Requests a day", "as scheduled: without bursts and redirects")
    for host, count in sorted(hosts.items(), key=lambda item: (-item[1], item[0])):
        yield f"  {count:>8,.0f}  {host}"
    yield from _wrapped(f"{runs:,.0f} runs of probes a day")
    yield from _growth(config, runs, len(plan.enabled()) + len(config.components))


def _growth(config: Config, runs: float, names: int) -> Iterator[str]:
    """What the database takes, on calm days."""
    mib = 1024 * 1024
    daily, keep = runs * RUN_BYTES / mib, config.storage.keep_runs
    sums = names * 25 * SUM_BYTES / mib
    yield from _title("Database", "on calm days")
    yield from _wrapped(
        f"grows by about {daily:.0f} MiB a day for {format_duration(keep)}, to about "
        f"{daily * keep / DAY:.0f} MiB of single runs; then by about {sums:.1f} MiB a day of sums "
        "by hour and day. Incidents are small, and kept for ever."
    )


def _host(spec: ProbeSpec) -> str:
    url = getattr(spec, "url", None) or getattr(spec, "base_url", None) or ""
    return urlsplit(url).netloc or getattr(spec, "host", None) or "this host"


def _cost(config: Config, plan: Plan) -> Iterator[str]:
    """Cost by probe, and their sum against the budget."""
    budget = config.budget
    reckoned = f"at {TOKENS_IN} tokens in a run and the longest answer, or as the probe says"
    yield from _title("Cost a day", reckoned)
    total = 0.0
    for spec, probe in zip(config.probes, plan.probes, strict=True):
        if probe.paid:
            usd = _usd_per_day(config, spec, probe)
            total += usd if probe.enabled else 0.0
            off = "" if probe.enabled else " (disabled)"
            every = format_duration(probe.interval)
            yield f"  ${usd:>8.4f}  {probe.name}, {probe.model} every {every}{off}"
    reserve = budget.usd_per_day * budget.reserve
    yield f"  ${total:>8.4f}  in all, on a calm day"
    yield (
        f"  ${budget.usd_per_day:>8.4f}  budget: ${budget.usd_per_day - reserve:.4f} for the "
        f"schedule, ${reserve:.4f} kept for bursts ({budget.reserve:.0%})"
    )
    if total > budget.usd_per_day * (1 - budget.reserve):
        yield from _wrapped(
            "The schedule costs more than the budget leaves for it: once that is spent, paid "
            "probes are skipped until the next day (UTC)."
        )


def _usd_per_day(config: Config, spec: ProbeSpec, probe: ProbePlan) -> float:
    price = config.prices.get(probe.model or "", PriceSpec(input=0, output=0))
    sent = getattr(spec, "input_tokens", TOKENS_IN)
    out = getattr(spec, "output_tokens", getattr(spec, "max_tokens", TOKENS_OUT))
    return DAY / probe.interval * (sent * price.input + out * price.output) / _MILLION


def _warnings(config: Config) -> Iterator[str]:
    found = tuple(checks.warnings(config))
    if found:
        yield from _title("Worth a look")
    for warning in found:
        yield from _wrapped(warning)


def _about(seconds: float) -> str:
    """A time as people read it."""
    return format_duration(round(seconds))


def _title(words: str, more: str = "") -> Iterator[str]:
    yield ""
    title = f"{words}, {more}" if more else words
    yield title
    yield "-" * min(len(title), WIDTH)


def _row(label: str, text: str) -> Iterator[str]:
    """`label` in its column and `text` beside it."""
    head = f"  {label:<{_LABEL}} "
    yield from textwrap.wrap(
        text,
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * (_LABEL + 3),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _wrapped(text: str, indent: int = 2) -> Iterator[str]:
    space = " " * indent
    yield from textwrap.wrap(
        text, WIDTH, initial_indent=space, subsequent_indent=space, break_on_hyphens=False
    )
