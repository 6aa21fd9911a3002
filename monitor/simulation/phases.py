"""What breaks, when, and for whom: a phase, the faults in it, and how a fault's share moves."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from monitor.core.claude_api import LINES
from monitor.simulation._fault import FaultKind, Parameters
from monitor.simulation._fields import Closed, Moment, OneOrMore, Word, nearest
from monitor.simulation.endpoints import STATUS_HOSTS, VENDOR_HOSTS, Service, is_vendor, locate
from monitor.simulation.faults import FAULTS
from monitor.simulation.keys import key_names
from monitor.simulation.models import ALIASES, MODELS, RETIRED, line_of
from monitor.simulation.statusfeed import Component
from monitor.spec import Duration, Share, parse_share

WHOM = ("components", "services", "hosts", "models", "lines", "credentials", "organizations")
"""The selectors of which a fault needs one at least."""

VENDOR = "vendor"
"""In a list of hosts: every host of Claude, but neither its status page nor the control targets."""

_NAME_PATTERN = re.compile(r"[\w*?.-]{1,64}")


def _known(what: str, known: Iterable[str], also: Iterable[str] = ()) -> Callable[[Any], Any]:
    """A validator for one of `known`, a pattern that some of them fit, or one of `also`.

    What looks like neither is an error that names the nearest. Hosts may be others than the known:
    a control target is any host.
    """
    names, more = tuple(known), frozenset(also)

    def check(value: Any) -> Any:
        pattern = str(value)
        if pattern in more or any(fnmatch.fnmatchcase(name, pattern) for name in names):
            return pattern
        remark = nearest(pattern, {*names, *more})
        if what == "host" and "*" not in pattern and not remark.startswith("did you mean"):
            return pattern
        msg = f"unknown {what} '{pattern}'; {remark}"
        raise ValueError(msg)

    return check


def _credential(value: Any) -> Any:
    """The name of a credential in the config, or a pattern; never a key itself."""
    if not isinstance(value, str) or not _NAME_PATTERN.fullmatch(value):
        msg = "a credential is named as in the config: main, second"
        raise ValueError(msg)
    if value.startswith("sk-"):
        msg = "name the credential, not its key: main, second"
        raise ValueError(msg)
    return value


ServiceName = Annotated[str, Word("service", Service)]
FaultName = Annotated[str, Word("fault", FAULTS)]
HostPattern = Annotated[str, BeforeValidator(_known("host", VENDOR_HOSTS, (VENDOR,)))]
ModelPattern = Annotated[str, BeforeValidator(_known("model", (*MODELS, *ALIASES, *RETIRED)))]
CredentialPattern = Annotated[str, BeforeValidator(_credential)]
LineName = Annotated[str, Word("line", LINES)]
OrganizationPattern = Annotated[str, Field(pattern=r"^[\w*?.-]{1,64}$")]


class Ramp(Closed):
    """A share that moves evenly from the beginning of its phase to the end."""

    begin: Share = Field(alias="from")
    """The share at the beginning."""
    to: Share
    """The share at the end."""

    def at(self, part: float) -> float:
        """The share once `part` (0 to 1) of the phase is over."""
        return self.begin + (self.to - self.begin) * part


class Flapping(Closed):
    """A fault that comes and goes, from the beginning of its phase on."""

    on: Duration = Field(gt=0)
    """How long it is there, each time."""
    off: Duration = Field(gt=0)
    """How long it is gone in between."""

    def there(self, elapsed: float) -> bool:
        """Whether it is there `elapsed` seconds after the beginning."""
        return elapsed % (self.on + self.off) < self.on


class Waves(Closed):
    """A phase that comes again."""

    times: int = Field(ge=2, le=100)
    """How often in all."""
    every: Duration = Field(gt=0)
    """From the beginning of one to the beginning of the next."""


def _share_or_ramp(value: Any) -> Any:
    return value if isinstance(value, dict | Ramp) else parse_share(value)


Probability = Annotated[
    float | Ramp,
    BeforeValidator(_share_or_ramp),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": ["string", "number"], "examples": ["40%", 0.4]},
                {
                    "type": "object",
                    "properties": {
                        "from": {"type": ["string", "number"]},
                        "to": {"type": ["string", "number"]},
                    },
                    "required": ["from", "to"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What of a request decides whether a fault may strike it.

    Attributes:
        host: host name.
        path: path without its query.
        key: the key that it carries; None without one.
        model: the model that it asks; None where it names none, or nobody wants to know.
    """

    host: str
    path: str
    key: str | None = None
    model: str | None = None


class FaultSpec(Parameters):
    """One fault and whom it strikes. Each selector that is given must fit; one at least must be."""

    fault: FaultName
    """Which fault."""
    components: Annotated[tuple[Component, ...], OneOrMore()] = ()
    """Endpoints that belong to one of these components."""
    services: Annotated[tuple[ServiceName, ...], OneOrMore()] = ()
    """Endpoints of one of these services."""
    hosts: Annotated[tuple[HostPattern, ...], OneOrMore()] = ()
    """Hosts, or patterns of hosts; `vendor` is every host of Claude, `*` is everything, the status
    page and the control targets too."""
    paths: Annotated[tuple[str, ...], OneOrMore()] = ()
    """Patterns of the path, without its query."""
    models: Annotated[tuple[ModelPattern, ...], OneOrMore()] = ()
    """Only requests for one of these models, or patterns of models: `claude-opus-*`."""
    lines: Annotated[tuple[LineName, ...], OneOrMore()] = ()
    """Only requests for a model of one of these lines: `haiku`."""
    credentials: Annotated[tuple[CredentialPattern, ...], OneOrMore()] = ()
    """Only requests that carry the key of one of these credentials of the config."""
    organizations: Annotated[tuple[OrganizationPattern, ...], OneOrMore()] = ()
    """Only requests that carry a key of one of these organizations; `own` where a key names none.
    """
    keyed: bool | None = None
    """Only requests that carry a key (true), or that carry none (false)."""
    probability: Probability = 1.0
    """The share of these requests that it strikes, each drawn for itself."""
    flapping: Flapping | None = None
    """It comes and goes within the phase."""

    @model_validator(mode="after")
    def _fits_its_fault(self) -> Self:
        for name in Parameters.model_fields:
            if getattr(self, name) is not None and name not in self.kind.takes:
                takes = ", ".join(sorted(self.kind.takes)) or "none"
                kind, text = "parameter", "'{fault}' takes no '{key}'; it takes: {takes}"
                context = {"fault": self.fault, "key": name, "takes": takes}
                raise PydanticCustomError(kind, text, context)
        if self.kind.holds_back and self.delay is None:
            msg = f"say how late: {self.fault} needs a delay"
            raise ValueError(msg)
        for name in sorted(self.kind.needs):
            if getattr(self, name) is None:
                msg = f"{self.fault} needs a {name}"
                raise ValueError(msg)
        if not any(getattr(self, name) for name in WHOM):
            msg = (
                "say whom it strikes: components, services, hosts ('*' is everything), models, "
                "lines, credentials or organizations"
            )
            raise ValueError(msg)
        return self

    @property
    def kind(self) -> FaultKind:
        """What it does."""
        return FAULTS[self.fault]

    def selects(self, subject: Subject) -> bool:
        """Whether a request is one that it may strike."""
        endpoint = locate(subject.host, subject.path)
        return (
            (not self.components or endpoint.component in self.components)
            and (not self.services or endpoint.service.value in self.services)
            and (not self.hosts or self._selects_host(subject.host))
            and (not self.paths or _matches(subject.path, self.paths))
            and self._selects_asker(subject)
        )

    def _selects_host(self, host: str) -> bool:
        vendor = VENDOR in self.hosts and is_vendor(host) and host not in STATUS_HOSTS
        return vendor or _matches(host, self.hosts)

    def _selects_asker(self, subject: Subject) -> bool:
        """Whether key and model fit."""
        name, organization = key_names(subject.key or "")
        return (
            self.keyed in (None, subject.key is not None)
            and (not self.credentials or (bool(name) and _matches(name, self.credentials)))
            and (
                not self.organizations
                or (bool(name) and _matches(organization, self.organizations))
            )
            and self._selects_model(subject.model or "")
        )

    def _selects_model(self, asked: str) -> bool:
        model = ALIASES.get(asked, asked)
        return (not self.models or _matches(model, self._whole_models())) and (
            not self.lines or line_of(model) in self.lines
        )

    def _whole_models(self) -> tuple[str, ...]:
        return tuple(ALIASES.get(model, model) for model in self.models)

    def share(self, elapsed: float, length: float) -> float:
        """The share that it strikes, `elapsed` seconds into a phase that is `length` long."""
        if self.flapping is not None and not self.flapping.there(elapsed):
            return 0.0
        if isinstance(self.probability, Ramp):
            return self.probability.at(elapsed / length)
        return self.probability


def _matches(text: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns)


class Phase(Closed):
    """A stretch of time in which the same faults are in force."""

    begins: Moment = Field(alias="from")
    """Its first moment."""
    until: Moment
    """The moment after its last."""
    waves: Waves | None = None
    """It comes again; `until` is the end of the first wave."""
    faults: tuple[FaultSpec, ...] = Field(min_length=1, max_length=100)
    """In order: the first that strikes decides, later ones that only add still do."""

    @model_validator(mode="after")
    def _runs_forward(self) -> Self:
        if self.until <= self.begins:
            msg = "until must come after from"
            raise ValueError(msg)
        if self.waves is not None and self.waves.every < self.length:
            msg = "a wave must be over before the next begins: every is shorter than the phase"
            raise ValueError(msg)
        return self

    @property
    def length(self) -> float:
        """How long it lasts, each time, in seconds."""
        return (self.until - self.begins).total_seconds()

    @property
    def last(self) -> datetime:
        """The moment after the last of its last wave."""
        if self.waves is None:
            return self.until
        return self.until + timedelta(seconds=self.waves.every * (self.waves.times - 1))

    def elapsed(self, at: datetime) -> float | None:
        """Seconds since it began, or since its newest wave did; None while it is not in force."""
        if self.waves is None:
            inside = self.begins <= at < self.until
            return (at - self.begins).total_seconds() if inside else None
        if not self.begins <= at < self.last:
            return None
        elapsed = (at - self.begins).total_seconds() % self.waves.every
        return elapsed if elapsed < self.length else None
