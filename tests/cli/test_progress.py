from __future__ import annotations

import io

import pytest
from typing_extensions import override

from monitor.cli._progress import EVERY_SECONDS, PATIENCE_SECONDS, Progress


class Terminal(io.StringIO):
    @override
    def isatty(self) -> bool:
        return True


def told(stream: io.StringIO, *moments: float) -> str:
    """What is written when it is told at these moments, the first being the start."""
    now = [moments[0]]
    with Progress(stream, lambda: now[0]) as progress:
        for number, moment in enumerate(moments[1:], 1):
            now[0] = moment
            progress.tell(f"{number} done")
    return stream.getvalue()


def test_short_work_says_nothing() -> None:
    assert told(Terminal(), 0, 0.1, PATIENCE_SECONDS - 0.1) == ""


def test_what_is_no_terminal_is_told_nothing() -> None:
    assert told(io.StringIO(), 0, 100, 200) == ""


def test_long_work_shows_one_line_and_leaves_none() -> None:
    assert told(Terminal(), 0, 1, 3, 4) == "\r\x1b[K2 done\r\x1b[K3 done\r\x1b[K"


def test_it_is_told_now_and_then_only() -> None:
    shown = told(Terminal(), 0, 3, 3 + EVERY_SECONDS / 2, 3 + EVERY_SECONDS)
    assert shown == "\r\x1b[K1 done\r\x1b[K3 done\r\x1b[K"


def breaks(stream: io.StringIO) -> None:
    seconds = iter([0.0, 10.0, 10.0])
    with Progress(stream, lambda: next(seconds)) as progress:
        progress.tell("half")
        message = "broke"
        raise ValueError(message)


def test_an_error_leaves_no_line_either() -> None:
    stream = Terminal()
    with pytest.raises(ValueError, match="broke"):
        breaks(stream)
    assert stream.getvalue().endswith("half\r\x1b[K")
