"""The models of the simulated API: which answer, which are retired, and what is listed of them.

Ids, lines, dates and what each takes are those of the vendor's Python SDK 2.14.0 and its pages of
autumn 2026; a date of release that nobody states is set between its neighbours'.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from monitor.core.claude_api import EFFORTS, LIFECYCLES, THINKING_TYPES
from monitor.core.models import ModelInfo, parse_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model of the list.

    Attributes:
        title: its display name.
        line: its family.
        created: date of its release, ISO.
        thinking: values of `thinking.type` that it takes; any other is a 400.
        default: what it does when a request says nothing of thinking.
        efforts: levels of effort that it takes; none: it refuses `effort`.
        effort: the level when a request names none.
        off_at_most: the highest effort with which thinking may be switched off.
        omits: its thinking is not shown unless a request asks for it.
        samples: with the older version of the API it takes sampling parameters other than the
            default ones.
        lifecycle: stage of its life.
        deprecated: date of its deprecation, ISO.
        retires: date of its retirement, ISO.
        longest: longest answer, in tokens.
        context: longest prompt, in tokens.
    """

    title: str
    line: str
    created: str
    thinking: tuple[str, ...] = ("adaptive", "disabled")
    default: str = "adaptive"
    efforts: tuple[str, ...] = EFFORTS
    effort: str = "high"
    off_at_most: str = "max"
    omits: bool = True
    samples: bool = False
    lifecycle: str = "active"
    deprecated: str | None = None
    retires: str | None = None
    longest: int = 128_000
    context: int = 1_000_000


_ALWAYS: Final = ("adaptive",)
_OLDER: Final = ("enabled", "disabled")
_ANY: Final = ("adaptive", "enabled", "disabled")
_TO_HIGH: Final = ("low", "medium", "high")
_TO_MAX: Final = ("low", "medium", "high", "max")


def _always(title: str, line: str, created: str, **more: Any) -> Model:
    return Model(title=title, line=line, created=created, thinking=_ALWAYS, **more)


def _older(title: str, line: str, created: str, **more: Any) -> Model:
    """A model from before 4.6: it thinks only when told to, and shows it."""
    return Model(
        title=title,
        line=line,
        created=created,
        thinking=_OLDER,
        default="disabled",
        omits=False,
        samples=True,
        longest=64_000,
        context=200_000,
        **more,
    )


def _four_six(title: str, line: str, created: str) -> Model:
    return Model(
        title=title,
        line=line,
        created=created,
        thinking=_ANY,
        default="disabled",
        efforts=_TO_MAX,
        omits=False,
        samples=True,
    )


CATALOGUE: Final[Mapping[str, Model]] = {
    "claude-fable-5-2": _always("Claude Fable 5.2", "fable", "2026-11-09"),
    "claude-mythos-5-2": _always("Claude Mythos 5.2", "mythos", "2026-11-09"),
    "claude-haiku-5-5": Model(
        title="Claude Haiku 5.5",
        line="haiku",
        created="2026-10-07",
        effort="medium",
        off_at_most="high",
    ),
    "claude-sonnet-5-5": Model(
        title="Claude Sonnet 5.5",
        line="sonnet",
        created="2026-09-28",
        thinking=("adaptive", "between_tools"),
        off_at_most="high",
    ),
    "claude-opus-5-5": _always("Claude Opus 5.5", "opus", "2026-09-22", effort="medium"),
    "claude-fable-5-1": _always("Claude Fable 5.1", "fable", "2026-09-01"),
    "claude-mythos-5-1": _always("Claude Mythos 5.1", "mythos", "2026-09-01"),
    "claude-sonnet-5": Model(title="Claude Sonnet 5", line="sonnet", created="2026-08-01"),
    "claude-fable-5": _always("Claude Fable 5", "fable", "2026-07-15"),
    "claude-mythos-5": _always("Claude Mythos 5", "mythos", "2026-07-15"),
    "claude-opus-5": Model(
        title="Claude Opus 5", line="opus", created="2026-07-01", off_at_most="high"
    ),
    "claude-opus-4-8": Model(
        title="Claude Opus 4.8", line="opus", created="2026-06-01", default="disabled"
    ),
    "claude-opus-4-7": Model(
        title="Claude Opus 4.7", line="opus", created="2026-04-16", default="disabled"
    ),
    "claude-mythos-preview": Model(
        title="Claude Mythos Preview",
        line="mythos",
        created="2026-04-07",
        lifecycle="retired",
        deprecated="2026-05-15",
        retires="2026-06-30",
    ),
    "claude-sonnet-4-6": _four_six("Claude Sonnet 4.6", "sonnet", "2026-02-17"),
    "claude-opus-4-6": _four_six("Claude Opus 4.6", "opus", "2026-02-05"),
    "claude-opus-4-5-20251101": _older(
        "Claude Opus 4.5",
        "opus",
        "2025-11-24",
        efforts=_TO_HIGH,
        lifecycle="deprecated",
        deprecated="2026-10-22",
        retires="2027-01-22",
    ),
    "claude-haiku-4-5-20251001": _older("Claude Haiku 4.5", "haiku", "2025-10-15", efforts=()),
    "claude-sonnet-4-5-20250929": _older(
        "Claude Sonnet 4.5",
        "sonnet",
        "2025-09-29",
        efforts=_TO_HIGH,
        lifecycle="deprecated",
        deprecated="2026-08-30",
        retires="2026-11-30",
    ),
    "claude-opus-4-1-20250805": _older(
        "Claude Opus 4.1",
        "opus",
        "2025-08-05",
        efforts=(),
        lifecycle="retired",
        deprecated="2026-06-05",
        retires="2026-08-05",
    ),
    "claude-opus-4-20250514": _older(
        "Claude Opus 4",
        "opus",
        "2025-05-22",
        efforts=(),
        lifecycle="retired",
        deprecated="2026-04-14",
        retires="2026-06-15",
    ),
    "claude-sonnet-4-20250514": _older(
        "Claude Sonnet 4",
        "sonnet",
        "2025-05-22",
        efforts=(),
        lifecycle="retired",
        deprecated="2026-04-14",
        retires="2026-06-15",
    ),
    "claude-3-5-haiku-20241022": _older(
        "Claude Haiku 3.5",
        "haiku",
        "2024-10-22",
        efforts=(),
        lifecycle="retired",
        deprecated="2025-12-19",
        retires="2026-02-19",
    ),
    "claude-3-haiku-20240307": _older(
        "Claude Haiku 3",
        "haiku",
        "2024-03-07",
        efforts=(),
        lifecycle="retired",
        deprecated="2026-02-19",
        retires="2026-04-19",
    ),
}
"""Every model, newest first, retired ones too."""

MODELS: Final[Mapping[str, Model]] = {
    ident: model for ident, model in CATALOGUE.items() if model.lifecycle != "retired"
}
"""Models that answer, newest first."""

RETIRED: Final = tuple(ident for ident in CATALOGUE if ident not in MODELS)
"""Models that answered once: asking one of them is a 404, as for a name that never was."""

ALIASES: Final[Mapping[str, str]] = {
    "claude-opus-4-5": "claude-opus-4-5-20251101",
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
    "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
}
"""Shorter names, and what they stand for; from 4.6 on the short name is the id."""

LISTED_BY_DEFAULT: Final = ("active", "deprecated")
"""Stages of life that are listed when a request names none."""


def known_model(name: str) -> str | None:
    """The id of the model that `name` stands for; None where none answers to it."""
    found = ALIASES.get(name, name)
    return found if found in MODELS else None


def line_of(name: str) -> str | None:
    """The line of the model that `name` stands for, retired or not; None where there is none."""
    model = CATALOGUE.get(ALIASES.get(name, name))
    return None if model is None else model.line


def _supports(*, supported: bool) -> dict[str, bool]:
    return {"supported": supported}


def capabilities(model: Model) -> dict[str, Any]:
    """What a model can do, in the shape of the list; every key is always there."""
    yes = _supports(supported=True)
    modern = model.omits or "adaptive" in model.thinking
    thinks = {kind: _supports(supported=kind in model.thinking) for kind in THINKING_TYPES}
    efforts = {level: _supports(supported=level in model.efforts) for level in EFFORTS}
    return {
        "batch": yes,
        "citations": yes,
        "code_execution": _supports(supported=modern),
        "context_management": {
            "supported": True,
            "clear_thinking_20251015": yes,
            "clear_tool_uses_20250919": yes,
            "compact_20260112": _supports(supported=modern),
        },
        "effort": {"supported": bool(model.efforts), **efforts},
        "image_input": yes,
        "pdf_input": yes,
        "server_tools": {"supported": True, "code_execution": yes, "web_search": yes},
        "structured_outputs": yes,
        "thinking": {"supported": True, "types": thinks},
    }


def _moment(date: str | None) -> str | None:
    return None if date is None else f"{date}T00:00:00Z"


def entry(ident: str, model: Model) -> dict[str, Any]:
    """One model as the list shows it."""
    return {
        "type": "model",
        "id": ident,
        "display_name": model.title,
        "created_at": _moment(model.created),
        "lifecycle": model.lifecycle,
        "line": model.line,
        "deprecated_at": _moment(model.deprecated),
        "retires_at": _moment(model.retires),
        "max_input_tokens": model.context,
        "max_tokens": model.longest,
        "capabilities": capabilities(model),
    }


@dataclass(frozen=True, slots=True)
class Listed:
    """A model as a list has it.

    Attributes:
        lifecycle: stage of its life.
        text: its JSON.
    """

    lifecycle: str
    text: str


Listing = Mapping[str, Listed]
"""A list of models by their ids, in its order."""


def listed(entries: Iterable[Mapping[str, Any]]) -> dict[str, Listed]:
    """The listing of these entries. One without a known stage of life is an active one."""
    return {
        str(one["id"]): Listed(
            str(one.get("lifecycle") or LIFECYCLES[0]), json.dumps(one, separators=(",", ":"))
        )
        for one in entries
    }


LISTING: Final[Listing] = listed(entry(ident, model) for ident, model in CATALOGUE.items())
"""The list of a good day."""


def model_document(ident: str) -> str:
    """The JSON of the model with id `ident`, retired or not.

    Raises:
        KeyError: there is none.
    """
    return LISTING[ident].text


def listed_info(name: str) -> ModelInfo | None:
    """What a reader of the list knows of the model that `name` stands for; None: nothing."""
    one = LISTING.get(ALIASES.get(name, name))
    return None if one is None else parse_model(json.loads(one.text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which page of the list is asked for.

    Attributes:
        limit: how many models it holds at most.
        after: the id behind which it begins.
        before: the id before which it ends; `after` is left alone then.
        lifecycle: the stages of life that are listed.
    """

    limit: int
    after: str | None = None
    before: str | None = None
    lifecycle: Sequence[str] = LISTED_BY_DEFAULT


def page_document(page: Page, listing: Listing = LISTING) -> str | None:
    """The JSON of `page` of `listing`; None where its cursor is no model of the list.

    A page before a model holds those next to it, in the order of the list, and `has_more` says
    whether there are any before them.
    """
    shown = [ident for ident, one in listing.items() if one.lifecycle in page.lifecycle]
    cursor = page.after if page.before is None else page.before
    if cursor is not None and cursor not in shown:
        return None
    if page.before is not None:
        rest = shown[: shown.index(page.before)]
        part = rest[-page.limit :]
    else:
        rest = shown if page.after is None else shown[shown.index(page.after) + 1 :]
        part = rest[: page.limit]
    more = "true" if len(part) < len(rest) else "false"
    ends = [json.dumps(part[place] if part else None) for place in (0, -1)]
    data = ",".join(listing[ident].text for ident in part)
    return f'{{"data":[{data}],"has_more":{more},"first_id":{ends[0]},"last_id":{ends[1]}}}'
