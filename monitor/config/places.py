"""Where the shipped configuration lies: in a checkout beside the package, installed inside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import monitor

CONFIG_VARIABLE = "CLAUDE_UPTIME_CONFIG"


def shipped() -> Path:
    """The folder with `claude.yaml` and `scenarios/` that came with this version."""
    package = Path(monitor.__file__).parent
    installed = package / "_shipped"
    return installed if installed.is_dir() else package.parent / "config"


def config_file(given: str | None, environment: Mapping[str, str]) -> Path:
    """The configuration file: as given, as `$CLAUDE_UPTIME_CONFIG` says, or the default.

    The default is `config/claude.yaml` in the working directory, and the shipped one where there
    is none.
    """
    named = given or environment.get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    here = Path("config/claude.yaml")
    return here if here.exists() else shipped() / "claude.yaml"


def scenario_folder() -> Path:
    """Where scenarios are looked for by name: `config/scenarios`, or the shipped ones."""
    here = Path("config/scenarios")
    return here if here.is_dir() else shipped() / "scenarios"
