"""Reads the list of models, politely. It is no probe: it has no outcome and judges nothing.

`ModelList.read` does no I/O: it says what to ask next and is given what came of it, as the reader
of the vendor's status page does. All pages are read, the retired models among them; a server that
does not know the query for these is asked again without it. What is no list is an `UnreadableError`
with a sentence, and whoever reads keeps the list that he had.

Query and paging are those of the vendor's Python SDK 2.14.0, which repeats `lifecycle[]`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from monitor.core.answer import parse_json
from monitor.core.claude_api import LIFECYCLES
from monitor.core.models import (
    MODELS_MAX,
    PAGE_SIZE,
    PAGES_MAX,
    ModelCatalog,
    ModelInfo,
    ModelPage,
    parse_model,
    parse_page,
    unique,
)
from monitor.core.plan import ProbePlan
from monitor.probes._base import HttpReply, HttpRequest, ProbeSpec
from monitor.probes._claude import ClaudeSpec, endpoint, headers_of
from monitor.probes._http import Asked
from monitor.spec import Secret

PAGE_BYTES_MAX = 4 * 1024 * 1024
"""How much of one page is read, after decompression: a thousand models take about a third."""

INTERVAL = 3600.0
RETRY_SECONDS = 300.0
"""How long a list is left alone after a reading, and after a failed one; the latter doubles."""

_OK = 200
_BAD_REQUEST = 400
_NOT_FOUND = 404


class UnreadableError(Exception):
    """There is no list of models; the text says why."""


Reader = Generator[HttpRequest, Asked, ModelCatalog]


class ModelList:
    """The list at one address, as one key sees it."""

    def __init__(self, spec: ClaudeSpec, key: Secret | None, models: Sequence[str] = ()) -> None:
        """Ask where and how the probe of `spec` does; `models` are those whose names matter."""
        self._spec = spec
        self._headers, self._secrets = headers_of(spec, key)
        self._models = tuple(dict.fromkeys(models))

    def read(self) -> Reader:
        """One reading: yields what to ask, is sent what came, returns the list.

        Raises:
            UnreadableError: there is no list; the sentence says why.
        """
        catalog = yield from self._pages()
        if not catalog.models:
            msg = "the list of models is empty"
            raise UnreadableError(msg)
        unknown = [name for name in self._models if catalog.find(name) is None]
        if not catalog.complete or not unknown:
            return catalog
        return (yield from self._resolved(catalog, unknown))

    def _pages(self) -> Reader:
        """All pages, or as many as may be read."""
        found: list[ModelInfo] = []
        query: list[tuple[str, str]] = [("lifecycle[]", stage) for stage in LIFECYCLES]
        behind: str | None = None
        for number in range(PAGES_MAX):
            asked = yield self._page_request(query, behind)
            reply = asked.reply
            if number == 0 and asked.error is None and reply and reply.status == _BAD_REQUEST:
                query = []
                asked = yield self._page_request(query, behind)
            page = _page_of(asked)
            before = len(found)
            found = list(unique([*found, *page.models]))
            if not page.has_more:
                return ModelCatalog(models=tuple(found), complete=len(found) < MODELS_MAX)
            # Without a way on, or with nothing new behind it, the list has no end to be read to.
            stuck = page.last_id in (None, behind) or len(found) == before
            if stuck or len(found) >= MODELS_MAX:
                break
            behind = page.last_id
        return ModelCatalog(models=tuple(found))

    def _resolved(self, catalog: ModelCatalog, names: Sequence[str]) -> Reader:
        """`catalog` with the aliases that the API itself resolves."""
        aliases: dict[str, str] = {}
        models, complete = catalog.models, True
        for name in names:
            asked = yield self._request(f"/v1/models/{quote(name, safe='')}")
            reply = asked.reply
            info = None
            if asked.error is None and reply is not None and reply.status == _OK:
                info = parse_model(parse_json(reply.body))
            if info is not None:
                aliases[name] = info.id
                models = unique([*models, info])
            elif asked.error is not None or reply is None or reply.status != _NOT_FOUND:
                complete = False
        return ModelCatalog(models=models, complete=complete, aliases=aliases)

    def _page_request(self, query: list[tuple[str, str]], behind: str | None) -> HttpRequest:
        after = [] if behind is None else [("after_id", behind)]
        words = urlencode([*after, *query, ("limit", str(PAGE_SIZE))])
        return self._request(f"/v1/models?{words}")

    def _request(self, path: str) -> HttpRequest:
        return HttpRequest(
            method="GET",
            url=endpoint(self._spec, path),
            headers=self._headers,
            body_bytes_max=PAGE_BYTES_MAX,
            secrets=self._secrets,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedList:
    """One list to read, and for whom.

    Attributes:
        credential: name of the key that reads it.
        probes: names of the probes that ask a model with this key at this address.
        reader: reads it.
    """

    credential: str
    probes: tuple[str, ...]
    reader: ModelList


def wait_after(failures: int) -> float:
    """Seconds until a list is read again, after so many failed readings in a row."""
    if not failures:
        return INTERVAL
    return min(INTERVAL, RETRY_SECONDS * 2.0 ** min(failures - 1, 10))


def model_lists(
    asking: Iterable[tuple[ProbePlan, ProbeSpec, Secret | None]],
) -> tuple[AskedList, ...]:
    """One list for each key and address with which one of `asking` asks a model.

    A gateway's list is its own and says nothing about Claude, so it is not read.
    """
    groups: dict[tuple[str, str], list[tuple[ProbePlan, ClaudeSpec, Secret | None]]] = {}
    for probe, spec, key in asking:
        named = probe.model is not None and probe.credential_name is not None
        if named and isinstance(spec, ClaudeSpec) and not spec.gateway:
            where = (spec.base_url.rstrip("/"), probe.credential_name or "")
            groups.setdefault(where, []).append((probe, spec, key))
    return tuple(
        AskedList(
            credential=credential,
            probes=tuple(probe.name for probe, _, _ in group),
            reader=ModelList(group[0][1], group[0][2], [each.model or "" for each, _, _ in group]),
        )
        for (_, credential), group in groups.items()
    )


def _page_of(asked: Asked) -> ModelPage:
    """The page that came; raises `UnreadableError` for anything else."""
    reply: HttpReply | None = asked.reply
    if asked.error is not None or reply is None:
        msg = asked.error.message if asked.error else "no answer"
        raise UnreadableError(msg)
    if reply.status != _OK:
        msg = f"HTTP {reply.status}"
        raise UnreadableError(msg)
    if reply.truncated:
        msg = f"a page of the list is longer than {PAGE_BYTES_MAX} bytes"
        raise UnreadableError(msg)
    page = parse_page(parse_json(reply.body))
    if page is None:
        msg = "the answer is no list of models"
        raise UnreadableError(msg)
    return page
