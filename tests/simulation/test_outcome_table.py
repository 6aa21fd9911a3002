"""The outcome table, row by row: real sockets, the shipped probes, the simulated Claude.

What answers at once is asked on the machine's clock, with a server that leaves out the waits of a
good day; after that, what takes time is asked on a clock five times as fast. All runs take place
once, before the first row is looked at.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from typing_extensions import override

from monitor import probes
from monitor.clock import Clock, ScaledClock, SystemClock
from monitor.config.load import load
from monitor.config.schema import Config
from monitor.core.classify import Context, classify
from monitor.core.claude_api import ERROR_CODES
from monitor.core.observation import Observation, Origin
from monitor.core.outcome import Outcome, Verdict, counts_as, fault_of
from monitor.core.plan import ControlPlan, ProbePlan
from monitor.pipeline import Progress
from monitor.probes import BoundProbe, HttpControl, LookupThreads, ProbeSpec
from monitor.simulation.faults import FAULTS
from monitor.simulation.models import listed_info
from monitor.simulation.server import HANG_SECONDS_MAX, SimulatedClaude
from monitor.simulation.tls import Certificates
from tests.needs import lacking
from tests.probes.wire import to_loopback
from tests.simulation.outcome_table import KEYED, PROBES, ROWS, UNHEARD, Given, Row, page, unlisted
from tests.simulation.worlds import a_scenario, a_world

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SPEED = 3.0
"""A drip of seven seconds has one real second to spare before it is a slow one."""
AT_ONCE = 12
"""How many runs are under way together, of those that answer at once."""

TAKES_TIME = {
    *("hang", "hang_after_headers", "unreachable", "slow", "slow_first_token", "drip"),
    "long_thinking",
    *("stream_hang", "stream_pings", "stream_silent", "stream_gap"),
}
PACED = {"long_thinking", "slow", "slow_first_token", "drip"}
"""What depends on how long one waits: of no interest for a control target."""

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
Case = tuple[str, str, str]
"""Fault, what it is told, endpoint."""


UNLISTED = {"status_lying", "status_late"} | {
    f"gateway_{name}"
    for name in (
        *("key_400", "key_401", "cooldown_429", "overloaded_500", "unreachable_500", "html_200"),
    )
}
"""Faults that no probe of the shipped config meets: the status page's and a gateway's."""
OF_AN_ORGANIZATION = {
    *("ip_allowlist_403", "key_login_off_403", "usage_limit_400", "organization_disabled_400"),
    "error_code",
}
"""Faults that strike requests with a key only."""
SOME = {
    *("refusal", "slow_first_token", "long_thinking", "stop_reason"),
    *("thinking_cut", "thinking_redacted", "model_retired"),
    *(name for name in FAULTS if name.startswith("models_")),
    *OF_AN_ORGANIZATION,
}
"""Faults that leave some endpoints alone."""


class HastyClock(SystemClock):
    """The machine's clock, on which nothing is waited for but a hang."""

    @override
    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds if seconds >= HANG_SECONDS_MAX else 0.0)


def no_name(*_: Any, **__: Any) -> list[tuple[Any, ...]]:
    """A look-up that finds nothing."""
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


class Stage:
    """Runs the shipped probes against servers that play faults."""

    def __init__(self, config: Config, certificates: Mapping[str, Certificates]) -> None:
        self.config = config
        self.plans = {plan.name: plan for plan in config.plan(b"salt").probes}
        self.kinds = {kind.name: kind for kind in probes.kinds()}
        self.certificates = certificates
        self.threads = LookupThreads(4)
        self.machine = replace(
            probes.context(SystemClock(), "test", self.threads),
            takes=lambda plan: listed_info(plan.model or ""),
        )
        self.trusting = {
            fault: replace(
                probes.context(SystemClock(), "test", self.threads, ca_file=made.ca_file),
                lookup=to_loopback,
                takes=self.machine.takes,
            )
            for fault, made in certificates.items()
        }
        self.quick = replace(self.machine, clock=ScaledClock(start=START, speed=SPEED))
        self.turn = asyncio.Semaphore(AT_ONCE)

    async def server(self, stack: AsyncExitStack, fault: str, told: str) -> SimulatedClaude:
        """A server that plays `fault`."""
        more = f", {told}" if told else ""
        clock: Clock = self.quick.clock if fault in TAKES_TIME else HastyClock()
        world = a_world(a_scenario(f"fault: {fault}, hosts: '*'{more}"))
        server = SimulatedClaude(world, Playing(clock))
        await server.start()
        if fault in self.certificates:
            await server.start_tls(self.certificates[fault].contexts)
        stack.push_async_callback(server.stop)
        return server

    def asked(self, server: SimulatedClaude, fault: str, endpoint: str) -> tuple[ProbeSpec, Any]:
        """The probe's spec, led to the server, and the context to ask in."""
        specs = {spec.name: spec for spec in self.config.probes}
        spec = specs[PROBES[endpoint]]
        if fault == "dns_failure":
            return spec, replace(self.machine, lookup=no_name)
        if fault in self.certificates:
            return with_port(spec, server.tls_port), self.trusting[fault]
        base = "http://127.0.0.1:1" if fault == "refused" else server.base_url
        moved = {spec.name: spec for spec in self.config.rebased(base).probes}
        return moved[spec.name], self.quick if fault in TAKES_TIME else self.machine

    async def run(self, server: SimulatedClaude, fault: str, endpoint: str) -> Observation:
        """One run."""
        spec, context = self.asked(server, fault, endpoint)
        credential = self.config.credentials.get(spec.credential or "")
        key = credential.api_key if credential else None
        plan = self.plans[spec.name]
        probe = BoundProbe(self.kinds[spec.kind], spec, plan, key, context)
        if fault not in TAKES_TIME:
            async with self.turn:
                return await probe.run("run", Origin.SCHEDULED, Progress())
        seen = await probe.run("run", Origin.SCHEDULED, Progress())
        # Phases are measured in the machine's seconds; here the scenario's are meant.
        return replace(seen, timings=replace(seen.timings, total=seen.seconds))

    async def hears(self, server: SimulatedClaude, fault: str) -> bool:
        """Whether a control target is heard."""
        target = self.config.control.targets[0]
        url, context = server.url(target.url), self.machine
        if fault == "dns_failure":
            url, context = target.url, replace(self.machine, lookup=no_name)
        elif fault == "refused":
            url = "http://127.0.0.1:1/"
        elif fault in self.certificates:
            parts = urlsplit(target.url)
            url = f"https://{parts.netloc}:{server.tls_port}{parts.path}"
            context = self.trusting[fault]
        result = await HttpControl(context).check(ControlPlan(name=target.name, url=url))
        return result.ok


class Playing(SystemClock):
    """What a server waits on: `clock` for its waits, and the scenario's first hour for the time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @override
    def now(self) -> datetime:
        return START

    @override
    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


def with_port(spec: ProbeSpec, port: int) -> ProbeSpec:
    """The spec, at the same hosts and another port."""
    update: dict[str, Any] = {}
    for name in ("url", "base_url"):
        if hasattr(spec, name):
            parts = urlsplit(getattr(spec, name))
            update[name] = parts._replace(netloc=f"{parts.netloc}:{port}").geturl()
    return spec.model_copy(update=update)


Played = tuple[Mapping[Case, Observation], Mapping[str, bool], Mapping[str, ProbePlan]]
"""Every case's run, whether a control target is heard under each fault, and the probes' plans."""


async def played(certificates: Mapping[str, Certificates]) -> Played:
    """Play every case of the table once."""
    keys = {"ANTHROPIC_API_KEY": "sk-ant-sim-main"}
    stage = Stage(load(ROOT / "config" / "claude.yaml", keys), certificates)
    cases = {(row.fault, row.told, row.endpoint) for row in ROWS}
    cases = {case for case in cases if case[0] in certificates or not case[0].startswith("tls_")}
    faults = {case[:2] for case in cases}
    seen: dict[Case, Observation] = {}
    async with AsyncExitStack() as stack:
        servers = {(f, told): await stage.server(stack, f, told) for f, told in faults}
        for slow in (False, True):
            part = sorted(case for case in cases if (case[0] in TAKES_TIME) is slow)
            runs = [stage.run(servers[f, told], f, at) for f, told, at in part]
            seen.update(zip(part, await asyncio.gather(*runs), strict=True))
        # Each fault once: told nothing, or where it must be told something, the first of that.
        ways: dict[str, str] = {}
        for fault, told in sorted(faults):
            if fault not in PACED:
                ways.setdefault(fault, told)
        heard = await asyncio.gather(
            *(stage.hears(servers[fault, told], fault) for fault, told in ways.items())
        )
    stage.threads.shutdown()
    return seen, dict(zip(ways, heard, strict=True)), stage.plans


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Played:
    certificates: dict[str, Certificates] = {}
    if shutil.which("openssl") is not None:
        # One set for each: a server chooses by its own scenario, in the set's own context.
        for fault in (name for name in FAULTS if name.startswith("tls_")):
            folder = tmp_path_factory.mktemp(fault)
            now = SystemClock().now()
            certificates[fault] = Certificates(folder, now, ("captive.apple.com",))
    return asyncio.run(played(certificates))


def judged(row: Row, seen: Observation, plan: ProbePlan) -> Verdict:
    """What the run comes to, by what is known beside it."""
    if row.given is Given.LATE_LOOP:
        seen = replace(seen, loop_late=5.0)
    context = Context(
        probe=plan,
        proven=row.given is not Given.NEVER_OK,
        key_worked=True,
        key_evidence="another key is refused too" if row.given is Given.EVIDENCE else None,
        no_network="every target fails" if row.given is Given.NO_NETWORK else None,
    )
    return classify(seen, context)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_outcome_table(row: Row, table: Played) -> None:
    seen, _, plans = table
    if (row.fault, row.told, row.endpoint) not in seen:
        lacking("openssl is not here")
    verdict = judged(row, seen[row.fault, row.told, row.endpoint], plans[PROBES[row.endpoint]])
    assert verdict.outcome is row.outcome, verdict.reason
    assert (verdict.fault, verdict.counts) == (fault_of(row.outcome), counts_as(row.outcome))
    assert 0 < len(verdict.reason) <= 200


@pytest.mark.parametrize("fault", sorted({row.fault for row in ROWS} - PACED))
def test_outcome_table_of_control_targets(fault: str, table: Played) -> None:
    _, heard, _ = table
    if fault not in heard:
        lacking("openssl is not here")
    assert heard[fault] is (fault not in UNHEARD)


def test_the_outcome_table_has_every_fault_outcome_and_endpoint() -> None:
    assert unlisted() == UNLISTED
    assert {row.outcome for row in ROWS} == set(Outcome)
    assert {row.endpoint for row in ROWS} == set(PROBES)
    assert len(ROWS) >= 80
    assert len({row.id for row in ROWS}) == len(ROWS)


def test_the_outcome_table_has_every_error_code_in_a_body_and_in_a_stream() -> None:
    told = {(row.fault, row.endpoint) for row in ROWS for code in ERROR_CODES if code in row.told}
    for code in ERROR_CODES:
        rows = [row for row in ROWS if row.told == f"code: {code}"]
        assert [row.endpoint for row in rows if row.fault == "error_code"] == list(KEYED)
        assert [row.endpoint for row in rows if row.fault == "stream_error"] == ["stream"]
    assert told == {*(("error_code", at) for at in KEYED), ("stream_error", "stream")}


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - UNLISTED))
def test_the_outcome_table_leaves_out_no_endpoint_that_a_fault_strikes(fault: str) -> None:
    listed = {row.endpoint for row in ROWS if row.fault == fault}
    assert listed
    if not fault.startswith(("stream_", "gateway_")) and fault not in SOME:
        assert listed == set(PROBES)
    if fault in OF_AN_ORGANIZATION:
        assert listed == set(KEYED)


def test_the_page_of_outcomes_is_made_of_the_table() -> None:
    assert (ROOT / "docs" / "reference" / "outcomes.md").read_text() == page()
