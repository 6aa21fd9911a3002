from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config.load import load
from monitor.config.rebase import moved
from monitor.core.outcome import Depth
from monitor.probes.claude_code import ClaudeCodeSpec
from monitor.probes.claude_json import ClaudeJsonSpec
from monitor.probes.claude_stream import ClaudeStreamSpec
from monitor.probes.http import HttpSpec
from monitor.refusal import Refusal

SHIPPED = Path(__file__).resolve().parents[2] / "config" / "claude.yaml"
BASE = "http://127.0.0.1:4242"


@pytest.mark.parametrize(
    ("url", "there"),
    [
        ("https://claude.ai/login", f"{BASE}/claude.ai/login"),
        ("https://claude.ai/", f"{BASE}/claude.ai/"),
        ("https://api.anthropic.com", f"{BASE}/api.anthropic.com"),
        ("http://h.example:8080/a?b=c", f"{BASE}/h.example:8080/a?b=c"),
    ],
)
def test_a_url_moves_below_the_base(url: str, there: str) -> None:
    assert moved(url, BASE) == there
    assert moved(url, f"{BASE}/") == there


def test_probes_controls_and_the_status_page_move_and_nothing_else_does() -> None:
    config = load(SHIPPED, {"ANTHROPIC_API_KEY": "planted"})
    there = config.rebased(BASE)
    urls = [spec.url for spec in there.probes if isinstance(spec, HttpSpec)]
    asked = (ClaudeJsonSpec, ClaudeStreamSpec, ClaudeCodeSpec)
    urls += [spec.base_url for spec in there.probes if isinstance(spec, asked)]
    urls += [target.url for target in there.control.targets]
    urls += there.provider_status.urls
    assert len(urls) == len(config.probes) + 2 + 3
    assert not [url for url in urls if not url.startswith(f"{BASE}/")]
    same = {"probes", "control", "provider_status"}
    assert there.model_dump(exclude=same) == config.model_dump(exclude=same)
    assert config.probes[0] == load(SHIPPED, {}).probes[0]


def test_the_plan_against_a_stand_in_is_the_same_plan() -> None:
    config = load(SHIPPED, {"ANTHROPIC_API_KEY": "planted"})
    there = config.rebased(BASE)
    assert there.plan(b"salt").probes == config.plan(b"salt").probes
    assert there.rebased("http://127.0.0.1:1").original is config


def test_a_redirect_of_the_stand_in_may_lead_to_itself() -> None:
    there = load(SHIPPED, {}).rebased(BASE)
    console = next(spec for spec in there.probes if spec.name == "console_page")
    assert isinstance(console, HttpSpec)
    assert "127.0.0.1" in console.expect.location_host


def test_a_rehearsal_may_set_keys_of_single_probes_and_keeps_the_rest() -> None:
    config = load(SHIPPED, {"ANTHROPIC_API_KEY": "planted"})
    settings: dict[str, dict[str, object]] = {
        "api_stream_opus": {"effort": "high", "timeout": "2m"},
        "api_models": {"gateway": True},
        "not_there": {"timeout": "1s"},
    }
    there = {spec.name: spec for spec in config.with_probe_settings(settings).probes}
    before = {spec.name: spec for spec in config.probes}
    opus = there["api_stream_opus"]
    assert isinstance(opus, ClaudeStreamSpec)
    assert (opus.effort, opus.timeout, opus.interval) == ("high", 120.0, 600.0)
    assert there["api_models"].depth is Depth.GATEWAY
    changed = {"api_stream_opus", "api_models"}
    assert {name: spec for name, spec in there.items() if name not in changed} == {
        name: spec for name, spec in before.items() if name not in changed
    }


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"api_stream_haiku": {"time_limit": "2m"}}, "probe api_stream_haiku: time_limit: "),
        ({"api_stream_haiku": {"limits": {"gap": 3}}}, "probe api_stream_haiku: limits.gap: "),
    ],
)
def test_a_setting_that_a_probe_cannot_have_is_one_line_with_its_key(
    settings: dict[str, dict[str, object]], said: str
) -> None:
    with pytest.raises(Refusal, match=f"^{said}"):
        load(SHIPPED, {}).with_probe_settings(settings)
