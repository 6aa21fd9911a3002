"""The simulated Claude: one description of what it answers, whoever asks and at whatever speed.

The server asks it over sockets, the backtest directly in virtual time. It holds no clock: the
moment of each request is an argument. All chance comes from one source that the caller seeds, so
the same requests in the same order get the same answers.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from monitor.simulation import healthy, statusfeed
from monitor.simulation.endpoints import Endpoint, Service, locate
from monitor.simulation.exchange import SimRequest, SimResponse
from monitor.simulation.scenario import FaultSpec, Scenario

SIMULATED_KEY_PREFIX: Final = "sk-ant-sim-"
"""Any key that begins so is a valid one, unless the world is told which keys are."""

_ORGANIZATION = "00000000-0000-4000-8000-000000000000"
_ID_LETTERS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_LATENCIES = {
    Service.HELLO: (0.02, 0.08),
    Service.OAUTH_HELLO: (0.03, 0.10),
    Service.MODELS: (0.05, 0.20),
    Service.COUNT_TOKENS: (0.10, 0.30),
    Service.MESSAGES: (0.60, 1.10),
    Service.PAGE: (0.08, 0.30),
    Service.DOWNLOAD: (0.03, 0.15),
    Service.STATUS: (0.05, 0.20),
    Service.CONTROL: (0.02, 0.06),
    Service.OTHER: (0.02, 0.08),
}
"""Seconds to the first byte on a good day, from and to."""


class World:
    """Answers requests as Claude would while a scenario plays."""

    def __init__(
        self, scenario: Scenario, *, rng: random.Random, keys: Collection[str] | None = None
    ) -> None:
        """Play `scenario` with chance from `rng`.

        `keys` are the valid keys; None takes every key that begins with `SIMULATED_KEY_PREFIX`.
        """
        self._scenario = scenario
        self._rng = rng
        self._keys = None if keys is None else frozenset(keys)

    @property
    def scenario(self) -> Scenario:
        """What is played."""
        return self._scenario

    def answer(self, request: SimRequest, at: datetime) -> SimResponse:
        """What comes back to `request`, sent at `at` (UTC). Never raises for a strange request."""
        endpoint = locate(request.host, request.bare_path)
        response = self._healthy(request, endpoint, at)
        response = self._struck(request, response, at)
        return replace(response, body=b"") if request.method == "HEAD" else response

    def _struck(self, request: SimRequest, response: SimResponse, at: datetime) -> SimResponse:
        """`response` after the faults: the first that replaces it decides, additions add up."""
        keyed = request.key is not None
        replaced = False
        for fault in self._scenario.faults(at):
            if not fault.selects(request.host, request.bare_path, keyed=keyed):
                continue
            if self._strikes(fault) and (fault.kind.adds or not replaced):
                response = fault.kind.strike(request, response, fault)
                replaced = replaced or not fault.kind.adds
        return response

    def _strikes(self, fault: FaultSpec) -> bool:
        """Whether this request is one of its share. Certain faults draw nothing."""
        return fault.probability >= 1 or self._rng.random() < fault.probability

    def _healthy(self, request: SimRequest, endpoint: Endpoint, at: datetime) -> SimResponse:
        """The answer of a good day, with the headers of all who handled it."""
        delay = self._rng.uniform(*_LATENCIES[endpoint.service])
        if endpoint.service is Service.STATUS:
            scenario = self._scenario
            answered = statusfeed.answer(request, scenario.vendor, scenario.posted(at))
            request_id = ""
        else:
            request_id = self._request_id()
            scene = healthy.Scene(
                request=request,
                endpoint=endpoint,
                at=at,
                request_id=request_id,
                key_valid=self._key_valid(request.key),
            )
            answered = healthy.answer(scene)
        headers = (
            ("date", format_datetime(at, usegmt=True)),
            *self._handlers(endpoint, request_id, delay),
        )
        return replace(answered, headers=(*headers, *answered.headers), delay=delay)

    def _key_valid(self, key: str | None) -> bool | None:
        """Whether `key` is a good one; None without one."""
        if key is None:
            return None
        if self._keys is None:
            return key.startswith(SIMULATED_KEY_PREFIX)
        return key in self._keys

    def _handlers(
        self, endpoint: Endpoint, request_id: str, delay: float
    ) -> tuple[tuple[str, str], ...]:
        """The headers of edge, proxy and application."""
        ray = f"{self._rng.getrandbits(64):016x}-IAD"
        if endpoint.service is Service.CONTROL:
            return (("server", "reference"),)
        if endpoint.service is Service.STATUS:
            return (("server", "AtlassianEdge"), ("x-request-id", ray.partition("-")[0]))
        edge = (("server", "cloudflare"), ("cf-ray", ray))
        if endpoint.service is Service.DOWNLOAD:
            return (*edge, ("cf-cache-status", "HIT"))
        through = (
            ("via", "1.1 google"),
            ("x-envoy-upstream-service-time", f"{delay * 1000:.0f}"),
        )
        if endpoint.component != "api":
            return (*edge, *through)
        named: tuple[tuple[str, str], ...] = (("request-id", request_id),)
        if endpoint.service in (Service.COUNT_TOKENS, Service.MESSAGES):
            named = (*named, ("anthropic-organization-id", _ORGANIZATION))
        return (*edge, *through, *named)

    def _request_id(self) -> str:
        """An id of the vendor's form."""
        return "req_011C" + "".join(self._rng.choices(_ID_LETTERS, k=20))
