"""Chat, mail and push, through apprise: Slack, Teams, Discord, ntfy, mail and a hundred others.

Each URL is one place to tell, with a queue of its own: one that takes nothing holds up no other.
The library is loaded when a notifier with a URL is configured, and not before.

Messages are plain text, with nothing in it that a service could take for a mention, a link or
formatting: see `_words.plain`. The one link is ours.

apprise blocks, so it works on a thread, one at a time for each notifier. A thread cannot be ended:
one that hangs is left behind, and nothing more is sent over this notifier until it returns.

What apprise says of a failure may hold the URL, so only the number of the answer is taken from it.
It reaches out by itself: `egress.proxy` and `egress.ca_file` do not hold for it; the environment
does (`HTTPS_PROXY`, `NO_PROXY`, `REQUESTS_CA_BUNDLE`).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import importlib
import json
import logging
import re
import threading
import warnings
from typing import Annotated, Any, Literal

import structlog
from pydantic import AfterValidator, BeforeValidator, Field
from typing_extensions import override

from monitor.core.incident import Event, EventType, SeverityLevel
from monitor.delivery import Delivered, Delivery, Result, Retry, lane_of
from monitor.notify._base import (
    NotifierContext,
    NotifierKind,
    NotifierSpec,
    Wording,
    one_or_several,
)
from monitor.notify._words import words
from monitor.spec import Duration, Secret, format_duration

URLS_MAX = 16
SERVICE_CHARS_MAX = 24
REMEMBERED_MAX = 256
"""For so many events it is known which places have been told."""

BODY_CHARS_MAX = 1800
"""Below what the shortest of the usual services takes (Discord, 2000 characters)."""


# ---------------------------------------------------------------- the library


class _Status(logging.Filter):
    """Lets no line of apprise through, and keeps the number of the answer in it, by thread."""

    def __init__(self) -> None:
        super().__init__()
        self.last = threading.local()

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        found = re.search(r"\berror=(\d{3})\b", record.getMessage())
        if found:
            self.last.status = found[1]
        return False


@functools.cache
def _library() -> tuple[Any, _Status]:
    """apprise, silenced: its lines, and those of what it posts with, may hold URLs."""
    library = importlib.import_module("apprise")
    status = _Status()
    own = logging.getLogger("apprise")
    own.setLevel(logging.WARNING)
    own.addFilter(status)
    for name in ("urllib3", "requests"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    with warnings.catch_warnings():
        # The first URL loads all of its plugins, some of which use modules that Python gives up.
        warnings.simplefilter("ignore", DeprecationWarning)
        library.Apprise.instantiate("json://localhost")
    return library, status


def _service(url: Secret) -> Any:
    """The service that `url` names; None when apprise does not know it."""
    library, _ = _library()
    asset = library.AppriseAsset(
        app_id="claude-uptime",
        app_desc="Claude uptime monitor",
        async_mode=False,
        storage_mode="memory",
        service_timeout=0,  # a limit would be kept by threads of its own, which hold up our exit
        allow_templates=False,
        http_redirects=False,
    )
    return library.Apprise.instantiate(url.reveal(), asset=asset)


# ---------------------------------------------------------------- spec


def _usable(url: Secret) -> Secret:
    if url and _service(url) is None:
        msg = "apprise cannot use this URL: its scheme is unknown, or a part is missing or wrong"
        raise ValueError(msg)
    return url


class ChatSpec(NotifierSpec):
    """Places that people read."""

    kind: Literal["chat"]
    """Kind of notifier."""
    urls: Annotated[
        tuple[Annotated[Secret, AfterValidator(_usable)], ...], BeforeValidator(one_or_several)
    ] = Field(default=(), max_length=URLS_MAX)
    """apprise URLs, one a place (https://appriseit.com/services); never shown.

    Empty ones are left out; with none left the notifier is disabled."""
    timeout: Duration = Field(default=20.0, gt=0, le=25)
    """How long one attempt at one place may take, at most 25s."""

    @property
    def places(self) -> tuple[Secret, ...]:
        """The URLs that are not empty."""
        return tuple(url for url in self.urls if url)


def disabled(spec: ChatSpec) -> str | None:
    """Why nothing is sent; None when it is."""
    if not spec.enabled:
        return "enabled is false"
    return None if spec.places else "no urls: set CHAT_URL"


# ---------------------------------------------------------------- what is said


def envelope(_spec: ChatSpec, event: Event, wording: Wording) -> bytes:
    """The message as JSON: title, body and what colour it has."""
    said = words(event, wording)
    body = said.text
    if len(body) > BODY_CHARS_MAX:
        tail = f"…\n{said.link}" if said.link else "…"
        body = "\n".join(said.lines)[: BODY_CHARS_MAX - len(tail)] + tail
    message = {"title": said.title, "body": body, "type": _colour(event)}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def _colour(event: Event) -> str:
    """How it should look, in a word of apprise's."""
    if event.type in (EventType.CLOSED, EventType.SIGHTED):
        return "success"
    if event.type is EventType.RECOVERING:
        return "info"
    critical = event.incident is not None and event.incident.severity is SeverityLevel.CRITICAL
    return "failure" if critical else "warning"


# ---------------------------------------------------------------- sending


class ChatNotifier:
    """Tells every place of one notifier."""

    def __init__(self, spec: ChatSpec, context: NotifierContext) -> None:
        """The places are made now; nothing is sent."""
        self._name = lane_of(spec.name, context.place)
        self._timeout = spec.timeout
        self._clock = context.clock
        library, self._status = _library()
        self._places = []
        for url in spec.places:
            place = library.Apprise()
            place.add(_service(url))
            self._places.append(place)
        self._told: dict[str, set[int]] = {}
        self._busy = False
        if context.proxy is not None or context.ca_file is not None:
            structlog.get_logger().warning(
                "chat.egress_not_used",
                notifier=self._name,
                advice="apprise goes by HTTPS_PROXY and REQUESTS_CA_BUNDLE of the environment",
            )

    @property
    def name(self) -> str:
        """Its name in the config, with its place."""
        return self._name

    async def send(self, delivery: Delivery) -> Result:
        """Tell the places that have not been told yet."""
        if self._busy:
            return Retry(reason="an earlier message is still being sent")
        message = json.loads(delivery.body)
        told = self._told.setdefault(delivery.event_id, set())
        while len(self._told) > REMEMBERED_MAX:
            del self._told[next(iter(self._told))]
        try:
            async with self._clock.timeout(self._timeout):
                failures = await self._on_thread(message, told)
        except TimeoutError:
            return Retry(reason=f"not sent within {format_duration(self._timeout)}")
        if failures:
            return Retry(reason=f"not taken by {', '.join(failures)}")
        del self._told[delivery.event_id]
        return Delivered(detail=f"taken by {len(self._places)} of {len(self._places)}")

    async def _on_thread(self, message: dict[str, str], told: set[int]) -> list[str]:
        """Which places did not take it; a thread that nobody waits for ends by itself."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[list[str]] = loop.create_future()

        def settle(failures: list[str]) -> None:
            if not done.done():
                done.set_result(failures)

        def work() -> None:
            failures = self._tell(message, told)
            self._busy = False
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(settle, failures)

        self._busy = True
        threading.Thread(target=work, name=f"chat/{self._name}", daemon=True).start()
        return await done

    def _tell(self, message: dict[str, str], told: set[int]) -> list[str]:
        """Tell each place that is not in `told`, and put it there."""
        failures: list[str] = []
        for number, place in enumerate(self._places):
            if number in told:
                continue
            self._status.last.status = None
            if _notify(place, message):
                told.add(number)
            else:
                status = self._status.last.status
                failures.append(_place_name(number, place) + (f" ({status})" if status else ""))
        return failures


def _notify(place: Any, message: dict[str, str]) -> bool:
    """Whether one place took the message."""
    try:
        return bool(
            place.notify(
                title=message["title"],
                body=message["body"],
                notify_type=message["type"],
                body_format="text",
            )
        )
    except Exception:  # noqa: BLE001  # a hundred services: whatever one raises is a failure
        return False


def _place_name(number: int, place: Any) -> str:
    """A place for people: where it stands in the config and which service it is, no more."""
    return f"urls[{number}] {place[0].service_name}"


# ---------------------------------------------------------------- places


def places(spec: ChatSpec, salt: bytes) -> dict[str, ChatSpec]:
    """Each URL by itself; one that is written twice is one place."""
    return {_place_id(url, salt): spec.model_copy(update={"urls": (url,)}) for url in spec.places}


@functools.lru_cache(maxsize=4 * URLS_MAX)
def _place_id(url: Secret, salt: bytes) -> str:
    """The service and a hash, as `slack-3f9a21c4`.

    A URL may hold a password that could be guessed, so the hash is slow and short.
    """
    service = re.sub(r"[^a-z0-9]+", "-", str(_service(url).service_name).lower()).strip("-")
    digest = hashlib.scrypt(url.reveal().encode(), salt=salt, n=2**14, r=8, p=1, dklen=4)
    return f"{service[:SERVICE_CHARS_MAX]}-{digest.hex()}"


KIND = NotifierKind(
    name="chat",
    spec=ChatSpec,
    build=ChatNotifier,
    disabled=disabled,
    envelope=envelope,
    places=places,
)
