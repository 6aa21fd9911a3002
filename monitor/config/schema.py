"""The configuration, whole: the root model, and what the daemon makes of it.

Each adapter declares its own Spec beside its code; this file gathers them. The unions of probe and
notifier kinds are built from their folders, so a new kind needs no change here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field, PrivateAttr, field_validator
from typing_extensions import override

from monitor import notify, probes
from monitor.config import planning, rebase
from monitor.config.delivery import DeliverySpec
from monitor.config.detection import DetectionSpec
from monitor.config.maintenance import MaintenanceSpec
from monitor.config.problems import Place
from monitor.core.forecast import ComponentForecast, forecast
from monitor.core.plan import Plan
from monitor.core.policy import Policy
from monitor.notify._base import NotifierSpec
from monitor.notify._heartbeat import HeartbeatSpec
from monitor.probes._base import ProbeSpec
from monitor.probes._urls import HttpUrl, check_proxy
from monitor.refusal import Refusal
from monitor.spec import Duration, Secret, Share, Spec

NAME = r"^[a-z][a-z0-9_]{0,62}$"
Name = Annotated[str, Field(pattern=NAME)]
"""A name that may stand in a metric label."""

PORT_MAX = 65_535


def _union(specs: Iterable[type[Spec]]) -> Any:
    """One type for a list of kinds, told apart by their `kind`."""
    known = tuple(specs)
    if len(known) == 1:
        return known[0]
    return Annotated[reduce(or_, known), Field(discriminator="kind")]


if TYPE_CHECKING:
    AnyProbe = ProbeSpec
    AnyNotifier = NotifierSpec
else:
    AnyProbe = _union(kind.spec for kind in probes.kinds())
    AnyNotifier = _union(kind.spec for kind in notify.kinds())


class WebSpec(Spec):
    """The daemon's own pages, API and metrics."""

    listen: str = "0.0.0.0:9595"
    """Address and port to listen on, as `0.0.0.0:9595` or `[::]:9595`; port 0 is any free one."""
    external_url: HttpUrl = "http://localhost:9595"
    """Where people reach it; links in messages begin with this."""
    token: Secret = Secret("")
    """Bearer token for what changes state; without one, that is switched off."""

    @field_validator("listen")
    @classmethod
    def _has_host_and_port(cls, value: str) -> str:
        host, colon, port = value.rpartition(":")
        if not colon or not host.strip("[]") or not re.fullmatch(r"[0-9]{1,5}", port):
            msg = "write an address and a port, as 0.0.0.0:9595 or [::]:9595"
            raise ValueError(msg)
        if int(port) > PORT_MAX:
            msg = f"a port is at most {PORT_MAX}"
            raise ValueError(msg)
        return value

    @property
    def host(self) -> str:
        """The address to listen on."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port to listen on; 0 is any free one."""
        return int(self.listen.rpartition(":")[2])


class EgressSpec(Spec):
    """How runs and deliveries leave this host."""

    proxy: Secret | None = None
    """Proxy for them, as `http://[user:password@]host:port`; empty or null for none."""
    ca_file: str | None = None
    """PEM file of authorities to trust besides the system's; null for none."""

    @field_validator("proxy")
    @classmethod
    def _is_a_proxy(cls, value: Secret | None) -> Secret | None:
        if not value:
            return None
        check_proxy(value.reveal())
        return value

    @field_validator("ca_file")
    @classmethod
    def _may_be_empty(cls, value: str | None) -> str | None:
        return value or None


class StorageSpec(Spec):
    """Where runs, incidents and deliveries are kept."""

    url: str = Field(default="sqlite:///data/claude-uptime.db", pattern=r"^sqlite://")
    """Database: `sqlite:///relative/path.db` or `sqlite:////absolute/path.db`."""
    keep_runs: Duration = Field(default=14 * 86_400.0, gt=0)
    """How long single runs are kept; incidents are kept for ever."""


class LogSpec(Spec):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """From which level on."""
    format: Literal["json", "console"] = "json"
    """One JSON object a line; `console` for people, which a terminal always gets."""


class CredentialSpec(Spec):
    """One key of the vendor's API."""

    api_key: Secret = Secret("")
    """The key; its probes are disabled, visibly, while it is empty."""
    organization: str | None = Field(default=None, pattern=r"^[\w.@-]{1,64}$")
    """The vendor's organization that it belongs to, by any name: keys that name the same one, or
    none, share its fate, so that their refusals are one witness and not two."""

    @field_validator("api_key")
    @classmethod
    def _goes_into_a_header(cls, value: Secret) -> Secret:
        if not re.fullmatch(r"[!-~]*", value.reveal()):
            msg = "a key is printable ASCII without spaces; this one was cut or pasted wrongly"
            raise ValueError(msg)
        return value


class ControlTargetSpec(Spec):
    """A reference target: any HTTP answer of it shows that this host has a network."""

    name: Name
    """Unique name."""
    url: HttpUrl
    """What is asked; of an operator that shares nothing with the vendor."""


class ControlSpec(Spec):
    """What tells "Claude is down" from "this host has no network"."""

    targets: tuple[ControlTargetSpec, ...] = Field(default=(), max_length=8)
    """Two of different operators, neither on the vendor's CDN."""
    interval: Duration = Field(default=30.0, ge=5)
    """How often they are asked when all is calm; at once on a bad run."""


class BudgetSpec(Spec):
    """What paid probes may cost."""

    usd_per_day: float = Field(default=0.25, ge=0, le=10_000, allow_inf_nan=False)
    """US dollars in a day (UTC)."""
    reserve: Share = 0.30
    """Share of it that is kept for bursts."""


class PriceSpec(Spec):
    """What a model costs, in US dollars per million tokens."""

    input: float = Field(ge=0, le=10_000, allow_inf_nan=False)
    """Tokens sent."""
    output: float = Field(ge=0, le=10_000, allow_inf_nan=False)
    """Tokens received."""


class ComponentSpec(Spec):
    """One product as its users see it."""

    title: str = Field(min_length=1, max_length=100)
    """Its name for people."""
    statuspage_id: str | None = Field(default=None, pattern=r"^[a-z0-9]{6,32}$")
    """Its id on the vendor's status page."""


class ProviderStatusSpec(Spec):
    """The vendor's status page: read beside the probes, never evidence by itself."""

    urls: tuple[HttpUrl, ...] = Field(default=(), max_length=8)
    """Where to read it, in this order until one answers."""
    interval: Duration = Field(default=120.0, ge=30)
    """How often; never more often, up to a tenth more rarely."""
    honour_maintenance: bool = True
    """Whether nothing opens for a component while its maintenance, announced there, lasts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a configuration came from: which variables its values name, for better advice."""

    variables: Mapping[Place, tuple[str, ...]] = field(default_factory=dict)


class Config(Spec):
    """The whole configuration of one daemon."""

    vantage: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")] = "local"
    """The place this daemon looks from; a label on every metric."""
    contact: str = Field(default="", max_length=200, pattern=r"^[ -~]*$")
    """Whom the vendor may write to; goes into the User-Agent of every run."""
    web: WebSpec = WebSpec()
    """The daemon's own pages, API and metrics."""
    egress: EgressSpec = EgressSpec()
    """How runs and deliveries leave this host."""
    storage: StorageSpec = StorageSpec()
    """Where runs, incidents and deliveries are kept."""
    log: LogSpec = LogSpec()
    """What is logged, and how."""
    credentials: dict[Name, CredentialSpec] = Field(default_factory=dict)
    """Keys of the vendor's API, by name."""
    control: ControlSpec = ControlSpec()
    """Reference targets."""
    budget: BudgetSpec = BudgetSpec()
    """What paid probes may cost."""
    prices: dict[str, PriceSpec] = Field(default_factory=dict)
    """What each model costs."""
    components: dict[Name, ComponentSpec] = Field(min_length=1)
    """The products, by name."""
    probes: tuple[AnyProbe, ...] = Field(min_length=1)
    """The questions asked."""
    provider_status: ProviderStatusSpec = ProviderStatusSpec()
    """The vendor's status page."""
    detection: DetectionSpec = DetectionSpec()
    """How bad runs become an incident, and how it ends."""
    maintenance: tuple[MaintenanceSpec, ...] = ()
    """Planned work."""
    notifiers: tuple[AnyNotifier, ...] = ()
    """Who hears of incidents."""
    delivery: DeliverySpec = DeliverySpec()
    """How long and how often events are tried."""
    heartbeat: HeartbeatSpec = HeartbeatSpec()
    """The dead man's switch: who is told, again and again, that all is well with the monitor."""

    _source: Source = PrivateAttr(default_factory=Source)
    _original: Config | None = PrivateAttr(default=None)
    _rehearsal: bool = PrivateAttr(default=False)

    @override
    def model_post_init(self, context: Any, /) -> None:
        """Keep where it came from, which validation gives as its context."""
        super().model_post_init(context)
        if isinstance(context, Source):
            self._source = context

    @property
    def source(self) -> Source:
        """Where it came from."""
        return self._source

    @property
    def original(self) -> Config:
        """What it was before it was rebased; itself when it was not."""
        return self._original or self

    @property
    def is_rehearsal(self) -> bool:
        """Whether it is played against the simulated Claude."""
        return self._rehearsal

    def rehearsed(self) -> Config:
        """The same for a rehearsal: probes that do not ask over HTTP are disabled, visibly."""
        copied = self.model_copy()
        copied._rehearsal = True  # noqa: SLF001  # a copy of ourselves
        return copied

    def policy(self) -> Policy:
        """The detector's numbers."""
        return self.detection.policy()

    def plan(self, salt: bytes = b"") -> Plan:
        """What engine and scheduler need to know.

        Args:
            salt: mixed into the fingerprints of keys, so that they cannot be compared elsewhere.
        """
        return planning.plan(self, salt)

    def forecast(self) -> tuple[ComponentForecast, ...]:
        """Which rule opens each component, and after how long."""
        return forecast(self.plan(), self.policy())

    def secrets(self) -> tuple[Secret, ...]:
        """Every secret in it, for the redaction of logs."""
        return tuple({secret for secret in _secrets_in(self) if secret})

    def rebased(self, base_url: str) -> Config:
        """The same plan against a stand-in: `https://HOST/PATH` becomes `BASE_URL/HOST/PATH`.

        Moves probes, control targets and the vendor's status page; all else stays.
        """
        moved = self.model_copy(update=rebase.rebased(self, base_url))
        moved._original = self.original  # noqa: SLF001  # a copy of ourselves
        return moved

    def with_probe_settings(self, settings: Mapping[str, Mapping[str, Any]]) -> Config:
        """The same with other settings of single probes, by their names: for a rehearsal.

        Raises:
            Refusal: a probe cannot have such a setting.
        """
        return self.model_copy(update={"probes": rebase.with_settings(self.probes, settings)})

    def stored_at(self, path: Path) -> Config:
        """The same with the database at `path`.

        Raises:
            Refusal: a path that a database URL cannot name.
        """
        place = str(path.resolve())
        if "?" in place:
            msg = f"{place}: a database's path has no `?`"
            raise Refusal(msg)
        storage = self.storage.model_copy(update={"url": f"sqlite:///{place}"})
        return self.model_copy(update={"storage": storage})


def _secrets_in(value: Any) -> Iterator[Secret]:
    """Every secret in `value`, however deep."""
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, BaseModel):
        yield from _secrets_in([getattr(value, name) for name in type(value).model_fields])
    elif isinstance(value, Mapping):
        yield from _secrets_in(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secrets_in(item)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the configuration, as written in YAML."""
    schema = _closed(Config.model_json_schema())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of claude-uptime",
    } | {key: value for key, value in schema.items() if key != "title"}


def _closed(schema: Any) -> Any:
    """`schema` with tables that take only names of their pattern, as the loader does."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if "patternProperties" in closed:
        closed.setdefault("additionalProperties", False)
    return closed
