"""The page that explains scenarios is in step with them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitor.simulation.endpoints import Service
from monitor.simulation.faults import FAULTS
from monitor.simulation.phases import FaultSpec
from monitor.simulation.scenario import Expectations, ExpectedIncident, Scenario, parse_scenario

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "rehearse-an-outage.md").read_text("utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
HEAD = BLOCKS[0].partition("phases:")[0]


def indented(text: str, by: int) -> str:
    return "".join(f"{' ' * by}{line}\n" for line in text.splitlines())


def test_the_whole_example_is_a_scenario() -> None:
    scenario = parse_scenario(BLOCKS[0], "mine.yaml")

    assert scenario.expectations.nothing_else
    assert [fault.fault for fault in scenario.phases[0].faults] == ["overloaded_529", "auth_401"]


@pytest.mark.parametrize("block", BLOCKS[1:], ids=lambda block: block.split(":")[0])
def test_every_other_example_is_a_part_of_one(block: str) -> None:
    part = block
    if block.startswith("- "):
        part = f"phases:\n  - from: 12:05\n    until: 12:35\n    faults:\n{indented(block, 6)}"
    head = HEAD.replace("12:00:00Z", "17:00:00Z") if "timeline" in block else HEAD
    head = head.replace('"12:05", end: "12:35"', '"+5m", end: "+35m"').replace("13:00", "+3h")

    assert parse_scenario(f"{head}{part}", "part.yaml").name == "mine"


def test_it_lists_every_fault_with_what_it_does_and_takes() -> None:
    tables = PAGE.partition("## Every fault")[2].partition("## What sockets")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", tables, flags=re.MULTILINE))

    for name, kind in FAULTS.items():
        takes = ", ".join(f"`{taken}`" for taken in sorted(kind.takes))
        assert rows[name].rstrip(" |") == f"{kind.does} | {takes}".rstrip(" |")
    assert set(rows) == set(FAULTS)


def test_it_names_every_key_and_every_service() -> None:
    keys = {
        *Scenario.model_fields,
        *Expectations.model_fields,
        *ExpectedIncident.model_fields,
        *FaultSpec.model_fields,
    }

    missing = [word for word in sorted({*map(str, Service), *keys}) if word not in PAGE]
    assert missing == []
