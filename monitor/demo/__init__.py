"""A past outage against the whole daemon."""

from __future__ import annotations

from monitor.demo.show import Demo

__all__ = ["Demo"]
