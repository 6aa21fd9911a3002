"""Documents kept beside the tests: a change of the API is a change of a file to be reviewed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "documents"

UPDATE = "CLAUDE_UPTIME_UPDATE_GOLDEN"
"""Set to write what came instead of comparing it."""


def assert_golden(name: str, document: Any) -> None:
    """`document` is the one kept as `name`."""
    path = _FOLDER / f"{name}.json"
    if os.environ.get(UPDATE):
        path.write_text(json.dumps(document, indent=2) + "\n")
    assert document == json.loads(path.read_text())
