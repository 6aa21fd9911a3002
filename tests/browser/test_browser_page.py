"""The pages in a real Chromium: what they show, how they change, and that all can use them."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, Request, expect

from monitor.core.effects import StateChanged
from monitor.core.incident import State
from tests.browser.world import PHONE, WIDE, Site, tab

pytestmark = [pytest.mark.integration("chromium"), pytest.mark.asyncio(loop_scope="module")]

CONDITIONS = ("health", "outage", "recovered", "blind")
HEADLINES = {
    "health": "No outage seen, but claude.ai cannot be judged.",
    "outage": "Partial outage of Claude API and Claude Code.",
    "recovered": "No outage seen, but claude.ai cannot be judged.",
    "blind": "This host has no network, so nothing can be said about Claude.",
}


def changed(site: Site) -> StateChanged:
    return StateChanged(
        component="api",
        before=State.OPERATIONAL,
        after=State.PARTIAL_OUTAGE,
        at=site.daemon.view.at,
    )


async def width_of(page: Page) -> int:
    found: int = await page.evaluate("document.documentElement.scrollWidth")
    return found


async def violations(page: Page) -> list[str]:
    """What axe-core finds serious or critical."""
    found: Any = await Axe().run(page)
    return [
        f"{each['id']}: {each['nodes'][0]['html'][:120]}"
        for each in found.response["violations"]
        if each["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, PHONE])
async def test_the_page_says_how_it_is_in_every_theme_and_width(
    site: Site, chromium: Browser, condition: str, theme: str, width: int
) -> None:
    site.become(condition)
    errors: list[str] = []
    async with tab(chromium, width=width, color_scheme=theme) as page:
        page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        await page.goto(site.url)
        await expect(page.locator("h1")).to_have_text(HEADLINES[condition])
        await expect(page.locator(".live")).to_have_text("live")
        assert await width_of(page) <= width
        assert await violations(page) == []
    assert errors == []


@pytest.mark.parametrize("path", ["/incidents/{id}", "/probes/api_message_haiku", "/history"])
@pytest.mark.parametrize(("theme", "width"), [("light", WIDE), ("dark", PHONE)])
async def test_the_pages_behind_it_can_be_read_by_everybody(
    site: Site, chromium: Browser, path: str, theme: str, width: int
) -> None:
    site.become("recovered")
    url = site.url + path.format(id=site.past.stored[0].id)
    async with tab(chromium, width=width, color_scheme=theme) as page:
        await page.goto(url)
        assert await page.locator("h1").count() == 1
        assert await width_of(page) <= width
        assert await violations(page) == []


async def test_an_outage_shows_within_two_seconds_and_without_a_reload(
    site: Site, chromium: Browser
) -> None:
    async with tab(chromium) as page:
        await page.goto(site.url)
        await expect(page.locator(".live")).to_have_text("live")
        await page.evaluate("window.kept = true")
        site.become("outage")
        began = time.perf_counter()
        site.hub.publish([changed(site)])
        await expect(page.locator("h1")).to_have_text(HEADLINES["outage"], timeout=2000)
        assert time.perf_counter() - began < 2
        assert await page.evaluate("window.kept")
        assert await page.title() == HEADLINES["outage"]


async def test_the_clock_of_an_open_incident_runs(site: Site, chromium: Browser) -> None:
    site.become("outage")
    async with tab(chromium) as page:
        await page.clock.install(time=site.daemon.view.at)
        await page.goto(site.url)
        clock = page.locator(".clock")
        await expect(clock).to_have_text("21 min 14 s")
        await page.clock.run_for(3000)
        await expect(clock).to_have_text("21 min 17 s")


async def test_what_was_open_and_focused_stays_so_over_a_change(
    site: Site, chromium: Browser
) -> None:
    plan = site.daemon.plan
    assert plan.components
    async with tab(chromium) as page:
        await page.goto(site.url)
        await expect(page.locator(".live")).to_have_text("live")
        await page.locator("#days-api").focus()
        site.become("outage")
        site.hub.publish([changed(site)])
        await expect(page.locator("h1")).to_have_text(HEADLINES["outage"])
        assert await page.evaluate("document.activeElement.id") == "days-api"


async def test_days_are_read_by_keyboard(site: Site, chromium: Browser) -> None:
    async with tab(chromium) as page:
        await page.goto(site.url)
        tip = page.locator("#tip-api")
        whole = await tip.text_content()
        await page.locator("#days-api").focus()
        await expect(tip).to_contain_text("28 Apr 2026:")
        await page.keyboard.press("ArrowLeft")
        await expect(tip).to_contain_text("27 Apr 2026:")
        await page.keyboard.press("Home")
        await expect(tip).to_contain_text("29 Jan 2026:")
        await page.keyboard.press("Tab")
        await expect(tip).to_have_text(whole or "")


async def test_days_are_read_by_pointer(site: Site, chromium: Browser) -> None:
    async with tab(chromium) as page:
        await page.goto(site.url)
        box = await page.locator("#days-api").bounding_box()
        assert box is not None
        await page.mouse.move(box["x"] + box["width"] * 0.5 / 90, box["y"] + 5)
        await expect(page.locator("#tip-api")).to_contain_text("29 Jan 2026:")
        await expect(page.locator("#days-api .cursor")).to_have_attribute("x", "0")


async def test_everything_is_reached_by_keyboard_and_what_has_focus_is_seen(
    site: Site, chromium: Browser
) -> None:
    site.become("outage")
    async with tab(chromium) as page:
        await page.goto(site.url)
        reached: list[str] = []
        for _ in range(80):
            await page.keyboard.press("Tab")
            where = await page.evaluate(
                """() => {
                    const at = document.activeElement;
                    const style = getComputedStyle(at);
                    const name = at.tagName + (at.id ? "#" + at.id : "");
                    return [name + (at.getAttribute("href") || ""), style.outlineStyle];
                }"""
            )
            if where[0].startswith("BODY"):
                break
            assert where[1] != "none", where
            reached.append(where[0])
    assert reached[0] == "A#main"
    assert "svg#days-api" in reached
    incident = site.daemon.view.open_incidents[0].id
    assert f"A/incidents/{incident}" in reached
    assert "A/probes/api_models" in reached


async def test_without_a_script_it_says_the_same_and_asks_again_by_itself(
    site: Site, chromium: Browser
) -> None:
    site.become("outage")
    async with tab(chromium, java_script_enabled=False) as page:
        await page.goto(site.url)
        await expect(page.locator("h1")).to_have_text(HEADLINES["outage"])
        assert await page.locator("noscript").count() == 1
        await expect(page.locator(".live")).to_be_hidden()
        title = page.locator("#days-api rect title").first
        assert "% available" in (await title.text_content() or "")
        await page.locator("#tip-api").click()
        await expect(page.locator("h1")).to_have_text("History")
        await expect(page.locator("tbody tr")).to_have_count(90)


async def test_a_page_that_lost_the_daemon_says_so_and_keeps_what_it_knew(
    site: Site, chromium: Browser
) -> None:
    async with tab(chromium) as page:
        await page.goto(site.url)
        await expect(page.locator(".live")).to_have_text("live")
        await page.context.set_offline(True)
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await expect(page.locator(".live")).to_have_text("not reached, trying again")
        await expect(page.locator("h1")).to_have_text(HEADLINES["health"])


async def test_a_page_weighs_less_than_sixty_kilobytes(site: Site, chromium: Browser) -> None:
    """All of it as it travels, heads included: page, style, script and icon."""
    for condition in CONDITIONS:
        site.become(condition)
        asked: list[Request] = []

        def note(each: Request, into: list[Request] = asked) -> None:
            into.append(each)

        async with tab(chromium) as page:
            page.on("requestfinished", note)
            await page.goto(site.url, wait_until="load")
            await expect(page.locator(".live")).to_have_text("live")
            sizes = [await each.sizes() for each in asked]
        weight = sum(each["responseHeadersSize"] + each["responseBodySize"] for each in sizes)
        assert len(sizes) >= 3
        assert 5_000 < weight < 60_000


async def test_the_time_of_the_page_is_the_servers(site: Site, chromium: Browser) -> None:
    """A wrong clock of the reader does not make an incident older."""
    site.become("outage")
    async with tab(chromium) as page:
        await page.clock.install(time=site.daemon.view.at - timedelta(days=3))
        await page.goto(site.url)
        await expect(page.locator(".clock")).to_have_text("21 min 14 s")
