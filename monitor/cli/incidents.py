"""`incidents`: list them, tell the story of one, close one by hand."""

from __future__ import annotations

import argparse
import getpass
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from monitor.app.orders import CLOSE_INCIDENT, REASON_CHARS_MAX
from monitor.cli._look import console, table
from monitor.cli._orders import Wanted, give
from monitor.cli._shared import add_config, load_config, run_loop
from monitor.clock import Clock, SystemClock
from monitor.config.schema import Config
from monitor.core.incident import Event, Evidence, Impact, Incident, Interval, ProviderNote, Tally
from monitor.core.story import Line, story
from monitor.refusal import Refusal
from monitor.storage.database import StorageError, open_to_read
from monitor.storage.orders import Order, OrderBook, open_to_order
from monitor.storage.store import Store
from monitor.web.shapes import Shapes
from monitor.web.words import clean, span

LIMIT_DEFAULT = 20
LIMIT_MAX = 1000
STARTED_COLUMNS_MIN = 100


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("incidents", help="list incidents, tell one's story, close one")
    add_config(parser)
    _add_list(parser)
    parser.set_defaults(act=act_list)
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    show = actions.add_parser("show", help="the story of one, with its evidence")
    show.add_argument("id", metavar="ID")
    show.add_argument("--json", action="store_true", help="what the API says of it")
    show.add_argument(
        "--store", metavar="FILE", default=argparse.SUPPRESS, help="as for `incidents`"
    )
    show.set_defaults(act=act_show)
    close = actions.add_parser("close", help="let the running daemon close one")
    close.add_argument("id", metavar="ID")
    close.add_argument("--reason", required=True, metavar="TEXT", help="goes into the announcement")
    close.set_defaults(act=act_close)
    for each in (show, close):
        # What stands before the action is not undone by what does not stand after it.
        each.add_argument(
            "--config", metavar="FILE", default=argparse.SUPPRESS, help="as for `incidents`"
        )


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    parser.add_argument(
        "--limit", type=int, default=LIMIT_DEFAULT, help=f"so many, newest first ({LIMIT_DEFAULT})"
    )
    parser.add_argument(
        "--store", metavar="FILE", help="a database other than the config's: of `demo --keep`"
    )


def _load(options: argparse.Namespace) -> Config:
    """The configuration, with the store that is to be read."""
    config = load_config(options)
    return config if options.store is None else config.stored_at(Path(options.store))


# ---------------------------------------------------------------- list


def act_list(options: argparse.Namespace) -> int:
    """Print the newest incidents."""
    if not 1 <= options.limit <= LIMIT_MAX:
        msg = f"--limit lies between 1 and {LIMIT_MAX}, not at {options.limit}"
        raise Refusal(msg)
    config, clock = _load(options), SystemClock()
    found = _run(_newest(config, clock, options.limit))
    if options.json:
        shapes = Shapes(config.vantage, config.web.external_url)
        rows = [shapes.incident(incident, clock.now()) for incident in found]
        print(json.dumps({"vantage": config.vantage, "incidents": rows}, indent=2))
    else:
        print_list(found, clock.now(), console())
    return 0


async def _newest(config: Config, clock: Clock, limit: int) -> list[Incident]:
    database = await open_to_read(config.storage.url)
    try:
        return await Store(database, config.vantage, clock).incidents(limit)
    finally:
        await database.close()


def print_list(incidents: Sequence[Incident], now: datetime, out: Console) -> None:
    """One row an incident, newest first."""
    if not incidents:
        out.print("no incident is on record")
        return
    # On a narrow terminal the names need the room, and the id tells when it opened.
    wide = out.width >= STARTED_COLUMNS_MIN
    rows = table("ID", "SEVERITY", "STATE", *["STARTED"] * wide, "LASTED", "COMPONENTS")
    for each in incidents:
        rows.add_row(
            clean(each.id),
            each.severity.value,
            each.phase.value,
            *[f"{each.started_at:%m-%d %H:%M}"] * wide,
            span(lasted(each, now)),
            clean(", ".join(each.names)),
        )
    out.print(rows)


def lasted(incident: Incident, now: datetime) -> timedelta:
    """How long the impact lasted, or has until now."""
    return (incident.recovered_at or incident.closed_at or now) - incident.started_at


# ---------------------------------------------------------------- show


def act_show(options: argparse.Namespace) -> int:
    """Print the story of one incident."""
    config, clock = _load(options), SystemClock()
    incident, events = _run(_one(config, clock, options.id))
    if options.json:
        shapes = Shapes(config.vantage, config.web.external_url)
        document = shapes.incident_detail(incident, events, clock.now())
        print(json.dumps(document, indent=2))
    else:
        print_story(incident, events, clock.now(), console())
    return 0


async def _one(config: Config, clock: Clock, number: str) -> tuple[Incident, list[Event]]:
    database = await open_to_read(config.storage.url)
    try:
        store = Store(database, config.vantage, clock)
        return await _found(store, number), await store.events_of(number)
    finally:
        await database.close()


async def _found(store: Store, number: str) -> Incident:
    found = await store.incident(number)
    if found is None:
        known = [incident.id for incident in await store.incidents(1)]
        hint = f"; the newest is {known[0]}" if known else ""
        msg = f"no incident {clean(number)!r} is on record{hint}"
        raise Refusal(msg)
    return found


def print_story(incident: Incident, events: Sequence[Event], now: datetime, out: Console) -> None:
    """What happened, when and why, and on what evidence."""
    out.print(clean(incident.id), style="bold")
    facts = table("", "", header=False)
    for name, text in _facts(incident, now):
        facts.add_row(name, clean(text))
    out.print(facts)
    out.print("\ntimeline (UTC)", style="bold")
    lines = table("", "", "", header=False)
    for line in story(incident, events):
        lines.add_row(f"{line.at:%H:%M:%S}", _mark(line), clean(_said(line)))
    out.print(lines)
    _print_evidence(incident.evidence, out)


def _mark(line: Line) -> str:
    return ("told: " if line.told else "") + line.what.replace("_", " ")


def _said(line: Line) -> str:
    return f"{line.component}: {line.text}" if line.component else line.text


def _facts(incident: Incident, now: datetime) -> list[tuple[str, str]]:
    end = incident.recovered_at
    until = f"to {_moment(end)}" if end else "until now"
    began, ended = incident.started_between, incident.recovered_between
    good = f"; {incident.deepest_good} still worked" if incident.deepest_good else ""
    facts = [
        ("state", f"{incident.phase}, severity {incident.severity}"),
        ("components", ", ".join(map(_impact, incident.components))),
        ("impact", f"{_moment(incident.started_at)} {until}, {span(lasted(incident, now))}"),
        ("", "; ".join(filter(None, (_between("began", began), _between("ended", ended))))),
        ("decided", _decided(incident)),
        ("cause", f"{incident.cause} from the depth {incident.depth} on{good}"),
        ("rule", incident.explanation),
        ("vendor", _vendor(incident.provider)),
    ]
    return [(name, text) for name, text in facts if text]


def _impact(impact: Impact) -> str:
    worst = impact.worst or impact.state
    after = "" if worst is impact.state else f", at worst {worst}"
    return f"{impact.component} ({impact.state}{after})"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _between(what: str, interval: Interval | None) -> str:
    if interval is None:
        return ""
    return f"{what} between {interval.earliest:%H:%M:%S} and {interval.latest:%H:%M:%S}"


def _decided(incident: Incident) -> str:
    after = span(incident.opened_at - incident.started_at)
    text = f"opened {incident.opened_at:%H:%M:%S}, {after} after the start"
    if incident.closed_at is not None:
        text += f"; closed {incident.closed_at:%H:%M:%S}"
    return text + (f"; came back {incident.reopens} times" if incident.reopens else "")


def _vendor(note: ProviderNote | None) -> str:
    if note is None:
        return ""
    if note.posted_at is None:
        return f"its page says {note.indicator or 'nothing'}"
    when = f"posted {note.posted_at:%H:%M:%S}"
    if note.lead_seconds is None:
        return when
    side = "after" if note.lead_seconds >= 0 else "before"
    return f"{when}, {span(abs(note.lead_seconds))} {side} our opening"


def _print_evidence(evidence: Evidence, out: Console) -> None:
    seconds = span(evidence.window_seconds)
    out.print(f"\nevidence: {evidence.bad} of {evidence.runs} runs bad in {seconds}", style="bold")
    rows = table("BY", "NAME", "RUNS", "BAD")
    for kind, tallies in (
        ("probe", evidence.by_probe),
        ("outcome", evidence.by_outcome),
        ("depth", evidence.by_depth),
    ):
        for tally in tallies:
            rows.add_row(kind, clean(tally.name), str(tally.runs), _share(tally))
    out.print(rows)
    if not evidence.samples:
        return
    out.print("\nsamples (UTC)", style="bold")
    samples = table("", "", "", header=False)
    for each in evidence.samples:
        ids = ", ".join(filter(None, (each.request_id, each.cf_ray)))
        text = f"{each.outcome}: {each.reason}" + (f" [{ids}]" if ids else "")
        samples.add_row(f"{each.at:%H:%M:%S}", clean(each.probe), clean(text))
    out.print(samples)


def _share(tally: Tally) -> str:
    return f"{tally.bad} ({tally.bad / max(1, tally.runs):.0%})"


# ---------------------------------------------------------------- close


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of the daemon, by whom."""

    incident: str
    reason: str
    author: str


def act_close(options: argparse.Namespace) -> int:
    """Let the daemon close an incident; 1 when it did not."""
    if options.store is not None:
        msg = "--store is only read: a daemon closes what is in its own store"
        raise Refusal(msg)
    reason = options.reason.strip()
    if not reason or len(reason) > REASON_CHARS_MAX:
        msg = f"--reason is a sentence of at most {REASON_CHARS_MAX} characters"
        raise Refusal(msg)
    config = load_config(options)
    asked = Asked(incident=options.id, reason=reason, author=getpass.getuser())
    order = _run(ask_to_close(config, SystemClock(), asked))
    print(clean(order.result or ""))
    return 0 if order.ok else 1


async def ask_to_close(config: Config, clock: Clock, asked: Asked) -> Order:
    """Put the order down and wait for what comes of it.

    Raises:
        Refusal: there is nothing to close, or no daemon took the order.
        StorageError: the store cannot be used.
    """
    database = await open_to_order(config.storage.url)
    try:
        incident = await _found(Store(database, config.vantage, clock), asked.incident)
        if not incident.is_open:
            msg = f"incident {incident.id} is closed already"
            raise Refusal(msg)
        body = {"incident": incident.id, "reason": asked.reason}
        wanted = Wanted(kind=CLOSE_INCIDENT, body=body, author=asked.author)
        return await give(OrderBook(database, config.vantage), clock, wanted)
    finally:
        await database.close()


def _run(work: Any) -> Any:
    try:
        return run_loop(work)
    except StorageError as error:
        raise Refusal(str(error)) from None
