"""YAML with line numbers: plain values, and the line on which each of them stands.

Scalars are read by YAML 1.2's rules, not 1.1's: `17:34:00` is no number in base 60, `off` no
boolean. Nothing here knows what a scenario is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

NODES_MAX = 20_000
"""How many values a file may hold, its aliases resolved: a few lines of aliases can name more."""

DEPTH_MAX = 20
"""How deep they may be nested."""

Place = tuple[str | int, ...]

_INT = re.compile(r"[-+]?\d+")
_FLOAT = re.compile(r"[-+]?(\d+\.\d*|\.\d+|\d+)([eE][-+]?\d+)?")
_WORDS: Mapping[str, bool | None] = {
    "true": True,
    "True": True,
    "false": False,
    "False": False,
    "null": None,
    "Null": None,
    "~": None,
    "": None,
}


class YamlError(ValueError):
    """A text that is no YAML, or none that is taken here. `line` counts from 1; 0 is unknown."""

    def __init__(self, line: int, key: str, text: str) -> None:
        """`text` says what is wrong, `key` at which key ("" for none)."""
        super().__init__(text)
        self.line = line
        self.key = key
        self.text = text


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a text says: plain values, and the line of each place; `()` is the whole."""

    value: Any
    lines: Mapping[Place, int]

    def line(self, place: Place) -> int:
        """The line of `place`, or of the nearest thing that contains it."""
        while place not in self.lines:
            place = place[:-1]
        return self.lines[place]


def read_yaml(text: str) -> Document:
    """Read one YAML document.

    Raises:
        YamlError: syntax, a duplicate key, a key that is no word, or too much of it.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        raise YamlError(line, "", error.problem or "this is no YAML") from None
    except yaml.YAMLError as error:
        raise YamlError(0, "", str(error).splitlines()[0]) from None
    except RecursionError:
        raise YamlError(0, "", "this is nested too deeply") from None
    if root is None:
        raise YamlError(1, "", "the file is empty")
    walk = _Walk()
    return Document(value=walk.read(root, ()), lines=walk.lines)


class _Walk:
    """One pass over the nodes of a document."""

    def __init__(self) -> None:
        self.lines: dict[Place, int] = {}
        self._left = NODES_MAX

    def read(self, node: yaml.Node, place: Place) -> Any:
        """The value of `node`; remembers its line."""
        line = node.start_mark.line + 1
        self.lines.setdefault(place, line)
        self._left -= 1
        if self._left < 0 or len(place) > DEPTH_MAX:
            raise YamlError(line, "", "this is nested too deeply, or too long")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*place, at)) for at, item in enumerate(node.value)]
        return _scalar(node)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = key_node.value
            if not isinstance(key, str):
                raise YamlError(line, "", "a key must be a word")
            if key in found:
                first = self.lines[*place, key]
                raise YamlError(line, key, f"duplicate key '{key}'; first on line {first}")
            self.lines[*place, key] = line
            found[key] = self.read(value_node, (*place, key))
        return found


def _scalar(node: yaml.Node) -> Any:
    """The value of a scalar: quoted is text, plain may be a number, a boolean or nothing."""
    text = str(node.value)
    if getattr(node, "style", None) is not None:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text) if len(text) <= 18 else text  # noqa: PLR2004  # 64 bits are enough
    return float(text) if _FLOAT.fullmatch(text) else text
