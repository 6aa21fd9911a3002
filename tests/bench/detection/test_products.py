"""The products: what is shipped, and the three probes of the study."""

from __future__ import annotations

import pytest

from monitor.core.outcome import Depth
from tests.bench.detection.products import product


@pytest.mark.parametrize("name", ["shipped", "api", "r0"])
def test_every_probe_runs_and_has_its_place_on_the_grid(name: str) -> None:
    found = product(name)

    assert all(probe.enabled for probe in found.plan.probes)
    assert {probe.name for probe in found.plan.probes} <= set(found.offsets)


def test_the_component_by_itself_has_the_probes_that_it_has_in_the_whole() -> None:
    whole, alone = product("shipped"), product("api")

    assert alone.everything == alone.subject == whole.subject
    assert whole.subject < whole.everything
    assert all(probe.components == ("api",) for probe in alone.plan.probes)


def test_with_a_key_every_depth_of_the_api_is_probed() -> None:
    api = product("api")

    assert {probe.depth for probe in api.plan.probes} == set(Depth)
    assert api.one in api.at_least(Depth.INFERENCE) < api.at_least(Depth.KEY) < api.subject
    assert api.keyed == api.at_least(Depth.KEY)
