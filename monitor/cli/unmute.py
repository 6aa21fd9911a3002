"""`unmute`: end the mutes of a component before their time."""

from __future__ import annotations

import argparse
from typing import Any

from monitor.cli._shared import add_config, at_store
from monitor.cli.mute import check_component
from monitor.clock import SystemClock
from monitor.storage.database import Database
from monitor.storage.mutes import Mutes


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("unmute", help="end the mutes of a component")
    parser.add_argument("component")
    add_config(parser)
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """End them; an incident that lasts is announced then."""
    check_component(options)
    now = SystemClock().now()

    async def work(database: Database, vantage: str) -> int:
        return await Mutes(database, vantage).lift(options.component, now)

    ended = at_store(options, work, write=True)
    print(f"{options.component}: {ended} ended" if ended else f"{options.component} was not muted")
    return 0
