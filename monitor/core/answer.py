"""Reading an HTTP answer: which of the layers before Claude made it, and what it says.

An answer may come from an egress proxy of ours, from the edge (Cloudflare: challenges, 52x, 1xxx),
from a load balancer behind it (Envoy, in plain text) or from the application (JSON, with a request
id). `read` looks for the marks of each and judges nothing. Whatever it keeps of a body is bounded,
on one line, free of control characters and of anything that looks like a secret.

Every mark was seen in the wild: error documents and Envoy's texts in incidents of 2025 and 2026,
Cloudflare's JSON problem document since 2026, its pages before.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from monitor.core.claude_api import ERROR_TYPES
from monitor.core.observation import EXCERPT_CHARS_MAX, Answer, WrappedError

_HEAD_BYTES = 64 * 1024
"""How far into a page its markers are looked for."""

_TAIL_CHARS = 64
"""What is dropped before a cut: a secret that the cut makes too short to recognise."""

_NAME_CHARS_MAX = 64

_CHALLENGE_STATUSES = (403, 429, 503)
_CLOUDFLARE_STATUSES = (520, 521, 522, 523, 524, 525, 526, 530)
_WAF_STATUSES = (202, 405)
_EGRESS_STATUSES = (407, 511)
_GATEWAY_IDS = ("llm_provider-request-id", "x-litellm-call-id")
"""Headers in which LiteLLM gives the vendor's id of a request, and its own."""

_WRAPPED_CHARS = 16 * 1024
_WRAPPED_TRIES = 16
"""How far into a message, and at how many braces, a quoted document is looked for."""

_ERROR_STATUS_MIN = 400

_CHALLENGE_MARKS = (b"<title>Just a moment...", b"_cf_chl_opt", b"challenge-error-text")
_CHALLENGE_PATH = b"/cdn-cgi/challenge-platform/"
_DETECTION_PATH = b"/scripts/jsd/"
"""Bot detection that the edge puts into ordinary pages, from the same path as challenges."""

_PROXY_TEXTS = (
    b"upstream connect error or disconnect/reset before headers",
    b"no healthy upstream",
    b"upstream request timeout",
    b"upstream max stream duration reached",
    b"stream timeout",
    b"rbac: access denied",
)
_EGRESS_SERVERS = (
    "squid",
    "tinyproxy",
    "privoxy",
    "mitmproxy",
    "zscaler",
    "bluecoat",
    "proxysg",
    "mcafee web gateway",
)

_CF_TITLE = re.compile(rb"<title>[^<|]{0,200}\|\s{0,3}(5\d\d):")
_CF_WAF_TITLE = b"<title>Attention Required! | Cloudflare</title>"
_CF_WAF_CODE = 1020
_CF_CODE = re.compile(
    rb"(?i:cf-error-code\">|error code:?\s{0,3}(?:<span>)?|\berror)\s{0,3}(1\d{3})\b"
)
_CF_PLAIN = re.compile(rb"error code: (1\d{3}|5\d\d)")
_CF_DOCUMENT_TITLE = re.compile(r"Error (1\d{3}|5\d\d)\b")
_TAG = re.compile(rb"<[^>]{0,100}>")
_RATE_EXCEEDED_BYTES_MAX = 512

_NAME = re.compile(r"[\w.:/-]{1,64}")
_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)|\x9b[0-?]*[@-~]"
)
_SECRET = re.compile(
    r"""(?ix)
      sk-ant-[\w-]*
    | (?<![\w-])sk-[\w-]{16,}
    | whsec_[\w+/=-]*
    | eyJ[\w-]{8,}[\w.-]*
    | (?P<name>(?:api[_-]?key|authorization|access_token|refresh_token|client_secret|password)
        ["']?\s*[:=]\s*["']?(?:(?:bearer|basic)\s+)?)[^\s"',;&<>]{4,}
    | (?P<scheme>\b(?:bearer|basic)\s+)
        (?:[\w.~+/=-]{20,}|(?=[\w.~+/=-]*[\d_=+/])[\w.~+/=-]{6,})
    | (?P<user>//)[^\s/@:]+:[^\s/@]+(?=@)
    """
)
_SECRET_HINTS = (
    "sk-",
    "whsec_",
    "eyj",
    "apikey",
    "api_key",
    "api-key",
    "authorization",
    "s_token",
    "h_token",
    "_secret",
    "password",
    "bearer",
    "basic",
    "@",
)
"""One of these stands in every secret that the pattern knows: a search for them costs less."""
_HIDDEN = r"\g<name>\g<scheme>\g<user>[redacted]"


def _refuse_constant(name: str) -> NoReturn:
    message = f"{name} is not JSON"
    raise ValueError(message)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def read(
    status: int,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    *,
    truncated: bool = False,
    url: str = "",
) -> Answer:
    """Read an answer for what the classification asks of it.

    Args:
        status: HTTP status.
        headers: name and value of each header, names in lower case.
        body: the body as read, after decompression.
        truncated: the body was longer than that.
        url: where the answer came from, after redirects.
    """
    fields = dict(reversed(headers))
    content_type = _media_type(fields.get("content-type", ""))
    content, is_json = _document(body)
    error = _read_error(content)
    page = b"" if content else body[:_HEAD_BYTES]
    code, category = _read_cloudflare(status, content, page)
    return Answer(
        status=status,
        content_type=content_type,
        is_json=is_json,
        error_type=error.type,
        error_message=error.message,
        error_code=error.code,
        anthropic_error=error.typed,
        enveloped=error.typed and content.get("type") == "error",
        wrapped=error.wrapped,
        forbidden_shape=error.forbidden,
        region_blocked="app-unavailable-in-region" in fields.get("location", "") + url,
        egress_proxy=_from_egress(status, fields),
        request_id=_request_id(fields, content),
        cf_ray=_name(fields.get("cf-ray")) or _name(content.get("ray_id")),
        challenge=_is_challenge(status, fields, content_type, page),
        cloudflare_code=code,
        cloudflare_category=category,
        proxy_text=page[:256].lstrip().lower().startswith(_PROXY_TEXTS),
        rate_exceeded=_is_rate_exceeded(body),
        retry_after=_seconds(fields.get("retry-after")),
        vendor=_from_vendor(fields),
        body_bytes=len(body),
        truncated=truncated,
        excerpt=_excerpt(body),
    )


def _document(body: bytes) -> tuple[Mapping[str, object], bool]:
    """The JSON object in `body`, empty where there is none, and whether it is JSON at all."""
    document = parse_json(body)
    content = document if isinstance(document, dict) else {}
    return content, document is not None or body.strip() == b"null"


def parse_json(body: bytes) -> object | None:
    """The JSON value in `body`, or None: never raises, whatever the bytes.

    Strict where Python is lenient: UTF-8 only (a byte order mark is skipped), and neither `NaN` nor
    `Infinity`. A document nested too deep for the parser is no JSON either.
    """
    if body[:1] not in b'{[ \t\r\n"-0123456789tfn\xef':
        return None
    try:
        value: object = _DECODER.decode(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return value


def redact(text: str) -> str:
    """`text` with everything that looks like a key, a token or a password taken out."""
    lowered = text.lower()
    if any(hint in lowered for hint in _SECRET_HINTS):
        return _SECRET.sub(_HIDDEN, text)
    return text


def plain(text: str) -> str:
    """`text` without the escapes with which a terminal is coloured."""
    return _ESCAPE.sub("", text)


def clean(text: str, chars_max: int = EXCERPT_CHARS_MAX) -> str:
    """`text` from outside made fit for a log, a page or a terminal.

    One line, at most `chars_max` characters, no control characters, terminal escapes, bidirectional
    or zero-width marks, no secrets.
    """
    window = 4 * chars_max + _TAIL_CHARS
    return _clean(text[:window], chars_max, cut=len(text) > window)


def _clean(window: str, chars_max: int, *, cut: bool) -> str:
    """Clean a window; `cut` says that more followed, whose loss may have hidden a secret's end."""
    line = " ".join(window.split())
    if not line.isprintable():
        line = "".join(filter(str.isprintable, _ESCAPE.sub("", line)))
    line = redact(line)
    if cut:
        line = line[:-_TAIL_CHARS]
    if cut or len(line) > chars_max:
        return line[: chars_max - 1] + "…"
    return line


def _excerpt(body: bytes) -> str:
    window = 4 * EXCERPT_CHARS_MAX + _TAIL_CHARS
    text = body[:window].decode("utf-8", "replace")
    return _clean(text, EXCERPT_CHARS_MAX, cut=len(body) > window)


def _media_type(value: str) -> str:
    return clean(value.partition(";")[0].strip().lower(), _NAME_CHARS_MAX)


def _name(value: object) -> str | None:
    """An id or a word of the vendor's, if it looks like one: it goes into logs and links."""
    return value if isinstance(value, str) and _NAME.fullmatch(value) else None


def _request_id(fields: Mapping[str, str], content: Mapping[str, object]) -> str | None:
    """The vendor's id, from where it or a gateway puts it; else the gateway's own."""
    places = (
        fields.get("request-id"),
        content.get("request_id"),
        *(fields.get(name) for name in _GATEWAY_IDS),
    )
    return next((found for place in places if (found := _name(place))), None)


def _seconds(value: str | None) -> float | None:
    """Seconds of a `retry-after`; None for the form with a date."""
    try:
        seconds = float(value or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Error:
    """What an error document says."""

    type: str | None = None
    message: str | None = None
    code: str | None = None
    typed: bool = False
    forbidden: bool = False
    wrapped: WrappedError | None = None


_NO_ERROR = _Error()


def _read_error(content: Mapping[str, object]) -> _Error:
    """Read `error` in the shapes seen: the vendor's, OAuth's, and those of other layers.

    A known type counts as the vendor's even without the `"type": "error"` around it: older answers
    lack it.
    """
    error = content.get("error")
    if isinstance(error, str):
        return _Error(type=_short(error), message=_short(content.get("error_description")))
    if not isinstance(error, dict):
        return _NO_ERROR
    kind = _short(error.get("type"))
    details = error.get("details")
    return _Error(
        type=kind,
        message=_short(error.get("message"), EXCERPT_CHARS_MAX),
        code=_code(error, details),
        typed=kind is not None and (content.get("type") == "error" or kind in ERROR_TYPES),
        forbidden=kind == "forbidden" and "type" not in content,
        wrapped=quoted_error(error.get("message")),
    )


def _code(error: Mapping[str, object], details: object) -> str | None:
    if isinstance(details, dict):
        return _short(details.get("error_code"))
    code = error.get("code")
    return str(code) if isinstance(code, int) else _short(code)


def quoted_error(message: object) -> WrappedError | None:
    """The one error document of the vendor's that `message` quotes; None where several disagree."""
    if not isinstance(message, str):
        return None
    text = message[:_WRAPPED_CHARS]
    found: dict[str, WrappedError] = {}
    at = text.find("{")
    for _ in range(_WRAPPED_TRIES):
        if at < 0:
            break
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            inner = _quoted(value)
            if inner is not None:
                found.setdefault(inner.type, inner)
        at = text.find("{", end)
    return next(iter(found.values())) if len(found) == 1 else None


def _quoted(value: Mapping[str, object]) -> WrappedError | None:
    """What a quoted document says, if it is an error document of the vendor's."""
    error = value.get("error")
    if value.get("type") != "error" or not isinstance(error, dict):
        return None
    kind = _short(error.get("type"))
    if kind not in ERROR_TYPES:
        return None
    return WrappedError(
        type=kind,
        message=_short(error.get("message"), EXCERPT_CHARS_MAX),
        code=_code(error, error.get("details")),
        request_id=_name(value.get("request_id")),
    )


def _short(value: object, chars_max: int = _NAME_CHARS_MAX) -> str | None:
    return clean(value, chars_max) if isinstance(value, str) else None


def _read_cloudflare(
    status: int, content: Mapping[str, object], page: bytes
) -> tuple[int | None, str | None]:
    """Code and category of an error that the edge made, from document, page or status."""
    if status < _ERROR_STATUS_MIN:
        return None, None
    category = None
    code = None
    if content.get("cloudflare_error") is True:
        category = _short(content.get("error_category"))
        code = _document_code(content)
    elif page:
        code = _page_code(page)
    if code is None and status in _CLOUDFLARE_STATUSES:
        code = status
    return code, category


def _document_code(content: Mapping[str, object]) -> int | None:
    """The code of a problem document: a number, or failing that the one in its title."""
    code = content.get("error_code")
    if isinstance(code, int):
        return code
    found = _CF_DOCUMENT_TITLE.match(str(content.get("title")))
    return int(found[1]) if found else None


def _page_code(page: bytes) -> int | None:
    """The code of one of the edge's pages: HTML, or a line of text."""
    found = _CF_PLAIN.match(page) or _CF_TITLE.search(page)
    if found is None and b"loudflare" in page:
        found = _CF_CODE.search(page)
        if found is None and _CF_WAF_TITLE in page:
            return _CF_WAF_CODE
    return int(found[1]) if found else None


def _is_challenge(status: int, fields: Mapping[str, str], content_type: str, page: bytes) -> bool:
    """Whether the edge asks for a browser.

    The header is enough. Without it (a proxy may drop headers) a page must say so, in a status in
    which challenges come.
    """
    if fields.get("cf-mitigated", "").strip().lower() == "challenge":
        return True
    if status in _WAF_STATUSES:
        return fields.get("x-amzn-waf-action", "").strip().lower() in ("challenge", "captcha")
    if status not in _CHALLENGE_STATUSES or not _is_html(content_type, page):
        return False
    if any(mark in page for mark in _CHALLENGE_MARKS):
        return True
    return _CHALLENGE_PATH in page and _DETECTION_PATH not in page


def _is_html(content_type: str, page: bytes) -> bool:
    if content_type:
        return content_type in ("text/html", "application/xhtml+xml")
    return page[:256].lstrip().startswith(b"<")


def _is_rate_exceeded(body: bytes) -> bool:
    """Whether the whole text is `Rate exceeded`, bare or in a bare page."""
    if len(body) > _RATE_EXCEEDED_BYTES_MAX or b"ate exceeded" not in body:
        return False
    return _TAG.sub(b"", body).strip().rstrip(b".").lower() == b"rate exceeded"


def _from_vendor(fields: Mapping[str, str]) -> bool:
    """Whether headers of the vendor's edge, load balancer or application are there."""
    return (
        "cf-ray" in fields
        or "request-id" in fields
        or fields.get("server", "").lower() == "cloudflare"
        or "1.1 google" in fields.get("via", "")
        or any(name.startswith(("x-envoy-", "anthropic-")) for name in fields)
    )


def _from_egress(status: int, fields: Mapping[str, str]) -> bool:
    """Whether a proxy on our side answered.

    407 and 511 are never an origin's. Otherwise the proxy must give its name: an error without the
    vendor's headers alone proves nothing, for a broken origin may lack them too.
    """
    if status in _EGRESS_STATUSES:
        return True
    if _from_vendor(fields) or status < _ERROR_STATUS_MIN:
        return False
    return "x-squid-error" in fields or fields.get("server", "").lower().startswith(_EGRESS_SERVERS)
