"""Hourly and daily sums of probes and components, kept when the single runs are gone.

`refresh` sums up every hour that has ended since the last time, and the current one as far as it
has come, then adds the hours up to days. It may be called as often as one likes: an hour that is
summed again comes out the same. The last two hours always are, because a run may be judged again
some minutes later. Each hour is a transaction of its own, so that the writer never waits for long.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from sqlalchemy import delete, func, select

from monitor.core.effects import StateChanged
from monitor.core.history import Times, spans, times
from monitor.core.incident import State
from monitor.core.outcome import Outcome
from monitor.core.rollup import (
    DAY,
    HOUR,
    ComponentSums,
    Period,
    ProbeSums,
    add_times,
    add_up,
    sum_runs,
)
from monitor.storage.database import Database, insert_or_replace
from monitor.storage.tables import rollups, runs

AGAIN: Final = 2 * HOUR
"""How far back hours are summed again."""

HOURS_MAX: Final = 48
"""Hours summed in one call at most: after a long time without, it takes several."""

KEEP_HOURS: Final = timedelta(days=90)
"""How long hours are kept; days stay."""

PROBE: Final = "probe"
COMPONENT: Final = "component"

_REPLACE = insert_or_replace(rollups, "vantage", "kind", "name", "period", "start")


class ChangesReader(Protocol):
    """Knows the changes of a component's state."""

    async def state_changes(
        self, component: str, since: datetime, until: datetime
    ) -> Sequence[StateChanged]:
        """Those of a range, and the last one before it."""
        ...


class Rollups:
    """The sums of one vantage."""

    def __init__(
        self, database: Database, vantage: str, components: Iterable[str], changes: ChangesReader
    ) -> None:
        """`components` are those whose states are summed, from `changes`."""
        self._database = database
        self._vantage = vantage
        self._components = tuple(components)
        self._changes = changes

    async def refresh(self, now: datetime) -> bool:
        """Sum up what is due at `now`, `HOURS_MAX` hours at most; whether there is more.

        Raises:
            StorageError: what was summed before stays; the rest waits for the next time.
        """
        hour = await self._first(now)
        days: set[datetime] = set()
        count = 0
        while hour <= now and count < HOURS_MAX:
            await self._sum_hour(hour, now)
            days.add(Period.DAY.start_of(hour))
            hour += HOUR
            count += 1
        for day in sorted(days):
            await self._sum_day(day)
        return hour <= now

    async def _first(self, now: datetime) -> datetime:
        """The first hour that is due: two before the newest sum, else that of the first run."""
        mine = (rollups.c.vantage == self._vantage, rollups.c.period == Period.HOUR.value)
        newest = await self._moment(select(func.max(rollups.c.start).label("at")).where(*mine))
        if newest is not None:
            return min(newest, Period.HOUR.start_of(now)) - AGAIN
        oldest = await self._moment(
            select(func.min(runs.c.at).label("at")).where(runs.c.vantage == self._vantage)
        )
        return Period.HOUR.start_of(now if oldest is None else min(oldest, now))

    async def _moment(self, question: Any) -> datetime | None:
        rows = await self._database.rows(question)
        at: datetime | None = rows[0]["at"]
        return at

    async def _sum_hour(self, hour: datetime, now: datetime) -> None:
        found: dict[str, list[tuple[Outcome, float]]] = defaultdict(list)
        rows = await self._database.rows(
            select(runs.c.probe, runs.c.outcome, runs.c.seconds).where(
                runs.c.vantage == self._vantage, runs.c.at >= hour, runs.c.at < hour + HOUR
            )
        )
        for row in rows:
            found[row["probe"]].append((Outcome(row["outcome"]), row["seconds"]))
        values = [
            self._row(PROBE, name, Period.HOUR, hour, probe_body(sum_runs(hour, of)))
            for name, of in found.items()
        ]
        until = min(hour + HOUR, now)
        for name in self._components:
            changes = await self._changes.state_changes(name, hour, until)
            sums = ComponentSums(start=hour, times=times(spans(changes, hour, until)))
            values.append(self._row(COMPONENT, name, Period.HOUR, hour, component_body(sums)))
        await self._replace(values)

    async def _sum_day(self, day: datetime) -> None:
        hours = await self._between(Period.HOUR, day, day + DAY)
        values: list[dict[str, Any]] = []
        for (kind, name), bodies in hours.items():
            if kind == PROBE:
                body = probe_body(add_up(day, (probe_sums(at, each) for at, each in bodies)))
            else:
                parts = (component_sums(at, each) for at, each in bodies)
                body = component_body(add_times(day, parts))
            values.append(self._row(kind, name, Period.DAY, day, body))
        await self._replace(values)

    async def _between(
        self, period: Period, since: datetime, until: datetime, *conditions: Any
    ) -> dict[tuple[str, str], list[tuple[datetime, str]]]:
        rows = await self._database.rows(
            select(rollups.c.kind, rollups.c.name, rollups.c.start, rollups.c.body)
            .where(rollups.c.vantage == self._vantage, rollups.c.period == period.value)
            .where(rollups.c.start >= since, rollups.c.start < until, *conditions)
            .order_by(rollups.c.start)
        )
        found: dict[tuple[str, str], list[tuple[datetime, str]]] = defaultdict(list)
        for row in rows:
            found[row["kind"], row["name"]].append((row["start"], row["body"]))
        return found

    def _row(
        self, kind: str, name: str, period: Period, start: datetime, body: str
    ) -> dict[str, Any]:
        return {
            "vantage": self._vantage,
            "kind": kind,
            "name": name,
            "period": period.value,
            "start": start,
            "body": body,
        }

    async def _replace(self, values: list[dict[str, Any]]) -> None:
        if not values:
            return
        async with self._database.writing() as connection:
            await connection.execute(_REPLACE, values)

    # ------------------------------------------------------------ what can be asked

    async def of_components(
        self, period: Period, since: datetime, until: datetime
    ) -> Mapping[str, Sequence[ComponentSums]]:
        """The sums of each component from `since` until before `until`, oldest first."""
        found = await self._between(period, since, until, rollups.c.kind == COMPONENT)
        return {
            name: [component_sums(start, body) for start, body in bodies]
            for (_, name), bodies in found.items()
        }

    async def of_probe(
        self, name: str, period: Period, since: datetime, until: datetime
    ) -> Sequence[ProbeSums]:
        """The sums of a probe from `since` until before `until`, oldest first."""
        found = await self._between(
            period, since, until, rollups.c.kind == PROBE, rollups.c.name == name
        )
        bodies = found.get((PROBE, name), [])
        return [probe_sums(start, body) for start, body in bodies]

    async def prune(self, now: datetime) -> int:
        """Forget hours older than they are kept, a few days at a time; how many rows went.

        Raises:
            StorageError: what was deleted before stays deleted.
        """
        old = delete(rollups).where(
            rollups.c.vantage == self._vantage, rollups.c.period == Period.HOUR.value
        )
        oldest = await self._moment(
            select(func.min(rollups.c.start).label("at")).where(
                rollups.c.vantage == self._vantage, rollups.c.period == Period.HOUR.value
            )
        )
        gone = 0
        limit = now - KEEP_HOURS
        while oldest is not None and oldest < limit:
            oldest = min(oldest + DAY, limit)
            async with self._database.writing() as connection:
                gone += (await connection.execute(old.where(rollups.c.start < oldest))).rowcount
        return gone


def probe_body(sums: ProbeSums) -> str:
    """The sums of a probe as JSON."""
    outcomes = {outcome.value: number for outcome, number in sums.outcomes}
    return _json({"outcomes": outcomes, "latency": dict(sums.latency)})


def probe_sums(start: datetime, body: str) -> ProbeSums:
    """What `probe_body` wrote."""
    saved = json.loads(body)
    return ProbeSums(
        start=start,
        outcomes=tuple((Outcome(name), number) for name, number in saved["outcomes"].items()),
        latency=tuple((int(bucket), number) for bucket, number in saved["latency"].items()),
    )


def component_body(sums: ComponentSums) -> str:
    """The times of a component as JSON, to the millisecond."""
    return _json({state.value: round(seconds, 3) for state, seconds in sums.times.seconds})


def component_sums(start: datetime, body: str) -> ComponentSums:
    """What `component_body` wrote."""
    seconds = tuple((State(name), spent) for name, spent in json.loads(body).items())
    return ComponentSums(start=start, times=Times(seconds=seconds))


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
