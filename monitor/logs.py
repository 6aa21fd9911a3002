"""Logging: one line an event on stderr, as JSON or for a terminal, never with a secret in it.

Events are `noun.verb` with glossary words as keys. Lines of libraries pass through the same
processors, so that what they print of a request or an exception is redacted too.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, MutableMapping
from typing import Any, Literal, TextIO
from urllib.parse import quote

import structlog
from structlog.typing import Processor

from monitor.spec import Secret

STARS = "***"

SECRET_CHARS_MIN = 6
"""A shorter text is not looked for: its stars would hide the log, and it hides nothing."""

NESTING_MAX = 8
"""How deep into lists and mappings of an event the redaction looks; what lies deeper is dropped."""

_PATTERNS = (
    (re.compile(r"sk-ant-[A-Za-z0-9_-]+"), STARS),
    (re.compile(r"whsec_[A-Za-z0-9+/=_-]+"), STARS),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), r"\1 " + STARS),
    (re.compile(r"(?i)(x-api-key['\"]?\s*[:=]\s*['\"]?)[^\s'\",}]+"), r"\1" + STARS),
    (re.compile(r"(://[^/\s:@]*:)[^/\s@]+@"), r"\1" + STARS + "@"),
)


class Redactor:
    """Puts stars for every known secret, and for whatever is shaped like a key."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        """Know `secrets`, as they are and as they stand in a URL; empty ones are ignored."""
        texts = {secret.reveal() for secret in secrets}
        known = {form for text in texts for form in (text, quote(text, safe=""))}
        # The longest first, so that no secret is left half covered by a shorter one inside it.
        self._known = sorted(
            (text for text in known if len(text) >= SECRET_CHARS_MIN), key=len, reverse=True
        )

    def __call__(self, text: str) -> str:
        """`text` with stars."""
        for known in self._known:
            text = text.replace(known, STARS)
        for pattern, stars in _PATTERNS:
            text = pattern.sub(stars, text)
        return text

    def deep(self, value: Any, nesting: int = 0) -> Any:
        """`value` with stars in every text of it; what is neither data nor text becomes text."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if nesting >= NESTING_MAX:
            return "..."
        if isinstance(value, MutableMapping):
            return {self(str(key)): self.deep(item, nesting + 1) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.deep(item, nesting + 1) for item in value]
        return self(value if isinstance(value, str) else str(value))


def configure(
    level: str,
    format: Literal["json", "console"],  # noqa: A002  # the config's word
    secrets: Iterable[Secret] = (),
    stream: TextIO | None = None,
) -> None:
    """Set logging up for this process, its libraries included; replaces an earlier set-up.

    Args:
        level: `debug`, `info`, `warning` or `error`.
        format: `json`, which is `console` anyway where the stream is a terminal.
        secrets: texts that must not be seen.
        stream: where to; stderr when not given.
    """
    out = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _redaction(Redactor(secrets)),
                _renderer(console=format == "console" or out.isatty(), colors=out.isatty()),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # They tell of every job at INFO, and of every statement with its values at DEBUG.
    for library in ("alembic", "aiosqlite", "sqlalchemy"):
        logging.getLogger(library).setLevel(logging.WARNING)
    # Its warnings are beats that came late: the metrics have them as skipped runs.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _redaction(redactor: Redactor) -> Processor:
    def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
        return {key: redactor.deep(value) for key, value in event.items()}

    return redact


def _renderer(*, console: bool, colors: bool) -> Processor:
    if console:
        return structlog.dev.ConsoleRenderer(colors=colors)
    return structlog.processors.JSONRenderer(sort_keys=True)
