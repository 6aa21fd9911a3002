"""From the configuration to the core's plan: what runs, what does not and why."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from monitor import probes
from monitor.core.plan import ComponentPlan, ControlPlan, Plan, ProbePlan, Window
from monitor.probes._base import ProbeSpec
from monitor.probes._claude import ClaudeSpec
from monitor.probes.claude_code import ClaudeCodeSpec

if TYPE_CHECKING:
    from monitor.config.schema import Config

FINGERPRINT_CHARS = 16
"""How much of the salted hash of a key is kept: enough to tell keys apart."""

NOT_REHEARSED = "not rehearsed: it does not ask over HTTP, which is all that is simulated"


def plan(config: Config, salt: bytes) -> Plan:
    """The plan of `config`; `salt` is mixed into the fingerprints of keys."""
    return Plan(
        vantage=config.vantage,
        components=tuple(
            ComponentPlan(name=name, title=spec.title, statuspage_id=spec.statuspage_id)
            for name, spec in config.components.items()
        ),
        probes=tuple(
            _probe(config, spec, original, salt)
            for spec, original in zip(config.probes, config.original.probes, strict=True)
        ),
        controls=tuple(
            ControlPlan(name=target.name, url=target.url) for target in config.control.targets
        ),
        control_interval=config.control.interval,
        # Windows that come again are worked out as time passes (`app/calendar.py`).
        maintenance=tuple(
            Window(
                starts=spec.starts, ends=spec.ends, components=spec.components, reason=spec.reason
            )
            for spec in config.maintenance
            if spec.starts is not None and spec.ends is not None
        ),
        honour_maintenance=config.provider_status.honour_maintenance,
    )


def _probe(config: Config, spec: ProbeSpec, original: ProbeSpec, salt: bytes) -> ProbePlan:
    kind = next(kind for kind in probes.kinds() if kind.name == spec.kind)
    left_out = kind.ask is not None and config.is_rehearsal
    known = config.credentials.get(spec.credential or "")
    gateway = isinstance(spec, ClaudeSpec | ClaudeCodeSpec) and bool(spec.gateway)
    planned = probes.plan_of(
        kind,
        spec,
        credential_fingerprint=fingerprint(config, spec.credential, salt),
        disabled=_disabled(config, spec) or (NOT_REHEARSED if left_out else None),
    )
    return replace(
        planned,
        soft_deadline=min(spec.soft_deadline, spec.timeout),
        # Of the real target: a stand-in on loopback must be judged as what it stands for.
        answered_means_vendor=kind.answered_means_vendor(original) and not gateway,
        organization=known.organization if known is not None else None,
        gateway=gateway,
    )


def fingerprint(config: Config, credential: str | None, salt: bytes) -> str | None:
    """Salted hash of a key: the same as long as the key is, and nothing to find the key by.

    None without a credential, or while it is empty.
    """
    known = config.credentials.get(credential) if credential is not None else None
    if known is None or not known.api_key:
        return None
    digest = hashlib.sha256(salt + b"\0" + known.api_key.reveal().encode())
    return digest.hexdigest()[:FINGERPRINT_CHARS]


def _disabled(config: Config, spec: ProbeSpec) -> str | None:
    """Why it does not run, in one sentence; None when it runs."""
    if not spec.enabled:
        return "switched off in the config (enabled: false)"
    if spec.credential is None:
        return None
    known = config.credentials.get(spec.credential)
    if known is not None and known.api_key:
        return None
    place = ("credentials", spec.credential, "api_key")
    names = " or ".join(config.source.variables.get(place, ()))
    advice = f"set {names}" if names else f"give credentials.{spec.credential}.api_key"
    return f"credential {spec.credential} has no api_key: {advice}"
