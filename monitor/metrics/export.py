"""What leaves: the instruments' series, each with the vantage, as text.

The client library writes the text: its header lines, its escaping, its exemplars. It takes about
ten microseconds a series for that, each time. There are thousands of series, and of one that was
written before only the value can be new: so what the library wrote before the value is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar, Sample
from prometheus_client.utils import floatToGoString
from typing_extensions import override

Encoder = Callable[[Collector], bytes]

_END = "# EOF\n"
"""Ends an OpenMetrics text."""

_number: Callable[[float], str] = floatToGoString
_OPENMETRICS, _ = choose_encoder("application/openmetrics-text; version=1.0.0")


class Exported(Collector):
    """What leaves: every series of `inner` with the vantage, none of them `_created`."""

    def __init__(self, inner: CollectorRegistry, vantage: str) -> None:
        """Read `inner`, which knows nothing of `vantage`."""
        self._inner = inner
        self._label = {"vantage": vantage}
        self._writers = {
            openmetrics: _Writer(encode, self._label)
            for openmetrics, encode in ((False, generate_latest), (True, _OPENMETRICS))
        }

    @override
    def collect(self) -> Iterable[Metric]:
        """The families as they are now."""
        for family in self._inner.collect():
            out = _empty(family)
            out.samples = [
                sample._replace(labels=sample.labels | self._label)
                for sample in family.samples
                if not sample.name.endswith("_created")
            ]
            yield out

    def render(self, *, openmetrics: bool) -> bytes:
        """The families as they are now, as text in Prometheus's or the OpenMetrics format.

        The same bytes that the client library makes of `collect`.
        """
        text = self._writers[openmetrics].write(self._inner.collect())
        return (text + _END if openmetrics else text).encode()


class _Writer:
    """One format's text. What it remembers is bounded as the series are."""

    def __init__(self, encode: Encoder, label: dict[str, str]) -> None:
        """Write as `encode` does, with `label` on every series."""
        self._encode = encode
        self._label = label
        self._headers: dict[str, str] = {}
        self._heads: dict[tuple[str, ...], str] = {}
        self._told: dict[tuple[str, ...], tuple[Exemplar, float, str]] = {}

    def write(self, families: Iterable[Metric]) -> str:
        """The text of these families, without an end."""
        parts: list[str] = []
        for family in families:
            header = self._headers.get(family.name)
            if header is None:
                header = self._headers[family.name] = self._text(_empty(family))
            parts.append(header)
            for sample in family.samples:
                name, labels, value, _, exemplar, _ = sample
                if name.endswith("_created"):
                    continue
                key = (name, *labels.values())
                if exemplar is not None:
                    parts.append(self._with_exemplar(key, family, sample, exemplar))
                    continue
                head = self._heads.get(key)
                if head is None:
                    head = self._heads[key] = self._line(family, sample).rpartition(" ")[0]
                parts.append(f"{head} {_number(value)}\n")
        return "".join(parts)

    def _with_exemplar(
        self, key: tuple[str, ...], family: Metric, sample: Sample, exemplar: Exemplar
    ) -> str:
        """A line that ends in more than its value: kept until either is another one."""
        known = self._told.get(key)
        if known is None or known[0] is not exemplar or known[1] != sample.value:
            known = self._told[key] = (exemplar, sample.value, self._line(family, sample))
        return known[2]

    def _line(self, family: Metric, sample: Sample) -> str:
        """The line of one series, as the library writes it."""
        alone = _empty(family)
        alone.samples = [sample._replace(labels=sample.labels | self._label)]
        return self._text(alone)[len(self._headers[family.name]) :]

    def _text(self, family: Metric) -> str:
        return self._encode(_Only(family)).decode().removesuffix(_END)


class _Only(Collector):
    """A source of one family."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    @override
    def collect(self) -> Iterable[Metric]:
        return [self._family]


def _empty(family: Metric) -> Metric:
    """The family without its series."""
    return Metric(family.name, family.documentation, family.type, family.unit)
