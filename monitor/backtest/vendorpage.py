"""The vendor's page of a scenario, read in virtual time by the daemon's own reader."""

from __future__ import annotations

import random
from urllib.parse import urlsplit

from monitor.config.schema import Config
from monitor.core.moment import Moment
from monitor.core.observation import Failure, Phase, Timings, TransportError
from monitor.core.plan import Plan
from monitor.core.provider import ProviderReport
from monitor.probes import READ_SECONDS, Asked, HttpReply, HttpRequest, StatusPage, wait_before
from monitor.simulation import Scenario, World
from monitor.simulation.exchange import Certificate, SimRequest, SimResponse, Transport

_REFUSED = frozenset({Certificate.EXPIRED, Certificate.WRONG_HOST, Certificate.UNTRUSTED})
_UNREADABLE = TransportError(
    kind=Failure.CONNECT, phase=Phase.CONNECT, message="the simulated page cannot be read"
)


class VendorPage:
    """Reads what the scenario's vendor has posted so far."""

    def __init__(self, config: Config, plan: Plan, scenario: Scenario) -> None:
        """The page has a chance of its own: reading it must not change what the probes meet."""
        self._page = StatusPage(config.provider_status.urls, plan.components)
        self._interval = config.provider_status.interval
        self._vantage = plan.vantage
        self._world = World(scenario, rng=random.Random(0))  # noqa: S311  # a rehearsal
        self.configured = bool(config.provider_status.urls)

    def wait_before(self, number: int) -> float:
        """Seconds before reading number `number`, from 0."""
        return wait_before(number, self._interval, self._vantage)

    def read(self, now: Moment) -> ProviderReport:
        """One reading, as the daemon does it."""
        reading = self._page.read(now)
        try:
            request = next(reading)
            while True:
                request = reading.send(self._asked(request, now))
        except StopIteration as done:
            report: ProviderReport = done.value
            return report

    def _asked(self, request: HttpRequest, now: Moment) -> Asked:
        """What comes back; what does not come whole is not told apart."""
        response = self._follow(request, now)
        broken = response.transport is not Transport.NONE or response.certificate in _REFUSED
        if broken or response.seconds > READ_SECONDS:
            return Asked(timings=Timings(total=0.0), error=_UNREADABLE)
        reply = HttpReply(status=response.status, headers=response.headers, body=response.body)
        return Asked(timings=Timings(total=response.seconds), reply=reply)

    def _follow(self, request: HttpRequest, now: Moment) -> SimResponse:
        """The answer after redirects."""
        response = self._answer(request.url, request, now)
        for _ in range(request.redirects_max):
            location = dict(response.headers).get("location")
            if location is None:
                break
            response = self._answer(location, request, now)
        return response

    def _answer(self, url: str, request: HttpRequest, now: Moment) -> SimResponse:
        parts = urlsplit(url)
        host = parts.hostname or ""
        asked = SimRequest(method="GET", host=host, path=parts.path, headers=request.headers)
        return self._world.answer(asked, now.wall)
