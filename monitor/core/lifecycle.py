"""How long the models that probes ask still live, by the lists of models; pure facts.

A model may stand in several lists: one for each key and address that asks it. The first list that
knows it speaks. That it stands in none means something only where all of them could be read whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from monitor.core.models import ModelCatalog, ModelInfo
from monitor.core.plan import ProbePlan

RETIRED = "retired"
NOT_LISTED = "not_listed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStanding:
    """What the lists say of one model that probes ask.

    Attributes:
        model: as the config names it.
        probes: the enabled probes that ask it.
        listed: whether a list has it; None where no list could be read whole.
        line: its family; None where no list says.
        lifecycle: `active`, `deprecated` or `retired`; None where no list says.
        retires_at: when it is to be retired.
        successor: the newest active model of its line, if that is another one.
    """

    model: str
    probes: tuple[str, ...]
    listed: bool | None = None
    line: str | None = None
    lifecycle: str | None = None
    retires_at: datetime | None = None
    successor: str | None = None

    @property
    def gone(self) -> bool:
        """Whether it does not answer: only the lifecycle says so, never a date."""
        return self.lifecycle == RETIRED or self.listed is False

    @property
    def state(self) -> str | None:
        """Its lifecycle, or `not_listed`; None where nothing is known."""
        return NOT_LISTED if self.listed is False else self.lifecycle


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReport:
    """What the lists say of the configured models.

    Attributes:
        models: by name.
        unasked: lines with an active model that no enabled probe asks.
    """

    models: tuple[ModelStanding, ...] = ()
    unasked: tuple[str, ...] = ()

    def carried(self, before: ModelReport) -> ModelReport:
        """This report, with what the one `before` said of models that no list speaks of now."""
        earlier = {each.model: each for each in before.models if each.listed is not None}
        silent = all(each.listed is None for each in self.models)
        return ModelReport(
            models=tuple(
                replace(earlier[each.model], probes=each.probes)
                if each.listed is None and each.model in earlier
                else each
                for each in self.models
            ),
            unasked=self.unasked or (before.unasked if silent else ()),
        )

    def lines(self) -> dict[str, str]:
        """The line of each model that the lists give one."""
        return {each.model: each.line for each in self.models if each.line is not None}


NO_REPORT = ModelReport()
"""No list has been read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSource:
    """One list and the probes that ask the models in it; `catalog` is None before it was read."""

    probes: tuple[str, ...]
    catalog: ModelCatalog | None = None


def model_report(
    sources: Sequence[ModelSource], probes: Iterable[ProbePlan], guessed: dict[str, str]
) -> ModelReport:
    """What the lists say of the models of the enabled ones among `probes`.

    `guessed` has the line of models that no list knows, for the successor and for who is asked.
    """
    asked: dict[str, list[str]] = {}
    for probe in probes:
        if probe.enabled and probe.model is not None:
            asked.setdefault(probe.model, []).append(probe.name)
    known = [source.catalog for source in sources if source.catalog is not None]
    found = {
        model: _standing(model, names, sources, guessed.get(model))
        for model, names in sorted(asked.items())
    }
    covered = {each.line or guessed.get(each.model) for each in found.values()}
    lines = dict.fromkeys(line for catalog in known for line in catalog.lines())
    return ModelReport(
        models=tuple(found.values()),
        unasked=tuple(line for line in lines if line not in covered),
    )


def _standing(
    model: str, names: Sequence[str], sources: Sequence[ModelSource], guess: str | None
) -> ModelStanding:
    asking = [source for source in sources if set(names) & set(source.probes)]
    catalogs = [source.catalog for source in asking if source.catalog is not None]
    info = next((found for each in catalogs if (found := each.find(model)) is not None), None)
    if info is None:
        whole = len(catalogs) == len(asking) > 0 and all(each.complete for each in catalogs)
        later = next((best for each in catalogs if (best := each.newest(guess))), None)
        return ModelStanding(
            model=model,
            probes=tuple(names),
            listed=False if whole else None,
            successor=later.id if later else None,
        )
    later = next((best for each in catalogs if (best := each.newest(info.line))), None)
    return ModelStanding(
        model=model,
        probes=tuple(names),
        listed=True,
        line=info.line,
        lifecycle=info.lifecycle,
        retires_at=None if info.lifecycle == "active" else info.retires_at,
        successor=_other(later, info),
    )


def _other(later: ModelInfo | None, info: ModelInfo) -> str | None:
    return None if later is None or later.id == info.id else later.id
