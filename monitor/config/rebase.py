"""Moving a plan to a stand-in for the world: `https://HOST/PATH` becomes `BASE_URL/HOST/PATH`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from monitor.probes._base import ProbeSpec
from monitor.probes.http import HttpSpec

if TYPE_CHECKING:
    from monitor.config.schema import Config

_URL_FIELDS = ("url", "base_url")


def moved(url: str, base_url: str) -> str:
    """Where `url` stands below `base_url`, its query kept."""
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return f"{base_url.rstrip('/')}/{parts.netloc}{parts.path}{query}"


def rebased(config: Config, base_url: str) -> dict[str, Any]:
    """The fields of `config` that change."""
    targets = tuple(
        target.model_copy(update={"url": moved(target.url, base_url)})
        for target in config.control.targets
    )
    urls = tuple(moved(url, base_url) for url in config.provider_status.urls)
    return {
        "probes": tuple(_probe(spec, base_url) for spec in config.probes),
        "control": config.control.model_copy(update={"targets": targets}),
        "provider_status": config.provider_status.model_copy(update={"urls": urls}),
    }


def _probe(spec: ProbeSpec, base_url: str) -> ProbeSpec:
    update: dict[str, Any] = {
        name: moved(getattr(spec, name), base_url) for name in _URL_FIELDS if hasattr(spec, name)
    }
    if isinstance(spec, HttpSpec) and spec.expect.location_host:
        # A redirect of the stand-in leads to itself.
        hosts = (*spec.expect.location_host, urlsplit(base_url).hostname)
        update["expect"] = spec.expect.model_copy(update={"location_host": hosts})
    return spec.model_copy(update=update)
