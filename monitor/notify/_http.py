"""What the kinds that post over HTTP share: their settings, one POST, and what an answer means.

* 2xx: delivered.
* 410: given up; the receiver says that it will never want this again.
* 413: given up; the body does not change, so it will never be small enough.
* 3xx: tried again. Redirects are not followed, for they would carry the event to a place that
  nobody configured; yet a login page in front of a receiver goes away.
* Any other: tried again, not before `Retry-After`. A receiver that is being deployed answers 401,
  403, 404 or 5xx for a minute, and a lost close is worse than a repeated request. A kind whose
  protocol says that an answer is final adds it to those that give up.

No answer at all (refused, reset, not trusted, too late) is tried again.

Where a post may go: anywhere but to link-local and metadata addresses. Receivers on loopback and in
private networks are the usual case (a sidecar, an Alertmanager), so these are allowed; where a
machine keeps its own credentials no receiver lives. The address is checked when it is connected to,
so a name that leads somewhere else at the second look-up gains nothing.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Mapping
from typing import ClassVar

import aiohttp
from pydantic import Field, field_validator
from pydantic_core.core_schema import ValidationInfo
from yarl import URL

from monitor.delivery import Delivered, GiveUp, Result, Retry
from monitor.notify._base import (
    NotifierContext,
    NotifierSpec,
    TargetRefusedError,
    excerpt,
    guarded_session,
    link_local,
    retry_after,
    secrets_of,
    tls_context,
)
from monitor.spec import Duration, Secret, format_duration

HEADERS_MAX = 32
ANSWER_BYTES_MAX = 4096
"""How much of an answer that is no success is read, for its excerpt."""
ANSWER_TIMEOUT = 2.0
"""Seconds to wait for it."""

RESERVED_HEADERS = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
    }
)
"""Headers that a config may not set: they belong to the protocol."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")


# ---------------------------------------------------------------- spec


class HttpNotifierSpec(NotifierSpec):
    """What every notifier that posts over HTTP has. A kind declares its address after these."""

    reserved: ClassVar[frozenset[str]] = RESERVED_HEADERS

    headers: dict[str, Secret] = Field(default_factory=dict, max_length=HEADERS_MAX)
    """Headers to send besides our own; their values are never shown."""
    timeout: Duration = Field(default=10.0, gt=0, le=25)
    """How long one attempt may take, at most 25s."""
    ca_file: str | None = None
    """PEM file of authorities to trust besides the system's and `egress.ca_file`."""
    client_cert: str | None = None
    """PEM file of the certificate that we show to the receiver (mutual TLS)."""
    client_key: str | None = Field(default=None, validate_default=True)
    """PEM file of its key, without a passphrase; not needed where `client_cert` holds both."""
    direct: bool = False
    """Whether to go past `egress.proxy`: for receivers inside."""
    allow_link_local: bool = False
    """Whether the receiver may have a link-local or metadata address."""

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, headers: dict[str, Secret]) -> dict[str, Secret]:
        for name, value in headers.items():
            if not _TOKEN.fullmatch(name):
                msg = "a header's name is made of letters, digits and dashes"
                raise ValueError(msg)
            if name.lower() in cls.reserved:
                msg = f"the header {name} is set by claude-uptime"
                raise ValueError(msg)
            if not value.reveal().isprintable():
                msg = f"the header {name} holds a character that cannot be sent"
                raise ValueError(msg)
        return headers

    @field_validator("ca_file", "client_cert", "client_key")
    @classmethod
    def _may_be_empty(cls, value: str | None) -> str | None:
        return value or None

    @field_validator("client_key")
    @classmethod
    def _goes_with_a_certificate(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and not info.data.get("client_cert"):
            msg = "a client_key needs the client_cert that it belongs to"
            raise ValueError(msg)
        return value


def check_url(url: Secret, settings: Mapping[str, object], example: str) -> Secret:
    """`url` as it may be posted to, `settings` being the fields that stand before it.

    Raises:
        ValueError: it may not; the text does not show it.
    """
    if not url:
        return url
    parsed = http_url(url)
    if parsed is None:
        msg = f"a url is written like {example}"
        raise ValueError(msg)
    if link_local(parsed.host or "") and not settings.get("allow_link_local"):
        msg = "leads to a link-local or metadata address; allow_link_local: true would permit it"
        raise ValueError(msg)
    if parsed.raw_user is not None and has_authorization(settings):
        msg = "holds a user, and headers an Authorization: one of them is too many"
        raise ValueError(msg)
    return url


def http_url(url: Secret) -> URL | None:
    """An address over HTTP; None where it is none."""
    try:
        parsed = URL(url.reveal())
        usable = parsed.scheme in ("http", "https") and bool(parsed.host) and parsed.port
    except ValueError:
        return None
    return parsed if usable else None


def has_authorization(settings: Mapping[str, object]) -> bool:
    """Whether the headers in `settings` hold an Authorization."""
    headers = settings.get("headers")
    return isinstance(headers, dict) and "authorization" in {name.lower() for name in headers}


# ---------------------------------------------------------------- sending


class Poster:
    """Posts bodies to one URL, each over a connection of its own."""

    def __init__(
        self,
        spec: HttpNotifierSpec,
        url: Secret,
        context: NotifierContext,
        *,
        headers: Mapping[str, str] | None = None,
        hide: Iterable[str] = (),
    ) -> None:
        """Reads the files of certificates now, so that a wrong one is told at the start.

        Args:
            spec: the notifier's settings.
            url: where to post.
            context: what senders are given.
            headers: headers of the kind, by name in lower case; they win over those of `spec`.
            hide: what must not be quoted from an answer, besides what is secret in the rest.

        Raises:
            ValueError: a file cannot be used.
        """
        self._clock = context.clock
        self._executor = context.executor
        self._timeout = spec.timeout
        self._allow_link_local = spec.allow_link_local
        proxy = None if spec.direct else context.proxy
        self._proxy = URL(proxy.reveal()) if proxy else None
        self._url = URL(url.reveal())
        self._tls = tls_context(
            context.ca_file, spec.ca_file, certificate=spec.client_cert, key=spec.client_key
        )
        self._headers = {
            "user-agent": context.user_agent,
            **{name.lower(): value.reveal() for name, value in spec.headers.items()},
            "content-type": "application/json",
            "accept-encoding": "identity",
            **(headers or {}),
        }
        self._hidden = frozenset({*_hidden(spec, url, proxy), *hide})

    async def post(
        self,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        final: frozenset[int] = frozenset(),
    ) -> Result:
        """Post once. The reason of a failure holds no secret and is short.

        Args:
            body: what to send.
            headers: those of this attempt.
            final: statuses that give up, besides 410 and 413.
        """
        try:
            async with self._clock.timeout(self._timeout):
                return await self._post(body, headers or {}, final)
        except TimeoutError:
            return Retry(reason=f"no answer within {format_duration(self._timeout)}")
        except TargetRefusedError as error:
            return Retry(reason=str(error))
        except (aiohttp.ClientError, OSError) as error:
            return Retry(reason=_explain(error))

    async def _post(self, body: bytes, headers: Mapping[str, str], final: frozenset[int]) -> Result:
        # A proxy looks the receiver's name up itself; here only the proxy's is, which is trusted.
        allow = self._allow_link_local or self._proxy is not None
        async with (
            guarded_session(self._executor, self._tls, allow_link_local=allow) as session,
            session.post(
                self._url,
                data=body,
                headers={**self._headers, **headers},
                allow_redirects=False,
                proxy=self._proxy,
            ) as answer,
        ):
            said = "" if answer.ok else await self._said(answer)
            after = retry_after(answer.headers.get("retry-after"), self._clock.now())
            answer.close()  # the rest of the body, however long, is not waited for
            return judge(answer.status, said, after, final)

    async def _said(self, answer: aiohttp.ClientResponse) -> str:
        """The beginning of an answer's body; empty when it does not come, or is no plain text."""
        if answer.headers.get("content-encoding", "identity") != "identity":
            return ""
        raw = bytearray()
        try:
            async with self._clock.timeout(ANSWER_TIMEOUT):
                while len(raw) < ANSWER_BYTES_MAX:
                    chunk = await answer.content.read(ANSWER_BYTES_MAX - len(raw))
                    if not chunk:
                        break
                    raw += chunk
        except (TimeoutError, aiohttp.ClientError, OSError):
            pass  # the status is known, and that decides
        return excerpt(bytes(raw), self._hidden)


def judge(
    status: int, said: str, after: float | None, final: frozenset[int] = frozenset()
) -> Result:
    """What an answer means: the table at the top of this file, and the statuses in `final`."""
    reason = f"answered {status}: {said}" if said else f"answered {status}"
    if 200 <= status < 300:  # noqa: PLR2004  # the class of success
        return Delivered(detail=reason)
    if status in (410, 413) or status in final:
        return GiveUp(reason=reason)
    if 300 <= status < 400:  # noqa: PLR2004  # the class of redirects
        reason = f"answered {status}: redirects are not followed; is the url right?"
    return Retry(reason=reason, after=after)


def _hidden(spec: HttpNotifierSpec, url: Secret, proxy: Secret | None) -> set[str]:
    """What must not be quoted from an answer that echoes the request."""
    found = {*secrets_of(url), *(secrets_of(proxy) if proxy else ())}
    for value in spec.headers.values():
        # A scheme may stand before the secret, as in `Bearer TOKEN`.
        found |= {text for text in (value.reveal(), *value.reveal().split()[1:]) if text}
    for each in (url, proxy):
        if each and (user := URL(each.reveal()).user) is not None:
            pair = f"{user}:{URL(each.reveal()).password or ''}"
            found.add(base64.b64encode(pair.encode()).decode())
    return found


_EXPLANATIONS: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ClientSSLError, "no TLS conversation with the receiver"),
    (aiohttp.ClientConnectorDNSError, "the receiver's name is not known"),
    (aiohttp.ClientProxyConnectionError, "the egress proxy cannot be reached"),
    (aiohttp.ServerDisconnectedError, "the receiver closed the connection without an answer"),
)
"""Words for failures that need no more than their name; the first that fits is taken."""


def _explain(error: Exception) -> str:
    """A failure to converse, in words of ours: the library's may show the URL."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        detail = getattr(error.certificate_error, "verify_message", "") or "not trusted"
        return f"the receiver's certificate is refused: {detail}"
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the egress proxy answered {error.status}"
    for kind, words in _EXPLANATIONS:
        if isinstance(error, kind):
            return words
    if isinstance(error, OSError) and error.errno:
        return f"cannot reach the receiver: {os.strerror(error.errno)}"
    return f"no answer that can be read ({type(error).__name__})"
