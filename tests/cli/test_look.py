from __future__ import annotations

import io
import re

import pytest
from typing_extensions import override

from monitor.cli import _look


class Latin(io.StringIO):
    """A stream that cannot carry every character."""

    encoding = "latin-1"


def test_a_pipe_is_plain_and_eighty_columns_wide() -> None:
    on = _look.console(io.StringIO())
    assert (on.width, on.is_terminal, _look.is_plain(on)) == (_look.WIDTH, False, True)
    on.print("[bold]as it is[/bold] :smile: 12")
    assert isinstance(on.file, io.StringIO)
    assert on.file.getvalue() == "[bold]as it is[/bold] :smile: 12\n"


def test_a_terminal_has_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    on = _look.console(io.StringIO(), force_terminal=True)
    assert not _look.is_plain(on)
    assert on.width >= _look.WIDTH


@pytest.mark.parametrize(
    ("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")], ids=["NO_COLOR", "dumb"]
)
def test_who_wants_none_or_can_show_none_gets_no_colour(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv(name, value)
    assert _look.is_plain(_look.console(io.StringIO(), force_terminal=True))


def test_blocks_are_for_streams_that_can_carry_them() -> None:
    assert _look.is_blocky(_look.console(io.StringIO()))
    assert not _look.is_blocky(_look.console(Latin()))


REPORT = """\
Components, and when
--------------------
  api  opens never: no rule can open it
12:00:08  monitor   OPENED API: [bold]down[/bold]
2026-04-28 (seen): as expected
  ! seed 1: opened after 90 s

"""


def test_in_a_pipe_a_report_is_the_very_text_that_was_made() -> None:
    piped = io.StringIO()
    _look.show(REPORT + "x" * 200 + "\n", _look.console(piped))
    assert piped.getvalue() == REPORT + "x" * 200 + "\n"
    assert _look.coloured(piped) is piped


def test_on_a_terminal_a_report_has_headings_and_colours_and_the_same_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = io.StringIO()
    _look.show(REPORT, _look.console(stream, force_terminal=True))
    text = stream.getvalue()
    assert re.sub(r"\x1b\[[\d;]*m", "", text) == REPORT
    assert "\x1b[1mComponents, and when\x1b[0m" in text
    for words in ("OPENED", "never: no rule can open it", "  ! seed 1: opened after 90 s"):
        assert f"\x1b[1;31m{words}\x1b[0m" in text, words
    assert "\x1b[32mas expected\x1b[0m" in text


def test_a_story_is_coloured_line_by_line_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        @override
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Terminal()
    out = _look.coloured(stream)
    print("12:00:08  monitor   OPEN", end="", file=out, flush=True)
    assert stream.getvalue() == ""
    print("ED\nhalf", end="", file=out)
    assert re.sub(r"\x1b\[[\d;]*m", "", stream.getvalue()) == "12:00:08  monitor   OPENED\n"
    assert "\x1b[1;31mOPENED\x1b[0m" in stream.getvalue()


def test_in_a_pipe_a_table_is_plain_and_fits_eighty_columns(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = _look.table("NAME", "TEXT")
    rows.add_row("one", "[bold]word[/bold] :smile: " * 20)
    _look.console().print(rows, style="red")
    _look.console(stderr=True).print("said")
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert "\x1b" not in shown.out
    assert lines[0].split() == ["NAME", "TEXT"]
    assert "[bold]word[/bold] :smile:" in lines[1]
    assert max(map(len, lines)) <= _look.WIDTH
    assert shown.err == "said\n"
