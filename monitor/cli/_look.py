"""How commands look: colour on a terminal, plain text of 80 columns in a pipe.

`NO_COLOR` and a terminal that can do nothing (`TERM=dumb`) make it plain too. Nothing that comes
from outside is read as markup.
"""

from __future__ import annotations

import sys
from typing import TextIO

from rich.console import Console
from rich.table import Table

WIDTH = 80
"""Columns where the terminal does not say, and at least that many where it does."""

GOOD, BAD, EXCLUDED = "green", "bold red", "yellow"
"""What counts as good, as bad, and as nothing."""

DIM = "dim"


def console(
    stream: TextIO | None = None, *, stderr: bool = False, force_terminal: bool | None = None
) -> Console:
    """A console for `stream`, standard output when not given.

    Args:
        stream: where it is written.
        stderr: whether that is standard error, when `stream` is not given.
        force_terminal: whether it is a terminal, for who cannot ask the stream.
    """
    made = Console(
        file=stream or (sys.stderr if stderr else sys.stdout),
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


def table(*headings: str, header: bool = True) -> Table:
    """A table without lines: two spaces between columns; the last one wraps."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=header)
    for place, heading in enumerate(headings):
        last = place == len(headings) - 1
        made.add_column(heading, overflow="fold", no_wrap=not last, header_style="bold")
    return made
