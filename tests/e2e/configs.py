"""The shipped configuration as a file, with every address moved to a stand-in on loopback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from monitor.config.rebase import moved
from tests.e2e.processes import ROOT

SHIPPED = ROOT / "config" / "claude.yaml"


def shipped_on(base_url: str, folder: Path) -> dict[str, Any]:
    """The shipped document; its addresses stand below `base_url`, its state in `folder`."""
    document: dict[str, Any] = yaml.safe_load(SHIPPED.read_text())
    for probe in document["probes"]:
        if probe["kind"].startswith("claude_"):
            probe["base_url"] = moved("https://api.anthropic.com", base_url)
        else:
            probe["url"] = moved(probe["url"], base_url)
        if hosts := probe.get("expect", {}).get("location_host"):
            hosts.append("127.0.0.1")
    for target in document["control"]["targets"]:
        target["url"] = moved(target["url"], base_url)
    page = document["provider_status"]
    page["urls"] = [moved(url, base_url) for url in page["urls"]]
    document["web"]["listen"] = "127.0.0.1:0"
    document["storage"]["url"] = f"sqlite:///{folder / 'state.db'}"
    return document


def written(folder: Path, document: dict[str, Any], name: str = "claude.yaml") -> Path:
    """`document` as a file in `folder`."""
    path = folder / name
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
    return path


def one_probe(url: str, database: Path, folder: Path, *, listen: str = "127.0.0.1:0") -> Path:
    """A file in `folder` with one probe, which asks `url`."""
    probe = {"name": "page", "kind": "http", "url": url, "components": ["api"], "interval": "30s"}
    document = {
        "web": {"listen": listen},
        "storage": {"url": f"sqlite:///{database}"},
        "components": {"api": {"title": "Claude API"}},
        "probes": [probe],
    }
    return written(folder, document)
