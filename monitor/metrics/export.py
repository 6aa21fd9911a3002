"""What leaves: the instruments' series, each with the vantage, as text."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample
from typing_extensions import override


class Exported(Collector):
    """What leaves: every series of `inner` with the vantage, none of them `_created`."""

    def __init__(self, inner: CollectorRegistry, vantage: str) -> None:
        """Read `inner`, which knows nothing of `vantage`."""
        self._inner = inner
        self._vantage = vantage

    @override
    def collect(self) -> Iterable[Metric]:
        """The families as they are now."""
        label = {"vantage": self._vantage}
        for family in self._inner.collect():
            out = Metric(family.name, family.documentation, family.type, family.unit)
            out.samples = [
                Sample(name, labels | label, value, timestamp, exemplar)
                for name, labels, value, timestamp, exemplar, _ in family.samples
                if not name.endswith("_created")
            ]
            yield out


def render(registry: CollectorRegistry, *, openmetrics: bool) -> bytes:
    """All of `registry` as text, in Prometheus's or the OpenMetrics format."""
    if not openmetrics:
        return generate_latest(registry)
    encode, _ = choose_encoder("application/openmetrics-text; version=1.0.0")
    return encode(registry)
