"""The list of models over HTTP: its query, and the lists that a reader must cope with.

The query is the vendor's Python SDK 2.14.0's. A fault of the list leaves every other request alone,
and so does a list that was not given: a refused key gets its refusal, whatever the list would be.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs

from monitor.core.claude_api import LIFECYCLES
from monitor.simulation._fault import (
    APP_HEADERS,
    JSON,
    FaultKind,
    Parameters,
    Strike,
    api_error,
    cut,
    instead,
)
from monitor.simulation._requests import RefusedRequestError, refuse
from monitor.simulation.endpoints import API_SERVICES, Service, locate
from monitor.simulation.exchange import SimRequest, SimResponse
from monitor.simulation.models import (
    ALIASES,
    CATALOGUE,
    LISTED_BY_DEFAULT,
    LISTING,
    Listing,
    Page,
    entry,
    listed,
    page_document,
)

HUGE_MODELS: Final = 10_000
"""How many models a huge list has."""

_PATH: Final = "/v1/models"
_LIMIT: Final = 20
_LIMIT_MAX: Final = 1000
_ENDLESS_PAGE: Final = 5
_ENDLESS: Final = "claude-endless-"
_NO_MODEL: Final = "is no model"


def page_of_list(path: str, listing: Listing) -> str:
    """The JSON of the page of `listing` that `path`, with its query, asks for.

    Raises:
        RefusedRequestError: the query is none that the API takes.
    """
    page = _page_asked(parse_qs(path.partition("?")[2], keep_blank_values=True))
    document = page_document(page, listing)
    if document is None:
        name = "after_id" if page.before is None else "before_id"
        refuse(f"{name}: {page.after or page.before} {_NO_MODEL}")
    return document


def _page_asked(query: Mapping[str, Sequence[str]]) -> Page:
    """Which page of the list `query` asks for."""
    after, before = (query.get(name, [None])[-1] for name in ("after_id", "before_id"))
    if after is not None and before is not None:
        refuse("after_id and before_id cannot be given together")
    stages = [*query.get("lifecycle", ()), *query.get("lifecycle[]", ())]
    if len(stages) > len(LIFECYCLES) or not set(stages) <= set(LIFECYCLES):
        refuse(f"lifecycle: up to {len(LIFECYCLES)} values of {', '.join(LIFECYCLES)}")
    return Page(
        limit=_limit(query.get("limit", [])),
        after=after,
        before=before,
        lifecycle=tuple(stages) or LISTED_BY_DEFAULT,
    )


def _limit(given: Sequence[str]) -> int:
    """`limit` of the query: 1 to 1000, 20 when not given."""
    if not given:
        return _LIMIT
    if not (given[-1].isdecimal() and 1 <= int(given[-1][:9]) <= _LIMIT_MAX):
        refuse(f"limit: Input should be between 1 and {_LIMIT_MAX}")
    return int(given[-1])


# ---------------------------------------------------------------- faults


def _is_list(request: SimRequest, answer: SimResponse) -> bool:
    """Whether `answer` is a page of the list, or says that a cursor is not in it.

    Another list has other cursors.
    """
    if locate(request.host, request.bare_path).service is not Service.MODELS:
        return False
    unknown = answer.status == HTTPStatus.BAD_REQUEST and _NO_MODEL.encode() in answer.body
    return request.bare_path == _PATH and (answer.status == HTTPStatus.OK or unknown)


def _told(healthy: SimResponse, document: str | Mapping[str, Any]) -> SimResponse:
    """A page of a list."""
    text = document if isinstance(document, str) else json.dumps(document, separators=(",", ":"))
    return replace(healthy, status=HTTPStatus.OK.value, body=text.encode())


def _paged(request: SimRequest, healthy: SimResponse, listing: Listing) -> SimResponse:
    """The page of another list, or the refusal of a cursor that is not in it."""
    try:
        return _told(healthy, page_of_list(request.path, listing))
    except RefusedRequestError as refused:
        return api_error(healthy, refused.status, refused.kind, refused.message)


def _listing(make: Callable[[], Listing]) -> Strike:
    """Another list in the place of the list of models, in the pages that are asked for."""
    made: list[Listing] = []

    def strike(request: SimRequest, healthy: SimResponse, _: Parameters) -> SimResponse:
        if not _is_list(request, healthy):
            return healthy
        if not made:
            made.append(make())
        return _paged(request, healthy, made[0])

    return strike


def _entries(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Listing:
    """The list, with each entry as `change` has it."""
    return listed(change(entry(ident, model)) for ident, model in CATALOGUE.items())


def _huge() -> Listing:
    """The list, and behind it so many more that nobody can want them all."""
    newest = entry(*next(iter(CATALOGUE.items())))
    more = HUGE_MODELS - len(CATALOGUE)
    names = {"display_name": "Claude Many"}
    made = [{**newest, "id": f"claude-many-{n}", **names} for n in range(more)]
    return {**LISTING, **listed(made)}


_OLDER_FORM: Final = ("type", "id", "display_name", "created_at")


def _without_capabilities(one: dict[str, Any]) -> dict[str, Any]:
    """An entry as before the list knew lifecycle and capabilities."""
    return {name: one[name] for name in _OLDER_FORM}


def _strange(one: dict[str, Any]) -> dict[str, Any]:
    """An entry of a line and with a kind of thinking that nobody knows, and without dates."""
    types = {**one["capabilities"]["thinking"]["types"], "dreaming": {"supported": True}}
    return {
        **one,
        "line": f"{one['line']}-next",
        "created_at": None,
        "deprecated_at": None,
        "retires_at": None,
        "capabilities": {
            **one["capabilities"],
            "thinking": {"supported": True, "types": types},
            "effort": None,
            "telepathy": {"supported": True},
        },
    }


def _endless(request: SimRequest, healthy: SimResponse, _: Parameters) -> SimResponse:
    """Each page has models that no page had before, and says that there are more."""
    if not _is_list(request, healthy):
        return healthy
    after = parse_qs(request.path.partition("?")[2]).get("after_id", [""])[-1]
    number = after.removeprefix(_ENDLESS)
    begin = int(number[:9]) + 1 if after.startswith(_ENDLESS) and number.isdecimal() else 0
    newest = entry(*next(iter(CATALOGUE.items())))
    names = [f"{_ENDLESS}{n}" for n in range(begin, begin + _ENDLESS_PAGE)]
    document = {
        "data": [{**newest, "id": name} for name in names],
        "has_more": True,
        "first_id": names[0],
        "last_id": names[-1],
    }
    return _told(healthy, document)


def _changing(request: SimRequest, healthy: SimResponse, _: Parameters) -> SimResponse:
    """The first page ends at the half; until the next is asked for the list has moved.

    A model that was on the first page stands on the next one again, as a deprecated one, and one
    that was on neither has come.
    """
    if not _is_list(request, healthy):
        return healthy
    names = list(CATALOGUE)
    half = len(names) // 2
    if "after_id=" not in request.path:
        data = [entry(name, CATALOGUE[name]) for name in names[:half]]
    else:
        again = {**entry(names[0], CATALOGUE[names[0]]), "lifecycle": "deprecated"}
        come = {**again, "id": "claude-newcomer-1", "lifecycle": "active"}
        rest = [entry(name, CATALOGUE[name]) for name in names[half + 1 :]]
        data = [again, come, *rest]
    document = {
        "data": data,
        "has_more": "after_id=" not in request.path,
        "first_id": data[0]["id"],
        "last_id": data[-1]["id"],
    }
    return _told(healthy, document)


def _cursor_gone(request: SimRequest, healthy: SimResponse, _: Parameters) -> SimResponse:
    """The first page says that there are more; what it ends with is gone when they are asked for.

    Only a page behind another is refused: the list can be read again from its beginning.
    """
    if not _is_list(request, healthy):
        return healthy
    after = parse_qs(request.path.partition("?")[2]).get("after_id")
    if after:
        refused = f"after_id: {after[-1]} {_NO_MODEL}"
        return api_error(healthy, HTTPStatus.BAD_REQUEST, "invalid_request_error", refused)
    document = {**json.loads(healthy.body), "has_more": True}
    return _told(healthy, document)


def _retired(request: SimRequest, healthy: SimResponse, parameters: Parameters) -> SimResponse:
    """One model is retired: the list and its own page say so, and nobody else gets an answer."""
    name = ALIASES.get(parameters.model or "", parameters.model or "")
    service = locate(request.host, request.bare_path).service
    if service not in API_SERVICES or healthy.status != HTTPStatus.OK or name not in CATALOGUE:
        return healthy
    date = healthy.header("date")
    day = f"{parsedate_to_datetime(date):%Y-%m-%dT00:00:00Z}" if date else None
    model = CATALOGUE[name]
    past = {**entry(name, model), "lifecycle": "retired", "retires_at": day}
    if _is_list(request, healthy):
        # Keys keep their places: the order of the list is that of its models' age.
        return _paged(request, healthy, {**LISTING, **listed([past])})
    asked = request.model or ""
    if ALIASES.get(asked, asked) != name:
        return healthy
    if service is Service.MODELS:
        body = json.dumps(past, separators=(",", ":")).encode()
        return instead(healthy, 200, cut(healthy, APP_HEADERS, JSON), body)
    return api_error(healthy, HTTPStatus.NOT_FOUND, "not_found_error", f"model: {asked}")


LISTS: Mapping[str, FaultKind] = {
    "models_empty": FaultKind(strike=_listing(dict), does="the list of models is empty"),
    "models_huge": FaultKind(
        strike=_listing(_huge), does=f"the list has {HUGE_MODELS:,} models, in as many pages"
    ),
    "models_endless": FaultKind(
        strike=_endless, does="each page of the list has new models, and says that there are more"
    ),
    "models_bare": FaultKind(
        strike=_listing(lambda: _entries(_without_capabilities)),
        does="the list in its older form, without lifecycle, line and capabilities",
    ),
    "models_strange": FaultKind(
        strike=_listing(lambda: _entries(_strange)),
        does="the list with unknown lines and capabilities, and null in place of its dates",
    ),
    "models_changing": FaultKind(
        strike=_changing, does="the list changes between its first page and the next"
    ),
    "models_cursor_gone": FaultKind(
        strike=_cursor_gone,
        does="400 to every page but the first: the model that it was to begin behind is gone",
    ),
    "model_retired": FaultKind(
        strike=_retired,
        does="one model (`model`) is retired: the list says so, and requests for it get 404",
        takes=frozenset({"model"}),
        needs=frozenset({"model"}),
    ),
}
"""Faults of the list of models, and of a model that leaves it."""
