"""What the daemon remembers, by the names of what happens: the journal, and the questions to it.

The journal's calls never wait or fail (`writer`). Reads have connections of their own and work
while the writer is retrying; each raises `StorageError` when the database cannot answer.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import Executable, RowMapping, exists, func, or_, select

from monitor.clock import Clock
from monitor.core.effects import Judged, StateChanged
from monitor.core.history import HOST
from monitor.core.incident import Event, Incident, IncidentPhase
from monitor.core.outcome import Outcome
from monitor.pipeline import Change
from monitor.storage.codec import decode
from monitor.storage.commit import commit
from monitor.storage.database import Database
from monitor.storage.rows import STORED_RUN, StoredRun, run_row, state_changed, stored_run
from monitor.storage.tables import component_states, engine_state, incident_events, incidents, runs
from monitor.storage.writer import StoreHealth, Unwritten, Writer

QUEUE_RUNS_MAX: Final = 50_000
"""Quiet runs that may wait: a day of a default plan, some 40 MB."""

READ_RUNS_MAX: Final = 100_000
PAGE_RUNS: Final = 2_000
STOP_SECONDS: Final = 3.0

_OVER = (IncidentPhase.CLOSED.value, IncidentPhase.WITHDRAWN.value)
_UNANNOUNCED = (IncidentPhase.SUSPECT.value, IncidentPhase.WITHDRAWN.value)


class Store:
    """The journal of one vantage, and what can be asked of it."""

    def __init__(
        self, database: Database, vantage: str, clock: Clock, *, runs_max: int = QUEUE_RUNS_MAX
    ) -> None:
        """`runs_max` quiet runs wait at most while the database is shut; the oldest go first."""
        self._database = database
        self._vantage = vantage
        self._writer = Writer(partial(commit, database, vantage), clock, runs_max=runs_max)

    # ------------------------------------------------------------ the journal

    def run(self, judged: Judged) -> None:
        """Remember a quiet run. A provisional one is passed over: its real result will follow."""
        if not judged.observation.provisional:
            self._writer.add_run(run_row(self._vantage, judged))

    def change(self, change: Change) -> None:
        """Commit at once, with all runs before it, in one transaction."""
        self._writer.add_change(change)

    def on_committed(self, callback: Callable[[], None]) -> None:
        """Call `callback` after each commit that put something into the outbox."""
        self._writer.on_committed.append(callback)

    def on_health(self, callback: Callable[[StoreHealth], None]) -> None:
        """Call `callback` when writing begins to fail, and when it works again."""
        self._writer.on_health.append(callback)

    def health(self) -> StoreHealth:
        """Whether what happens is being remembered."""
        return self._writer.health()

    async def start(self) -> None:
        """Start writing. To be called once, from the task that will call `stop`."""
        await self._writer.start()

    async def stop(self, timeout_seconds: float = STOP_SECONDS) -> Unwritten | None:
        """Write what waits, within `timeout_seconds`; what had to be left behind, if anything.

        The database stays open, for reads and for the outbox.
        """
        return await self._writer.stop(timeout_seconds)

    async def flush(self) -> None:
        """Return once all that was given so far is written, at once rather than in a batch.

        Waits as long as the database is shut. Raises StorageError if the store is stopped before.
        """
        await self._writer.flush()

    async def settled(self) -> None:
        """Like `flush`, but quiet runs wait for company as always."""
        await self._writer.settled()

    # ------------------------------------------------------- what can be asked

    async def load_snapshot(self) -> tuple[datetime, bytes] | None:
        """The engine's last snapshot and when it was taken."""
        rows = await self._database.rows(
            select(engine_state.c.at, engine_state.c.body).where(
                engine_state.c.vantage == self._vantage
            )
        )
        return (rows[0]["at"], rows[0]["body"]) if rows else None

    async def runs_since(self, at: datetime, limit: int = READ_RUNS_MAX) -> list[StoredRun]:
        """Runs that started at `at` or later, by their start; the last `limit` of them."""
        return await self._runs(runs.c.at >= at, limit=limit)

    async def runs_between(
        self, since: datetime, until: datetime, page: int = PAGE_RUNS
    ) -> AsyncGenerator[list[StoredRun], None]:
        """Runs that started from `since` until before `until`, oldest first, a page at a time.

        Each page is a transaction of its own, so that a long reading does not hold back the
        clearing of the write-ahead log; a run that is stored meanwhile, late and before where the
        reading has come to, is not in it.
        """
        place = (since, -1)
        while True:
            at, number = place
            rows = await self._database.rows(
                select(runs.c.id, *STORED_RUN)
                .where(runs.c.vantage == self._vantage, runs.c.at >= at, runs.c.at < until)
                .where(or_(runs.c.at > at, runs.c.id > number))
                .order_by(runs.c.at, runs.c.id)
                .limit(page)
            )
            if rows:
                yield [stored_run(row) for row in rows]
            if len(rows) < page:
                return
            place = (rows[-1]["at"], rows[-1]["id"])

    async def recent_runs(self, probe: str, limit: int) -> list[StoredRun]:
        """The last `limit` runs of `probe`, newest first."""
        found = await self._runs(runs.c.probe == probe, limit=limit)
        return found[::-1]

    async def proven_probes(self) -> set[str]:
        """Probes with an `ok` run on record.

        Goes from name to name through the index, so that its cost is that of the probes and not
        that of the runs.
        """
        mine = runs.c.vantage == self._vantage
        name = select(func.min(runs.c.probe).label("name")).where(mine).cte(recursive=True)
        later = select(func.min(runs.c.probe)).where(mine, runs.c.probe > name.c.name)
        name = name.union_all(select(later.scalar_subquery()).where(name.c.name.is_not(None)))
        good = exists().where(
            mine,
            runs.c.probe == name.c.name,
            runs.c.outcome == Outcome.OK.value,
        )
        return {row["name"] for row in await self._database.rows(select(name.c.name).where(good))}

    async def tokens_since(self, at: datetime) -> list[tuple[str, int, int]]:
        """Tokens sent and received by each probe in runs that started at `at` or later."""
        sent, received = runs.c.input_tokens, runs.c.output_tokens
        rows = await self._database.rows(
            select(
                runs.c.probe,
                func.coalesce(func.sum(sent), 0).label("sent"),
                func.coalesce(func.sum(received), 0).label("received"),
            )
            .where(runs.c.vantage == self._vantage, runs.c.at >= at)
            .where(or_(sent.is_not(None), received.is_not(None)))
            .group_by(runs.c.probe)
            .order_by(runs.c.probe)
        )
        return [(row["probe"], int(row["sent"]), int(row["received"])) for row in rows]

    async def open_incidents(self) -> list[Incident]:
        """Incidents that last, suspects among them, oldest first."""
        return await self._incidents(
            select(incidents.c.body)
            .where(incidents.c.vantage == self._vantage)
            .where(incidents.c.phase.not_in(_OVER))
            .order_by(incidents.c.opened_at, incidents.c.id)
        )

    async def incidents(self, limit: int, before: datetime | None = None) -> list[Incident]:
        """At most `limit` incidents, newest first, opened before `before` if given.

        Suspects and what was withdrawn are none: nobody was told of them.
        Several may open at one moment; who turns pages sees to it that none is cut off between.
        """
        question = (
            select(incidents.c.body)
            .where(incidents.c.vantage == self._vantage)
            .where(incidents.c.phase.not_in(_UNANNOUNCED))
        )
        if before is not None:
            question = question.where(incidents.c.opened_at < before)
        newest = question.order_by(incidents.c.opened_at.desc(), incidents.c.id.desc())
        return await self._incidents(newest.limit(limit))

    async def incident(self, incident_id: str) -> Incident | None:
        """The newest version of an incident, None when there is none of that id."""
        found = await self._incidents(
            select(incidents.c.body).where(
                incidents.c.vantage == self._vantage, incidents.c.id == incident_id
            )
        )
        return found[0] if found else None

    async def events_of(self, incident_id: str) -> list[Event]:
        """All that was announced of an incident, in order."""
        rows = await self._database.rows(
            select(incident_events.c.body)
            .where(incident_events.c.vantage == self._vantage)
            .where(incident_events.c.incident_id == incident_id)
            .order_by(incident_events.c.sequence, incident_events.c.at, incident_events.c.id)
        )
        return [decode(Event, row["body"]) for row in rows]

    async def state_changes(
        self, component: str, since: datetime, until: datetime
    ) -> list[StateChanged]:
        """Changes of a component's state, and of this host's sight, in [`since`, `until`).

        Oldest first. Before them comes the last one of each before `since`, if there is any: it
        tells how the range began. It is what `core.history.spans` takes.
        """
        rows: list[RowMapping] = []
        for name in (HOST, component):
            rows += await self._states_of(name, since, until)
        return [state_changed(row) for row in sorted(rows, key=_when)]

    async def _states_of(
        self, component: str, since: datetime, until: datetime
    ) -> list[RowMapping]:
        states = component_states
        mine = (states.c.vantage == self._vantage, states.c.component == component)
        before = (
            select(states)
            .where(*mine, states.c.at < since)
            .order_by(states.c.at.desc(), states.c.id.desc())
            .limit(1)
        )
        within = (
            select(states)
            .where(*mine, states.c.at >= since, states.c.at < until)
            .order_by(states.c.at, states.c.id)
        )
        return [*await self._database.rows(before), *await self._database.rows(within)]

    async def _runs(self, *conditions: Any, limit: int) -> list[StoredRun]:
        """The last `limit` runs that meet the conditions, oldest first."""
        rows = await self._database.rows(
            select(*STORED_RUN)
            .where(runs.c.vantage == self._vantage, *conditions)
            .order_by(runs.c.at.desc(), runs.c.id.desc())
            .limit(limit)
        )
        return [stored_run(row) for row in reversed(rows)]

    async def _incidents(self, question: Executable) -> list[Incident]:
        return [decode(Incident, row["body"]) for row in await self._database.rows(question)]


def _when(row: RowMapping) -> tuple[datetime, int]:
    return row["at"], row["id"]
