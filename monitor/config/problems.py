"""What is wrong with a configuration: one line each, with file, line and key."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from typing_extensions import override

from monitor.refusal import Refusal

Place = tuple[str | int, ...]
"""Where in the document: keys and positions from the root, as `("probes", 3, "interval")`."""

NAMES_SHOWN_MAX = 12
"""How many known names an error lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        file: the file, as it was named.
        line: line in it, from 1; None where there is none.
        key: the key, as `probes[3].interval`; empty where there is none.
        message: what is wrong and what to do, without any secret.
    """

    file: str
    message: str
    line: int | None = None
    key: str = ""

    @override
    def __str__(self) -> str:
        """`FILE:LINE: KEY: MESSAGE` on one line."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        text = f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"
        return " ".join(text.split())


class ConfigError(Refusal):
    """A configuration that cannot be used. `str()` gives one line for each problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep `problems` in the order of their lines."""
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def key_of(place: Place) -> str:
    """`place` as people write it: `probes[3].interval`."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown `name`: the nearest known one, or what there is."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    if not names:
        return ""
    shown = ", ".join(names[:NAMES_SHOWN_MAX])
    return f"; known: {shown}" + (", ..." if len(names) > NAMES_SHOWN_MAX else "")
