"""`schema`: the JSON Schema of the configuration, for editors."""

from __future__ import annotations

import argparse
import json
from typing import Any

from monitor.config.schema import json_schema


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("schema", help="print the configuration's JSON Schema")
    parser.set_defaults(act=act)


def act(_options: argparse.Namespace) -> int:
    """Print it."""
    print(json.dumps(json_schema(), indent=2))
    return 0
