"""The folder is the list of kinds, and what the daemon puts probes together with."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from monitor import probes
from monitor.clock import SystemClock


def test_every_kind_of_the_folder_is_listed_by_name() -> None:
    found = probes.kinds()
    assert [kind.name for kind in found] == sorted(kind.name for kind in found)
    assert {"http", "claude_json"} <= {kind.name for kind in found}
    assert all(issubclass(kind.spec, probes.ProbeSpec) for kind in found)


@pytest.mark.parametrize("text", ["", "KIND = 'stray'", "from monitor.probes.http import KIND"])
def test_a_module_that_is_no_kind_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "stray.py").write_text(text)
    monkeypatch.setattr(probes, "__path__", [*probes.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "monitor.probes.stray", raising=False)
    with pytest.raises(TypeError, match=r"stray\.py must export KIND, named 'stray'"):
        probes.kinds()
    sys.modules.pop("monitor.probes.stray", None)
    vars(probes).pop("stray", None)


def test_a_context_with_a_wrong_egress_is_refused_in_one_sentence(tmp_path: Path) -> None:
    threads = probes.LookupThreads(1)
    with pytest.raises(ValueError, match="an egress proxy is written"):
        probes.context(SystemClock(), "agent", threads, proxy="socks5://us:word@p:1")
    with pytest.raises(ValueError, match="No such file"):
        probes.context(SystemClock(), "agent", threads, ca_file=tmp_path / "none.pem")
