"""Daemons to be killed: `python -m tests.crash.child` starts one for each order on its stdin.

An order is a line of JSON. Each daemon is a process of its own, forked from this one so that it
need not import everything again. Two lines of JSON tell of it: `{"order": N, "pid": P}` when it
starts, and `{"pid": P, "ended": STATUS}` when it has ended, with its exit status, or minus the
number of the signal that killed it.

A daemon counts its own steps between a decision and its receipt: every statement and commit of its
database, every sending, every effect of the engine. At the step that its order names it kills
itself with SIGKILL: nothing is flushed, no handler runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import Pool

from monitor import logs
from monitor.app import Daemon
from monitor.cli._shared import run_loop, stop_on_signals
from monitor.config.schema import Config
from monitor.core.effects import Announce, Effect
from monitor.core.incident import EventType
from monitor.delivery import Delivery, Notifier, Result
from monitor.storage import upgrade
from tests.crash.story import clock_at

_STATEMENT = re.compile(r"\s*(\w+)(?:\s.*?\b(?:INTO|FROM|UPDATE|TABLE)\s+\"?(\w+))?", re.DOTALL)


@dataclass(slots=True)
class Steps:
    """Where a daemon stands, as `STAGE/ACTOR/STEP`, and where it is to die.

    The stage is the event that is on its way: for a delivery the one that is carried, or will be
    next; for all else the one that was decided last (`start` before the first; an update follows
    its opening at once and begins no stage of its own). The actor is who takes
    the step: `engine`, `change` (the transaction that stores a decision), `batch` (one of quiet
    runs), `claim`, `send` or `settle` of a delivery, or `read`.
    """

    kill_at: str
    stage: str = "start"
    phase: str = "claim"
    carried: str = ""
    waiting: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    finishing: dict[Any, str] = field(default_factory=dict)

    def reach(self, actor: str, step: str) -> None:
        """Take note of a step, and die at the right one."""
        place = f"{self._stage(actor)}/{actor}/{step}"
        if place == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.seen.append(place)

    def _stage(self, actor: str) -> str:
        if actor in ("send", "settle"):
            return self.carried
        return self.waiting[0] if actor == "claim" and self.waiting else self.stage

    # ------------------------------------------------------------ the database

    def listen(self) -> None:
        """Hear of everything that this process asks of any database."""
        event.listen(Engine, "before_cursor_execute", self._before)
        event.listen(Engine, "after_cursor_execute", self._after)
        event.listen(Engine, "commit", self._commit)
        event.listen(Pool, "reset", self._given_back)

    def _actor(self, connection: Connection) -> str:
        """Whose transaction this is."""
        mode = connection.get_execution_options()["transaction_mode"].name
        task = _task()
        if mode == "READ":
            return self.phase if task.startswith("courier") else "read"
        if task.startswith("courier"):
            return self.phase
        if task == "store.writer":
            return "change" if mode == "DURABLE" else "batch"
        return "setup"

    def _before(self, connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("BEGIN"):
            self.reach(self._actor(connection), "begin")

    def _after(self, connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            self.reach(self._actor(connection), short(statement))

    def _commit(self, connection: Connection) -> None:
        if connection.get_execution_options()["transaction_mode"].name == "READ":
            return
        actor = self._actor(connection)
        self.finishing[connection.connection.dbapi_connection] = actor
        self.reach(actor, "commit")

    def _given_back(self, connection: Any, *_: Any) -> None:
        """A connection is given back: its commit is done. A task of SQLAlchemy's own does that."""
        actor = self.finishing.pop(connection, None)
        if actor is None:
            return
        self.reach(actor, "committed")
        if actor == "settle":
            self.phase = "claim"

    # ------------------------------------------------------------ engine and sending

    def publish(self, effects: Sequence[Effect]) -> None:
        """Every decision of the engine, before it is stored. Fits `pipeline.Sink`."""
        for effect in effects:
            if isinstance(effect, Announce):
                kind = effect.event.type.value.partition(".")[2]
                self.waiting.append(kind)
                self.stage = self.stage if effect.event.type is EventType.UPDATED else kind
                self.reach("engine", "decided")


@dataclass(frozen=True, slots=True)
class Watched:
    """A notifier that tells when it sends and when it was answered."""

    notifier: Notifier
    steps: Steps

    @property
    def name(self) -> str:
        """The notifier's own."""
        return self.notifier.name

    async def send(self, delivery: Delivery) -> Result:
        """Send, and tell."""
        steps = self.steps
        steps.phase, steps.carried = "send", delivery.type.partition(".")[2]
        if steps.carried in steps.waiting:
            steps.waiting.remove(steps.carried)
        steps.reach("send", "begun")
        result = await self.notifier.send(delivery)
        steps.reach("send", "answered")
        steps.phase = "settle"
        return result


def short(statement: str) -> str:
    """`insert deliveries` for a whole statement."""
    found = _STATEMENT.match(statement)
    assert found is not None
    verb, table = found.groups()
    if verb.upper() == "UPDATE":
        table = statement.split()[1]
    return f"{verb} {table}".lower() if table else verb.lower()


def _task() -> str:
    task = asyncio.current_task()
    return task.get_name() if task else "none"


# ---------------------------------------------------------------- one daemon


def perform(order: dict[str, Any]) -> None:
    """Run a daemon until it is told to stop, or dies at the step of its order."""
    steps = Steps(order["kill_at"])
    steps.listen()
    logs.configure("info", "json", ())
    daemon = Daemon(
        Config.model_validate(order["config"]),
        clock_at(order["origin"]),
        random.Random(order["seed"]),
        sinks=(steps,),
    )
    daemon._notifiers = tuple(Watched(each, steps) for each in daemon._notifiers)

    async def run() -> None:
        stop = stop_on_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        await daemon.run(stop)

    run_loop(run())
    Path(order["steps"]).write_text(json.dumps(steps.seen))


def _child(order: dict[str, Any]) -> int:
    """The life of a forked process, to its exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        perform(order)
    except BaseException:  # noqa: BLE001  # whatever it was, it goes into the log
        traceback.print_exc()
        return 1
    return 0


def _tell(**what: int) -> None:
    """One line, in one write: the handler below may come at any moment."""
    os.write(1, json.dumps(what).encode() + b"\n")


def _reap(*_: object) -> None:
    """Tell of every daemon that has ended."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
            _tell(pid=ended[0], ended=os.waitstatus_to_exitcode(ended[1]))


def main() -> None:
    """Take orders until stdin ends, once all is imported (a first start migrates)."""
    assert upgrade.MIGRATIONS.is_dir()
    signal.signal(signal.SIGCHLD, _reap)
    _tell(ready=os.getpid())
    for line in sys.stdin:
        order = json.loads(line)
        # A stop that comes before the daemon listens for it waits.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD, signal.SIGTERM])
        pid = os.fork()
        if not pid:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
            os._exit(_child(order))
        _tell(order=order["order"], pid=pid)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD, signal.SIGTERM])


if __name__ == "__main__":
    main()
