from __future__ import annotations

import pytest

from monitor.cli._look import WIDTH, console, table


def test_in_a_pipe_a_table_is_plain_and_fits_eighty_columns(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = table("NAME", "TEXT")
    rows.add_row("one", "[bold]word[/bold] :smile: " * 20)
    console().print(rows, style="red")
    console(stderr=True).print("said")
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert "\x1b" not in shown.out
    assert lines[0].split() == ["NAME", "TEXT"]
    assert "[bold]word[/bold] :smile:" in lines[1]
    assert max(map(len, lines)) <= WIDTH
    assert shown.err == "said\n"
