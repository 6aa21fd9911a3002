"""The signed webhook: one POST for each event, after Standard Webhooks.

Three headers carry the signature: `webhook-id` (the event's id, the same at every attempt, so that
a receiver can drop repeats), `webhook-timestamp` (of this attempt) and `webhook-signature` (`v1,`
and the HMAC-SHA256 over id, timestamp and body; one for each secret while secrets rotate).

What an answer means stands at the top of `_http.py`. An event that is given up or too old stays in
the outbox, where `claude-uptime deliveries` shows it.
"""

from __future__ import annotations

import base64
import binascii
import math
from datetime import UTC
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, field_validator
from pydantic_core.core_schema import ValidationInfo
from standardwebhooks import Webhook

from monitor.core.incident import Event
from monitor.delivery import Delivery, Result
from monitor.notify._base import NotifierContext, NotifierKind, Wording
from monitor.notify._http import RESERVED_HEADERS, HttpNotifierSpec, Poster, check_url
from monitor.notify._message import body
from monitor.spec import Secret

SECRET_PREFIX = "whsec_"  # noqa: S105  # the public mark of a secret, not one
SECRET_BYTES = range(24, 65)
"""How long a secret may be, once decoded (Standard Webhooks, signature scheme)."""

MAKE_SECRET = f'make one with: echo "{SECRET_PREFIX}$(openssl rand -base64 32)"'

SECRETS_MAX = 4

SIGNATURE_HEADERS = frozenset({"webhook-id", "webhook-signature", "webhook-timestamp"})


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
        form = f"{SECRET_PREFIX} and the base64 of 24 to 64 bytes"
        msg = f"a webhook secret is {form}; {MAKE_SECRET}"
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


class WebhookSpec(HttpNotifierSpec):
    """A receiver of signed webhooks."""

    reserved: ClassVar[frozenset[str]] = RESERVED_HEADERS | SIGNATURE_HEADERS

    kind: Literal["webhook"]
    """Kind of notifier."""
    url: Secret = Secret("")
    """Where to post, http or https; may hold user and password. Empty: the notifier is disabled."""
    secret: Secrets = Field(default=(), max_length=SECRETS_MAX, validate_default=True)
    """What to sign with: `whsec_` and the base64 of 24 to 64 bytes; a list while it rotates.

    Empty: the notifier is disabled."""

    @field_validator("url")
    @classmethod
    def _can_be_posted_to(cls, url: Secret, info: ValidationInfo) -> Secret:
        return check_url(url, info.data, "https://alerts.example.com/hook")


def disabled(spec: WebhookSpec) -> str | None:
    """Why nothing is sent; None when it is."""
    if not spec.enabled:
        return "enabled is false"
    if not spec.url:
        return "no url: set ALERT_WEBHOOK_URL"
    return None if spec.secret else f"no secret: set ALERT_WEBHOOK_SECRET, {MAKE_SECRET}"


def envelope(_spec: WebhookSpec, event: Event, wording: Wording) -> bytes:
    """The event as JSON."""
    return body(event, external_url=wording.external_url)


# ---------------------------------------------------------------- sending


class WebhookNotifier:
    """Signs deliveries and posts them to one receiver."""

    def __init__(self, spec: WebhookSpec, context: NotifierContext) -> None:
        """ValueError when a file of certificates cannot be used."""
        self._name = spec.name
        self._clock = context.clock
        self._signers = [Webhook(decode_secret(secret)) for secret in spec.secret]
        texts = [secret.reveal() for secret in spec.secret]
        hide = (*texts, *(text.removeprefix(SECRET_PREFIX) for text in texts))
        self._poster = Poster(spec, spec.url, context, hide=hide)

    @property
    def name(self) -> str:
        """Its name in the config."""
        return self._name

    async def send(self, delivery: Delivery) -> Result:
        """Post once."""
        return await self._poster.post(delivery.body, self._sign(delivery))

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


KIND = NotifierKind(
    name="webhook", spec=WebhookSpec, build=WebhookNotifier, disabled=disabled, envelope=envelope
)
