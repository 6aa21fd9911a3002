"""Probes of anything with a URL: pages, hello endpoints, downloads, a keyless gate.

Each expectation becomes one named check. A run that meets none of them is still only facts here:
whether a 403 is an outage, a challenge or a wrong config is for the classification to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import urljoin, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from monitor.core.answer import parse_json, read
from monitor.core.observation import Answer, Check
from monitor.probes._base import HttpReply, HttpRequest, ProbeKind, ProbeSpec, Reading
from monitor.probes._urls import HttpUrl
from monitor.spec import Secret, Spec

TEXT_CHARS_MAX = 16_384
"""How far into a body `expect.body` is matched: a pattern may be slow on long texts."""

PATTERN_CHARS_MAX = 500

_DETAIL_CHARS_MAX = 120
_SERVER_ERROR = 500
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_HEADER_VALUE = re.compile(r"[\t -~]{0,1024}")
_OURS = frozenset({"connection", "content-length", "host", "origin", "transfer-encoding"})
_OURS_TOO = frozenset({"accept-encoding", "user-agent"})
_SECRET_WORDS = ("auth", "key", "token", "cookie", "secret")


def _check_pattern(value: str) -> str:
    """`value`, if it compiles."""
    if len(value) > PATTERN_CHARS_MAX:
        msg = f"a pattern is {PATTERN_CHARS_MAX} characters long at most"
        raise ValueError(msg)
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as problem:
        msg = f"{value!r} is no regular expression: {problem}"
        raise ValueError(msg) from None
    return value


def _check_headers(value: Mapping[str, str]) -> Mapping[str, str]:
    """`value`, if these headers are the operator's to set and hold no secret."""
    for name, text in value.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(text):
            msg = f"header {name!r}: names are tokens and values printable ASCII"
            raise ValueError(msg)
        if name.lower() in _OURS | _OURS_TOO:
            msg = f"header {name!r} is set by the monitor or never sent"
            raise ValueError(msg)
        if any(word in name.lower() for word in _SECRET_WORDS):
            msg = f"header {name!r} would hold a secret; keys stand under `credentials`"
            raise ValueError(msg)
    return value


def _one_or_more(value: Any) -> Any:
    """A list, from a list or one item."""
    return value if isinstance(value, list | tuple) else (value,)


Status = Annotated[int, Field(ge=100, le=599, strict=True)]


class Expect(Spec):
    """What a healthy answer looks like. Whatever is not given is not checked."""

    status: (
        Annotated[
            tuple[Status, ...],
            BeforeValidator(_one_or_more, json_schema_input_type=Status | tuple[Status, ...]),
        ]
        | None
    ) = None
    """Status, or list of them; 200 when not given."""
    not_5xx: bool = False
    """Any answer will do that is no 5xx: the host can be reached. In place of `status`."""
    json_: Mapping[str, Any] | None = Field(default=None, alias="json")
    """Members that the JSON body has, at any depth; more of them do no harm."""
    body: Annotated[str, AfterValidator(_check_pattern)] | None = None
    """A regular expression that the body matches, `^` and `$` being its ends."""
    body_contains: str | None = Field(default=None, min_length=1, max_length=1000)
    """A text that the body holds."""
    error_type: str | None = Field(default=None, min_length=1, max_length=64)
    """`error.type` of an error document of the vendor's API."""
    request_id: bool = False
    """The answer carries a request id of the vendor."""
    location_host: Annotated[
        tuple[str, ...],
        BeforeValidator(_one_or_more, json_schema_input_type=str | tuple[str, ...]),
    ] = ()
    """Hosts that a redirect may lead to."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.not_5xx and self.status is not None:
            msg = "expect either status or not_5xx, not both"
            raise ValueError(msg)
        return self

    @property
    def statuses(self) -> tuple[int, ...]:
        """The statuses that are right, where `not_5xx` does not say it."""
        return self.status if self.status is not None else (200,)

    @property
    def reads_body(self) -> bool:
        """Whether the body has to be read."""
        wanted = (self.json_, self.body, self.body_contains, self.error_type)
        return any(value is not None for value in wanted)

    @property
    def reads_json(self) -> bool:
        """Whether JSON is to be asked for."""
        return self.json_ is not None or self.error_type is not None or self.request_id


class HttpSpec(ProbeSpec):
    """A probe of one URL."""

    kind: Literal["http"]
    url: HttpUrl
    """What to ask for."""
    method: Literal["GET", "HEAD"] = "GET"
    """How."""
    headers: Annotated[Mapping[str, str], AfterValidator(_check_headers)] = Field(
        default_factory=dict, max_length=32
    )
    """More headers to send; no secrets."""
    redirects: int = Field(default=0, ge=0, le=10)
    """How many redirects are followed; with 0 a redirect is the answer."""
    expect: Expect = Field(default_factory=Expect)
    """What a healthy answer looks like."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.method == "HEAD" and self.expect.reads_body:
            msg = "a HEAD has no body to expect anything of; use GET"
            raise ValueError(msg)
        if self.credential is not None:
            msg = "an http probe uses no credential; kind claude_json does"
            raise ValueError(msg)
        return self


def request(spec: HttpSpec, _key: Secret | None, _takes: object = None) -> HttpRequest:
    """What to ask: the edge answers in JSON, with its reasons, where JSON is accepted."""
    accept = "application/json" if spec.expect.reads_json else "*/*"
    given = {name.lower(): value for name, value in spec.headers.items()}
    return HttpRequest(
        method=spec.method,
        url=spec.url,
        headers={"accept": accept, **given},
        redirects_max=spec.redirects,
    )


def reading(spec: HttpSpec, reply: HttpReply) -> Reading:
    """What the reply says, and one check for each expectation."""
    answer = read(reply.status, reply.headers, reply.body, truncated=reply.truncated, url=reply.url)
    checks = (
        _status(spec.expect, reply),
        *_json(spec.expect, reply),
        *_text(spec.expect, reply),
        *_vendor(spec.expect, answer),
        *_location(spec.expect, reply),
    )
    return Reading(answer=answer, checks=checks)


def _status(expect: Expect, reply: HttpReply) -> Check:
    ok = reply.status < _SERVER_ERROR if expect.not_5xx else reply.status in expect.statuses
    return Check(name="status", ok=ok, detail="" if ok else f"HTTP {reply.status}")


def _json(expect: Expect, reply: HttpReply) -> tuple[Check, ...]:
    if expect.json_ is None:
        return ()
    found = parse_json(reply.body)
    if found is None:
        return (Check(name="json", ok=False, detail="the body is no JSON"),)
    missing = _missing(dict(expect.json_), found, "")
    return (Check(name="json", ok=missing is None, detail=(missing or "")[:_DETAIL_CHARS_MAX]),)


def _missing(wanted: object, found: object, path: str) -> str | None:
    """Where `found` lacks what is `wanted`; None when it has all of it."""
    if isinstance(wanted, Mapping):
        if not isinstance(found, Mapping):
            return f"{path or 'the body'} is no object"
        for name, value in wanted.items():
            where = f"{path}.{name}" if path else str(name)
            if name not in found:
                return f"{where} is missing"
            if (lack := _missing(value, found[name], where)) is not None:
                return lack
        return None
    # In Python 1 == True; in JSON it is not.
    same = wanted == found and isinstance(wanted, bool) == isinstance(found, bool)
    return None if same else f"{path} is another"


def _text(expect: Expect, reply: HttpReply) -> tuple[Check, ...]:
    text = reply.body.decode("utf-8", "replace")
    checks = []
    if expect.body is not None:
        ok = re.search(expect.body, text[:TEXT_CHARS_MAX]) is not None
        detail = "" if ok else "the body does not match"
        checks.append(Check(name="body", ok=ok, detail=detail))
    if expect.body_contains is not None:
        ok = expect.body_contains in text
        detail = "" if ok else "the body lacks the text"
        checks.append(Check(name="body_contains", ok=ok, detail=detail))
    return tuple(checks)


def _vendor(expect: Expect, answer: Answer) -> tuple[Check, ...]:
    checks = []
    if expect.error_type is not None:
        ok = answer.anthropic_error and answer.error_type == expect.error_type
        detail = "" if ok else f"error type {answer.error_type or 'none'}"
        checks.append(Check(name="type", ok=ok, detail=detail[:_DETAIL_CHARS_MAX]))
    if expect.request_id:
        ok = answer.request_id is not None
        checks.append(Check(name="request_id", ok=ok, detail="" if ok else "no request id"))
    return tuple(checks)


def _location(expect: Expect, reply: HttpReply) -> tuple[Check, ...]:
    """A redirect leads where it should; an answer that is none has nothing to check."""
    if not expect.location_host or not 300 <= reply.status < 400:  # noqa: PLR2004  # HTTP's 3xx
        return ()
    try:
        target = urljoin(reply.url, reply.header("location") or "")
        host = urlsplit(target).hostname if reply.header("location") else None
    except ValueError:
        host = None
    ok = host in expect.location_host
    detail = "" if ok else f"it leads to {host or 'nowhere'}"
    return (Check(name="location", ok=ok, detail=detail[:_DETAIL_CHARS_MAX]),)


KIND = ProbeKind(
    name="http",
    spec=HttpSpec,
    request=request,
    read=reading,
    # Over verified TLS no one else can answer.
    answered_means_vendor=lambda spec: spec.url.startswith("https://"),
)
