"""Notifiers: the kinds live here, one a file, and the folder is the list of them.

A module without a leading underscore is a kind: it exports `KIND`, named as the file.
"""

from __future__ import annotations

import importlib
import pkgutil

from monitor.notify._base import AnyKind, NotifierKind


def kinds() -> tuple[AnyKind, ...]:
    """Every kind of notifier, by name.

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
    if not isinstance(kind, NotifierKind) or kind.name != name:
        msg = f"monitor/notify/{name}.py must export KIND, named {name!r}"
        raise TypeError(msg)
    return kind
