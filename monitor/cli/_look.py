"""How commands look: colour on a terminal, plain text of 80 columns in a pipe.

`NO_COLOR` and a terminal that can do nothing (`TERM=dumb`) make it plain too. Nothing that comes
from outside is read as markup.
"""

from __future__ import annotations

import sys
from typing import TextIO

from rich.console import Console

WIDTH = 80
"""Columns where the terminal does not say, and at least that many where it does."""

GOOD, BAD, EXCLUDED = "green", "bold red", "yellow"
"""What counts as good, as bad, and as nothing."""

DIM = "dim"


def console(stream: TextIO | None = None, *, force_terminal: bool | None = None) -> Console:
    """A console for `stream`, standard output when not given.

    Args:
        stream: where it is written.
        force_terminal: whether it is a terminal, for who cannot ask the stream.
    """
    made = Console(
        file=stream or sys.stdout,
        force_terminal=force_terminal,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=False,
        legacy_windows=False,
    )
    if not made.is_terminal or made.width < WIDTH:
        made.width = WIDTH
    return made


def is_plain(on: Console) -> bool:
    """Whether nothing but characters can tell things apart."""
    return not on.is_terminal or on.no_color or on.is_dumb_terminal


def is_blocky(on: Console) -> bool:
    """Whether the stream can carry block characters."""
    return on.encoding.lower().startswith("utf")
