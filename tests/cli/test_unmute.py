from __future__ import annotations

from pathlib import Path

import pytest

from monitor.cli import main
from tests.cli.test_export_runs import CONFIG


def test_a_component_that_there_is_not_cannot_be_unmuted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it does with one that there is stands in `test_mute.py`."""
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.format(url=tmp_path / "monitor.db"))
    assert main(["unmute", "apy", "--config", str(path)]) == 2
    assert "unknown component apy" in capsys.readouterr().err
