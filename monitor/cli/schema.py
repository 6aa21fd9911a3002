"""`schema`: the JSON Schema of the configuration or of a scenario, for editors."""

from __future__ import annotations

import argparse
import json
from typing import Any

from monitor.config import schema as configuration
from monitor.simulation import scenario


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("schema", help="print the configuration's JSON Schema")
    parser.add_argument(
        "--scenario", action="store_true", help="the schema of a scenario file instead"
    )
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Print it."""
    document = scenario.json_schema() if options.scenario else configuration.json_schema()
    print(json.dumps(document, indent=2))
    return 0
