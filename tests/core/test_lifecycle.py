from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitor.core.codec import from_plain, to_plain
from monitor.core.effects import Announce, Judged
from monitor.core.engine import Engine
from monitor.core.family import members
from monitor.core.incident import Event, Reason
from monitor.core.lifecycle import ModelReport, ModelSource, ModelStanding, model_report
from monitor.core.models import ModelCatalog, ModelInfo
from monitor.core.observation import Answer
from monitor.core.outcome import Depth, Outcome, Verdict
from monitor.core.policy import Policy
from monitor.core.words import model_gone_sentence
from tests.core.timeline import a_run, keyed, moment, plan_of
from tests.factories import NOON

PLAN = plan_of(
    keyed("h1", Depth.INFERENCE, model="haiku-old"),
    keyed("h2", Depth.INFERENCE, model="haiku-old"),
    keyed("s", Depth.INFERENCE, model="sonnet-now"),
    keyed("key"),
)


def a_model(ident: str, line: str | None, **more: Any) -> ModelInfo:
    return ModelInfo(id=ident, display_name=ident, line=line, **{"lifecycle": "active", **more})


OLD = a_model("haiku-old", "haiku", lifecycle="deprecated", retires_at=NOON + timedelta(days=40))
NEW = a_model("haiku-new", "haiku", created_at=datetime(2026, 3, 1, tzinfo=UTC))
SONNET = a_model("sonnet-now", "sonnet", retires_at=NOON)
FABLE = a_model("fable-now", "fable")


def report(*models: ModelInfo, complete: bool = True, read: bool = True) -> ModelReport:
    catalog = ModelCatalog(models=models, complete=complete) if read else None
    sources = [ModelSource(probes=("h1", "h2", "s"), catalog=catalog)]
    return model_report(sources, PLAN.probes, {"haiku-old": "haiku", "sonnet-now": "sonnet"})


def of(report: ModelReport, model: str) -> ModelStanding:
    return next(each for each in report.models if each.model == model)


def test_a_deprecated_model_is_told_with_its_date_its_probes_and_its_successor() -> None:
    told = report(NEW, OLD, SONNET, FABLE)

    assert of(told, "haiku-old") == ModelStanding(
        model="haiku-old",
        probes=("h1", "h2"),
        listed=True,
        line="haiku",
        lifecycle="deprecated",
        retires_at=NOON + timedelta(days=40),
        successor="haiku-new",
    )
    assert told.unasked == ("fable",)
    assert of(told, "sonnet-now").successor is None
    assert of(told, "sonnet-now").retires_at is None, "an active model has no date"


def test_a_model_in_no_whole_list_is_not_listed_and_its_family_is_guessed() -> None:
    gone = of(report(NEW, SONNET), "haiku-old")

    assert (gone.listed, gone.gone, gone.successor) == (False, True, "haiku-new")
    assert of(report(FABLE), "haiku-old").successor is None


@pytest.mark.parametrize(("complete", "read"), [(False, True), (True, False)])
def test_a_list_that_is_not_whole_says_nothing_of_what_is_not_in_it(
    *, complete: bool, read: bool
) -> None:
    standing = of(report(SONNET, complete=complete, read=read), "haiku-old")

    assert (standing.listed, standing.gone) == (None, False)


def test_what_was_known_stays_known_while_no_list_can_be_read() -> None:
    before = report(NEW, OLD, SONNET, FABLE)

    after = report(read=False).carried(before)
    partly = report(SONNET, complete=False).carried(before)

    assert after == before
    assert of(partly, "haiku-old") == of(before, "haiku-old")
    assert partly.unasked == ()


def test_a_report_survives_being_stored() -> None:
    told = report(NEW, OLD, SONNET, FABLE)

    assert from_plain(ModelReport, to_plain(told)) == told


# ------------------------------------------------------------------ what is said


class Told:
    """An engine, and what it says of models day after day; it is restarted each time."""

    def __init__(self) -> None:
        self.engine = Engine(PLAN, Policy())

    def at(self, days: float, *models: ModelInfo, **how: bool) -> list[Event]:
        now = moment(days * 86_400)
        restarted = Engine(PLAN, Policy())
        restarted.restore(self.engine.snapshot(now), now)
        self.engine = restarted
        effects = restarted.models(report(*models, **how), now)
        assert all(isinstance(effect, Announce) for effect in effects)
        return [effect.event for effect in effects if isinstance(effect, Announce)]


def test_a_retirement_is_said_thirty_and_seven_days_before_and_once_when_it_is_there() -> None:
    told, models = Told(), (NEW, OLD, SONNET)
    retired = a_model("haiku-old", "haiku", lifecycle="retired")

    assert told.at(9, *models) == []
    (thirty,) = told.at(10.5, *models)
    assert told.at(11, *models) == []
    assert told.at(20, read=False) == []
    (seven,) = told.at(33.5, read=False)
    assert told.at(34, *models) == []
    assert told.at(41, *models) == [], "overdue is not gone"
    (gone,) = told.at(42, NEW, retired, SONNET)
    assert told.at(43, NEW, retired, SONNET) == []

    assert (thirty.reason, seven.reason, gone.reason) == (
        Reason.MODEL_RETIRES,
        Reason.MODEL_RETIRES,
        Reason.MODEL_RETIRED,
    )
    assert thirty.subject == "model/haiku-old"
    assert thirty.summary == (
        "Model haiku-old is to be retired on 2026-06-07 (in 29 days): "
        "put haiku-new in its place in h1, h2."
    )
    assert gone.summary == "Model haiku-old is retired: put haiku-new in its place in h1, h2."


def test_a_model_that_is_overdue_when_it_is_first_seen_still_answers() -> None:
    (event,) = Told().at(50, OLD, SONNET)

    assert event.summary == (
        "Model haiku-old was to be retired on 2026-06-07 and still answers: "
        "put another model in its place in h1, h2."
    )


def test_a_model_that_is_not_in_the_list_is_said_once_and_again_after_it_was_there() -> None:
    told = Told()

    (event,) = told.at(0, NEW, SONNET)
    assert told.at(1, NEW, SONNET) == []
    assert told.at(2, NEW, a_model("haiku-old", "haiku"), SONNET) == []
    assert len(told.at(3, NEW, SONNET)) == 1

    assert event.reason is Reason.MODEL_NOT_LISTED
    assert event.summary.startswith("Model haiku-old is not in the list of models: put haiku-new")


def test_many_probes_of_a_model_are_counted() -> None:
    many = ModelStanding(model="m", probes=("a", "b", "c", "d", "e"), listed=False)

    assert "in a, b, c, d and 1 more." in model_gone_sentence(many)[0]


def test_the_lines_of_the_list_reach_the_detectors_and_the_page() -> None:
    engine = Engine(PLAN, Policy())
    renamed = a_model("haiku-old", "saga")

    engine.models(report(renamed, SONNET), moment(0))
    restarted = Engine(PLAN, Policy())
    restarted.restore(engine.snapshot(moment(1)), moment(1))

    lines = restarted.status(moment(1)).models.lines()
    assert lines == {"haiku-old": "saga", "sonnet-now": "sonnet"}
    found = members(PLAN.probes, "saga", lines)
    assert [probe.name for probe in found] == ["h1", "h2"]


@pytest.mark.parametrize(("status", "said"), [(404, 0), (400, 1)])
def test_a_model_that_is_gone_is_not_said_again_by_each_of_its_probes(
    status: int, said: int
) -> None:
    engine = Engine(PLAN, Policy())
    engine.models(report(NEW, SONNET), moment(0))
    run = replace(a_run("h1", 1.0), answer=Answer(status=status, vendor=True))
    verdict = Verdict(outcome=Outcome.CLIENT_ERROR, reason="no such model")

    effects = engine.take(Judged(observation=run, verdict=verdict), moment(2.0))

    assert sum(isinstance(effect, Announce) for effect in effects) == said


@pytest.mark.parametrize(
    ("listed", "lifecycle", "state"),
    [
        (True, "active", "active"),
        (True, "retired", "retired"),
        (True, None, None),
        (False, None, "not_listed"),
        (None, None, None),
    ],
)
def test_the_state_of_a_model_is_its_lifecycle_or_that_no_list_has_it(
    listed: bool | None,  # noqa: FBT001  # a case
    lifecycle: str | None,
    state: str | None,
) -> None:
    standing = ModelStanding(model="m", probes=(), listed=listed, lifecycle=lifecycle)
    assert standing.state == state
