"""The signed webhook: one POST for each event, after Standard Webhooks.

Three headers carry the signature: `webhook-id` (the event's id, the same at every attempt, so that
a receiver can drop repeats), `webhook-timestamp` (of this attempt) and `webhook-signature` (`v1,`
and the HMAC-SHA256 over id, timestamp and body; one for each secret while secrets rotate).

What an answer means:

* 2xx: delivered.
* 410: given up; the receiver says that it will never want this again.
* 413: given up; the body does not change, so it will never be small enough.
* 3xx: tried again. Redirects are not followed, for they would carry the event to a place that
  nobody configured; yet a login page in front of a receiver goes away.
* Any other: tried again, not before `Retry-After`. A receiver that is being deployed answers 401,
  403, 404 or 5xx for a minute, and a lost close is worse than a repeated request.

No answer at all (refused, reset, not trusted, too late) is tried again. An event that is given up
or too old stays in the outbox, where `claude-uptime deliveries` shows it.
"""

from __future__ import annotations

import base64
import binascii
import math
import os
import re
from datetime import UTC
from typing import Annotated, Any, Literal

import aiohttp
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, field_validator
from pydantic_core.core_schema import ValidationInfo
from standardwebhooks import Webhook
from yarl import URL

from monitor.core.incident import Event
from monitor.delivery import Delivered, Delivery, GiveUp, Result, Retry
from monitor.notify._base import (
    GuardedResolver,
    NotifierContext,
    NotifierKind,
    NotifierSpec,
    TargetRefusedError,
    Wording,
    excerpt,
    link_local,
    retry_after,
    secrets_of,
    tls_context,
)
from monitor.notify._message import body
from monitor.spec import Duration, Secret, format_duration

SECRET_PREFIX = "whsec_"  # noqa: S105  # the public mark of a secret, not one
SECRET_BYTES = range(24, 65)
"""How long a secret may be, once decoded (Standard Webhooks, signature scheme)."""

SECRETS_MAX = 4
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
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    }
)
"""Headers that a config may not set: they belong to the protocol or to the signature."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")


# ---------------------------------------------------------------- spec


def decode_secret(secret: Secret) -> bytes:
    """The key in a secret of the form `whsec_` + base64 of 24 to 64 bytes.

    Raises:
        ValueError: it has another form; the text does not show it.
    """
    prefix, mark, text = secret.reveal().partition(SECRET_PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if prefix or not mark or len(key) not in SECRET_BYTES:
        msg = f"a webhook secret is {SECRET_PREFIX} and the base64 of 24 to 64 bytes"
        raise ValueError(msg)
    return key


def _listed(value: Any) -> Any:
    """One secret or several, as a list without the empty ones: `${OLD_SECRET:-}` may be unset."""
    several = value if isinstance(value, list | tuple) else [value]
    if not all(each is None or isinstance(each, str | Secret) for each in several):
        msg = "write one secret, or a list of them"
        raise ValueError(msg)
    wrapped = [each if isinstance(each, Secret) else Secret(each or "") for each in several]
    return tuple(each for each in wrapped if each)


def _well_formed(secrets: tuple[Secret, ...]) -> tuple[Secret, ...]:
    for secret in secrets:
        decode_secret(secret)
    return secrets


Secrets = Annotated[
    tuple[Secret, ...],
    BeforeValidator(_listed),
    AfterValidator(_well_formed),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "password", "writeOnly": True},
                {
                    "type": "array",
                    "items": {"type": "string", "format": "password", "writeOnly": True},
                    "maxItems": SECRETS_MAX,
                },
            ]
        }
    ),
]


class WebhookSpec(NotifierSpec):
    """A receiver of signed webhooks."""

    kind: Literal["webhook"]
    """Kind of notifier."""
    url: Secret = Secret("")
    """Where to post, http or https; may hold user and password. Empty: the notifier is disabled."""
    secret: Secrets = Field(default=(), max_length=SECRETS_MAX, validate_default=True)
    """What to sign with: `whsec_` and the base64 of 24 to 64 bytes; a list while it rotates."""
    headers: dict[str, Secret] = Field(default_factory=dict, max_length=HEADERS_MAX)
    """Headers to send besides our own."""
    timeout: Duration = Field(default=10.0, gt=0, le=25)
    """How long one attempt may take, at most 25s."""
    allow_link_local: bool = Field(default=False, validate_default=True)
    """Whether the receiver may have a link-local or metadata address."""

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: Secret) -> Secret:
        """No message of the parser's: it would show the URL."""
        if not url:
            return url
        try:
            parsed = URL(url.reveal())
            usable = parsed.scheme in ("http", "https") and bool(parsed.host) and parsed.port
        except ValueError:
            usable = False
        if not usable:
            msg = "a url is written like https://alerts.example.com/hook"
            raise ValueError(msg)
        return url

    @field_validator("secret")
    @classmethod
    def _can_sign(cls, secrets: tuple[Secret, ...], info: ValidationInfo) -> tuple[Secret, ...]:
        if info.data.get("enabled", True) and info.data.get("url") and not secrets:
            msg = "a webhook needs a secret: claude-uptime cannot sign without"
            raise ValueError(msg)
        return secrets

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, headers: dict[str, Secret], info: ValidationInfo) -> dict[str, Secret]:
        url: Secret = info.data.get("url") or Secret("")
        taken = RESERVED_HEADERS
        if url and URL(url.reveal()).raw_user is not None:
            taken = taken | {"authorization"}  # the URL's user and password make that one
        for name, value in headers.items():
            if not _TOKEN.fullmatch(name):
                msg = "a header's name is made of letters, digits and dashes"
                raise ValueError(msg)
            if name.lower() in taken:
                msg = f"the header {name} is set by claude-uptime"
                raise ValueError(msg)
            if not value.reveal().isprintable():
                msg = f"the header {name} holds a character that cannot be sent"
                raise ValueError(msg)
        return headers

    @field_validator("allow_link_local")
    @classmethod
    def _is_allowed(cls, allowed: bool, info: ValidationInfo) -> bool:  # noqa: FBT001  # pydantic's
        url: Secret = info.data.get("url") or Secret("")
        if url and not allowed and link_local(URL(url.reveal()).host or ""):
            msg = "the url leads to a link-local or metadata address; true would permit it"
            raise ValueError(msg)
        return allowed


def disabled(spec: WebhookSpec) -> str | None:
    """Why nothing is sent; None when it is."""
    if not spec.enabled:
        return "enabled is false"
    return None if spec.url else "no url: set ALERT_WEBHOOK_URL"


def envelope(_spec: WebhookSpec, event: Event, wording: Wording) -> bytes:
    """The event as JSON."""
    return body(event, external_url=wording.external_url)


# ---------------------------------------------------------------- sending


class WebhookNotifier:
    """Posts deliveries to one receiver, each over a connection of its own."""

    def __init__(self, spec: WebhookSpec, context: NotifierContext) -> None:
        """Reads the CA file now, so that a wrong one is told at the start.

        Raises:
            ValueError: the CA file cannot be used.
        """
        self._spec = spec
        self._clock = context.clock
        self._executor = context.executor
        self._proxy = URL(context.proxy.reveal()) if context.proxy else None
        self._url = URL(spec.url.reveal())
        self._signers = [Webhook(decode_secret(secret)) for secret in spec.secret]
        self._tls = tls_context(context.ca_file)
        self._headers = {
            "user-agent": context.user_agent,
            **{name.lower(): value.reveal() for name, value in spec.headers.items()},
            "content-type": "application/json",
            "accept-encoding": "identity",
        }
        self._hidden = _hidden(spec, context.proxy)

    @property
    def name(self) -> str:
        """Its name in the config."""
        return self._spec.name

    async def send(self, delivery: Delivery) -> Result:
        """Post once. The reason of a failure holds no secret and is short."""
        try:
            async with self._clock.timeout(self._spec.timeout):
                return await self._post(delivery)
        except TimeoutError:
            return Retry(reason=f"no answer within {format_duration(self._spec.timeout)}")
        except TargetRefusedError as error:
            return Retry(reason=str(error))
        except (aiohttp.ClientError, OSError) as error:
            return Retry(reason=_explain(error))

    async def _post(self, delivery: Delivery) -> Result:
        # A proxy looks the receiver's name up itself; here only the proxy's is, which is trusted.
        allow = self._spec.allow_link_local or self._proxy is not None
        connector = aiohttp.TCPConnector(
            force_close=True,
            resolver=GuardedResolver(self._executor, allow_link_local=allow),
            ssl=self._tls,
        )
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),  # the clock's own limit stands
                auto_decompress=False,
            ) as session,
            session.post(
                self._url,
                data=delivery.body,
                headers=self._headers | self._sign(delivery),
                allow_redirects=False,
                proxy=self._proxy,
            ) as answer,
        ):
            said = "" if answer.ok else await self._said(answer)
            after = retry_after(answer.headers.get("retry-after"), self._clock.now())
            answer.close()  # the rest of the body, however long, is not waited for
            return judge(answer.status, said, after)

    def _sign(self, delivery: Delivery) -> dict[str, str]:
        """The three headers of this attempt."""
        now = self._clock.now().astimezone(UTC)
        text = delivery.body.decode()
        return {
            "webhook-id": delivery.event_id,
            "webhook-timestamp": str(math.floor(now.timestamp())),
            "webhook-signature": " ".join(
                signer.sign(delivery.event_id, now, text) for signer in self._signers
            ),
        }

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


def judge(status: int, said: str, after: float | None) -> Result:
    """What an answer means: the table at the top of this file."""
    reason = f"answered {status}: {said}" if said else f"answered {status}"
    if 200 <= status < 300:  # noqa: PLR2004  # the class of success
        return Delivered(detail=reason)
    if status in (410, 413):
        return GiveUp(reason=reason)
    if 300 <= status < 400:  # noqa: PLR2004  # the class of redirects
        reason = f"answered {status}: redirects are not followed; is the url right?"
    return Retry(reason=reason, after=after)


def _hidden(spec: WebhookSpec, proxy: Secret | None) -> frozenset[str]:
    """What must not be quoted from an answer that echoes the request."""
    found = {*secrets_of(spec.url), *(secrets_of(proxy) if proxy else ())}
    found |= {value.reveal() for value in spec.headers.values() if value}
    for secret in spec.secret:
        found |= {secret.reveal(), secret.reveal().removeprefix(SECRET_PREFIX)}
    for url in (spec.url, proxy):
        if url and (user := URL(url.reveal()).user) is not None:
            pair = f"{user}:{URL(url.reveal()).password or ''}"
            found.add(base64.b64encode(pair.encode()).decode())
    return frozenset(found)


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


KIND = NotifierKind(
    name="webhook", spec=WebhookSpec, build=WebhookNotifier, disabled=disabled, envelope=envelope
)
