"""What the engine remembers over a restart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import structlog

from monitor.clock import Clock
from monitor.core.engine import Engine
from monitor.core.moment import Moment
from monitor.core.outcome import Counts, counts_as
from monitor.core.plan import Plan
from monitor.core.policy import Policy
from monitor.core.window import Entry
from monitor.storage.rows import StoredRun
from monitor.storage.store import Store

WINDOW_SECONDS = 3600.0
"""How far back stored runs are taken into the windows when there is no snapshot."""

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""Names the machine's present boot, and with it its monotonic clock. Linux has it."""

STORED_WITHIN_SECONDS = 5.0
"""A run is stored so soon after its timeout, if it is stored at all."""

log = structlog.get_logger("monitor")


async def recall(store: Store, plan: Plan, policy: Policy, clock: Clock) -> Engine:
    """An engine that knows what the one before it knew.

    The last snapshot was committed with whatever was announced last, or at most half a minute
    before the end; the runs stored after it complete the windows and announce nothing. Among them
    are those that were under way when it was taken, so runs are read from one timeout before it.

    Raises:
        StorageError: the store cannot be read.
    """
    boot = _boot()
    engine = Engine(plan, policy, boot)
    now = Moment(mono=clock.monotonic(), wall=clock.now())
    since = now.wall - timedelta(seconds=WINDOW_SECONDS)
    saved = await store.load_snapshot()
    if saved is not None:
        try:
            engine.restore(saved[1], now)
            longest = max((probe.timeout for probe in plan.probes), default=0.0)
            since = max(since, saved[0] - timedelta(seconds=longest + STORED_WITHIN_SECONDS))
        except ValueError as error:
            log.warning("engine.snapshot_unusable", error=str(error))
            engine = Engine(plan, policy, boot)
        engine.sight.missed(saved[0])
    stored = await store.runs_since(since)
    excluded = [run.run_id for run in stored if counts_as(run.outcome) is Counts.EXCLUDED]
    engine.remember(entries(stored, now), await store.proven_probes(), excluded)
    engine.adopt(await store.open_incidents(), now)
    return engine


def _boot() -> str:
    """What names the present boot; empty where the system does not say."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def entries(stored: Sequence[StoredRun], now: Moment) -> list[Entry]:
    """Stored runs as entries of the windows: only those that counted.

    A run from the future was stored before the wall clock was set back; nobody knows its age.
    """
    found: list[Entry] = []
    for run in stored:
        counts = counts_as(run.outcome)
        if counts is Counts.EXCLUDED or run.at > now.wall:
            continue
        found.append(
            Entry(
                run_id=run.run_id,
                probe=run.probe,
                at=run.at,
                started=now.mono - (now.wall - run.at).total_seconds(),
                bad=counts is Counts.BAD,
                answered=run.answered,
                outcome=run.outcome,
                reason=run.reason,
                request_id=run.request_id,
                cf_ray=run.cf_ray,
            )
        )
    return found
