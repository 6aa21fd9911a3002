"""Control targets: hosts of others that answer when this one has a network."""

from __future__ import annotations

from monitor.core.effects import ControlResult
from monitor.core.plan import ControlPlan
from monitor.pipeline import Progress
from monitor.probes._base import HttpRequest
from monitor.probes._http import Asked, ProbeContext, ask

CONTROL_SECONDS = 3.0
"""How long a control target may take to answer."""

_PROXY_STATUSES = (407, 502, 503, 504)
"""How an egress proxy says, in the target's place, that it cannot or will not reach it."""


class HttpControl:
    """Asks reference targets, the way the probes go: same egress, a fresh connection each."""

    def __init__(self, context: ProbeContext) -> None:
        """`context` is the one of the probes."""
        self._context = context

    async def check(self, target: ControlPlan) -> ControlResult:
        """Ask once. Any HTTP answer within three seconds will do. Never raises for the world."""
        clock = self._context.clock
        at, started = clock.now(), clock.monotonic()
        request = HttpRequest(method="HEAD", url=target.url)
        asked = await ask(request, self._context, Progress(), CONTROL_SECONDS)
        return ControlResult(
            target=target.name,
            at=at,
            started=started,
            ended=clock.monotonic(),
            ok=self._answered(target, asked),
        )

    def _answered(self, target: ControlPlan, asked: Asked) -> bool:
        """Whether the target itself answered: for plain HTTP, a proxy may speak in its place."""
        if asked.reply is None:
            return False
        by_proxy = self._context.proxy is not None and target.url.startswith("http://")
        return not (by_proxy and asked.reply.status in _PROXY_STATUSES)
