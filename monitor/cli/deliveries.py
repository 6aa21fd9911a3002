"""`deliveries`: what is on its way to whom; and to ask for it again, or to strike it off."""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from typing import Any

from monitor.cli._look import show
from monitor.cli._shared import add_config, at_store, author
from monitor.clock import SystemClock
from monitor.refusal import Refusal
from monitor.storage.database import Database
from monitor.storage.desk import Desk, Requeued
from monitor.storage.outbox import DeliveryRecord, SqlOutbox
from monitor.storage.rows import DEAD, DELIVERED, DISCARDED, PENDING

STATES = (PENDING, DELIVERED, DEAD, DISCARDED)
LIMIT_MAX = 10_000


def add(commands: Any) -> None:
    """Add the command with its own commands."""
    parser = commands.add_parser("deliveries", help="events on their way, and dead letters")
    acts = parser.add_subparsers(dest="act_on", metavar="ACT", required=True)
    _add_list(acts.add_parser("list", help="the newest deliveries, one a line"))
    show = acts.add_parser("show", help="one delivery, with the bytes that are sent")
    show.add_argument("id", type=int)
    show.set_defaults(act=act_show)
    retry = acts.add_parser(
        "retry", help="send now: one that waits or was given up, with what was given up after it"
    )
    retry.add_argument("id", type=int, nargs="?")
    retry.add_argument("--all", action="store_true", help="all that were given up for a notifier")
    retry.add_argument("--notifier", metavar="NAME")
    retry.set_defaults(act=act_retry)
    discard = acts.add_parser("discard", help="strike one off: it is not sent (again)")
    discard.add_argument("id", type=int)
    discard.add_argument("--reason", required=True, help="why, for those who come after you")
    discard.set_defaults(act=act_discard)
    for each in (show, retry, discard):
        add_config(each)


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--state", choices=STATES)
    parser.add_argument("--notifier", metavar="NAME")
    parser.add_argument("--incident", metavar="ID")
    parser.add_argument("--limit", type=int, default=50, help="how many at most (default 50)")
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_config(parser)
    parser.set_defaults(act=act_list)


def act_list(options: argparse.Namespace) -> int:
    """Print them, newest first."""
    if not 0 < options.limit <= LIMIT_MAX:
        msg = f"--limit lies between 1 and {LIMIT_MAX}, not at {options.limit}"
        raise Refusal(msg)

    async def work(database: Database, vantage: str) -> list[DeliveryRecord]:
        return await SqlOutbox(database, vantage).list_deliveries(
            notifier=options.notifier,
            state=options.state,
            incident_id=options.incident,
            limit=options.limit,
        )

    found = at_store(options, work, write=False)
    if options.json:
        print(json.dumps([_plain(record) for record in found], indent=2))
    else:
        show("".join(_lines(found)))
    return 0


def act_show(options: argparse.Namespace) -> int:
    """Print one as JSON, its body last."""

    async def work(database: Database, vantage: str) -> dict[str, Any]:
        body = await Desk(database, vantage).body(options.id)
        (record,) = await SqlOutbox(database, vantage).list_deliveries(number=options.id)
        return {**_plain(record), "body": body.decode("utf-8", "replace")}

    print(json.dumps(at_store(options, work, write=False), indent=2, ensure_ascii=False))
    return 0


def act_retry(options: argparse.Namespace) -> int:
    """Make them due; a running daemon sends them within 15 s."""
    if options.all == (options.id is not None) or options.all != (options.notifier is not None):
        msg = "name one delivery by its id, or --all with --notifier NAME"
        raise Refusal(msg)
    now = SystemClock().now()

    async def work(database: Database, vantage: str) -> Requeued:
        desk = Desk(database, vantage)
        if options.all:
            return await desk.retry_all(options.notifier, now)
        return await desk.retry(options.id, now)

    done = at_store(options, work, write=True)
    print(f"due now: {', '.join(map(str, done.ids)) or 'none'}")
    if done.skipped:
        print(f"left alone, for something after them has arrived: {_joined(done.skipped)}")
    return 0


def act_discard(options: argparse.Namespace) -> int:
    """Strike it off, with the reason and who gave it."""
    now = SystemClock().now()
    why = f"{options.reason} ({author()})"

    async def work(database: Database, vantage: str) -> None:
        await Desk(database, vantage).discard(options.id, why, now)

    at_store(options, work, write=True)
    print(f"discarded: {options.id}")
    return 0


def _joined(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers))


def _plain(record: DeliveryRecord) -> dict[str, Any]:
    values = {name: getattr(record, name) for name in DeliveryRecord.__slots__}
    return {
        name: value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
        for name, value in values.items()
    }


def _lines(records: list[DeliveryRecord]) -> list[str]:
    """A table of what fits a terminal; the last error stands below its delivery."""
    if not records:
        return ["no deliveries\n"]
    rows = [("ID", "STATE", "NOTIFIER", "TYPE", "TRIES", "DECIDED", "EVENT")]
    rows += [
        (
            str(each.id),
            each.state,
            each.notifier,
            each.type,
            str(each.attempts),
            f"{each.created_at:%Y-%m-%d %H:%M:%SZ}",
            each.event_id,
        )
        for each in records
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines: list[str] = []
    for number, row in enumerate(rows):
        cells = zip(row, widths, strict=True)
        lines.append("  ".join(f"{cell:<{width}}" for cell, width in cells).rstrip() + "\n")
        error = records[number - 1].last_error if number else None
        if error:
            lines.append(f"      {error}\n")
    return lines
