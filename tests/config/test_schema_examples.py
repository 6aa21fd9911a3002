"""What the pages and the shipped config show of notifiers can be used as it stands."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.config.load import from_text
from tests.conftest import ROOT

PLAIN = """
components: {api: {title: Claude API}, claude_code: {title: Claude Code}}
probes:
  - {name: a, kind: http, url: "https://a.test/", components: [api, claude_code], interval: 30s}
  - {name: b, kind: http, url: "https://b.test/", components: [api, claude_code], interval: 30s}
"""
VALUES = {
    "ALERT_WEBHOOK_URL": "https://alerts.test/",
    "ALERT_WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "CHAT_URL": "json://chat.test/",
    "PAGERDUTY_ROUTING_KEY": "k" * 32,
    "ALERTMANAGER_URL": "http://alertmanager.test:9093",
}
PAGES = sorted((ROOT / "docs" / "howto").glob("*.md"))


def kinds(text: str, environment: dict[str, str]) -> list[str]:
    """The kinds of the notifiers in `text`, which begins with `notifiers:`."""

    def none(name: str) -> str:
        raise AssertionError(name)

    config = from_text(PLAIN + text, "example.yaml", environment, none)
    return [spec.kind for spec in config.notifiers]


def blocks(page: Path) -> Iterator[str]:
    """Code blocks of a page that configure notifiers."""
    for indent, block in re.findall(
        r"^( *)```yaml\n(.*?)^ *```", page.read_text(), flags=re.MULTILINE | re.DOTALL
    ):
        text = textwrap.dedent(block) if indent else block
        if text.startswith("notifiers:"):
            yield text


SHOWN = {
    "alert-alertmanager": [["alertmanager"]],
    "alert-pagerduty": [["pagerduty"]],
    "alert-slack": [["chat"]],
    "receive-our-webhook": [["webhook"]],
    "route-alerts": [["webhook", "webhook"]],
}
"""The kinds of notifiers in each block of each page that configures some."""


@pytest.mark.parametrize("environment", [VALUES, {}], ids=["set", "unset"])
def test_what_a_page_shows_can_be_used(environment: dict[str, str]) -> None:
    found = {page.stem: [kinds(text, environment) for text in blocks(page)] for page in PAGES}
    assert {page: kinds for page, kinds in found.items() if kinds} == SHOWN


@pytest.mark.parametrize("environment", [VALUES, {}], ids=["set", "unset"])
def test_what_the_shipped_config_has_in_comments_can_be_used(environment: dict[str, str]) -> None:
    text = (ROOT / "config" / "claude.yaml").read_text()
    section = text[text.index("\nnotifiers:") :]
    commented = re.sub(r"^  # ((?:- |  )\w+: )", r"  \1", section, flags=re.MULTILINE)
    assert commented != section
    parsed: dict[str, Any] = yaml.safe_load(commented)
    assert [each["kind"] for each in parsed["notifiers"]] == kinds(commented, environment)
    assert kinds(commented, environment) == ["webhook", "chat", "pagerduty", "alertmanager"]
