"""`mute`: announce nothing of a component for a while. Probing goes on, and so do its metrics."""

from __future__ import annotations

import argparse
from datetime import timedelta
from typing import Any

from monitor.cli._shared import add_config, at_store, author, load_config
from monitor.clock import SystemClock
from monitor.config.problems import did_you_mean
from monitor.core.answer import clean
from monitor.refusal import Refusal
from monitor.spec import format_duration, parse_duration
from monitor.storage.database import Database
from monitor.storage.mutes import Mute, Mutes

SECONDS_MAX = 30 * 86_400.0
"""What is muted for longer should leave the config."""

CHARS_MAX = 200


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("mute", help="announce nothing of a component for a while")
    parser.add_argument("component", nargs="?")
    parser.add_argument("--for", dest="lasts", metavar="DURATION", help="how long, like 2h or 1d")
    parser.add_argument("--reason", help="why, for those who come after you")
    parser.add_argument("--author", help="who asks for it (default: the user that runs this)")
    parser.add_argument("--list", action="store_true", help="show what is muted")
    add_config(parser)
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Mute, or show what is muted."""
    if options.list:
        return _list(options)
    if options.component is None or options.lasts is None or not (options.reason or "").strip():
        msg = "say what, for how long and why: mute COMPONENT --for 2h --reason TEXT; or --list"
        raise Refusal(msg)
    check_component(options)
    now = SystemClock().now()
    mute = Mute(
        component=options.component,
        reason=clean(options.reason, CHARS_MAX),
        author=clean(options.author or author(), CHARS_MAX),
        starts_at=now,
        ends_at=now + timedelta(seconds=_seconds(options.lasts)),
    )

    async def work(database: Database, vantage: str) -> None:
        await Mutes(database, vantage).add(mute)

    at_store(options, work, write=True)
    print(f"{mute.component} is muted until {mute.ends_at:%Y-%m-%d %H:%M:%SZ}")
    return 0


def check_component(options: argparse.Namespace) -> None:
    """The component is one of the config.

    Raises:
        Refusal: it is not.
    """
    known = load_config(options).components
    if options.component not in known:
        near = did_you_mean(options.component, known)
        msg = f"unknown component {clean(options.component, CHARS_MAX)}{near}"
        raise Refusal(msg)


def _seconds(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        msg = f"--for: {error}"
        raise Refusal(msg) from None
    if not 0 < seconds <= SECONDS_MAX:
        msg = f"--for lies above 0 and at most at {format_duration(SECONDS_MAX)}"
        raise Refusal(msg)
    return seconds


def _list(options: argparse.Namespace) -> int:
    now = SystemClock().now()

    async def work(database: Database, vantage: str) -> tuple[Mute, ...]:
        return await Mutes(database, vantage).lasting(now)

    found = at_store(options, work, write=False)
    for mute in found:
        until = f"{mute.ends_at:%Y-%m-%d %H:%M:%SZ}"
        print(f"{mute.component}  until {until}  by {mute.author}  {mute.reason}")
    if not found:
        print("nothing is muted")
    return 0
