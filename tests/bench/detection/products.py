"""What is benchmarked: the shipped config, its component `api`, and the three-probe product."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from monitor.config.load import load
from monitor.core.outcome import Depth
from monitor.core.plan import ComponentPlan, ControlPlan, Plan, ProbePlan, staggered_offsets
from monitor.core.policy import Policy

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = ROOT / "config" / "claude.yaml"
KEYS = {"ANTHROPIC_API_KEY": "sk-ant-of-the-benchmark"}
"""One key, as most operators have: the shipped config's second one stays empty."""

HEALTHY_SECONDS = {Depth.EDGE: 0.3, Depth.GATEWAY: 0.3, Depth.KEY: 0.3, Depth.INFERENCE: 2.0}
"""How long a good run takes, about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A plan, the policy, and where each probe's grid begins.

    Attributes:
        component: the one that outages are about.
        plan: enabled probes only.
        offsets: seconds by probe name; those of the whole plan that ships.
    """

    component: str
    plan: Plan
    policy: Policy
    offsets: dict[str, float]

    def at_least(self, depth: Depth) -> frozenset[str]:
        """Names of the component's probes that go so deep."""
        return frozenset(p.name for p in self._probes() if p.depth.level >= depth.level)

    @property
    def subject(self) -> frozenset[str]:
        """Names of the component's probes."""
        return self.at_least(Depth.EDGE)

    @property
    def everything(self) -> frozenset[str]:
        """Names of all probes."""
        return frozenset(p.name for p in self.plan.probes)

    @property
    def round(self) -> float:
        """Seconds after which the schedule repeats itself."""
        return float(math.lcm(*(math.ceil(probe.interval) for probe in self._probes())))

    @property
    def keyed(self) -> frozenset[str]:
        """Names of the component's probes that carry a key."""
        return frozenset(p.name for p in self._probes() if p.credential is not None)

    @property
    def one(self) -> str:
        """The first of the component's deepest probes, a stream if there is one: it dies alone."""
        probes = self._probes()
        deepest = max(p.depth.level for p in probes)
        found = [p for p in probes if p.depth.level == deepest]
        return next((p for p in found if p.kind == "claude_stream"), found[0]).name

    def _probes(self) -> tuple[ProbePlan, ...]:
        return tuple(p for p in self.plan.probes if self.component in p.components)


@cache
def product(name: str) -> Product:
    """The product called `name`. KeyError when there is none."""
    return {"shipped": _shipped, "api": _api, "r0": _three_probes}[name]()


def _shipped() -> Product:
    """The whole shipped config with a key: extra runs are shared among six components."""
    config = load(SHIPPED, KEYS)
    plan = replace(config.plan(), probes=config.plan().enabled(), maintenance=())
    offsets = staggered_offsets(plan.probes)
    return Product(component="api", plan=plan, policy=config.policy(), offsets=offsets)


def _api() -> Product:
    """The component `api` of the shipped config by itself: cheaper where weeks are played."""
    config = load(SHIPPED, KEYS)
    whole = config.plan()
    probes = tuple(
        replace(probe, components=("api",))
        for probe in whole.enabled()
        if "api" in probe.components
    )
    components = tuple(each for each in whole.components if each.name == "api")
    plan = replace(whole, components=components, probes=probes, maintenance=())
    offsets = staggered_offsets(whole.enabled())
    return Product(component="api", plan=plan, policy=config.policy(), offsets=offsets)


def _three_probes() -> Product:
    """R0 of the study: three probes of three depths, each every 30 s and none of them paid."""
    probes = tuple(
        ProbePlan(
            name=name,
            kind=kind,
            depth=depth,
            components=("r0",),
            interval=30.0,
            credential=None if depth is Depth.EDGE else "key",
            credential_name=None if depth is Depth.EDGE else "main",
        )
        for name, kind, depth in (
            ("canary", "http", Depth.EDGE),
            ("models", "claude_json", Depth.KEY),
            ("stream", "claude_stream", Depth.INFERENCE),
        )
    )
    plan = Plan(
        vantage="bench",
        components=(ComponentPlan(name="r0", title="Three probes"),),
        probes=probes,
        controls=tuple(
            ControlPlan(name=name, url=f"https://{name}.example/") for name in ("one", "two")
        ),
    )
    policy = load(SHIPPED, KEYS).policy()
    return Product(component="r0", plan=plan, policy=policy, offsets=staggered_offsets(probes))
