"""How commands look: colour on a terminal, plain text of 80 columns in a pipe.

`NO_COLOR` and a terminal that can do nothing (`TERM=dumb`) make it plain too. Nothing that comes
from outside is read as markup.

Tables are rich's. Reports and the demo's story are plain text, made elsewhere: `show` and
`coloured` give them their colours line by line, and change no character.
"""

from __future__ import annotations

import io
import itertools
import re
import sys
from typing import TextIO, cast

from rich.console import Console
from rich.highlighter import RegexHighlighter
from rich.table import Table
from rich.text import Text
from rich.theme import Theme
from typing_extensions import override

WIDTH = 80
"""Columns where the terminal does not say, and at least that many where it does."""

GOOD, BAD, EXCLUDED = "green", "bold red", "yellow"
"""What counts as good, as bad, and as nothing."""

DIM = "dim"

HEADING = "bold"

_THEME = Theme({"look.good": GOOD, "look.bad": BAD, "look.warn": EXCLUDED, "look.dim": DIM})

_RULE = re.compile(r"[-=]{3,}[-= ]*")


class _Words(RegexHighlighter):
    """The words that say how it stands."""

    base_style = "look."
    highlights = (
        r"^(?P<dim>[-=]{3,}[-= ]*)$",
        r"^(?P<dim>\d\d:\d\d:\d\d)  ",
        r"(?P<good>as expected|: valid$|\b(CLOSED|SIGHTED|RECOVERING|delivered)\b)",
        r"(?P<bad>\b(OPENED|REOPENED|BLIND|THE IMPACT BEGINS|WRONG SIGNATURE|dead|critical)\b)",
        r"(?P<bad>\bMISSED\b.*|^\s+! .*|\bFALSE:.*|never: .*)",
        r"(?P<warn>\b(UPDATED|CHECK THIS|REMINDER|THE IMPACT ENDS|still open|pending|major)\b)",
        r"(?P<warn>\(disabled\)|\bdisabled: .*)",
    )


_words = _Words()


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
        theme=_THEME,
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


def show(text: str, out: Console | None = None) -> None:
    """Write a report of whole lines: what stands above a rule is a heading."""
    to = out or console()
    lines = text.removesuffix("\n").split("\n") if text else []
    for line, below in itertools.zip_longest(lines, lines[1:], fillvalue=""):
        heading = bool(line.strip()) and _RULE.fullmatch(below) is not None
        _write(line, to, heading=heading)


def coloured(stream: TextIO) -> TextIO:
    """`stream`, with colours for each line that is written to it if it is a terminal."""
    on = console(stream)
    return stream if is_plain(on) else cast("TextIO", _Coloured(on))


def _write(line: str, on: Console, *, heading: bool = False) -> None:
    found = Text(line, style=HEADING) if heading else _words(Text(line))
    on.print(found, soft_wrap=True)


class _Coloured(io.TextIOBase):
    """Takes text, and writes whole lines in colour."""

    def __init__(self, on: Console) -> None:
        self._on = on
        self._line = ""

    @override
    def write(self, text: str, /) -> int:
        *whole, self._line = (self._line + text).split("\n")
        for line in whole:
            _write(line, self._on)
        return len(text)

    @override
    def flush(self) -> None:
        self._on.file.flush()
