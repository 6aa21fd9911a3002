"""The Kubernetes manifests: they name each other rightly, and the daemon as it is."""

from __future__ import annotations

import re
from typing import Any

import pytest

from monitor import __version__
from monitor.config.load import load
from monitor.web.ports import WebDeps
from monitor.web.server import create_app
from tests.deploy.deployed import DEPLOY, ROOT, read

FOLDER = DEPLOY / "kubernetes"
KUSTOMIZATION: dict[str, Any] = read(FOLDER / "kustomization.yaml")
MANIFESTS: dict[str, dict[str, Any]] = {
    manifest["kind"]: manifest
    for manifest in (read(FOLDER / name) for name in KUSTOMIZATION["resources"])
}
SPECS: dict[str, dict[str, Any]] = {
    kind: manifest.get("spec", {}) for kind, manifest in MANIFESTS.items()
}
POD: dict[str, Any] = SPECS["Deployment"]["template"]["spec"]
CONTAINER: dict[str, Any] = POD["containers"][0]
LABELS: dict[str, str] = SPECS["Deployment"]["template"]["metadata"]["labels"]
CONFIG = "\n".join(
    line
    for line in (ROOT / "config" / "claude.yaml").read_text().splitlines()
    if not line.lstrip().startswith("#")  # examples name variables of those who use them
)
VARIABLES = dict(re.findall(r"\$\{([A-Z][A-Z0-9_]{4,})(:-[^}]*)?\}", CONFIG))
DOCKERFILE = (ROOT / "Dockerfile").read_text()
CONFIG_MAP = "claude-uptime"


def test_the_kustomization_lists_every_manifest() -> None:
    files = {path.name for path in FOLDER.glob("*.yaml")}
    assert set(KUSTOMIZATION["resources"]) == files - {"kustomization.yaml", "claude.yaml"}
    assert set(MANIFESTS) == {
        *("Namespace", "Deployment", "PersistentVolumeClaim", "Service", "NetworkPolicy"),
        "ServiceMonitor",
    }


def test_a_file_holds_one_manifest_and_no_namespace_of_its_own() -> None:
    for manifest in MANIFESTS.values():
        assert "namespace" not in manifest["metadata"]
        assert manifest["metadata"]["name"] == "claude-uptime"
    assert KUSTOMIZATION["namespace"] == MANIFESTS["Namespace"]["metadata"]["name"]


@pytest.mark.parametrize(
    "selector",
    [
        SPECS["Deployment"]["selector"]["matchLabels"],
        SPECS["Service"]["selector"],
        SPECS["NetworkPolicy"]["podSelector"]["matchLabels"],
    ],
    ids=["Deployment", "Service", "NetworkPolicy"],
)
def test_a_selector_finds_the_pod(selector: dict[str, str]) -> None:
    assert selector
    assert selector.items() <= LABELS.items()


def test_the_service_monitor_finds_the_service() -> None:
    wanted = SPECS["ServiceMonitor"]["selector"]["matchLabels"]
    assert wanted
    assert wanted.items() <= MANIFESTS["Service"]["metadata"]["labels"].items()


def test_there_is_never_more_than_one_daemon() -> None:
    spec = SPECS["Deployment"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert SPECS["PersistentVolumeClaim"]["accessModes"] == ["ReadWriteOnce"]


def test_everybody_means_the_same_port() -> None:
    listened = re.search(r"^EXPOSE (\d+)$", DOCKERFILE, flags=re.MULTILINE)
    assert listened is not None
    number = int(listened[1])
    assert f':{number}"' in CONFIG
    assert CONTAINER["ports"] == [{"name": "http", "containerPort": number}]
    assert SPECS["Service"]["ports"] == [{"name": "http", "port": number, "targetPort": "http"}]
    assert SPECS["NetworkPolicy"]["ingress"][0]["ports"] == [{"port": "http", "protocol": "TCP"}]
    assert [each["port"] for each in SPECS["ServiceMonitor"]["endpoints"]] == ["http"]
    annotations = MANIFESTS["Service"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(number)


def served() -> set[str]:
    """The routes of the daemon's own application."""
    unused: Any = None
    config = load(ROOT / "config" / "claude.yaml", {})
    deps = WebDeps(
        plan=config.plan(),
        version="0",
        status=unused,
        incidents=unused,
        history=unused,
        health=unused,
        scrape=unused,
        external_url=config.web.external_url,
        store_errors=(),
    )
    return {resource.canonical for resource in create_app(deps).router.resources()}


def test_what_is_asked_of_the_daemon_is_a_route_of_it() -> None:
    asked = {
        CONTAINER[probe]["httpGet"]["path"]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    asked |= {each["path"] for each in SPECS["ServiceMonitor"]["endpoints"]}
    asked.add(MANIFESTS["Service"]["metadata"]["annotations"]["prometheus.io/path"])
    assert asked == {"/-/healthy", "/-/ready", "/metrics"}
    assert asked <= served()


def test_liveness_asks_for_the_loop_alone() -> None:
    """Readiness tells of a full disk in its body; a restart would not mend it."""
    assert CONTAINER["livenessProbe"]["httpGet"] == {"path": "/-/healthy", "port": "http"}
    assert CONTAINER["startupProbe"]["httpGet"] == {"path": "/-/healthy", "port": "http"}
    assert CONTAINER["readinessProbe"]["httpGet"] == {"path": "/-/ready", "port": "http"}


def test_the_daemon_gets_every_variable_of_the_config_and_no_other() -> None:
    given = {each["name"] for each in CONTAINER["env"]}
    assert len(VARIABLES) > 4
    assert given == set(VARIABLES)


def test_a_secret_may_be_absent_only_where_the_config_has_a_default() -> None:
    references = {
        each["name"]: each["valueFrom"]["secretKeyRef"]
        for each in CONTAINER["env"]
        if "valueFrom" in each
    }
    assert {name for name in VARIABLES if re.search("KEY|SECRET|TOKEN|URL", name)} == set(
        references
    )
    assert {each["name"] for each in references.values()} == {"claude-uptime"}
    assert all(each["optional"] is True for each in references.values())
    assert all(VARIABLES[name].startswith(":-") for name in references)
    assert not any("value" in each and each["value"] for each in CONTAINER["env"])


def test_nothing_in_the_pod_has_a_privilege() -> None:
    user = re.search(r"^USER (\d+):(\d+)$", DOCKERFILE, flags=re.MULTILINE)
    assert user is not None
    pod, container = POD["securityContext"], CONTAINER["securityContext"]
    assert pod["runAsNonRoot"] is True
    assert (pod["runAsUser"], pod["runAsGroup"]) == (int(user[1]), int(user[2]))
    assert pod["fsGroup"] == pod["runAsGroup"]
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert POD["automountServiceAccountToken"] is False
    labels = MANIFESTS["Namespace"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_volume_and_config_are_mounted_where_the_image_looks_for_them() -> None:
    mounts = {each["name"]: each["mountPath"] for each in CONTAINER["volumeMounts"]}
    volumes = {each["name"]: each for each in POD["volumes"]}
    assert set(mounts) == set(volumes) == {"data", "config"}
    assert f'VOLUME ["{mounts["data"]}"]' in DOCKERFILE
    assert f"CLAUDE_UPTIME_CONFIG={mounts['config']}/claude.yaml" in DOCKERFILE
    claim = volumes["data"]["persistentVolumeClaim"]["claimName"]
    assert claim == MANIFESTS["PersistentVolumeClaim"]["metadata"]["name"]
    (generated,) = KUSTOMIZATION["configMapGenerator"]
    assert generated == {"name": CONFIG_MAP, "files": ["claude.yaml"]}
    assert volumes["config"]["configMap"]["name"] == CONFIG_MAP


def test_the_image_that_is_set_is_the_image_that_runs() -> None:
    (image,) = KUSTOMIZATION["images"]
    assert image["name"] == CONTAINER["image"]
    assert image["newTag"] == __version__


def test_it_is_given_more_time_to_stop_than_it_takes() -> None:
    assert POD["terminationGracePeriodSeconds"] > 8


def test_it_has_no_limit_on_processor_time() -> None:
    """A throttled daemon would measure its own waiting."""
    assert set(CONTAINER["resources"]["limits"]) == {"memory"}
    assert set(CONTAINER["resources"]["requests"]) == {"cpu", "memory"}


def test_names_and_https_are_all_that_it_may_ask_for() -> None:
    policy = SPECS["NetworkPolicy"]
    assert sorted(policy["policyTypes"]) == ["Egress", "Ingress"]
    ports = {
        (each["port"], each["protocol"]) for rule in policy["egress"] for each in rule["ports"]
    }
    assert ports == {(53, "UDP"), (53, "TCP"), (443, "TCP")}
    asked = set(re.findall(r"url: \"?(https?://[^/\s\"]+)", CONFIG)) - {"http://localhost:9595"}
    assert len(asked) > 5
    assert all(re.fullmatch(r"https://[a-z0-9.-]+", host) for host in asked)
