"""The simulated Claude: one description of what it answers, whoever asks and at whatever speed.

The server asks it over sockets, the backtest directly in virtual time. It holds no clock: the
moment of each request is an argument. All chance comes from one source that the caller seeds, so
the same requests in the same order get the same answers.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime

from monitor.simulation import healthy, statusfeed
from monitor.simulation.endpoints import API_SERVICES, Endpoint, Service, locate
from monitor.simulation.exchange import Certificate, SimRequest, SimResponse
from monitor.simulation.keys import SIMULATED_KEY_PREFIX, organization_id, workspace_id
from monitor.simulation.phases import FaultSpec, Subject
from monitor.simulation.scenario import Scenario

SELECTIONS_MAX = 4096
"""How many selections are remembered; whoever asks for ever new paths makes it forget them."""

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
        self._asks_model = any(
            fault.models or fault.lines for phase in scenario.phases for fault in phase.faults
        )
        self._selections: dict[tuple[int, Subject], tuple[FaultSpec, ...]] = {}
        self._date = (scenario.start, "")

    @property
    def scenario(self) -> Scenario:
        """What is played."""
        return self._scenario

    def answer(self, request: SimRequest, at: datetime) -> SimResponse:
        """What comes back to `request`, sent at `at` (UTC). Never raises for a strange request."""
        endpoint = locate(request.host, request.bare_path)
        key = request.key
        faults = self._striking(request, key, at)
        late = sum(fault.delay or 0.0 for fault in faults if fault.kind.holds_back)
        response = self._healthy(request, endpoint, at, key, late)
        replaced = False
        for fault in faults:
            if fault.kind.adds or not replaced:
                struck = fault.kind.strike(request, response, fault)
                replaced = replaced or not (fault.kind.adds or struck is response)
                response = struck
        return replace(response, body=b"", gaps=()) if request.method == "HEAD" else response

    def certificate(self, host: str, at: datetime) -> Certificate:
        """What `host` shows in a TLS handshake at `at` (UTC), before any path is named."""
        return self.answer(SimRequest(method="HEAD", host=host, path="/"), at).certificate

    def _striking(self, request: SimRequest, key: str | None, at: datetime) -> list[FaultSpec]:
        """The faults that strike this request, in the scenario's order.

        Each is drawn for itself, whether or not an earlier one has decided the answer. Certain
        faults draw nothing.
        """
        found: list[FaultSpec] = []
        subject: Subject | None = None
        for place, phase in enumerate(self._scenario.phases):
            elapsed = phase.elapsed(at)
            if elapsed is None:
                continue
            if subject is None:
                model = request.model if self._asks_model else None
                subject = Subject(host=request.host, path=request.bare_path, key=key, model=model)
            for fault in self._selected(place, subject):
                share = fault.share(elapsed, phase.length)
                if share >= 1 or (share > 0 and self._rng.random() < share):
                    found.append(fault)
        return found

    def _selected(self, place: int, subject: Subject) -> tuple[FaultSpec, ...]:
        """The faults of phase number `place` that may strike `subject`."""
        known = self._selections.get((place, subject))
        if known is None:
            if len(self._selections) >= SELECTIONS_MAX:
                self._selections.clear()
            faults = self._scenario.phases[place].faults
            known = tuple(fault for fault in faults if fault.selects(subject))
            self._selections[place, subject] = known
        return known

    def _healthy(
        self,
        request: SimRequest,
        endpoint: Endpoint,
        at: datetime,
        key: str | None,
        late: float,
    ) -> SimResponse:
        """The answer of a good day, with the headers of all who handled it.

        The status page shows what was posted `late` seconds before `at`.
        """
        delay = self._rng.uniform(*_LATENCIES[endpoint.service])
        if endpoint.service is Service.STATUS:
            scenario = self._scenario
            posts = scenario.posted(at - timedelta(seconds=late))
            answered = statusfeed.answer(request, scenario.vendor, posts)
            request_id = ""
        else:
            request_id = self._request_id()
            scene = healthy.Scene(
                request=request,
                endpoint=endpoint,
                at=at,
                request_id=request_id,
                key_valid=self._key_valid(key),
            )
            answered = healthy.answer(scene)
        if answered.gaps:
            # A stream begins before its first content, for which the latency was drawn.
            delay /= 2
        headers = (
            ("date", self._dated(at)),
            *self._handlers(endpoint, request_id, delay),
            *(self._whose(key) if endpoint.service in API_SERVICES else ()),
            *answered.headers,
        )
        return SimResponse(
            status=answered.status,
            headers=headers,
            body=answered.body,
            delay=delay + answered.delay,
            gaps=answered.gaps,
        )

    def _dated(self, at: datetime) -> str:
        """`at` as a `date` header has it; the last one is remembered."""
        if self._date[0] != at or not self._date[1]:
            self._date = (at, format_datetime(at, usegmt=True))
        return self._date[1]

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
        return (*edge, *through, ("request-id", request_id))

    def _whose(self, key: str | None) -> tuple[tuple[str, str], ...]:
        """Whose key it is; nobody's, unless it is a good one."""
        if key is None or not self._key_valid(key):
            return ()
        return (
            ("anthropic-organization-id", organization_id(key)),
            ("anthropic-workspace-id", workspace_id(key)),
        )

    def _request_id(self) -> str:
        """An id of the vendor's form."""
        return "req_011C" + "".join(self._rng.choices(_ID_LETTERS, k=20))
