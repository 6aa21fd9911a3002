from __future__ import annotations

import json

import pytest
import yaml

from monitor.cli import main
from tests.e2e.configs import SHIPPED


def test_the_schema_is_json_and_knows_every_section_of_the_shipped_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert set(yaml.safe_load(SHIPPED.read_text())) <= set(schema["properties"])
    assert {"components", "probes"} <= set(schema["required"])


def test_the_schema_of_a_scenario_knows_what_the_shipped_ones_say(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["schema", "--scenario"]) == 0
    schema = json.loads(capsys.readouterr().out)
    shipped = yaml.safe_load((SHIPPED.parent / "scenarios" / "2026-04-28.yaml").read_text())
    assert set(shipped) <= set(schema["properties"])
    assert schema["additionalProperties"] is False
