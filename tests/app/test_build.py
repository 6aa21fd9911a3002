"""From the configuration to working parts."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from monitor.app.build import (
    audience,
    bound_probes,
    configured,
    control_probe,
    notifiers,
    probe_context,
    salt_of,
)
from monitor.clock import VirtualClock
from monitor.config.load import load
from monitor.config.schema import Config
from monitor.core.incident import Incident
from monitor.probes import HttpControl
from monitor.spec import Secret
from tests.factories import an_event

ROOT = Path(__file__).parents[2]
HOOK = {
    "ALERT_WEBHOOK_URL": "http://127.0.0.1:9/hook",
    "ALERT_WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}


def awake(_incident: Incident, _at: datetime) -> bool:
    """Nothing is muted."""
    return False


def the_config(**environment: str) -> Config:
    """The shipped configuration."""
    return load(ROOT / "config" / "claude.yaml", environment)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def test_the_salt_is_another_one_for_each_vantage_and_the_same_after_a_restart() -> None:
    assert salt_of("local") == salt_of("local")
    assert salt_of("local") != salt_of("frankfurt")


def test_every_enabled_probe_is_bound_and_no_other(threads: ThreadPoolExecutor) -> None:
    config = the_config(ANTHROPIC_API_KEY="sk-ant-sim-main")
    plan = config.plan(salt_of(config.vantage))
    bound = bound_probes(config, plan, probe_context(config, VirtualClock(), threads))
    assert list(bound) == [each.name for each in plan.enabled()]
    assert all(probe.plan == plan.probe(name) for name, probe in bound.items())
    assert "api_models" in bound
    assert not {"api_models_second", "government_hello"} & set(bound)


def test_all_runs_share_proxy_authorities_and_an_honest_name(threads: ThreadPoolExecutor) -> None:
    config = the_config(CLAUDE_UPTIME_CONTACT="ops@example.com")
    egress = config.egress.model_copy(update={"proxy": Secret("http://proxy.example:3128")})
    config = config.model_copy(update={"egress": egress})
    context = probe_context(config, VirtualClock(), threads)
    assert "ops@example.com" in context.user_agent
    assert isinstance(control_probe(context), HttpControl)


@pytest.mark.parametrize("content", [None, "no certificate"], ids=["absent", "no certificate"])
def test_authorities_that_cannot_be_read_are_one_line(
    threads: ThreadPoolExecutor, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    config = the_config()
    egress = config.egress.model_copy(update={"ca_file": str(file)})
    with pytest.raises(ValueError, match=r"ca\.pem") as raised:
        probe_context(config.model_copy(update={"egress": egress}), VirtualClock(), threads)
    assert "\n" not in str(raised.value)


def test_a_notifier_without_a_url_sends_nothing(threads: ThreadPoolExecutor) -> None:
    config = the_config()
    assert [spec.name for _, spec in configured(config)] == ["oncall"]
    assert notifiers(config, VirtualClock(), threads) == ()
    assert audience(config, awake).envelopes(an_event()) == ()


def test_an_enabled_notifier_hears_of_every_event_in_words_with_links(
    threads: ThreadPoolExecutor,
) -> None:
    config = the_config(**HOOK)
    (sender,) = notifiers(config, VirtualClock(), threads)
    (envelope,) = audience(config, awake).envelopes(an_event())
    assert sender.name == envelope.notifier == "oncall"
    assert b"http://localhost:9595/incidents/" in envelope.body
