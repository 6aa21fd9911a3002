from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.core.heartbeat import Limits, Signs, withheld

WELL = Signs(lateness=0.1, unasked=12.0, store_error=None, stuck=(("oncall", 20.0),))
LIMITS = Limits(lateness=30.0, unasked=90.0, stuck=900.0)


@pytest.mark.parametrize(
    ("signs", "reasons"),
    [
        pytest.param(WELL, (), id="all is well"),
        pytest.param(
            replace(WELL, lateness=30.0, unasked=90.0, stuck=(("oncall", 900.0),)),
            (),
            id="just about well",
        ),
        pytest.param(
            replace(WELL, unasked=91.0), ("no probe was asked for 91 s",), id="nothing is asked"
        ),
        pytest.param(replace(WELL, unasked=None), (), id="no probe is enabled"),
        pytest.param(replace(WELL, lateness=31.0), ("runs start 31 s late",), id="late"),
        pytest.param(
            replace(WELL, store_error="disk full"),
            ("the store cannot be written: disk full",),
            id="the store is shut",
        ),
        pytest.param(
            replace(WELL, stuck=(("chat", 10.0), ("oncall", 901.0))),
            ("an event has waited 901 s for oncall",),
            id="the outbox does not move",
        ),
    ],
)
def test_why_no_heartbeat_goes_out(signs: Signs, reasons: tuple[str, ...]) -> None:
    assert withheld(signs, LIMITS) == reasons


def test_every_reason_is_told() -> None:
    ill = Signs(lateness=99, unasked=999, store_error="full", stuck=(("a", 9e9), ("b", 9e9)))
    assert len(withheld(ill, LIMITS)) == 5
