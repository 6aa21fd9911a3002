"""The daemon's metrics, fed by effects and read by Prometheus.

`feed.py` says what moves what, `instruments.py` declares every metric once, `labels.py` holds the
closed lists behind the labels, `export.py` adds the vantage and writes the text.
"""

from monitor.metrics.feed import Metrics
from monitor.metrics.labels import Backlog, DeliveryResult, Limit, SkipReason, StoreState

__all__ = ["Backlog", "DeliveryResult", "Limit", "Metrics", "SkipReason", "StoreState"]
