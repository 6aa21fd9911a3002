from __future__ import annotations

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
    assert "government_home 2m -> solo 9m, slow 17m" in text


def test_it_says_which_probes_are_disabled_and_why() -> None:
    text = words(shipped())
    assert "10 of 17 probes enabled" in text
    assert (
        "credential main has no api_key: set ANTHROPIC_API_KEY "
        "api_models, api_count_tokens, api_message_haiku"
    ) in text


def test_it_counts_the_requests_by_host() -> None:
    text = words(shipped(ANTHROPIC_API_KEY="planted"))
    # A hello every 30 s, and the gate, models, count_tokens and a message every 60 s.
    assert f"{2880 + 4 * 1440:,} api.anthropic.com" in text
    assert "2,880 captive.apple.com" in text
    assert "720 claude.fedstart.com" in text


def test_it_reckons_the_cost_against_the_budget() -> None:
    keyless, keyed = words(shipped()), words(shipped(ANTHROPIC_API_KEY="planted"))
    usd = 1440 * (15 * 0.10 + 16 * 0.50) / 1_000_000
    assert f"$ {usd:.4f} api_message_haiku, claude-haiku-5-5 (disabled)" in keyless
    assert "$ 0.0000 of a budget of $0.25, 30% of it kept for bursts" in keyless
    assert f"$ {usd:.4f} of a budget of $0.25" in keyed
    assert "costs more than" not in keyed


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
