from __future__ import annotations

import pytest

from tests.show_probe import HEALTHY, PROBES, parsed, show, show_all, shown


async def test_health_is_a_table_of_good_runs_of_eighty_columns() -> None:
    code, text = await show(HEALTHY, PROBES, "")
    assert code == 0
    assert f"{len(PROBES)} good" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("fault", "code", "outcome"),
    [("envoy_503", 1, "server_error"), ("overloaded_529", 1, "overloaded")],
)
async def test_a_fault_is_named_with_its_sentence(fault: str, code: int, outcome: str) -> None:
    found, text = await show(fault, PROBES[:2], "")
    assert found == code
    assert outcome in text
    assert fault.rsplit("_", 1)[1] in text


async def test_colour_is_for_who_asks_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    await show_all([HEALTHY], PROBES[:1], "yes")
    assert "\x1b[" in capsys.readouterr().out


def test_every_fault_but_those_of_the_status_page_is_shown() -> None:
    assert {"auth_401", "hang", "stream_error", HEALTHY} <= set(shown())
    assert not any(name.startswith("status_") for name in shown())
    with pytest.raises(SystemExit):
        parsed(["nonsense"])
