"""What a rehearsal changes in a plan: where it asks, and single settings of probes.

`https://HOST/PATH` becomes `BASE_URL/HOST/PATH`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from monitor.probes._base import ProbeSpec
from monitor.probes.http import HttpSpec
from monitor.refusal import Refusal

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


def with_settings(
    probes: tuple[ProbeSpec, ...], settings: Mapping[str, Mapping[str, Any]]
) -> tuple[ProbeSpec, ...]:
    """`probes` with other settings, by the probe's name; names that none has are left out.

    Raises:
        Refusal: a probe cannot have such a setting.
    """
    return tuple(_with(spec, settings.get(spec.name, {})) for spec in probes)


def _with(spec: ProbeSpec, changes: Mapping[str, Any]) -> ProbeSpec:
    if not changes:
        return spec
    values = {name: _written(value) for name, value in spec.model_dump(exclude_unset=True).items()}
    if "gateway" in changes:
        values.pop("depth", None)  # it follows from who answers
    try:
        return type(spec).model_validate({**values, **changes})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        msg = f"probe {spec.name}: {key}: {first['msg']}"
        raise Refusal(msg) from None


def _written(value: Any) -> Any:
    """A value as a file has it: durations with their unit."""
    if isinstance(value, Mapping):
        return {name: _written(inner) for name, inner in value.items()}
    return f"{round(value * 1000)}ms" if isinstance(value, float) else value
