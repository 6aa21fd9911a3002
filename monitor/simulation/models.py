"""The models of the simulated API: which answer, which are retired, and what is listed of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model that answers.

    Attributes:
        title: its display name.
        line: its family.
        samples: it takes temperature, top_p and top_k; newer ones refuse them.
    """

    title: str
    line: str
    samples: bool = True


MODELS: Mapping[str, Model] = {
    "claude-haiku-5-5": Model(title="Claude Haiku 5.5", line="haiku", samples=False),
    "claude-sonnet-5-5": Model(title="Claude Sonnet 5.5", line="sonnet"),
    "claude-opus-5-5": Model(title="Claude Opus 5.5", line="opus"),
    "claude-sonnet-5": Model(title="Claude Sonnet 5", line="sonnet"),
    "claude-opus-5": Model(title="Claude Opus 5", line="opus"),
    "claude-opus-4-7": Model(title="Claude Opus 4.7", line="opus"),
    "claude-opus-4-6": Model(title="Claude Opus 4.6", line="opus"),
    "claude-sonnet-4-6": Model(title="Claude Sonnet 4.6", line="sonnet"),
    "claude-haiku-4-5-20251001": Model(title="Claude Haiku 4.5", line="haiku"),
}
"""Models that answer, newest first."""

ALIASES: Mapping[str, str] = {"claude-haiku-4-5": "claude-haiku-4-5-20251001"}
"""Shorter names, and what they stand for."""

RETIRED = ("claude-3-5-haiku-20241022", "claude-3-haiku-20240307")
"""Models that answered once: asking one of them is a 404, as for a name that never was."""


def known_model(name: str) -> str | None:
    """The id of the model that `name` stands for; None where none answers to it."""
    found = ALIASES.get(name, name)
    return found if found in MODELS else None


def line_of(name: str) -> str | None:
    """The line of the model that `name` stands for; None where none answers to it."""
    known = known_model(name)
    return None if known is None else MODELS[known].line


def _entry(ident: str, model: Model) -> str:
    """One model as the list shows it."""
    document = {
        "type": "model",
        "id": ident,
        "display_name": model.title,
        "created_at": "2026-01-01T00:00:00Z",
        "lifecycle": "active",
        "line": model.line,
        "deprecated_at": None,
        "retires_at": None,
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
    }
    return json.dumps(document, separators=(",", ":"))


_ENTRIES: Mapping[str, str] = {ident: _entry(ident, model) for ident, model in MODELS.items()}
_IDS = tuple(MODELS)


def model_document(ident: str) -> str:
    """The JSON of the model with id `ident`.

    Raises:
        KeyError: there is none.
    """
    return _ENTRIES[ident]


def page_document(limit: int, after: str | None = None) -> str | None:
    """The JSON of a page of `limit` models, beginning behind the id `after`.

    None where `after` is no model that is listed.
    """
    if after is not None and after not in MODELS:
        return None
    begin = 0 if after is None else _IDS.index(after) + 1
    shown = _IDS[begin : begin + limit]
    more = "true" if begin + limit < len(_IDS) else "false"
    first, last = json.dumps(shown[0] if shown else None), json.dumps(shown[-1] if shown else None)
    data = ",".join(_ENTRIES[ident] for ident in shown)
    return f'{{"data":[{data}],"has_more":{more},"first_id":{first},"last_id":{last}}}'
