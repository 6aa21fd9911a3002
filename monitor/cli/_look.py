"""How tables look on a terminal: coloured there, plain in a pipe and under NO_COLOR."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

WIDTH = 80
"""Columns of what is not a terminal."""


def console(*, stderr: bool = False) -> Console:
    """Where tables are printed. It never reads what it prints as markup or emoji."""
    made = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not made.is_terminal:
        made.width = WIDTH
    return made


def table(*headings: str, header: bool = True) -> Table:
    """A table without lines: two spaces between columns; the last one wraps."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=header)
    for place, heading in enumerate(headings):
        last = place == len(headings) - 1
        made.add_column(heading, overflow="fold", no_wrap=not last, header_style="bold")
    return made
