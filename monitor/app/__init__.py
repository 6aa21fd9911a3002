"""The composition root: the only place where everything meets."""

from __future__ import annotations

from monitor.app.daemon import Daemon, StartError

__all__ = ["Daemon", "StartError"]
