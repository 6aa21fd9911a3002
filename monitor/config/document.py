"""From YAML text to plain values, with the line of every key.

PyYAML's *nodes* are read, not its objects: they know their lines and still hold duplicate keys. The
rest is a small, predictable YAML:

- Plain scalars are null, true/false, whole and decimal numbers as in YAML 1.2; all else is text.
  (YAML 1.1's `12:30` = 750 and `no` = false have broken enough configurations.)
- Tags and merge keys are refused. Aliases are followed, up to a limit on what they unfold to.
- `${NAME}` and `${NAME:-default}` are put in after parsing, so that a value cannot bring syntax
  with it; `$${` stands for `${`. A text that then begins with `file:` is replaced by the content of
  that file. Neither's content may show in an error: see `Document.hidden`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from typing_extensions import override

from monitor.config.problems import Place, Problem, key_of

FILE_BYTES_MAX = 1024 * 1024
"""How large a configuration may be."""

VALUES_MAX = 50_000
"""How many values it may hold, aliases unfolded."""

NESTING_MAX = 24
"""How deep it may be nested."""

DIGITS_MAX = 18
"""A longer number is read as text, which no number field takes."""

FILE_PREFIX = "file:"

_TAG = "tag:yaml.org,2002:"
_TAGS = {_TAG + name for name in ("null", "bool", "int", "float", "timestamp", "value", "merge")}
_TEXT = _TAG + "str"
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE = re.compile(r"[-+]?[0-9]+")
_DECIMAL = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?")
_VARIABLE = re.compile(r"\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\})?")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")


@dataclass(slots=True, kw_only=True)
class Document:
    """A configuration as it was written.

    Attributes:
        file: its name.
        data: its values: dict, list, str, int, float, bool and None.
        lines: line of each key and list item, from 1.
        variables: the environment variables that a value names.
        hidden: texts that came from the environment or a secret file.
        problems: what was wrong so far.
    """

    file: str
    data: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    variables: dict[Place, tuple[str, ...]] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def line_of(self, place: Place) -> int | None:
        """The line of `place`, or of what it stands in; None in an empty document."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place)

    def add(self, place: Place, message: str) -> None:
        """Note a problem at `place`."""
        self.problems.append(
            Problem(file=self.file, line=self.line_of(place), key=key_of(place), message=message)
        )


class _TooMuchError(yaml.MarkedYAMLError):
    """The document passes a limit."""


class _Loader(yaml.SafeLoader):
    """PyYAML's loader with limits on depth and number of nodes."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0
        self._nodes = 0

    @override
    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._depth += 1
        self._nodes += 1
        if self._depth > NESTING_MAX or self._nodes > VALUES_MAX:
            what = f"nested deeper than {NESTING_MAX}" if self._depth > NESTING_MAX else "too long"
            event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs have no types
            raise _TooMuchError(problem=what, problem_mark=event.start_mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def parse(
    text: str, file: str, environment: Mapping[str, str], read_secret: Callable[[str], str]
) -> Document:
    """Read a configuration.

    Args:
        text: the YAML.
        file: its name, for errors.
        environment: where `${NAME}` is looked up.
        read_secret: gives the content of a `file:PATH`; raises OSError or ValueError, whose text
            says why without saying what is in it.

    Returns:
        The document, with its problems; broken YAML leaves no data.
    """
    document = Document(file=file, lines={(): 1})
    try:
        node = _compose(text)
        if node is not None:
            document.data = _Reader(document, environment, read_secret).value(node, ())
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        line = mark.line + 1 if mark else None
        document.problems.append(Problem(file=file, line=line, message=_broken(problem)))
        document.data = None
    except yaml.reader.ReaderError as problem:
        line = text.count("\n", 0, problem.position) + 1
        message = "broken YAML: a control character that YAML does not allow"
        document.problems.append(Problem(file=file, line=line, message=message))
    return document


def _compose(text: str) -> yaml.Node | None:
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _broken(problem: yaml.MarkedYAMLError) -> str:
    """What the parser says, without the words of the file: one of them may be a secret."""
    said = (problem.problem or problem.context or "it cannot be read").removeprefix("but ")
    if "undefined alias" in said:
        said = "an alias (*name) without its anchor; quote a text that begins with *"
    said = _QUOTED.sub(_shorten, said)
    begun = problem.context_mark
    if begun and problem.problem_mark and begun.line != problem.problem_mark.line:
        said += f"; what is open there began in line {begun.line + 1}"
    kind = "the file is" if isinstance(problem, _TooMuchError) else "broken YAML:"
    return f"{kind} {said}"


def _shorten(match: re.Match[str]) -> str:
    inner = match[1] or match[2] or ""
    return match[0] if len(inner) <= len("':'") or inner.startswith("<") else "'...'"


class _Reader:
    """Walks the nodes of one document."""

    def __init__(
        self,
        document: Document,
        environment: Mapping[str, str],
        read_secret: Callable[[str], str],
    ) -> None:
        self._document = document
        self._environment = environment
        self._read_secret = read_secret
        self._left = VALUES_MAX

    def value(self, node: yaml.Node, place: Place) -> Any:
        """The value of `node`, which stands at `place`."""
        self._left -= 1
        if self._left < 0 or len(place) > NESTING_MAX:
            what = "too long once its aliases are unfolded"
            raise _TooMuchError(problem=what, problem_mark=node.start_mark)
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [
                self.value(self._at(item, (*place, number)), (*place, number))
                for number, item in enumerate(node.value)
            ]
        if isinstance(node, yaml.ScalarNode) and (node.tag == _TEXT or node.tag in _TAGS):
            return self._scalar(node, place)
        self._document.add(place, "tags (!name) are not used here")
        return None

    def _at(self, node: yaml.Node, place: Place) -> yaml.Node:
        """`node`, once its line is noted for `place`."""
        self._document.lines[place] = node.start_mark.line + 1
        return node

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == _TAG + "merge":
                self._document.lines[here := (*place, "?")] = line
                self._document.add(here, "a key is one word; merge keys (<<) are not used here")
                continue
            here = (*place, key_node.value)
            if key_node.value in result:
                first = self._document.lines[here]
                self._document.problems.append(
                    Problem(
                        file=self._document.file,
                        line=line,
                        key=key_of(here),
                        message=f"given twice; the first is in line {first}",
                    )
                )
                continue
            self._document.lines[here] = line
            result[key_node.value] = self.value(value_node, here)
        return result

    def _scalar(self, node: yaml.ScalarNode, place: Place) -> Any:
        text: str = node.value
        if node.style is None and node.tag != _TEXT:
            return _plain(text)
        text = self._substituted(text, place)
        if not text.startswith(FILE_PREFIX):
            return text
        path = text.removeprefix(FILE_PREFIX).strip()
        try:
            content = self._read_secret(path)
        except (OSError, ValueError) as problem:
            why = problem.strerror if isinstance(problem, OSError) else str(problem)
            self._document.add(place, f"cannot read the secret file {path}: {why}")
            return ""
        self._document.hidden.add(content)
        return content

    def _substituted(self, text: str, place: Place) -> str:
        """`text` with the variables put in."""
        named: list[str] = []

        def put_in(match: re.Match[str]) -> str:
            if match[0] == "$${":
                return "${"
            name, default = match[1], match[2]
            if name is None:
                self._document.add(place, "write ${NAME} or ${NAME:-default}; $${ stands for ${")
                return ""
            named.append(name)
            value = self._environment.get(name)
            if not value and default is not None:
                return default
            if value is None:
                self._document.add(
                    place,
                    f"the environment variable {name} is not set; "
                    f"set it, or write ${{{name}:-}} where it may be empty",
                )
                return ""
            self._document.hidden.add(value)
            return value

        text = _VARIABLE.sub(put_in, text)
        if named:
            self._document.variables[place] = tuple(named)
        return text


def _plain(text: str) -> Any:
    """A plain scalar that YAML 1.1 takes for something else than text, as YAML 1.2 reads it."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= DIGITS_MAX and _WHOLE.fullmatch(text):
        return int(text)
    if len(text) <= DIGITS_MAX and _DECIMAL.fullmatch(text):
        return float(text)
    return text
