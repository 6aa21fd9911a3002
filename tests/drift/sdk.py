"""The vocabulary of the Claude API as the vendor's Python SDK declares it, read from its source.

Nothing of the package is imported or run: a folder with its files is enough, so that a version
can be read that is not installed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

CLASSES = "_error_classes.py"
CLIENT = "_base_client.py"

ASKED = {
    "resources/messages/messages.py": ("Messages", ("create", "count_tokens")),
    "resources/models.py": ("Models", ("list", "retrieve")),
    "resources/beta/messages/messages.py": ("Messages", ("create", "count_tokens")),
    "resources/beta/models.py": ("Models", ("list", "retrieve")),
}
"""What probes ask: methods whose docstrings list under `Raises:` which codes they can meet."""


class UnreadableError(Exception):
    """The package has not the form that this reader knows: what was looked for, and where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """Error codes of the package.

    Attributes:
        statuses: every code of every endpoint, with its HTTP status.
        met: those that the methods in `ASKED` can raise, or that the package shares between
            endpoints.
    """

    statuses: Mapping[str, int]
    met: frozenset[str]


class Sdk:
    """One version of the package, in a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._trees: dict[str, ast.Module] = {}

    def version(self) -> str:
        """The version of the package."""
        return str(self._constant("_version.py", "__version__"))

    def api_version(self) -> str:
        """What it sends as `anthropic-version`."""
        return str(self._constant("_constants.py", "ANTHROPIC_API_VERSION"))

    def words(self, path: str, name: str) -> frozenset[str]:
        """The members of an alias of literals."""
        return _literals(self._assigned(path, name), path, name)

    def types(self, path: str, name: str) -> frozenset[str]:
        """The values of `type` of a union of models, followed through imports."""
        return frozenset(self._types(path, name))

    def field(self, path: str, model: str, name: str) -> frozenset[str]:
        """The literals that a field of a model may have."""
        for statement in self._class(path, model).body:
            if isinstance(statement, ast.AnnAssign) and ast.unparse(statement.target) == name:
                return _literals(statement.annotation, path, f"{model}.{name}")
        raise _missing(path, f"{model}.{name}")

    def fields(self, path: str, model: str) -> frozenset[str]:
        """The names of a model's fields."""
        return frozenset(
            ast.unparse(statement.target)
            for statement in self._class(path, model).body
            if isinstance(statement, ast.AnnAssign)
        )

    def codes(self) -> Codes:
        """Every error code, and which of them a probe can meet."""
        table = self._assigned(CLASSES, "ERROR_CLASSES")
        if not isinstance(table, ast.Dict):
            raise _missing(CLASSES, "ERROR_CLASSES")
        classes: dict[str, tuple[str, int]] = {}
        for key, value in zip(table.keys, table.values, strict=True):
            status, code = ast.literal_eval(key) if key else (0, None)
            if code is not None:
                classes[ast.unparse(value)] = (code, status)
        raised = {
            name
            for path, (owner, methods) in ASKED.items()
            for method in methods
            for name in self._raises(path, owner, method)
        }
        shared = {
            node.name
            for path in sorted((self._root / "types/shared").glob("*_error.py"))
            for node in self._tree(path.relative_to(self._root).as_posix()).body
            if isinstance(node, ast.ClassDef)
        }
        return Codes(
            statuses=dict(classes.values()),
            met=frozenset(classes[name][0] for name in (raised | shared) & classes.keys()),
        )

    def rules(self) -> dict[str, str]:
        """What it does as a client: time-outs, retries and waits, each as its source has it."""
        constants = "_constants.py"
        timeout = self._assigned(constants, "DEFAULT_TIMEOUT")
        if not isinstance(timeout, ast.Call):
            raise _missing(constants, "DEFAULT_TIMEOUT")
        limits = {str(each.arg): ast.unparse(each.value) for each in timeout.keywords}
        return {
            "time-out": limits.get("timeout", ""),
            "time-out to connect": limits.get("connect", ""),
            "retries": str(self._constant(constants, "DEFAULT_MAX_RETRIES")),
            "first wait": str(self._constant(constants, "INITIAL_RETRY_DELAY")),
            "longest wait": str(self._constant(constants, "MAX_RETRY_DELAY")),
            "retried statuses": ", ".join(
                self._compared("_should_retry", "response.status_code"),
            ),
            "x-should-retry": ", ".join(self._compared("_should_retry", "should_retry_header")),
            "headers that say how long to wait": ", ".join(
                sorted(
                    str(ast.literal_eval(node.args[0]))
                    for node in ast.walk(self._client("_parse_retry_after_header"))
                    if isinstance(node, ast.Call)
                    and ast.unparse(node.func) == "response_headers.get"
                )
            ),
            "such a wait": ", ".join(
                ast.unparse(node)
                for node in ast.walk(self._client("_calculate_retry_timeout"))
                if isinstance(node, ast.Call) and ast.unparse(node).startswith("min(retry_after")
            ),
        }

    def _tree(self, path: str) -> ast.Module:
        if path not in self._trees:
            try:
                text = (self._root / path).read_text()
            except OSError:
                raise _missing(path, "the file") from None
            self._trees[path] = ast.parse(text)
        return self._trees[path]

    def _assigned(self, path: str, name: str) -> ast.expr:
        for node in self._tree(path).body:
            targets = (
                node.targets
                if isinstance(node, ast.Assign)
                else [node.target]
                if isinstance(node, ast.AnnAssign)
                else []
            )
            if any(ast.unparse(target) == name for target in targets):
                assert isinstance(node, ast.Assign | ast.AnnAssign)
                if node.value is not None:
                    return node.value
        raise _missing(path, name)

    def _constant(self, path: str, name: str) -> object:
        value = self._assigned(path, name)
        if not isinstance(value, ast.Constant):
            raise _missing(path, name)
        return value.value

    def _class(self, path: str, name: str) -> ast.ClassDef:
        for node in self._tree(path).body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                return node
        raise _missing(path, name)

    def _types(self, path: str, name: str) -> Iterator[str]:
        tree = self._tree(path)
        if any(isinstance(node, ast.ClassDef) and node.name == name for node in tree.body):
            yield from self.field(path, name, "type")
            return
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and any(each.name == name for each in node.names):
                yield from self._types(_module(path, node), name)
                return
        for part in ast.walk(self._assigned(path, name)):
            if isinstance(part, ast.Name) and part.id not in {
                "Annotated",
                "Union",
                "UnionDiscriminator",
            }:
                yield from self._types(path, part.id)

    def _raises(self, path: str, owner: str, method: str) -> Iterator[str]:
        for node in self._class(path, owner).body:
            if isinstance(node, ast.FunctionDef) and node.name == method:
                _, _, raises = (ast.get_docstring(node) or "").partition("Raises:")
                yield from re.findall(r"^\s*(\w+Error):", raises, re.MULTILINE)

    def _client(self, name: str) -> ast.FunctionDef:
        for node in self._class(CLIENT, "BaseClient").body:
            if isinstance(node, ast.FunctionDef) and node.name == name:
                return node
        raise _missing(CLIENT, f"BaseClient.{name}")

    def _compared(self, function: str, what: str) -> Iterator[str]:
        signs = {ast.Eq: "", ast.GtE: ">= ", ast.Gt: "> ", ast.LtE: "<= ", ast.Lt: "< "}
        for node in ast.walk(self._client(function)):
            if isinstance(node, ast.Compare) and ast.unparse(node.left) == what:
                for sign, value in zip(node.ops, node.comparators, strict=True):
                    yield f"{signs.get(type(sign), '? ')}{ast.literal_eval(value)}"


def _literals(node: ast.expr, path: str, name: str) -> frozenset[str]:
    found = frozenset(
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    )
    if not found:
        raise _missing(path, name)
    return found


def _module(path: str, node: ast.ImportFrom) -> str:
    """The file that a relative import leads to."""
    folder = Path(path).parent
    for _ in range(node.level - 1):
        folder = folder.parent
    return (folder / f"{(node.module or '').replace('.', '/')}.py").as_posix()


def _missing(path: str, name: str) -> UnreadableError:
    return UnreadableError(f"{path}: {name} is not where it was")
