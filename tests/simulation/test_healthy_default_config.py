"""The simulated Claude answers every probe of the default config as that probe hopes."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from monitor.probes import kinds
from monitor.probes._base import HttpReply
from monitor.simulation.exchange import SimRequest
from monitor.spec import Secret
from tests.simulation.worlds import KEY, a_world, noon

CONFIG = Path(__file__).parents[2] / "config" / "claude.yaml"
PROBES = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["probes"]


@pytest.mark.parametrize(
    "entry",
    [entry for entry in PROBES if entry.get("enabled", True)],
    ids=lambda item: item["name"],
)
def test_an_enabled_probe_of_the_default_config_finds_all_well(entry: dict[str, Any]) -> None:
    kind = next(kind for kind in kinds() if kind.name == entry["kind"])
    spec = kind.spec.model_validate(entry)
    asked = kind.request(spec, Secret(KEY) if entry.get("credential") else None, None)
    url = urlsplit(asked.url)
    request = SimRequest(
        method=asked.method,
        host=url.hostname or "",
        path=url.path + (f"?{url.query}" if url.query else ""),
        headers=asked.headers,
        body=asked.body or b"",
    )
    world = a_world()

    answer = world.answer(request, noon(world))

    reply = HttpReply(status=answer.status, headers=answer.headers, body=answer.body, url=asked.url)
    reading = kind.read(spec, reply)
    assert [check for check in reading.checks if check.counts and not check.ok] == []
    assert reading.answer.vendor
