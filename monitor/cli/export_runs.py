"""`export-runs`: the recorded runs of the store as JSON lines, as `backtest --runs` reads them."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import IO, Any

from monitor.cli._shared import add_config, load_config, run_loop
from monitor.clock import Clock, SystemClock
from monitor.config.schema import Config
from monitor.refusal import Refusal
from monitor.spec import parse_duration
from monitor.storage.database import StorageError, open_to_read
from monitor.storage.rows import StoredRun
from monitor.storage.store import Store

_BEGINNING = datetime(1971, 1, 1, tzinfo=UTC)
_SECONDS_DIGITS = 3


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("export-runs", help="the recorded runs as JSON lines")
    when = "a time like 2026-04-28T17:00:00Z, or how long ago, like 2h"
    parser.add_argument("--since", metavar="TIME", help=f"runs from then on: {when}")
    parser.add_argument("--until", metavar="TIME", help="runs before then, in the same form")
    add_config(parser)
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Print them, oldest first."""
    clock = SystemClock()
    now = clock.now()
    since = _BEGINNING if options.since is None else moment(options.since, "--since", now)
    # What was stored ahead of a clock that has been set back since is exported too.
    until = now + timedelta(days=1) if options.until is None else None
    if until is None:
        until = moment(options.until, "--until", now)
    if since >= until:
        msg = f"--since ({since:%Y-%m-%dT%H:%M:%SZ}) is not before --until ({until:%H:%M:%S})"
        raise Refusal(msg)
    config = load_config(options)
    try:
        run_loop(export(config, clock, (since, until), sys.stdout.buffer))
    except StorageError as error:
        raise Refusal(str(error)) from None
    return 0


def moment(text: str, option: str, now: datetime) -> datetime:
    """A moment as it is given on the command line, in UTC.

    Raises:
        Refusal: it is neither a time with its zone nor a duration before `now`.
    """
    try:
        return now - timedelta(seconds=parse_duration(text))
    except (ValueError, OverflowError):
        pass
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    msg = f"{option}: {text!r} is no time; write it like 2026-04-28T17:00:00Z, or 2h for 2 h ago"
    raise Refusal(msg)


async def export(
    config: Config, clock: Clock, span: tuple[datetime, datetime], out: IO[bytes]
) -> None:
    """Write the runs of the configured store that started within `span`, a line each.

    The store is opened to read only: a daemon that works with it is not disturbed. Memory is that
    of one page.

    Raises:
        StorageError: the store cannot be read.
    """
    database = await open_to_read(config.storage.url)
    try:
        store = Store(database, config.vantage, clock)
        async with aclosing(store.runs_between(*span)) as pages:
            async for page in pages:
                out.write(b"".join(map(line_of, page)))
        out.flush()
    finally:
        await database.close()


def line_of(run: StoredRun) -> bytes:
    """One run as `backtest --runs` reads it. Optional keys stand there only with a value."""
    row: dict[str, Any] = {
        "at": run.at.isoformat().replace("+00:00", "Z"),
        "probe": run.probe,
        "outcome": run.outcome.value,
        "seconds": round(run.seconds, _SECONDS_DIGITS),
        "answered": run.answered,
        "origin": run.origin.value,
    }
    extra = {"reason": run.reason, "request_id": run.request_id, "cf_ray": run.cf_ray}
    row.update((key, value) for key, value in extra.items() if value)
    return json.dumps(row).encode() + b"\n"
