"""Looking at processes that a probe started, and at what they left."""

from __future__ import annotations

import os
import select
from pathlib import Path


def dies(pid: int) -> bool:
    """Whether a process ends, within five seconds."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        ready, _, _ = select.select([handle], [], [], 5)
    finally:
        os.close(handle)
    return bool(ready)


def there(path: str | Path) -> bool:
    """Whether there is a file or a directory."""
    return Path(path).exists()
