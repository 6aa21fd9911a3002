"""The daemon: what is started in which order, what runs beside what, and how it stops.

Start: lock of the store, database, memory of the engine, web server (so that a start that takes
long is seen), delivery, schedule. Stop is the reverse, with one rule more: what is under way is
given time before it is cut.

    say not ready → begin no more runs → drain the running ones → abort the rest (recorded as our
    own doing) → last commit → try delivery once more → stop the web server → close the database →
    free its lock
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

import structlog

from monitor import __version__
from monitor.app.announcing import Announcing
from monitor.app.build import (
    bound_probes,
    control_probe,
    disabled_notifiers,
    names_of,
    notifiers,
    pinger,
    probe_context,
    salt_of,
)
from monitor.app.housekeeping import Housekeeping
from monitor.app.keepalive import Keepalive
from monitor.app.memory import recall
from monitor.app.models import ModelWatch
from monitor.app.orders import CLOSE_INCIDENT, Orders, incident_closer
from monitor.app.provider import ProviderWatch
from monitor.app.purse import Purse
from monitor.app.runlog import RunLog
from monitor.app.views import Punctuality, Scrape, Vitals
from monitor.clock import Clock
from monitor.config.schema import Config
from monitor.core.effects import StatusView
from monitor.core.engine import Engine
from monitor.core.incident import Incident
from monitor.core.keylimits import KeyLimits
from monitor.core.observation import Origin
from monitor.core.plan import staggered_offsets
from monitor.delivery import Courier
from monitor.metrics.feed import Metrics
from monitor.pipeline import Pipeline, Sink
from monitor.probes import LookupThreads
from monitor.refusal import Refusal
from monitor.scheduler import CONCURRENCY_MAX, Asked, Pulse, Runner
from monitor.storage.database import Database, StorageError, open_database
from monitor.storage.in_force import Effective
from monitor.storage.lanes import adopt_lanes
from monitor.storage.lock import only_daemon
from monitor.storage.orders import OrderBook
from monitor.storage.outbox import SqlOutbox
from monitor.storage.store import Store
from monitor.web.live import Hub
from monitor.web.ports import WebDeps
from monitor.web.server import WebError, WebServer, create_app
from monitor.web.shapes import Shapes

TICK_SECONDS = 1.0
DELIVERY_LOOKUPS = 4
"""Threads for the name look-ups of deliveries, so that those of probes never wait for them."""

DRAIN_SECONDS = 3.5
STORE_SECONDS = 1.5
COURIER_SECONDS = 1.0
"""Machine seconds for each step of the stop: under eight together."""

log = structlog.get_logger("monitor")


class StartError(Refusal):
    """The daemon cannot start; its text is one line that says why and what to do."""


class Daemon:
    """One daemon. `run` runs it until `stop` is set."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        rng: random.Random,
        *,
        sinks: Sequence[Sink] = (),
    ) -> None:
        """Build what needs no I/O.

        Args:
            config: the validated configuration.
            clock: the machine's, or a faster one for a rehearsal.
            rng: spreads the retries of deliveries.
            sinks: who else hears of every effect.

        Raises:
            StartError: a file that the configuration names cannot be used.
        """
        self.config = config
        # Maintenance holds back announcements, not detection: see `app/calendar.py`.
        self.plan = replace(config.plan(salt_of(config.vantage)), maintenance=())
        self.engine = Engine(self.plan, config.policy())
        self.started = asyncio.Event()
        self.port = 0
        self._clock = clock
        self._rng = rng
        self._sinks = tuple(sinks)
        self._lookups = LookupThreads(CONCURRENCY_MAX)
        self._deliveries = LookupThreads(DELIVERY_LOOKUPS)
        try:
            self._context = probe_context(config, clock, self._lookups)
            self._notifiers = notifiers(config, clock, self._deliveries)
            self._pinger = pinger(config, clock, self._deliveries)
        except ValueError as error:
            raise StartError(str(error)) from None
        self._control = control_probe(self._context)
        self._provider = ProviderWatch(config, self.plan, self._context, clock)
        self._models = ModelWatch(config, self.plan, self._context, clock)
        asking = replace(self._context, takes=self._models.info)
        self._probes = bound_probes(config, self.plan, asking)
        self._metrics = Metrics(self.plan, version=__version__, notifiers=names_of(self._notifiers))
        self._announcing = Announcing(config, self.plan, clock, self._metrics, self._pinger)
        self._purse = Purse(config, clock)
        self._hub = Hub(Shapes(self.plan.vantage, config.web.external_url), clock.now)
        self._limits = KeyLimits()
        self._punctuality = Punctuality(self._metrics, clock)
        self._pulse = Pulse(clock, self._punctuality)

    def status(self) -> StatusView:
        """How things stand now."""
        return self._purse.marked(self.engine.status(self._pipeline.now()))

    def _lasting(self) -> tuple[Incident, ...]:
        """The incidents that last."""
        return self.engine.open_incidents()

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set, then stop in order.

        Raises:
            StartError: the database or the web address cannot be used.
        """
        async with AsyncExitStack() as stack:
            stack.callback(self._lookups.shutdown, wait=False)
            stack.callback(self._deliveries.shutdown, wait=False)
            try:
                stack.enter_context(only_daemon(self.config.storage.url, self._clock.now()))
                database = await open_database(self.config.storage.url)
            except StorageError as error:
                raise StartError(str(error)) from None
            stack.push_async_callback(database.close)
            await self._serve(database, stop, stack)

    async def _serve(self, database: Database, stop: asyncio.Event, stack: AsyncExitStack) -> None:
        """With the database open: join the parts and run them."""
        store = Store(database, self.plan.vantage, self._clock)
        outbox = SqlOutbox(database, self.plan.vantage)
        self._announcing.open(database, store, outbox, self._lasting)
        try:
            await adopt_lanes(database, self.plan.vantage, [each.name for each in self._notifiers])
            self.engine = await recall(store, self.plan, self.config.policy(), self._clock)
            await self._purse.recall(store)
            await self._announcing.recall()
        except StorageError as error:
            raise StartError(str(error)) from None
        self._metrics.resume(self.engine.open_incidents())
        self._pipeline = Pipeline(
            self.engine,
            self._clock,
            journal=store,
            audience=self._announcing.audience,
            sinks=(self._metrics, RunLog(), self._hub, *self._sinks),
            watch=self._pulse,
        )
        courier = self._courier(outbox)
        self._orders = Orders(
            OrderBook(database, self.plan.vantage),
            {CLOSE_INCIDENT: incident_closer(self._pipeline)},
            self._clock,
            store.flush,
        )
        store.on_committed(courier.wake)
        self._keepalive = Keepalive(
            self._notifiers,
            Effective(database, self.plan.vantage),
            self.engine.open_incidents,
            self._clock,
        )
        vitals = Vitals(self._clock, self._pulse, self._punctuality, store, outbox, self._notifiers)
        self._house = Housekeeping(
            database, store, self.plan, self.config.storage.keep_runs, self._clock
        )
        web = self._web(store, vitals)
        try:
            await web.start()
        except WebError as error:
            raise StartError(str(error)) from None
        stack.push_async_callback(web.stop)
        self.port = web.port
        await store.start()
        # However it ends, what waits is written; after an orderly end nothing waits.
        stack.push_async_callback(store.stop, self._scaled(STORE_SECONDS))
        await self._work(stop, store, courier, vitals)

    def _courier(self, outbox: SqlOutbox) -> Courier:
        return Courier(
            outbox,
            self._notifiers,
            self._clock,
            self._rng,
            self.config.delivery.policy(),
            self._announcing.letters,
        )

    def _web(self, store: Store, vitals: Vitals) -> WebServer:
        deps = WebDeps(
            plan=self.plan,
            version=__version__,
            status=self,
            incidents=store,
            history=self._house.history,
            health=vitals,
            scrape=Scrape(self._metrics, self.status, vitals, store, self._purse.remaining),
            external_url=self.config.web.external_url,
            store_errors=(StorageError,),
            mutes=self._announcing.mutes,
        )
        return WebServer(create_app(deps, self._hub), self.config.web.host, self.config.web.port)

    async def _work(
        self, stop: asyncio.Event, store: Store, courier: Courier, vitals: Vitals
    ) -> None:
        """Everything that runs beside everything else, until the stop."""
        runner = Runner(self._clock, self._punctuality, self._ask, self._check_control)
        self._pipeline.conduct(runner)
        offsets = staggered_offsets(self.plan.enabled())
        asked = tuple(
            Asked(name=p.name, interval=p.interval, offset=offsets[p.name])
            for p in self.plan.enabled()
        )
        runner.plan(asked, self.plan.control_interval if self.plan.controls else None)
        async with asyncio.TaskGroup() as tasks:
            delivering = tasks.create_task(courier.run(), name="courier")
            beside = [
                tasks.create_task(work, name=name)
                for name, work in (
                    ("pulse", self._pulse.beat()),
                    ("tick", self._tick(runner, vitals)),
                    ("housekeeping", self._house.run()),
                    ("provider", self._provider.run(self._pipeline)),
                    ("models", self._models.run(self._pipeline)),
                    ("announcing", self._announcing.run()),
                    ("heartbeat", self._announcing.beat(vitals)),
                    ("keepalive", self._keepalive.run()),
                    ("schedule", runner.serve()),
                )
            ]
            self._pipeline.carry_out(self.engine.resume(self._pipeline.now()))
            self._metrics.reloaded(self._clock.now(), ok=True)
            vitals.serving = True
            self.started.set()
            for name, reason in disabled_notifiers(self.config).items():
                log.warning("notifier.disabled", notifier=name, reason=reason)
            log.info("daemon.started", version=__version__, port=self.port, probes=len(asked))
            await stop.wait()
            log.info("daemon.stopping")
            vitals.serving = False
            left = await runner.drain(self._scaled(DRAIN_SECONDS))
            for task in beside:
                task.cancel()
            await asyncio.wait(beside)
            self._pipeline.store_memory()
            unwritten = await store.stop(self._scaled(STORE_SECONDS))
            await courier.stop(self._scaled(COURIER_SECONDS))
            await delivering
            log.info("daemon.stopped", aborted_runs=left, unwritten=str(unwritten or "nothing"))

    def _scaled(self, machine_seconds: float) -> float:
        """Seconds of the clock that last `machine_seconds` of the machine."""
        return machine_seconds / self._clock.real(1.0)

    async def _ask(self, name: str, origin: Origin) -> None:
        """One run of one probe, if the day's money and the limits of its key allow it."""
        probe = self._probes[name]
        if not self._purse.allows(probe.plan, origin):
            self._punctuality.skipped(name, "budget")
            told = self.engine.notices.budget_spent(self._purse.sentence(), self._pipeline.now())
            self._pipeline.carry_out(told)
            return
        if not self._limits.allows(probe.plan, origin, self._clock.monotonic()):
            self._punctuality.skipped(name, "rate_limit")
            return
        judged = await self._pipeline.run(probe, origin)
        self._limits.learn(probe.plan, judged)
        self._metrics.spent(name, self._purse.pay(probe.plan, judged.observation))

    async def _check_control(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for target in self.plan.controls:
                tasks.create_task(self._pipeline.control(self._control, target))

    async def _tick(self, runner: Runner, vitals: Vitals) -> None:
        """Once a second: what follows from time alone."""
        while True:
            try:
                runner.watch()
                self.engine.maintain(self._announcing.maintenance())
                self._pipeline.tick()
                await vitals.look()
                await self._orders.look()
            except StorageError as error:
                log.warning("store.unreadable", error=str(error))
            except Exception:
                log.exception("tick.failed")
            await self._clock.sleep(TICK_SECONDS)
