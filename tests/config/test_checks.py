"""The findings themselves stand in tests/data/broken, one file each; here is what passes."""

from __future__ import annotations

import pytest

from monitor.config import checks
from monitor.config.load import from_text
from monitor.config.schema import Config

TEXT = """
components:
  api: {title: Claude API}
probes:
  - name: hello
    kind: http
    url: https://api.anthropic.com/api/hello
    components: [api]
"""
PAID = """
  - name: message
    kind: claude_json
    call: message
    model: claude-haiku-5-5
    credential: main
    components: [api]
    interval: 30s
    timeout: 45s
credentials: {main: {api_key: ""}}
prices: {claude-haiku-5-5: {input: 0.1, output: 0.5}}
"""


def a_config(more: str = "") -> Config:
    return from_text(TEXT + more, "claude.yaml", {}, str)


def test_a_sound_configuration_has_no_findings() -> None:
    assert list(checks.errors(a_config())) == []


def test_a_paid_probe_may_take_longer_than_its_interval() -> None:
    assert list(checks.errors(a_config(PAID))) == []


def test_close_may_stand_where_the_lowest_rule_opens() -> None:
    assert list(checks.errors(a_config("detection: {close: {ratio: 5%}}\n"))) == []


@pytest.mark.parametrize(
    "url",
    [
        "https://captive.apple.com/",
        "https://notclaude.ai.example/",
        "https://mycloudflare.com/",
        "http://192.0.2.1/",
        "http://[2001:db8::1]/",
    ],
)
def test_other_operators_may_be_control_targets(url: str) -> None:
    more = f'control: {{targets: [{{name: one, url: "{url}"}}]}}\n'
    assert list(checks.errors(a_config(more))) == []


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ([], "no operators"),
        (["https://a.example.net/"], "1 operator of"),
        (["https://a.example.net/", "https://b.example.net/"], "1 operator of"),
        (["https://a.example.net/", "https://b.example.org/"], None),
    ],
    ids=["none", "one", "two of one", "two"],
)
def test_fewer_than_two_operators_are_a_warning(targets: list[str], said: str | None) -> None:
    items = ", ".join(f'{{name: t{n}, url: "{url}"}}' for n, url in enumerate(targets))
    config = a_config(f"contact: ops@example.com\ncontrol: {{targets: [{items}]}}\n")
    warnings = list(checks.warnings(config))
    assert [said in warning for warning in warnings if said] == ([True] if said else [])
    assert len(warnings) == (1 if said else 0)


def test_a_missing_contact_is_a_warning() -> None:
    assert [text for text in checks.warnings(a_config()) if text.startswith("contact:")]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("effort: low", []),
        ("effort: high, soft_deadline: 60s, timeout: 90s", []),
        ("effort: high", ["may think for a minute"]),
        ("effort: high, enabled: false", []),
        (
            "effort: max, thinking: off, soft_deadline: 60s, timeout: 90s",
            ["may refuse thinking off"],
        ),
    ],
)
def test_more_effort_than_the_times_allow_is_a_warning(more: str, said: list[str]) -> None:
    probe = (
        "  - {name: deep, kind: claude_stream, model: claude-haiku-5-5, credential: main, "
        f"components: [api], interval: 10m, {more}}}\n"
        "credentials: {main: {api_key: k}}\n"
        "prices: {claude-haiku-5-5: {input: 0.1, output: 0.5}}\n"
    )
    told = [text for text in checks.warnings(a_config(probe)) if text.startswith("deep")]
    assert [word in text for word, text in zip(said, told, strict=True)] == [True] * len(said)


GATEWAY = """
  - name: models
    kind: claude_json
    call: models
    credential: main
    base_url: {url}
{more}    components: [api]
credentials: {{main: {{api_key: k, organization: acme}}}}
contact: ops@example.com
"""


@pytest.mark.parametrize(
    ("url", "more", "said"),
    [
        ("https://api.anthropic.com", "", ""),
        ("http://litellm.internal:4000", "", "base_url is not the vendor's: set gateway: true"),
        ("https://anthropic.com.example", "", "base_url is not the vendor's: set gateway: true"),
        ("http://litellm.internal:4000", "    gateway: false\n", ""),
        ("http://litellm.internal:4000", "    gateway: true\n", "of the depth gateway"),
    ],
)
def test_a_gateway_is_asked_for_where_the_url_is_not_the_vendors(
    url: str, more: str, said: str
) -> None:
    config = a_config(GATEWAY.format(url=url, more=more))
    told = [text for text in checks.warnings(config) if text.startswith("models")]
    assert [said in text for text in told] == ([True] if said else [])
    rebased = config.rebased("http://127.0.0.1:9")
    assert [text for text in checks.warnings(rebased) if text.startswith("models")] == told


def test_probes_that_share_an_unknown_host_are_asked_about_in_one_line() -> None:
    two = GATEWAY.format(url="http://litellm.internal:4000", more="")
    second = two.split("credentials:", maxsplit=1)[0].replace("name: models", "name: again")
    told = [text for text in checks.warnings(a_config(f"{second}{two}")) if "gateway: true" in text]
    assert len(told) == 1
    assert told[0].startswith("again, models: ")
