"""What every kind of notifier shares: its Spec, its context, and its manners on the network.

A kind is one module of this package that exports `KIND`. It turns an event into bytes (`envelope`,
pure, once) and sends those bytes (`build` gives the sender). Between the two lies the outbox.
"""

from __future__ import annotations

import asyncio
import functools
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from pydantic import Field
from typing_extensions import override
from yarl import URL

from monitor.clock import Clock
from monitor.core.incident import Event
from monitor.delivery import Notifier, Result
from monitor.notify._routing import RouteSpec
from monitor.spec import Secret, Spec


class NotifierSpec(Spec):
    """What every notifier has."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    """Unique name; a metric label."""
    kind: str
    """Kind of notifier."""
    enabled: bool = True
    """Whether events are sent to it."""
    route: RouteSpec = RouteSpec()
    """What it hears of, and after how long."""


def one_or_several(value: Any) -> Any:
    """A list, for a setting that may be written as one value too."""
    return value if isinstance(value, list | tuple) else [value]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifierContext:
    """What a sender is given.

    Attributes:
        clock: time, for limits and for signatures.
        user_agent: who we are, with the operator's contact.
        proxy: URL of the egress proxy, which may hold a password; None goes direct.
        ca_file: PEM file of authorities to trust besides the system's; None adds none.
        executor: threads for name look-ups; None takes the loop's own, which probes may share.
        place: which of the notifier's places the sender is for; empty where it has one.
    """

    clock: Clock
    user_agent: str
    proxy: Secret | None = None
    ca_file: str | None = None
    executor: Executor | None = None
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What a message says besides the event.

    Attributes:
        external_url: where people reach this daemon; links start with it.
        titles: component name to title, for kinds that write sentences.
    """

    external_url: str
    titles: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class Refresher(Protocol):
    """A sender whose receiver forgets: what is open must be said again and again.

    Attributes:
        refresh_seconds: how often.
    """

    refresh_seconds: float

    @property
    def name(self) -> str:
        """Its name in the config."""
        ...

    async def refresh(self, told: Callable[[], Awaitable[Sequence[bytes]]]) -> Result:
        """Say again what `told` gives: the last delivered body of each open incident."""
        ...


S = TypeVar("S", bound=NotifierSpec)


def one_place(spec: S, _salt: bytes) -> Mapping[str, S]:
    """A notifier with one place, which needs no name."""
    return {"": spec}


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifierKind(Generic[S]):
    """One kind of notifier.

    Attributes:
        name: the kind's name: the file's name.
        spec: its Spec.
        build: (spec, context) to the sender, for a spec that is not disabled. ValueError, in one
            line, when a file that the context names cannot be used.
        disabled: (spec) to why it sends nothing, in one sentence; None when it sends.
        envelope: (spec, event, wording) to the bytes to send, the same at every retry; None when
            the kind has no word for such an event. It holds no secret: it is stored. Pure.
        places: (spec, salt) to the places that are told each by itself: the spec of each, by an id
            that is the same at every start and in every order, and holds no secret.
    """

    name: str
    spec: type[S]
    build: Callable[[S, NotifierContext], Notifier]
    disabled: Callable[[S], str | None]
    envelope: Callable[[S, Event, Wording], bytes | None]
    places: Callable[[S, bytes], Mapping[str, S]] = one_place


AnyKind = NotifierKind[Any]


# ---------------------------------------------------------------- what may be shown


def shown_url(url: Secret) -> str:
    """A URL for people: scheme, host and port. The rest may hold a token, so it is never shown."""
    parsed = URL(url.reveal())
    port = "" if parsed.explicit_port is None else f":{parsed.explicit_port}"
    return f"{parsed.scheme}://{parsed.host_subcomponent}{port}/" + (
        "***" if parsed.path_qs.strip("/") else ""
    )


def secrets_of(url: Secret) -> tuple[str, ...]:
    """The parts of a URL that must not be seen, raw and decoded; parts too short to find left out.

    Those are the password, the values of the query, the path as a whole and its long segments.
    """
    parsed = URL(url.reveal())
    found = [url.reveal(), parsed.raw_password, parsed.password, parsed.raw_query_string]
    found += [*parsed.query.values(), parsed.raw_path, parsed.path]
    found += [part for part in (*parsed.raw_parts, *parsed.parts) if len(part) >= TOKEN_CHARS_MIN]
    return tuple(text for text in found if text and len(text) >= HIDDEN_CHARS_MIN)


TOKEN_CHARS_MIN = 16
"""A segment of a path from this length on may be a token."""

HIDDEN_CHARS_MIN = 3
"""Shorter texts are found everywhere and guessed at once."""


def excerpt(raw: bytes, secrets: Iterable[str], *, chars_max: int = 120) -> str:
    """The beginning of a receiver's answer on one line, with `secrets` blanked out."""
    text = raw.decode("utf-8", "replace")
    for secret in sorted(set(secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= chars_max else line[: chars_max - 1] + "…"


# ---------------------------------------------------------------- what a receiver says


_RETRY_AFTER_SECONDS = re.compile(r"[0-9]{1,9}")


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait by a `Retry-After` header: a number or an HTTP date (RFC 9110, 10.2.3).

    None when there is none, or none that can be read. Not bounded here: the courier does that.
    """
    text = (value or "").strip()
    if _RETRY_AFTER_SECONDS.fullmatch(text):
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())


# ---------------------------------------------------------------- where to


LINK_LOCAL = (
    ip_network("169.254.0.0/16"),
    ip_network("fe80::/10"),
    ip_network("fd00:ec2::254/128"),
    ip_network("fd20:ce::254/128"),
    ip_network("100.100.100.200/32"),
    ip_network("168.63.129.16/32"),
    ip_network("192.0.0.192/32"),
)
"""Where clouds keep a machine's own credentials: no receiver of alerts lives there.

The last five are those of AWS and of Google over IPv6, of Alibaba, Azure and Oracle.
"""

METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog"})

_NAT64 = ip_network("64:ff9b::/96")


class TargetRefusedError(Exception):
    """A target is a link-local or metadata address; the text names it and holds no secret."""


def link_local(host: str) -> bool:
    """Whether `host` (an address, or a name as it is written) must not be posted to."""
    bare = host.strip("[]").rstrip(".").lower()
    try:
        address = ip_address(bare)
    except ValueError:
        return bare in METADATA_NAMES
    return any(address in network or _inner(address) in network for network in LINK_LOCAL)


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one stands for, or the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


class GuardedResolver(AbstractResolver):
    """Looks names up in threads of its own and refuses link-local answers.

    The check stands here, at the addresses that will be connected to, because a name may lead
    somewhere else at every look-up.
    """

    def __init__(self, executor: Executor | None, *, allow_link_local: bool) -> None:
        """`executor` None is the loop's own."""
        self._executor = executor
        self._allow = allow_link_local

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of `host`; OSError when there are none.

        Raises:
            TargetRefusedError: one of them is link-local.
        """
        look_up = functools.partial(
            socket.getaddrinfo, host, port, family=family, type=socket.SOCK_STREAM
        )
        found = await asyncio.get_running_loop().run_in_executor(self._executor, look_up)
        addresses = [(kind, _written(address)) for kind, _, _, _, address in found]
        if not self._allow and any(link_local(address) for _, address in addresses):
            msg = f"{host} has a link-local address; allow_link_local: true would permit it"
            raise TargetRefusedError(msg)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=kind,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, address in addresses
        ]

    @override
    async def close(self) -> None:
        """Nothing is held."""


def guarded_session(
    executor: Executor | None, tls: ssl.SSLContext, *, allow_link_local: bool
) -> aiohttp.ClientSession:
    """A session for one request over a connection of its own, past `GuardedResolver`.

    It keeps no cookies, unpacks nothing, and has no limit of time: the caller's clock has one.
    """
    resolver = GuardedResolver(executor, allow_link_local=allow_link_local)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True, resolver=resolver, ssl=tls),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
    )


def _written(address: tuple[Any, ...]) -> str:
    """An address as text, with the interface where it needs one to be reached."""
    scope = address[3] if len(address) > 3 else 0  # noqa: PLR2004  # the fourth of a sockaddr_in6
    return f"{address[0]}%{scope}" if scope else str(address[0])


def tls_context(
    *ca_files: str | None, certificate: str | None = None, key: str | None = None
) -> ssl.SSLContext:
    """The system's authorities and those of `ca_files`, and the certificate that we show.

    Args:
        ca_files: PEM files; None adds nothing.
        certificate: PEM file of our own certificate; None shows none.
        key: PEM file of its key; None when it stands in the same file.

    Raises:
        ValueError: a file cannot be read, or holds nothing of use; one line, with its name.
    """
    context = ssl.create_default_context()
    for ca_file in filter(None, ca_files):
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:  # ssl.SSLError is one
            msg = f"cannot read certificates from {ca_file}: {error.strerror or error.args[-1]}"
            raise ValueError(msg) from None
    if certificate is not None:
        try:
            # Without a password of ours OpenSSL would ask the terminal for one.
            context.load_cert_chain(certificate, key, password="")
        except (OSError, ValueError) as error:
            said = (error.strerror or error.args[-1]) if isinstance(error, OSError) else "no key"
            named = certificate if key is None else f"{certificate} with the key in {key}"
            msg = f"cannot use the client certificate {named}: {said}"
            raise ValueError(msg) from None
    return context
