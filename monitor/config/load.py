"""Reading the configuration: a file in, a `Config` or every problem of it out.

Each problem is one line with file, line and key. No problem ever shows a secret: what came from the
environment or from a secret file is never quoted, and what is shaped like a key gets stars.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from monitor.config import checks, complaints
from monitor.config.document import FILE_BYTES_MAX, Document, parse
from monitor.config.problems import ConfigError, Problem, key_of
from monitor.config.schema import Config, Source, json_schema
from monitor.logs import Redactor

SECRET_BYTES_MAX = 64 * 1024
"""How large a secret file may be."""

HIDDEN_CHARS_MIN = 4
"""A shorter value is not looked for: it stands in every second sentence by chance."""

PART_CHARS = 8
"""So many characters in a row of a hidden value are a part of it."""


def load(path: Path, environment: Mapping[str, str]) -> Config:
    """The configuration in the file at `path`.

    Args:
        path: the file; secret files with relative names are looked for beside it.
        environment: where `${NAME}` is looked up.

    Raises:
        ConfigError: it cannot be read or used; holds every problem that could be found at once.
    """
    file = str(path)
    text = _read(path, file)

    def read_secret(name: str) -> str:
        return _secret(path.parent / name)

    return from_text(text, file, environment, read_secret)


def from_text(
    text: str,
    file: str,
    environment: Mapping[str, str],
    read_secret: Callable[[str], str],
) -> Config:
    """The configuration in `text`; see `load` and `document.parse`.

    Raises:
        ConfigError: it cannot be used.
    """
    document = parse(text, file, environment, read_secret)
    if document.data is None and not document.problems:
        document.add((), "the file is empty")
    if not isinstance(document.data, dict):
        if not document.problems:
            document.add((), "must be a mapping of sections: vantage, components, probes, ...")
        raise ConfigError(_shown(document))
    config = _validated(document)
    if config is not None and not document.problems:
        _note(document, checks.errors(config))
    if config is None or document.problems:
        raise ConfigError(_shown(document))
    return config


def _validated(document: Document) -> Config | None:
    try:
        return Config.model_validate(
            document.data, context=Source(variables=dict(document.variables))
        )
    except ValidationError as error:
        _note(document, complaints.findings(error, document, json_schema()))
        return None


def _note(document: Document, found: Iterable[checks.Finding]) -> None:
    """Add findings, one for each key: what is said of a key first is the cause of the rest."""
    known = {problem.key for problem in document.problems}
    for finding in found:
        if (key := key_of(finding.place)) not in known:
            known.add(key)
            document.add(finding.place, finding.message)


def _shown(document: Document) -> Iterable[Problem]:
    """The problems, with nothing in them that must not be seen."""
    redact = Redactor()
    for problem in document.problems:
        message = problem.message
        if any(_gives_away(message, hidden) for hidden in document.hidden):
            message = "what the environment or a secret file gives cannot be used here"
        yield replace(problem, key=redact(problem.key), message=redact(message))


def _gives_away(message: str, hidden: str) -> bool:
    """Whether `message` shows `hidden` or, cut off or escaped, a good part of it."""
    if len(hidden) < PART_CHARS:
        return len(hidden) >= HIDDEN_CHARS_MIN and hidden in message
    parts = (message[at : at + PART_CHARS] for at in range(len(message) - PART_CHARS + 1))
    return any(part in hidden for part in parts)


def _read(path: Path, file: str) -> str:
    try:
        with path.open("rb") as stream:
            raw = stream.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        message = f"cannot read the configuration: {error.strerror}"
        raise ConfigError([Problem(file=file, message=message)]) from None
    if len(raw) > FILE_BYTES_MAX:
        message = f"the file is longer than {FILE_BYTES_MAX // 1024} KiB"
        raise ConfigError([Problem(file=file, message=message)])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem(file=file, line=line, message="this is not UTF-8")]) from None


def _secret(path: Path) -> str:
    """The content of a secret file, without white space around it.

    Raises:
        OSError: it cannot be read.
        ValueError: it is empty, too long or no text.
    """
    with path.open("rb") as stream:
        raw = stream.read(SECRET_BYTES_MAX + 1)
    if len(raw) > SECRET_BYTES_MAX:
        msg = f"it is longer than {SECRET_BYTES_MAX // 1024} KiB"
        raise ValueError(msg)
    try:
        text = raw.decode().strip()
    except UnicodeDecodeError:
        msg = "it is not UTF-8"
        raise ValueError(msg) from None
    if not text:
        msg = "it is empty"
        raise ValueError(msg)
    return text
