"""From the configuration to working parts: probes, control targets, notifiers, audience."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

from monitor import __version__, notify, probes
from monitor.clock import Clock
from monitor.config.schema import Config
from monitor.core.heartbeat import Limits
from monitor.core.plan import Plan
from monitor.delivery import Notifier, notifier_of
from monitor.notify._addressees import Addressees, Quiet
from monitor.notify._base import AnyKind, NotifierContext, NotifierSpec, Wording
from monitor.notify._heartbeat import Pinger
from monitor.probes import BoundProbe, HttpControl, ProbeContext


def salt_of(vantage: str) -> bytes:
    """What keys are hashed with, so that fingerprints cannot be compared between installations.

    A key has too many bits to be guessed from its hash; the salt need not be secret.
    """
    return f"claude-uptime/{vantage}".encode()


def probe_context(config: Config, clock: Clock, lookups: Executor) -> ProbeContext:
    """What all runs share.

    Raises:
        ValueError: the proxy or the CA file is of no use; one line, without secrets.
    """
    proxy, ca_file = config.egress.proxy, config.egress.ca_file
    return probes.context(
        clock,
        probes.user_agent(__version__, config.contact),
        lookups,
        proxy=proxy.reveal() if proxy else None,
        ca_file=Path(ca_file) if ca_file else None,
    )


def bound_probes(config: Config, plan: Plan, context: ProbeContext) -> dict[str, BoundProbe]:
    """Every enabled probe, ready to be asked, by name."""
    kinds = {kind.name: kind for kind in probes.kinds()}
    specs = {spec.name: spec for spec in config.probes}
    bound: dict[str, BoundProbe] = {}
    for each in plan.enabled():
        credential = config.credentials.get(each.credential_name or "")
        key = credential.api_key if credential else None
        bound[each.name] = BoundProbe(kinds[each.kind], specs[each.name], each, key, context)
    return bound


def control_probe(context: ProbeContext) -> HttpControl:
    """Asks the control targets the way probes ask theirs."""
    return HttpControl(context)


Configured = tuple[AnyKind, NotifierSpec]
"""One configured notifier: its kind and its spec."""


def configured(config: Config) -> tuple[Configured, ...]:
    """Every configured notifier, in order."""
    kinds = {kind.name: kind for kind in notify.kinds()}
    return tuple((kinds[spec.kind], spec) for spec in config.notifiers)


def notifier_context(config: Config, clock: Clock, lookups: Executor) -> NotifierContext:
    """What everything that leaves this host with news is given."""
    return NotifierContext(
        clock=clock,
        user_agent=probes.user_agent(__version__, config.contact),
        proxy=config.egress.proxy,
        ca_file=config.egress.ca_file,
        executor=lookups,
    )


def notifiers(config: Config, clock: Clock, lookups: Executor) -> tuple[Notifier, ...]:
    """The senders of the notifiers that are enabled.

    Raises:
        ValueError: a file that the configuration names cannot be used; one line.
    """
    context = notifier_context(config, clock, lookups)
    salt = salt_of(config.vantage)
    return tuple(
        _built(kind, part, replace(context, place=place))
        for kind, spec in configured(config)
        if kind.disabled(spec) is None
        for place, part in kind.places(spec, salt).items()
    )


def disabled_notifiers(config: Config) -> dict[str, str]:
    """Why each notifier that sends nothing sends nothing, by name."""
    why = {spec.name: kind.disabled(spec) for kind, spec in configured(config)}
    return {name: reason for name, reason in why.items() if reason is not None}


def names_of(senders: Sequence[Notifier]) -> list[str]:
    """The notifiers' names, each once, in order."""
    return list(dict.fromkeys(notifier_of(each.name) for each in senders))


def _built(kind: AnyKind, spec: NotifierSpec, context: NotifierContext) -> Notifier:
    """One sender; ValueError with its name in front when a file cannot be used."""
    try:
        return kind.build(spec, context)
    except ValueError as error:
        msg = f"notifier {spec.name}: {error}"
        raise ValueError(msg) from None


def pinger(config: Config, clock: Clock, lookups: Executor) -> Pinger | None:
    """The sender of heartbeats; None when no URL is configured.

    Raises:
        ValueError: the CA file cannot be used; one line.
    """
    if not config.heartbeat.url:
        return None
    return Pinger(config.heartbeat, notifier_context(config, clock, lookups))


def heartbeat_limits(config: Config, plan: Plan) -> Limits:
    """What is still well, for the heartbeat: two intervals of the fastest probe without a run."""
    fastest = min((probe.interval for probe in plan.enabled()), default=0.0)
    late = config.heartbeat.lateness_max
    return Limits(lateness=late, unasked=2 * fastest + late, stuck=config.heartbeat.waiting_max)


def wording(config: Config) -> Wording:
    """What messages say besides the event."""
    titles = {name: spec.title for name, spec in config.components.items()}
    return Wording(external_url=config.web.external_url, titles=titles)


def audience(config: Config, quiet: Quiet) -> Addressees:
    """Who hears of an event, and in which words; `quiet` tells of maintenance and mutes."""
    return Addressees(configured(config), wording(config), quiet, salt_of(config.vantage))
