"""The dead man's switch at the wire: a request to one URL, as Healthchecks and its kin take it.

Any 2xx is taken. Redirects are not followed, link-local and metadata addresses are refused, the
egress proxy and the authorities are those of deliveries, and nothing here ever shows the URL: who
knows it can keep the switch from going off.
"""

from __future__ import annotations

import aiohttp
from pydantic import Field, field_validator
from pydantic_core.core_schema import ValidationInfo
from yarl import URL

from monitor.notify._base import (
    NotifierContext,
    TargetRefusedError,
    guarded_session,
    link_local,
    tls_context,
)
from monitor.notify._http import http_url
from monitor.spec import Duration, Secret, Spec, format_duration

ATTEMPTS = 2
"""How often one heartbeat is tried: a lost packet must not raise an alarm."""

REASONS_BYTES_MAX = 2000


class HeartbeatSpec(Spec):
    """A URL that is asked while the monitor itself is well; whoever stands there misses us."""

    allow_link_local: bool = False
    """Whether the URL may lead to a link-local or metadata address."""
    url: Secret = Secret("")
    """What to ask, http or https. Empty: no heartbeat, visibly."""
    interval: Duration = Field(default=60.0, ge=10, le=86_400)
    """How often; the other side should wait for two or three of them."""
    timeout: Duration = Field(default=10.0, gt=0, le=25)
    """How long one attempt may take."""
    fail: bool = False
    """Whether to post the reasons to `URL/fail` when it is withheld, as Healthchecks takes them."""
    lateness_max: Duration = Field(default=30.0, gt=0, le=3600)
    """Runs that start later than this are not on time."""
    waiting_max: Duration = Field(default=900.0, ge=60, le=86_400)
    """An event that has waited longer than this for its receiver means that alerts do not leave."""

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: Secret, info: ValidationInfo) -> Secret:
        """No message of the parser's: it would show the URL."""
        if not url:
            return url
        msg = "a url is written like https://hc.example.com/ping/UUID"
        parsed = http_url(url)
        if parsed is None:
            raise ValueError(msg)
        if link_local(parsed.host or "") and not info.data.get("allow_link_local"):
            msg = "leads to a link-local or metadata address; allow_link_local: true permits it"
            raise ValueError(msg)
        return url


class Pinger:
    """Asks the URL, each time over a connection of its own."""

    def __init__(self, spec: HeartbeatSpec, context: NotifierContext) -> None:
        """For a spec with a URL.

        Raises:
            ValueError: the CA file cannot be used.
        """
        self._spec = spec
        self._clock = context.clock
        self._executor = context.executor
        self._proxy = URL(context.proxy.reveal()) if context.proxy else None
        self._url = URL(spec.url.reveal())
        self._tls = tls_context(context.ca_file)
        self._headers = {"user-agent": context.user_agent, "accept-encoding": "identity"}

    async def ping(self) -> str | None:
        """Say that all is well. Returns what went wrong, without any secret; None when taken."""
        return await self._try("GET", self._url, b"")

    async def fail(self, reasons: tuple[str, ...]) -> str | None:
        """Say what is wrong, where that is wanted. Returns as `ping` does."""
        if not self._spec.fail:
            return None
        body = "\n".join(reasons).encode()[:REASONS_BYTES_MAX]
        return await self._try("POST", self._url / "fail", body)

    async def _try(self, method: str, url: URL, body: bytes) -> str | None:
        why: str | None = None
        for _ in range(ATTEMPTS):
            why = await self._once(method, url, body)
            if why is None:
                return None
        return why

    async def _once(self, method: str, url: URL, body: bytes) -> str | None:
        try:
            async with self._clock.timeout(self._spec.timeout):
                status = await self._ask(method, url, body)
        except TimeoutError:
            return f"no answer within {format_duration(self._spec.timeout)}"
        except TargetRefusedError:
            return "its address is link-local; allow_link_local: true would permit it"
        except (aiohttp.ClientError, OSError) as error:
            return f"no conversation ({type(error).__name__})"  # its text may show the URL
        return None if 200 <= status < 300 else f"answered {status}"  # noqa: PLR2004  # success

    async def _ask(self, method: str, url: URL, body: bytes) -> int:
        allow = self._spec.allow_link_local or self._proxy is not None
        async with (
            guarded_session(self._executor, self._tls, allow_link_local=allow) as session,
            session.request(
                method,
                url,
                data=body or None,
                headers=self._headers,
                allow_redirects=False,
                proxy=self._proxy,
            ) as answer,
        ):
            status = answer.status
            answer.close()  # its body, however long, is not waited for
            return status
