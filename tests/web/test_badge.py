"""A component's state as a picture: well-formed, readable, harmless."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import aiohttp
import pytest

from monitor.core.incident import State
from monitor.web.badge import COLOURS, drawn
from tests.web.conftest import Start
from tests.web.fakes import FakeDaemon

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314  # our own picture


@pytest.mark.parametrize("state", State)
def test_a_badge_says_the_state_in_words_and_in_colour(state: State) -> None:
    svg = drawn("Claude API", state)
    assert texts(svg) == ["Claude API", state.value.replace("_", " ")]
    assert COLOURS[state] in svg


@pytest.mark.parametrize("state", State)
def test_white_on_each_colour_can_be_read(state: State) -> None:
    """WCAG AA wants 4.5 to 1 for small text."""
    channels = [int(COLOURS[state][place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert 1.05 / (luminance + 0.05) >= 4.5


def test_a_hostile_title_stays_text() -> None:
    svg = drawn('</text><script>alert(1)</script>"&\x1b[2J\u202e' + "x" * 500, State.UNKNOWN)
    root = ET.fromstring(svg)  # noqa: S314  # our own picture
    assert not list(root.iter(f"{SVG}script"))
    assert "\u202e" not in svg
    assert len(svg) < 2000


async def test_a_badge_may_be_shown_elsewhere_and_is_kept_for_a_moment(
    start: Start, client: aiohttp.ClientSession, daemon: FakeDaemon
) -> None:
    url = f"{await start()}/api/v1/components/api/badge.svg"
    async with client.get(url) as response:
        assert response.status == 200
        assert response.content_type == "image/svg+xml"
        assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert response.headers["Cache-Control"] == "public, max-age=15"
        assert texts(await response.text()) == [daemon.view.components[2].title, "operational"]


async def test_a_component_that_is_not_there_has_no_badge(
    start: Start, client: aiohttp.ClientSession
) -> None:
    async with client.get(f"{await start()}/api/v1/components/nope/badge.svg") as response:
        assert response.status == 404
        assert response.content_type == "application/problem+json"
