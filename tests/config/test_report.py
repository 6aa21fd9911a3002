from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitor.config.load import from_text, load
from monitor.config.report import WIDTH, render_check
from monitor.config.schema import Config

SHIPPED = Path(__file__).resolve().parents[2] / "config" / "claude.yaml"

SMALL = """
components:
  api: {title: Claude API}
probes:
  - name: hello
    kind: http
    url: https://api.anthropic.com/api/hello
    components: [api]
"""


def shipped(**environment: str) -> str:
    return render_check(load(SHIPPED, environment), "config/claude.yaml")


def words(text: str) -> str:
    """`text` without its line breaks."""
    return " ".join(text.split())


@pytest.mark.parametrize(
    "environment",
    [{}, {"ANTHROPIC_API_KEY": "planted", "ANTHROPIC_API_KEY_2": "planted-too"}],
    ids=["no key", "two keys"],
)
def test_it_can_be_read_at_eighty_columns(environment: dict[str, str]) -> None:
    text = shipped(**environment)
    assert max(len(line) for line in text.splitlines()) <= WIDTH
    assert text.isascii()
    assert text.endswith("\n")
    assert "\n\n\n" not in text
    assert "planted" not in text


def test_it_says_of_each_component_what_opens_it_and_when() -> None:
    text = words(shipped())
    assert "claude_ai (claude.ai) opens after about 30s, by fast over the edge pool" in text
    assert "government (Claude for Government) opens after about 9m, by solo" in text
    assert "government_home 2m -> solo 9m, slow 13m" in text


def test_it_says_which_probes_are_disabled_and_why() -> None:
    text = words(shipped())
    assert "10 of 22 probes enabled" in text
    assert (
        "credential main has no api_key: set ANTHROPIC_API_KEY "
        "api_models, api_count_tokens, api_message_haiku, api_stream_haiku, api_stream_sonnet, "
        "api_stream_opus"
    ) in text


def test_it_counts_the_requests_by_host() -> None:
    text = words(shipped(ANTHROPIC_API_KEY="planted"))
    # A hello, the gate, models and count_tokens every 30 s; a message and a stream every 60 s; and
    # a stream of each of the dearer families every ten minutes.
    assert f"{4 * 2880 + 2 * 1440 + 2 * 144:,} api.anthropic.com" in text
    assert "2,880 captive.apple.com" in text
    assert "720 claude.fedstart.com" in text


def test_it_reckons_the_cost_against_the_budget() -> None:
    keyless, keyed = words(shipped()), words(shipped(ANTHROPIC_API_KEY="planted"))
    usd = 1440 * (15 * 0.10 + 16 * 0.50) / 1_000_000
    assert f"$ {usd:.4f} api_message_haiku, claude-haiku-5-5 every 1m (disabled)" in keyless
    assert "$ 0.0000 in all, on a calm day" in keyless
    budget = "$ 0.2500 budget: $0.1750 for the schedule, $0.0750 kept for bursts (30%)"
    assert budget in keyless
    assert budget in keyed
    assert f"$ {usd:.4f} api_message_haiku" in keyed
    dear = 144 * (15 * (2 + 4) + 16 * 10 + 24 * 20) / 1_000_000
    assert f"$ {2 * usd + dear:.4f} in all, on a calm day" in keyed
    assert "costs more than" not in keyed


def test_three_families_and_two_keys_cost_at_most_fifteen_cents_a_day() -> None:
    text = words(shipped(ANTHROPIC_API_KEY="planted", ANTHROPIC_API_KEY_2="another"))
    found = re.search(r"\$ (\d+\.\d+) in all, on a calm day", text)
    assert found
    assert 0 < float(found[1]) <= 0.15


def test_a_program_costs_what_its_tokens_are_said_to_cost_and_asks_from_this_host() -> None:
    more = """
prices: {claude-haiku-5-5: {input: 1.0, output: 5.0}}
"""
    probes = """
  - {name: cli, kind: command, argv: [claude-of-nowhere, -p, hi], model: claude-haiku-5-5,
     input_tokens: 20000, output_tokens: 100, components: [api], interval: 1h}
  - {name: door, kind: tcp_tls, host: claude.example, components: [api], interval: 1h}
"""
    config = from_text(SMALL + probes + more, "claude.yaml", {}, str)
    text = words(render_check(config, "x"))
    assert f"$ {24 * (20_000 * 1.0 + 100 * 5.0) / 1_000_000:.4f} cli, claude-haiku-5-5" in text
    assert "24 claude.example" in text
    assert "24 this host" in text
    assert "cli: its program claude-of-nowhere is not found, or may not be run" in text


def test_a_schedule_beyond_the_budget_is_told() -> None:
    text = SHIPPED.read_text().replace("usd_per_day: 0.25", "usd_per_day: 0.01")
    config = from_text(text, "claude.yaml", {"ANTHROPIC_API_KEY": "planted"}, str)
    assert "The schedule costs more than the budget leaves" in words(render_check(config, "x"))


def test_it_says_who_hears_of_an_incident_and_who_does_not() -> None:
    assert "oncall webhook, disabled: no url" in words(shipped())
    text = words(
        shipped(
            ALERT_WEBHOOK_URL="https://hooks.example/planted",
            ALERT_WEBHOOK_SECRET="whsec_" + "A" * 44,
        )
    )
    assert "oncall webhook, enabled" in text
    assert "planted" not in text


def test_what_is_missing_altogether_is_told() -> None:
    config = from_text(SMALL, "claude.yaml", {}, str)
    text = words(render_check(config, Path("claude.yaml")))
    assert text.startswith("claude.yaml: valid")
    assert "none: an outage of this host's network looks like one of Claude's" in text
    assert "none: nobody will hear of an incident" in text
    assert "Worth a look" in text
    assert "Disabled probes" not in text


def test_a_plan_that_never_opens_can_still_be_printed() -> None:
    config = from_text(SMALL, "claude.yaml", {}, str)
    asleep = tuple(spec.model_copy(update={"enabled": False}) for spec in config.probes)
    off: Config = config.model_copy(update={"probes": asleep})
    text = words(render_check(off, "x"))
    assert "opens never: no rule can open it" in text


def test_the_shipped_configuration_leaves_nothing_to_warn_of_once_it_has_a_contact() -> None:
    assert "Worth a look" in shipped()
    assert "Worth a look" not in shipped(CLAUDE_UPTIME_CONTACT="ops@example.com")


def test_it_says_where_the_vendors_page_is_read() -> None:
    text = words(shipped())
    assert "The vendor's status page, every 2m" in text
    assert "https://status.claude.com/history.atom" in text
    small = render_check(from_text(SMALL, "small.yaml", {}, str), "small.yaml")
    assert "not read: no URL is given" in small
    assert "Alternative routes" not in small


def test_it_lists_alternative_routes() -> None:
    route = """
  - {name: bedrock, kind: http, url: "https://b.example/", alternative_for: api, interval: 60s}
"""
    text = words(render_check(from_text(SMALL + route, "small.yaml", {}, str), "small.yaml"))
    assert "bedrock beside api, every 1m" in text


OPERATED = """
maintenance:
  - {cron: "0 2 * * SUN", duration: 2h, timezone: Europe/Berlin}
heartbeat: {url: "https://hc.example.com/ping/planted"}
notifiers:
  - name: page
    kind: webhook
    url: https://page.example.com/planted
    secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
    route: {components: [api], severity: major, after: 5m, reminders: 4h, events: [monitor.blind]}
  - name: chat
    kind: webhook
    url: https://chat.example.com/planted
    secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
"""


def test_it_says_who_hears_of_what_and_when_nobody_does() -> None:
    config = from_text(SMALL + OPERATED, "claude.yaml", {}, str)
    text = words(render_check(config, "claude.yaml"))
    assert (
        "page webhook, enabled of api; from major on; after 5m; reminded every 4h; "
        "only monitor.blind chat webhook, enabled heartbeat every 1m while all is well"
    ) in text
    assert "0 2 * * SUN (Europe/Berlin) for 2h: all components" in text
    assert "planted" not in text
