"""A site and a browser for the tests of the page."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser

from tests.browser import world


@pytest_asyncio.fixture(loop_scope="module")
async def site() -> AsyncIterator[world.Site]:
    """A site in health."""
    async with world.serving() as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """The installed Chromium, one for all tests of a module."""
    async with world.browser() as opened:
        yield opened
