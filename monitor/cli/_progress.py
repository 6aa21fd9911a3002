"""A line on a terminal that says how far a long command has come, and is gone at its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

PATIENCE_SECONDS = 2.0
"""Work that ends sooner needs no progress."""
EVERY_SECONDS = 0.5

_ERASE = "\r\x1b[K"


class Progress:
    """Tells on `stream`, if that is a terminal; silent otherwise. A context manager."""

    def __init__(self, stream: TextIO, seconds: Callable[[], float] = time.perf_counter) -> None:
        """`seconds` measures how long the work has taken."""
        self._stream = stream
        self._seconds = seconds
        self._terminal = stream.isatty()
        self._due = seconds() + PATIENCE_SECONDS
        self._shown = False

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave no trace."""
        if self._shown:
            self._stream.write(_ERASE)
            self._stream.flush()

    def tell(self, text: str) -> None:
        """How far it is; shown now and then."""
        if not self._terminal or self._seconds() < self._due:
            return
        self._due = self._seconds() + EVERY_SECONDS
        self._shown = True
        self._stream.write(f"{_ERASE}{text}")
        self._stream.flush()
