"""Probes: the kinds live here, one a file, and the folder is the list of them.

A module without a leading underscore is a kind: it exports `KIND`, named as the file. What the
rest of the daemon needs to put probes together stands in this module.
"""

from __future__ import annotations

import importlib
import pkgutil
from concurrent.futures import Executor
from pathlib import Path

from monitor.clock import Clock
from monitor.probes._base import (
    AnyKind,
    HttpReply,
    HttpRequest,
    ProbeKind,
    ProbeSpec,
    Reading,
    RefusedError,
)
from monitor.probes._bound import BoundProbe, plan_of, user_agent
from monitor.probes._control import HttpControl
from monitor.probes._http import Asked, ProbeContext, ask
from monitor.probes._lookups import LookupThreads
from monitor.probes._modellist import ModelList, UnreadableError, model_lists, wait_after
from monitor.probes._statuspage import READ_SECONDS, StatusPage, wait_before
from monitor.probes._stream import Pace, StreamReader, reading_of, unless_ended
from monitor.probes._tls import Tls

__all__ = [
    "READ_SECONDS",
    "AnyKind",
    "Asked",
    "BoundProbe",
    "HttpControl",
    "HttpReply",
    "HttpRequest",
    "LookupThreads",
    "ModelList",
    "Pace",
    "ProbeContext",
    "ProbeKind",
    "ProbeSpec",
    "Reading",
    "RefusedError",
    "StatusPage",
    "StreamReader",
    "UnreadableError",
    "ask",
    "context",
    "kinds",
    "model_lists",
    "plan_of",
    "reading_of",
    "unless_ended",
    "user_agent",
    "wait_after",
    "wait_before",
]


def kinds() -> tuple[AnyKind, ...]:
    """Every kind of probe, by name.

    Raises:
        TypeError: a module of this folder exports no `KIND`, or one with another name.
    """
    names = sorted(
        module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
    )
    return tuple(_kind(name) for name in names)


def _kind(name: str) -> AnyKind:
    """The kind that module `name` exports."""
    kind = getattr(importlib.import_module(f"{__name__}.{name}"), "KIND", None)
    if not isinstance(kind, ProbeKind) or kind.name != name:
        msg = f"monitor/probes/{name}.py must export KIND, named {name!r}"
        raise TypeError(msg)
    return kind


def context(
    clock: Clock,
    agent: str,
    lookups: Executor,
    *,
    proxy: str | None = None,
    ca_file: Path | None = None,
) -> ProbeContext:
    """What all runs share.

    Args:
        clock: times the runs.
        agent: see `user_agent`.
        lookups: threads for name look-ups; `LookupThreads` as wide as the concurrency cap.
        proxy: the egress proxy, `http://[user:password@]host:port`, for all runs.
        ca_file: PEM file of CAs to trust besides the system's.

    Raises:
        ValueError: the proxy or the file is of no use; one sentence, without secrets.
    """
    return ProbeContext(
        clock=clock,
        user_agent=agent,
        executor=lookups,
        tls=Tls(ca_file),
        proxy=proxy,
        ca_file=ca_file,
    )
