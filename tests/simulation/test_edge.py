"""What answers in Claude's place is told apart by the monitor's own reading (and test_faults)."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.core.answer import read
from tests.simulation.worlds import get, noon, struck

PAGE = get("https://claude.ai/")


def answered(fault: str) -> Any:
    """What the monitor reads of claude.ai's page under `fault`."""
    world = struck(f"fault: {fault}, hosts: claude.ai")
    response = world.answer(PAGE, noon(world))
    return read(response.status, response.headers, response.body)


@pytest.mark.parametrize(
    ("fault", "fact", "value"),
    [
        ("challenge_403", "challenge", True),
        ("challenge_503", "challenge", True),
        ("challenge_403, header: false", "challenge", True),
        ("challenge_503, header: false", "challenge", True),
        ("waf_202", "challenge", True),
        ("waf_405", "challenge", True),
        ("geo_block_403", "forbidden_shape", True),
        ("geo_redirect_302", "region_blocked", True),
        ("egress_407", "egress_proxy", True),
        ("egress_502", "egress_proxy", True),
        ("envoy_503", "proxy_text", True),
        ("envoy_503, reason: overflow", "proxy_text", True),
        ("rate_exceeded_200", "rate_exceeded", True),
        ("cf_520", "cloudflare_code", 520),
        ("cf_522, document: json", "cloudflare_category", "origin"),
        ("cf_526, document: json", "cloudflare_code", 526),
        ("page_500", "vendor", True),
    ],
)
def test_each_layer_has_the_marks_by_which_it_is_known(
    fault: str, fact: str, value: object
) -> None:
    assert getattr(answered(fault), fact) == value


@pytest.mark.parametrize("fault", ["egress_407", "egress_502"])
def test_our_own_proxy_has_no_header_of_the_vendor(fault: str) -> None:
    assert not answered(fault).vendor


def test_a_proxy_that_wants_a_password_says_how() -> None:
    world = struck("fault: egress_407, hosts: '*'")

    response = world.answer(PAGE, noon(world))

    assert response.header("proxy-authenticate") == 'Basic realm="proxy"'
    assert response.header("x-squid-error") == "ERR_CACHE_ACCESS_DENIED 0"
