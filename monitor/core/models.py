"""The list of models: what each takes, its line, and how long it still lives.

`GET /v1/models` answers in pages of models, newest first. A page is read tolerantly: an entry that
is no model is left out, an unknown line or type is kept, and a date, a number or a capability of
another shape than documented is not known (None) rather than guessed. Older forms of the list have
neither lifecycle nor capabilities; then these are None throughout.

Source: `types/model_info.py`, `model_capabilities.py` and `pagination.py` of the vendor's Python
SDK 2.14.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from monitor.core.claude_api import LIFECYCLES

MODELS_MAX = 10_000
"""So many models of one list are read."""

PAGES_MAX = 20
"""So many pages of one list are read."""

PAGE_SIZE = 1000
"""Models asked for in one page: the most that the API gives."""

_WORD_CHARS_MAX = 200
_DATE = re.compile(r"-(\d{8})$")
_PLATFORM = re.compile(r"^(?:[a-z0-9-]+\.)*anthropic\.|^(?:us|us-gov|eu|apac|jp|au|global)\.")
_REVISION = re.compile(r"-v\d+(?::\d+)?(?::\w+)?$")
_VERTEX_DATE = re.compile(r"@(\d{8})$")
_VERTEX_WORD = re.compile(r"@[a-z]+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """One model of the list. None: the list does not say.

    Attributes:
        id: what requests name it by.
        display_name: for people; the id where there is none.
        line: its family, as the vendor calls it; may be one that is not known here.
        lifecycle: `active`, `deprecated` or `retired`.
        thinking_types: values of `thinking.type` that it takes. Each of the others is a 400.
        efforts: values of `output_config.effort` that it takes; empty where it takes none.
        created_at: when it came out.
        deprecated_at: when its retirement was announced.
        retires_at: when it is to be retired. In the past it is overdue: only `lifecycle` says that
            a model is retired.
        max_tokens: the largest `max_tokens` of a request.
    """

    id: str
    display_name: str
    line: str | None = None
    lifecycle: str | None = None
    thinking_types: frozenset[str] | None = None
    efforts: frozenset[str] | None = None
    created_at: datetime | None = None
    deprecated_at: datetime | None = None
    retires_at: datetime | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPage:
    """One page of the list.

    Attributes:
        models: in the order of the list.
        has_more: whether the list goes on.
        last_id: what the next page is asked to begin behind; None where the page does not say.
    """

    models: tuple[ModelInfo, ...]
    has_more: bool = False
    last_id: str | None = None


def parse_page(document: object) -> ModelPage | None:
    """The page that `document` (parsed JSON) is; None where it is no page of a list."""
    if not isinstance(document, dict) or not isinstance(document.get("data"), list):
        return None
    found = (parse_model(entry) for entry in document["data"][:MODELS_MAX])
    return ModelPage(
        models=tuple(model for model in found if model is not None),
        has_more=document.get("has_more") is True,
        last_id=_word(document.get("last_id")),
    )


def parse_model(entry: object) -> ModelInfo | None:
    """The model that `entry` (parsed JSON) describes; None where it is none."""
    if not isinstance(entry, dict):
        return None
    ident = _word(entry.get("id"))
    if ident is None or entry.get("type", "model") != "model":
        return None
    stage = _word(entry.get("lifecycle"))
    most = entry.get("max_tokens")
    return ModelInfo(
        id=ident,
        display_name=_word(entry.get("display_name")) or ident,
        line=_word(entry.get("line")),
        lifecycle=stage if stage in LIFECYCLES else None,
        thinking_types=_thinking(entry.get("capabilities")),
        efforts=_efforts(entry.get("capabilities")),
        created_at=_time(entry.get("created_at")),
        deprecated_at=_time(entry.get("deprecated_at")),
        retires_at=_time(entry.get("retires_at")),
        max_tokens=most if type(most) is int and most > 0 else None,
    )


def plain_id(model: str) -> str:
    """The name that the vendor's own API has for `model`, without what a platform adds.

    Bedrock's `us.anthropic.claude-x-20260101-v1:0`, Vertex's `claude-x@20260101` and a gateway's
    `anthropic/claude-x` are `claude-x-20260101` and `claude-x` here.
    """
    name = model.rpartition("/")[2]
    name = _REVISION.sub("", _PLATFORM.sub("", name))
    return _VERTEX_WORD.sub("", _VERTEX_DATE.sub(r"-\1", name))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCatalog:
    """A list of models, whole or as much of it as could be read.

    Attributes:
        models: in the order of the list, each id once.
        complete: whether it is the whole list: only then does it mean something that a model is
            not in it.
        aliases: other names that the API itself resolved, and the ids that they stand for.
    """

    models: tuple[ModelInfo, ...] = ()
    complete: bool = False
    aliases: Mapping[str, str] = field(default_factory=dict)

    def find(self, model: str) -> ModelInfo | None:
        """The model that requests name `model`: by its id, its alias or a platform's name for it.

        An alias is an id without its date (`claude-x`, `claude-x-0` or `claude-x-latest` for
        `claude-x-20260101`); of several dates it stands for the newest.
        """
        by_id = {info.id: info for info in self.models}
        plain = plain_id(model)
        for name in (model, self.aliases.get(model, ""), plain, self.aliases.get(plain, "")):
            if name in by_id:
                return by_id[name]
        stems = {plain, plain.removesuffix("-latest"), plain.removesuffix("-0")}
        dated = [info for info in self.models if _DATE.sub("", info.id) in stems]
        return max(dated, key=lambda info: info.id, default=None)

    def active(self) -> tuple[ModelInfo, ...]:
        """The models that are open to new requests."""
        return tuple(info for info in self.models if info.lifecycle == "active")

    def newest(self, line: str | None) -> ModelInfo | None:
        """The newest active model of `line`; None where there is none."""
        found = [info for info in self.active() if line is not None and info.line == line]
        dates = [info.created_at for info in found if _known(info.created_at)]
        if len(dates) < len(found):  # the list has the newest first
            return found[0]
        return max(found, key=lambda info: info.created_at or _EPOCH, default=None)

    def lines(self) -> tuple[str, ...]:
        """The lines that have an active model, in the order of the list."""
        return tuple(dict.fromkeys(info.line for info in self.active() if info.line is not None))


def unique(models: Sequence[ModelInfo]) -> tuple[ModelInfo, ...]:
    """`models` with each id once, the first one: a list that changes while it is read repeats."""
    seen: dict[str, ModelInfo] = {}
    for info in models:
        seen.setdefault(info.id, info)
    return tuple(seen.values())[:MODELS_MAX]


_EPOCH = datetime(1970, 1, 2, tzinfo=UTC)


def _known(moment: datetime | None) -> bool:
    """The vendor writes the epoch where it does not know when a model came out."""
    return moment is not None and moment > _EPOCH


def _word(value: object) -> str | None:
    """A text that can be an id, a name or a word; None for anything else."""
    if not isinstance(value, str) or not value.isprintable():
        return None
    return value.strip()[:_WORD_CHARS_MAX] or None


def _time(value: object) -> datetime | None:
    """A date of RFC 3339; None where it is none. Without an offset it is UTC."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _inner(value: object, *keys: str) -> dict[str, Any] | None:
    """The object at `keys` inside of `value`; None where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else None


def _supported(levels: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Each name in `levels` that says whether it is supported."""
    for name, support in levels.items():
        told = support.get("supported") if isinstance(support, dict) else None
        if isinstance(told, bool):
            yield name, told


def _thinking(capabilities: object) -> frozenset[str] | None:
    types = _inner(capabilities, "thinking", "types")
    told = dict(_supported(types)) if types is not None else {}
    return frozenset(name for name, takes in told.items() if takes) if told else None


def _efforts(capabilities: object) -> frozenset[str] | None:
    effort = _inner(capabilities, "effort")
    if effort is None:
        return None
    if effort.get("supported") is False:
        return frozenset()
    told = dict(_supported(effort))
    return frozenset(name for name, takes in told.items() if takes) if told else None
