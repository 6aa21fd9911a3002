"""What no single section can see: names that must exist, numbers that must fit each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from shutil import which
from urllib.parse import urlsplit

from monitor.config.problems import Place, did_you_mean, key_of
from monitor.config.schema import Config
from monitor.core.outcome import Depth
from monitor.core.plan import Plan
from monitor.core.thinking import THINKING_ONLY_EFFORTS, Thinking
from monitor.probes._base import ProbeSpec
from monitor.probes._claude import ClaudeSpec
from monitor.probes.claude_code import ClaudeCodeSpec
from monitor.spec import format_duration


@dataclass(frozen=True, slots=True)
class Finding:
    """Where in the document, and what is wrong there."""

    place: Place
    message: str


INTERVAL_MIN = 1.0
"""Seconds: no vendor needs to be asked more often."""

CONTROL_OPERATORS_MIN = 2

THINKING_SECONDS = 60.0
"""So long may a model think that is asked for more than low effort, before anything is wrong."""

VENDOR_DOMAINS = (
    "anthropic.com",
    "claude.ai",
    "claude.com",
    "claudeusercontent.com",
    "claudemcpcontent.com",
    "fedstart.com",
    "statuspage.io",
)
EDGE_DOMAINS = (
    "cloudflare.com",
    "cloudflare-dns.com",
    "cloudflare.net",
    "one.one.one.one",
    "pages.dev",
    "workers.dev",
    "dns.google",
    "google.com",
    "googleapis.com",
    "googleusercontent.com",
    "gstatic.com",
    "youtube.com",
)
"""Cloudflare and Google, through which the vendor is reached (`server: cloudflare`, `via: google`).

Of what stands behind Cloudflare only its own names can be known here.
"""

EDGE_NETWORKS = tuple(
    ip_network(text)
    for text in (
        "1.0.0.0/24",
        "1.1.1.0/24",
        "104.16.0.0/13",
        "172.64.0.0/13",
        "2606:4700::/32",
        "8.8.4.0/24",
        "8.8.8.0/24",
        "2001:4860::/32",
        "160.79.104.0/23",
        "2607:6bc0::/48",
    )
)


def errors(config: Config) -> Iterator[Finding]:
    """Everything for which `config` cannot be used."""
    yield from _repeated(("probes",), [spec.name for spec in config.probes])
    yield from _repeated(("notifiers",), [spec.name for spec in config.notifiers])
    yield from _repeated(("control", "targets"), [spec.name for spec in config.control.targets])
    plan = config.plan()
    for number, (spec, planned) in enumerate(zip(config.probes, plan.probes, strict=True)):
        place: Place = ("probes", number)
        yield from _names(config, place, spec.components)
        yield from _whom(config, place, spec)
        yield from _credential(config, place, spec)
        yield from _times(place, spec, paid=planned.paid)
        if planned.paid:
            yield from _price(config, place, planned.model)
    for number, window in enumerate(config.maintenance):
        yield from _names(config, ("maintenance", number), window.components)
    for number, notifier in enumerate(config.notifiers):
        yield from _names(config, ("notifiers", number, "route"), notifier.route.components)
    yield from _controls(config)
    yield from _thresholds(config)
    yield from _coverage(config, plan)


def warnings(config: Config) -> Iterator[str]:
    """What works, but less well than it could: one sentence each."""
    hosts = [urlsplit(target.url).hostname or "" for target in config.control.targets]
    operators = {".".join(host.split(".")[-2:]) for host in hosts}
    if len(operators) < CONTROL_OPERATORS_MIN:
        yield (
            f"control: {len(operators) or 'no'} operator{'' if operators else 's'} of reference "
            "targets; with fewer than two, a fault of theirs looks like no network here"
        )
    yield from _gateways(config)
    yield from _programs(config)
    yield from _efforts(config)
    if not config.contact:
        yield "contact: empty; the vendor cannot ask whose runs these are"


def _gateways(config: Config) -> Iterator[str]:
    """Who may stand between us and Claude, and what is then left of the evidence."""
    unsaid: list[str] = []
    local: list[str] = []
    for spec in config.original.probes:
        if not isinstance(spec, ClaudeSpec | ClaudeCodeSpec) or not spec.enabled:
            continue
        host = (urlsplit(spec.base_url).hostname or "").rstrip(".").lower()
        if spec.gateway is None and not _within(host, VENDOR_DOMAINS):
            unsaid.append(spec.name)
        if spec.gateway and spec.depth is Depth.GATEWAY:
            local.append(spec.name)
    if unsaid:
        yield (
            f"{', '.join(unsaid)}: base_url is not the vendor's: set gateway: true if a proxy with "
            "words of its own answers there (LiteLLM and the like), false if it is Claude itself"
        )
    if local:
        yield (
            f"{', '.join(local)}: a gateway may answer these by itself, so they are of the depth "
            "gateway: they say nothing of Claude or of a key"
        )


def _programs(config: Config) -> Iterator[str]:
    """Programs that are not there now: their runs will say so, and accuse nobody."""
    for spec in config.probes:
        argv = getattr(spec, "argv", None) or getattr(spec, "command", None)
        if argv and spec.enabled and which(argv[0]) is None:
            yield f"{spec.name}: its program {argv[0]} is not found, or may not be run"


def _efforts(config: Config) -> Iterator[str]:
    """Probes that ask for more effort than their own times allow, or than goes without thinking."""
    for spec in config.probes:
        effort = getattr(spec, "effort", "low")
        if not spec.enabled or effort == "low":
            continue
        if effort in THINKING_ONLY_EFFORTS and getattr(spec, "thinking", None) is Thinking.OFF:
            yield f"{spec.name}: models may refuse thinking off with effort {effort} (a 400)"
        if spec.soft_deadline < THINKING_SECONDS:
            yield (
                f"{spec.name}: with effort {effort} a model may think for a minute, and a run "
                f"counts as bad after its soft_deadline of {format_duration(spec.soft_deadline)}: "
                "give it a longer soft_deadline and timeout"
            )


def _repeated(section: Place, names: Iterable[str]) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for number, name in enumerate(names):
        if name in first:
            taken = key_of((*section, first[name]))
            yield Finding((*section, number, "name"), f"{name} is taken already, by {taken}")
        first.setdefault(name, number)


def _names(config: Config, place: Place, components: tuple[str, ...]) -> Iterator[Finding]:
    for number, name in enumerate(components):
        here: Place = (*place, "components", number)
        if name not in config.components:
            near = did_you_mean(name, config.components)
            yield Finding(here, f"unknown component {name}{near}")
        elif name in components[:number]:
            yield Finding(here, f"{name} is named twice")


def _whom(config: Config, place: Place, spec: ProbeSpec) -> Iterator[Finding]:
    """A probe is evidence for components, or another route beside one; never both or neither."""
    route = spec.alternative_for
    if route is None and not spec.components:
        message = "name at least one, or give alternative_for: a probe is asked for somebody's sake"
        yield Finding((*place, "components"), message)
    if route is not None and spec.components:
        message = f"another route beside {route} is evidence for nothing: leave components out"
        yield Finding((*place, "components"), message)
    if route is not None and route not in config.components:
        near = did_you_mean(route, config.components)
        yield Finding((*place, "alternative_for"), f"unknown component {route}{near}")


def _credential(config: Config, place: Place, spec: ProbeSpec) -> Iterator[Finding]:
    name = spec.credential
    if name is not None and name not in config.credentials:
        near = did_you_mean(name, config.credentials)
        yield Finding((*place, "credential"), f"unknown credential {name}{near}")


def _times(place: Place, spec: ProbeSpec, *, paid: bool) -> Iterator[Finding]:
    if spec.interval < INTERVAL_MIN:
        message = f"must be at least {format_duration(INTERVAL_MIN)}"
        yield Finding((*place, "interval"), message)
    # A run that is still going is never joined by a second one: the next is skipped. That may be
    # for a paid probe, whose answer takes its time; a free one would lose half of its evidence
    # exactly when the target hangs.
    elif spec.timeout > spec.interval and not paid:
        given = "timeout" if "timeout" in spec.model_fields_set else "interval"
        message = (
            f"the timeout of {format_duration(spec.timeout)} is longer than the interval of "
            f"{format_duration(spec.interval)}: while a target hangs, runs would be skipped "
            "(only a probe that costs money may do so)"
        )
        yield Finding((*place, given), message)
    for field in ("soft_deadline", "latency_objective"):
        value = getattr(spec, field)
        if field in spec.model_fields_set and value is not None and value > spec.timeout:
            message = (
                f"{format_duration(value)} is longer than the timeout of "
                f"{format_duration(spec.timeout)}: it would never pass"
            )
            yield Finding((*place, field), message)


def _price(config: Config, place: Place, model: str | None) -> Iterator[Finding]:
    if model is not None and model not in config.prices:
        near = did_you_mean(model, config.prices)
        message = f"prices has none for {model}, so its spend cannot be bounded{near}"
        yield Finding((*place, "model"), message)


def _controls(config: Config) -> Iterator[Finding]:
    for number, target in enumerate(config.control.targets):
        host = (urlsplit(target.url).hostname or "").rstrip(".").lower()
        if _stands_with_the_vendor(host):
            message = (
                f"{host} belongs to the vendor or to the CDN before it: an outage there would "
                "look like no network here; choose another operator"
            )
            yield Finding(("control", "targets", number, "url"), message)


def _stands_with_the_vendor(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return _within(host, (*VENDOR_DOMAINS, *EDGE_DOMAINS))
    return any(address in network for network in EDGE_NETWORKS)


def _within(host: str, domains: Iterable[str]) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def _thresholds(config: Config) -> Iterator[Finding]:
    detection = config.detection
    rules = [("fast.ratio", detection.fast.ratio)]
    rules += [(f"slow[{number}].ratio", rule.ratio) for number, rule in enumerate(detection.slow)]
    name, lowest = min(rules, key=lambda rule: rule[1])
    if detection.close.ratio > lowest:
        message = (
            f"{detection.close.ratio:.0%} is above the {lowest:.0%} of {name}: an incident would "
            "close while the rule that opened it still holds"
        )
        yield Finding(("detection", "close", "ratio"), message)


def _coverage(config: Config, plan: Plan) -> Iterator[Finding]:
    for component in config.forecast():
        if component.opening is None:
            message = _why_never(plan, component.component)
            yield Finding(("components", component.component), message)


def _why_never(plan: Plan, component: str) -> str:
    """Why no rule can ever open `component`."""
    own = [probe for probe in plan.probes if component in probe.components]
    if not own:
        return "no rule can ever open it: no probe is evidence for it"
    if not any(probe.enabled for probe in own):
        reasons = "; ".join(sorted({probe.disabled for probe in own if probe.disabled}))
        return f"no rule can ever open it: its probes are disabled ({reasons})"
    return (
        "no rule can ever open it: its probes run too seldom, or the thresholds under detection "
        "are out of their reach"
    )
