"""The compose file: valid, locked down, and in step with what it mounts and where it points."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.deployed import DEPLOY, PROMETHEUS, ROOT, read

COMPOSE = DEPLOY / "compose" / "compose.yaml"
SERVICES: dict[str, dict[str, Any]] = read(COMPOSE)["services"]


def check(path: Path) -> subprocess.CompletedProcess[str]:
    """Hold a compose file against the specification's schema."""
    tool = Path(sys.executable).with_name("check-jsonschema")
    return subprocess.run(  # noqa: S603  # our own arguments
        [tool, "--builtin-schema", "vendor.compose-spec", path],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_it_follows_the_compose_specification() -> None:
    ended = check(COMPOSE)
    assert ended.returncode == 0, ended.stdout


def test_a_file_that_does_not_follow_it_is_found(tmp_path: Path) -> None:
    broken = tmp_path / "compose.yaml"
    broken.write_text(COMPOSE.read_text().replace("image:", "imagee:"))
    assert check(broken).returncode == 1


def test_it_starts_the_monitor_and_the_three_that_read_it() -> None:
    assert set(SERVICES) == {"claude-uptime", "prometheus", "alertmanager", "grafana"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_root_and_nothing_writable_but_its_volume(name: str) -> None:
    service = SERVICES[name]
    assert not service["user"].startswith(("0", "root"))
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    writable = [each.split(":")[0] for each in service["volumes"] if not each.endswith(":ro")]
    assert len(writable) == 1
    assert set(writable) <= set(read(COMPOSE)["volumes"])
    assert "test" in service["healthcheck"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_published_on_loopback_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name]["ports"])


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_mounts_is_there(name: str) -> None:
    sources = [each.split(":")[0] for each in SERVICES[name]["volumes"]]
    missing = [
        source
        for source in sources
        if source.startswith(".") and not (COMPOSE.parent / source).resolve().exists()
    ]
    assert missing == []


@pytest.mark.parametrize("name", ["prometheus", "alertmanager"])
def test_a_server_is_given_the_configuration_that_is_mounted(name: str) -> None:
    mounts = {
        target: COMPOSE.parent / source
        for source, target, *_ in (each.split(":") for each in SERVICES[name]["volumes"])
    }
    flags = dict(flag.removeprefix("--").split("=", 1) for flag in SERVICES[name]["command"])
    folder, _, file = flags["config.file"].rpartition("/")
    assert (mounts[folder] / file).is_file()


def test_the_monitor_is_built_here_and_runs_as_the_image_says() -> None:
    service = SERVICES["claude-uptime"]
    assert (COMPOSE.parent / service["build"]["context"] / "Dockerfile").is_file()
    image = (ROOT / "Dockerfile").read_text()
    assert f"USER {service['user']}\n" in image
    assert 'CMD ["claude-uptime", "health"]' in image
    assert service["healthcheck"]["test"] == ["CMD", "claude-uptime", "health"]
    target = next(each for each in service["volumes"] if each.startswith("../../config"))
    assert f"CLAUDE_UPTIME_CONFIG={target.split(':')[1]}/claude.yaml" in image


def test_every_variable_of_the_shipped_configuration_is_handed_through() -> None:
    config = (ROOT / "config" / "claude.yaml").read_text()
    named = set(re.findall(r"^[^#\n]*\$\{(\w+)", config, re.MULTILINE))
    assert named == set(SERVICES["claude-uptime"]["environment"])


def test_prometheus_finds_its_targets_by_the_names_of_services() -> None:
    config = read(PROMETHEUS / "prometheus.yaml")
    static = [entry for job in config["scrape_configs"] for entry in job["static_configs"]]
    static += config["alerting"]["alertmanagers"][0]["static_configs"]
    hosts = {target.split(":")[0] for entry in static for target in entry["targets"]}
    assert hosts - {"localhost"} <= set(SERVICES)


def test_the_monitor_and_prometheus_share_a_network_without_a_way_out() -> None:
    networks = read(COMPOSE)["networks"]
    assert networks["inside"]["internal"] is True
    assert all("inside" in service["networks"] for service in SERVICES.values())
