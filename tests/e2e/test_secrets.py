"""What an operator entrusts to the daemon is seen nowhere: planted, used, and then looked for.

A key and a webhook secret that no pattern would find are planted. The daemon lives through an
outage in which the vendor refuses the key, a server throws it back in its answers, and no webhook
can be delivered. Then everything that the daemon shows or keeps is searched.
"""

from __future__ import annotations

import asyncio
import base64
import io
import logging
import os
import random
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer

from monitor import logs
from monitor.app import Daemon
from monitor.cli import main
from monitor.clock import ScaledClock
from monitor.config.load import load
from monitor.config.schema import Config
from monitor.core.effects import Announce, Effect
from monitor.core.incident import EventType
from monitor.simulation import World
from monitor.simulation.server import SimulatedClaude
from tests.e2e.configs import shipped_on, written
from tests.fakes.receiver import Receiver, receiving, status
from tests.simulation.worlds import a_scenario

pytestmark = pytest.mark.slow

RNG = random.Random(20260428)
KEY = "planted" + RNG.randbytes(20).hex()
TOKEN = "token" + RNG.randbytes(20).hex()
RAW_SECRET = RNG.randbytes(32)
SECRET = "whsec_" + base64.b64encode(RAW_SECRET).decode()

SPEED = 40.0
FAILED_DELIVERIES = 6


def forms() -> dict[str, bytes]:
    """What must not be found: each planted value, and each way of writing it that hides nothing."""
    found: dict[str, bytes] = {
        "the secret's bytes": RAW_SECRET,
        "its hex": RAW_SECRET.hex().encode(),
    }
    planted = {"key": KEY, "token": TOKEN, "secret": SECRET, "bare secret": SECRET[6:]}
    for name, value in planted.items():
        raw = value.encode()
        found[name] = raw
        found[f"{name} in a URL"] = quote(value, safe="").encode()
        found[f"{name} reversed"] = raw[::-1]
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # The last characters depend on what follows.
            found[f"{name} by {encode.__name__}"] = encode(raw)[:-4]
    return found


def must_hold_none(where: str, shown: str | bytes) -> None:
    """Fail where `shown` gives a planted value away, without giving it away again."""
    raw = shown.encode() if isinstance(shown, str) else shown
    given = [name for name, value in forms().items() if value in raw]
    assert not given, f"{where} shows: {', '.join(given)}"


# ---------------------------------------------------------------- the setting


class Milestones:
    """Waits for what the daemon announces. Fits `pipeline.Sink`."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.rejected = asyncio.Event()

    def publish(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Announce):
                if effect.event.type is EventType.OPENED:
                    self.opened.set()
                if effect.event.type is EventType.MISCONFIGURED:
                    self.rejected.set()


async def throw_back(request: web.Request) -> web.Response:
    """An answer that holds whatever came: the worst that a server can do with a key."""
    seen = " ".join(f"{name}: {value}" for name, value in request.headers.items())
    key = request.headers.get("x-api-key", "")
    error = {"type": "authentication_error", "message": f"no such key: {key} ({seen})"}
    return web.json_response(
        {"type": "error", "error": error, "request_id": key},
        status=401,
        headers={"request-id": key, "cf-ray": key, "server": key, "x-should-retry": key},
    )


@asynccontextmanager
async def throwing_back() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", throw_back)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    try:
        yield str(server.make_url("/")).rstrip("/")
    finally:
        await server.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A daemon in the middle of it."""

    config: Config
    claude: SimulatedClaude
    receiver: Receiver
    log: io.StringIO
    milestones: Milestones
    clock: ScaledClock


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged, from debug on; redaction is set by whoever knows the secrets."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
async def setting(
    tmp_path: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Setting]:
    scenario = a_scenario(
        "fault: envoy_503, components: claude_ai",
        "fault: auth_401, services: [models, messages], keyed: true",
    )
    clock = ScaledClock(start=scenario.start - timedelta(minutes=1), speed=SPEED)
    claude = SimulatedClaude(World(scenario, rng=random.Random(1)), clock)
    await claude.start()
    fail = [status(500, f"your secret is {SECRET}, is it not?") for _ in range(1000)]
    async with receiving(*fail) as receiver, throwing_back() as mirror:
        for name, value in {
            "ANTHROPIC_API_KEY": KEY,
            "CLAUDE_UPTIME_TOKEN": TOKEN,
            "ALERT_WEBHOOK_URL": str(receiver.url),
            "ALERT_WEBHOOK_SECRET": SECRET,
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("ANTHROPIC_API_KEY_2", raising=False)
        document = shipped_on(claude.base_url, tmp_path)
        for probe in document["probes"]:
            if probe["name"] == "api_count_tokens":
                probe["base_url"] = mirror
        config = load(written(tmp_path, document), os.environ)
        logs.configure("debug", "json", config.secrets(), log)
        yield Setting(
            config=config,
            claude=claude,
            receiver=receiver,
            log=log,
            milestones=Milestones(),
            clock=clock,
        )
    await claude.stop()


# ---------------------------------------------------------------- the search


async def visit(address: str, config: Config) -> dict[str, str]:
    """Every page and route, with bodies and headers, in every shape that may be asked for."""
    probes = [spec.name for spec in config.probes]
    pages = ["/", "/metrics", "/-/healthy", "/-/ready", "/nowhere", "/incidents/none", "/probes/x"]
    pages += [f"/probes/{name}" for name in probes]
    for version in ("/api/v1",):
        pages += [f"{version}/{kind}" for kind in ("status", "components", "incidents", "probes")]
        pages += [f"{version}/probes/{name}" for name in probes]
        for component in config.components:
            pages += [f"{version}/components/{component}{tail}" for tail in ("", "/available")]
    shown: dict[str, str] = {}
    kinds = ("text/html", "application/json", "application/openmetrics-text; version=1.0.0")
    async with aiohttp.ClientSession(headers={"authorization": f"Bearer {TOKEN}"}) as session:
        async with session.get(f"{address}/api/v1/incidents") as answer:
            known = (await answer.json())["incidents"]
        assert known
        for each in known:
            pages += [f"/incidents/{each['id']}", f"/api/v1/incidents/{each['id']}"]
        for page in pages:
            for kind in kinds:
                async with session.get(address + page, headers={"accept": kind}) as answer:
                    shown[f"{page} as {kind}"] = f"{answer.headers}\n{await answer.text()}"
    return shown


async def refused_deliveries(receiver: Receiver) -> None:
    """Wait until so many came, and an incident's opening, which is committed by then, is one."""
    await receiver.until(FAILED_DELIVERIES)
    while not any(b'"incident.opened"' in got.body for got in receiver.got):
        await receiver.until(len(receiver.got) + 1)


def search_files(folder: Path, when: str) -> None:
    """The database as bytes, with its log and whatever else lies beside it."""
    files = sorted(folder.glob("state.db*"))
    assert files
    for file in files:
        must_hold_none(f"{file.name} {when}", file.read_bytes())


def tables(database: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(database)) as connection:
        named = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            name: connection.execute(f'SELECT * FROM "{name}"').fetchall()  # noqa: S608  # our own
            for (name,) in named
        }


@pytest.mark.slow
async def test_what_was_planted_is_found_nowhere(setting: Setting, tmp_path: Path) -> None:
    daemon = Daemon(setting.config, setting.clock, random.Random(1), sinks=(setting.milestones,))
    stop = asyncio.Event()
    async with asyncio.timeout(50), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(daemon.run(stop))
        await setting.milestones.opened.wait()
        await setting.milestones.rejected.wait()
        await refused_deliveries(setting.receiver)
        shown = await visit(f"http://127.0.0.1:{daemon.port}", setting.config)
        search_files(tmp_path, "while it runs")
        stop.set()
        await running

    for where, text in shown.items():
        must_hold_none(where, text)
    assert "claude_uptime_runs_total" in shown["/metrics as text/html"]
    must_hold_none("the log", setting.log.getvalue())
    assert setting.log.getvalue().count("run.finished") > 20
    for got in setting.receiver.got:
        must_hold_none("a delivery", repr(got).encode())
    search_files(tmp_path, "after the end")
    found = tables(tmp_path / "state.db")
    for table in ("runs", "incidents", "incident_events", "deliveries", "engine_state"):
        assert found[table], f"nothing in {table}: the search would prove nothing"
    must_hold_none("the database", repr(found))
    mirrored = [row for row in found["runs"] if "api_count_tokens" in row]
    assert mirrored


def test_the_search_would_find_what_it_looks_for() -> None:
    for name, value in forms().items():
        with pytest.raises(AssertionError, match="shows: ") as caught:
            must_hold_none("here", b"before " + value + b" after")
        assert KEY not in str(caught.value)
        assert name in str(caught.value)


BROKEN = """
components: {api: {title: Claude API}}
credentials: {main: {api_key: "${ANTHROPIC_API_KEY}", ${ANTHROPIC_API_KEY}: x}}
vantage: "${ANTHROPIC_API_KEY}!"
web: {listen: "${ALERT_WEBHOOK_SECRET}", external_url: "${ANTHROPIC_API_KEY}"}
log: {level: "${ALERT_WEBHOOK_SECRET}"}
egress: {proxy: "socks://${ANTHROPIC_API_KEY}@127.0.0.1"}
storage: {url: "postgres://${ANTHROPIC_API_KEY}"}
probes:
  - {name: api_hello, kind: "${ANTHROPIC_API_KEY}", url: "${ANTHROPIC_API_KEY}",
     components: ["${ANTHROPIC_API_KEY}"], interval: "${ANTHROPIC_API_KEY}"}
  - {name: api_gate, kind: claude_json, call: models, credential: "${ANTHROPIC_API_KEY}",
     components: [api], interval: 60s}
notifiers:
  - {name: oncall, kind: webhook, url: "https://x.test", secret: "${ALERT_WEBHOOK_SECRET}x"}
"""


@pytest.mark.parametrize("command", ["check", "run", "probe", "demo"])
def test_what_is_wrong_with_a_file_is_told_without_what_is_in_it(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("ALERT_WEBHOOK_SECRET", SECRET)
    path = tmp_path / "broken.yaml"
    for text in (BROKEN, BROKEN.replace('kind: "${ANTHROPIC_API_KEY}"', "kind: http")):
        path.write_text(text)
        assert main([command, "--config", str(path)]) == 2
        told = capsys.readouterr()
        assert len(told.err.splitlines()) >= 1
        must_hold_none(command, told.out + told.err)
