"""Our own alerts in a real Alertmanager: from the outbox, by courier and repeats, to amtool."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from yarl import URL

from monitor.app.keepalive import Keepalive
from monitor.clock import SystemClock
from monitor.core.incident import Event, EventType, Impact, Incident, SeverityLevel, State
from monitor.delivery import Courier, DeliveryPolicy
from monitor.notify._base import NotifierContext
from monitor.notify.alertmanager import KIND, AlertmanagerSpec
from monitor.pipeline import Change, Envelope, Posting
from monitor.storage.database import open_database
from monitor.storage.in_force import Effective
from monitor.storage.outbox import SqlOutbox
from monitor.storage.store import Store
from tests.deploy.deployed import DEPLOY, read
from tests.factories import an_event, an_incident
from tests.fakes.notifier import FakeDeliverySink
from tests.integration.servers import Alertmanager, alertmanager, client, free_port, until
from tests.notify.parcels import WORDING

CONFIG = DEPLOY / "alertmanager" / "alertmanager.yaml"
OURS = "alertname=ClaudeUptimeIncident"

pytestmark = [pytest.mark.integration("alertmanager"), pytest.mark.timeout(120)]


class Messages:
    """What Alertmanager sends on, by a webhook on loopback."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.url = URL()

    async def take(self, request: web.BaseRequest) -> web.Response:
        self.taken.append({"path": request.path, **await request.json()})
        return web.Response()

    def about(self, status: str) -> list[dict[str, Any]]:
        return [each for each in self.taken if each["status"] == status]


@contextlib.asynccontextmanager
async def messages() -> AsyncIterator[Messages]:
    found = Messages()
    runner = web.ServerRunner(web.Server(found.take, access_log=None))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        found.url = URL(f"http://127.0.0.1:{runner.addresses[0][1]}")
        yield found
    finally:
        await runner.cleanup()


def routed(folder: Path, url: URL) -> Path:
    """The shipped configuration, quick, with an address for each receiver."""
    config = read(CONFIG)
    for one in config["receivers"]:
        one["webhook_configs"] = [{"url": f"{url}/{one['name']}"}]
    for route in (config["route"], *config["route"]["routes"]):
        route |= {"group_wait": "2s", "group_interval": "2s"}
    path = folder / "alertmanager.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


class Daemon:
    """What of a daemon has to do with deliveries; incidents open and close at the test's word."""

    def __init__(self, store: Store, spec: AlertmanagerSpec, courier: Courier) -> None:
        self._store = store
        self._spec = spec
        self._courier = courier
        self.open: dict[str, Incident] = {}

    async def announce(self, kind: EventType, incident: Incident) -> None:
        """One event of `incident`, committed as the pipeline does."""
        at = SystemClock().now()
        event = an_event(kind, incident, at=at, id=f"{incident.id}-{incident.sequence}")
        if kind is EventType.CLOSED:
            self.open.pop(incident.id)
        else:
            self.open[incident.id] = incident
        self._store.change(Change(postings=(Posting(event=event, envelopes=self._of(event)),)))
        await self._store.flush()
        self._courier.wake()

    def _of(self, event: Event) -> tuple[Envelope, ...]:
        body = KIND.envelope(self._spec, event, WORDING)
        assert body is not None
        return (Envelope(notifier=self._spec.name, body=body),)


@contextlib.asynccontextmanager
async def delivering(folder: Path, *urls: str) -> AsyncIterator[Daemon]:
    """A courier and a keepalive over the database in `folder`."""
    clock = SystemClock()
    spec = AlertmanagerSpec.model_validate(
        {"name": "alerts", "kind": "alertmanager", "urls": urls, "repost": "1s", "hold": "1m"}
    )
    notifier = KIND.build(spec, NotifierContext(clock=clock, user_agent="claude-uptime/1"))
    database = await open_database(f"sqlite:///{folder / 'state.db'}")
    store = Store(database, "local", clock)
    courier = Courier(
        SqlOutbox(database, "local"),
        [notifier],
        clock,
        random.Random(1),
        DeliveryPolicy(backoff_max=1.0),
        FakeDeliverySink(),
    )
    daemon = Daemon(store, spec, courier)
    keepalive = Keepalive(
        [notifier], Effective(database, "local"), lambda: tuple(daemon.open.values()), clock
    )
    await store.start()
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(courier.run()), group.create_task(keepalive.run())]
            try:
                yield daemon
            finally:
                for task in tasks:
                    task.cancel()
    finally:
        await store.stop()
        await database.close()


def an_outage(*components: str) -> Incident:
    """One that was decided a minute ago."""
    opened = SystemClock().now() - timedelta(minutes=1)
    return an_incident(*components, opened_at=opened, severity=SeverityLevel.CRITICAL)


def over(incident: Incident) -> Incident:
    now = SystemClock().now()
    return replace(
        incident,
        recovered_at=now - timedelta(seconds=20),
        closed_at=now,
        sequence=incident.sequence + 1,
    )


async def firing(server: Alertmanager, *matchers: str) -> set[tuple[str, str]]:
    """Incident, component and severity of our alerts that are active, by amtool."""
    return {(each["component"], each["severity"]) for each in await server.alerts(OURS, *matchers)}


async def becomes(server: Alertmanager, *wanted: tuple[str, str], within: float = 20) -> None:
    async def settled() -> bool:
        return await firing(server) == set(wanted)

    await until(settled, within=within, what=f"amtool shows {wanted or 'nothing'}")


async def test_an_incident_fires_in_alertmanager_over_its_restart_and_is_resolved_at_its_close(
    tmp_path: Path, part: dict[str, str]
) -> None:
    port = free_port()
    incident = an_outage("api", "claude_code")
    both = (("api", "critical"), ("claude_code", "critical"))
    async with messages() as heard, client() as session:
        config = routed(tmp_path, heard.url)

        def started() -> contextlib.AbstractAsyncContextManager[Alertmanager]:
            return alertmanager(part["alertmanager"], config, tmp_path, session, port=port)

        async with delivering(tmp_path, f"http://127.0.0.1:{port}") as daemon:
            async with started() as server:
                await daemon.announce(EventType.OPENED, incident)
                await becomes(server, *both)
                assert await firing(server, f"incident={incident.id}") == set(both)

                async def told() -> bool:
                    return bool(heard.about("firing"))

                await until(told, within=20, what="whoever is on call hears of it")
                (alert, _) = await server.details(OURS)
                started_at = f"{incident.started_at:%Y-%m-%dT%H:%M:%S}"
                assert alert["startsAt"].startswith(started_at)
            # It is gone, and has forgotten everything when it comes back.
            async with started() as server:
                await becomes(server, *both)
                await daemon.announce(EventType.CLOSED, over(incident))
                await becomes(server)

                async def ended() -> bool:
                    return bool(heard.about("resolved"))

                await until(ended, within=20, what="whoever is on call hears that it is over")
                # No repeat brings it back.
                await SystemClock().sleep(3)
                assert await firing(server) == set()
    first, last = heard.about("firing")[0], heard.about("resolved")[-1]
    assert first["path"] == last["path"] == "/oncall"
    assert first["groupLabels"]["incident"] == incident.id
    told_of = {alert["labels"]["component"] for alert in first["alerts"]}
    assert told_of == {"api", "claude_code"}
    assert "What: valid keys are refused" in first["commonAnnotations"]["description"]
    assert len(heard.about("resolved")) == 1


def groups(heard: Messages) -> dict[str, set[str]]:
    """The components by incident, as the newest message of each has them."""
    return {
        message["groupLabels"]["incident"]: {
            alert["labels"]["component"] for alert in message["alerts"]
        }
        for message in heard.taken
    }


async def test_two_incidents_are_two_messages_and_each_one_for_all_its_components(
    tmp_path: Path, part: dict[str, str]
) -> None:
    one, other = an_outage("api", "claude_code"), an_outage("claude_ai", "cowork")
    port = free_port()
    async with messages() as heard, client() as session:
        config = routed(tmp_path, heard.url)
        async with (
            alertmanager(part["alertmanager"], config, tmp_path, session, port=port) as server,
            delivering(tmp_path, f"http://127.0.0.1:{port}") as daemon,
        ):
            for incident in (one, other):
                await daemon.announce(EventType.OPENED, incident)

            wanted = {one.id: set(one.names), other.id: set(other.names)}

            async def told() -> bool:
                return groups(heard) == wanted

            # A message that went out between an incident's two alerts is followed by a whole one.
            await until(told, within=30, what="of both incidents it hears all components")
            assert len(await server.alerts(OURS)) == 4


async def test_a_severity_that_rises_leaves_one_alert_and_a_reopened_incident_fires_again(
    tmp_path: Path, part: dict[str, str]
) -> None:
    port = free_port()
    minor = replace(
        an_outage("api"),
        severity=SeverityLevel.MAJOR,
        components=(
            Impact(
                component="api",
                state=State.PARTIAL_OUTAGE,
                since=SystemClock().now() - timedelta(minutes=1),
            ),
        ),
    )
    worse = replace(minor, severity=SeverityLevel.CRITICAL, sequence=2)
    async with (
        client() as session,
        alertmanager(part["alertmanager"], CONFIG, tmp_path, session, port=port) as server,
        delivering(tmp_path, f"http://127.0.0.1:{port}") as daemon,
    ):
        await daemon.announce(EventType.OPENED, minor)
        await becomes(server, ("api", "warning"))
        await daemon.announce(EventType.UPDATED, worse)
        await becomes(server, ("api", "critical"))
        closed = over(worse)
        await daemon.announce(EventType.CLOSED, closed)
        await becomes(server)
        again = replace(worse, sequence=closed.sequence + 1, reopens=1)
        await daemon.announce(EventType.REOPENED, again)
        await becomes(server, ("api", "critical"))


async def test_an_alert_has_the_times_of_the_impact_and_only_what_fired_is_resolved(
    tmp_path: Path, part: dict[str, str]
) -> None:
    """Grouped by incident alone, across a rise in severity and a restart of the daemon."""
    port = free_port()
    now = SystemClock().now().replace(microsecond=0)
    began, ended = now - timedelta(minutes=7), now - timedelta(seconds=17)
    impact = Impact(
        component="api", state=State.PARTIAL_OUTAGE, since=began, joined_at=began, started_at=began
    )
    partial = replace(an_outage("api"), severity=SeverityLevel.MAJOR, components=(impact,))
    risen = replace(impact, state=State.MAJOR_OUTAGE, since=now - timedelta(minutes=1))
    major = replace(
        partial, severity=SeverityLevel.CRITICAL, components=(risen,), sequence=2, started_at=began
    )
    ending = replace(risen, recovered_at=ended)
    closed = replace(
        major, components=(ending,), recovered_at=ended, closed_at=SystemClock().now(), sequence=3
    )
    other = replace(an_outage("console"), id="local-20260428-000000-console")
    async with messages() as heard, client() as session:
        config = routed(tmp_path, heard.url)
        settings = yaml.safe_load(config.read_text())
        for route in (settings["route"], *settings["route"]["routes"]):
            route["group_by"] = ["alertname", "incident"]
        config.write_text(yaml.safe_dump(settings))
        async with alertmanager(part["alertmanager"], config, tmp_path, session, port=port):
            url = f"http://127.0.0.1:{port}"

            async def heard_of(incident: Incident, status: str, severity: str) -> None:
                async def told() -> bool:
                    return any(
                        one["labels"].get("severity") == severity and one["status"] == status
                        for message in heard.taken
                        if message["groupLabels"].get("incident") == incident.id
                        for one in message["alerts"]
                    )

                await until(told, within=20, what=f"it hears of {severity} {status}")

            async with delivering(tmp_path, url) as daemon:
                await daemon.announce(EventType.OPENED, other)
                await heard_of(other, "firing", "critical")
                await daemon.announce(EventType.OPENED, partial)
                await heard_of(partial, "firing", "warning")
            async with delivering(tmp_path, url) as daemon:
                daemon.open = {partial.id: partial, other.id: other}
                await daemon.announce(EventType.UPDATED, major)
                await heard_of(partial, "firing", "critical")
                await daemon.announce(EventType.CLOSED, closed)
                await heard_of(partial, "resolved", "critical")
    told = [one for message in heard.taken for one in message["alerts"]]
    fired = {(one["fingerprint"]) for one in told if one["status"] == "firing"}
    resolved = [one for one in told if one["status"] == "resolved"]
    assert {one["fingerprint"] for one in resolved} <= fired
    assert {one["labels"]["component"] for one in resolved} == {"api"}
    last = [one for one in resolved if one["labels"]["severity"] == "critical"][-1]
    assert last["startsAt"].startswith(f"{began:%Y-%m-%dT%H:%M:%S}")
    assert last["endsAt"].startswith(f"{ended:%Y-%m-%dT%H:%M:%S}")


async def test_an_instance_that_was_down_gets_what_is_open_when_it_comes_back(
    tmp_path: Path, part: dict[str, str]
) -> None:
    ports = (free_port(), free_port())
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    async with client() as session, delivering(tmp_path, *urls) as daemon:
        program = part["alertmanager"]
        async with alertmanager(program, CONFIG, folders[0], session, port=ports[0]) as one:
            await daemon.announce(EventType.OPENED, an_outage("api"))
            await becomes(one, ("api", "critical"))
            async with alertmanager(program, CONFIG, folders[1], session, port=ports[1]) as two:
                await becomes(two, ("api", "critical"))
