"""The lists of models that a reader must cope with, read over sockets by the daemon's reader."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from monitor import probes
from monitor.clock import Clock, ScaledClock, SystemClock
from monitor.core.models import MODELS_MAX, PAGES_MAX, ModelCatalog
from monitor.pipeline import Progress
from monitor.probes import LookupThreads, ModelList, UnreadableError, ask
from monitor.probes._claude import ClaudeSpec
from monitor.simulation._modellist import HUGE_MODELS
from monitor.simulation.models import ALIASES, CATALOGUE
from monitor.simulation.server import SimulatedClaude
from monitor.spec import Secret
from tests.simulation.worlds import KEY, KEYED, a_scenario, a_world, get, noon, post, struck

API = "https://api.anthropic.com"
ASKED = {"max_tokens": 16, "messages": [{"role": "user", "content": "Say OK."}]}
MODEL = "claude-haiku-5-5"
LISTS = ("empty", "huge", "endless", "bare", "strange", "changing", "cursor_gone")


async def read(fault: str, model: str = MODEL) -> ModelCatalog | str:
    """What the reader makes of the list while `fault` is in force; why not, where it cannot."""
    scenario = a_scenario(f"fault: {fault}, components: api")
    clock: Clock = ScaledClock(start=scenario.start, speed=100.0)
    server = SimulatedClaude(a_world(scenario), clock)
    lookups = LookupThreads(1)
    await server.start()
    base = f"{server.base_url}/api.anthropic.com"
    spec = ClaudeSpec.model_validate({"base_url": base, "name": "p", "kind": "x"})
    context = probes.context(SystemClock(), "test", lookups)
    reading = ModelList(spec, Secret(KEY), [model]).read()
    try:
        request = next(reading)
        while True:
            request = reading.send(await ask(request, context, Progress(), 30.0))
    except StopIteration as done:
        catalog: ModelCatalog = done.value
        return catalog
    except UnreadableError as error:
        return str(error)
    finally:
        lookups.shutdown(wait=False)
        await server.stop()


@dataclass(frozen=True, slots=True)
class Read:
    """What is read of a list.

    Attributes:
        count: models.
        complete: whether it is the whole list.
        line: of the model that is asked; None where the list does not say.
        thinks: whether it says which thinking that model takes.
    """

    count: int
    complete: bool
    line: str | None = "haiku"
    thinks: bool = True


READ: dict[str, Read | str] = {
    "models_empty": "the list of models is empty",
    "models_huge": Read(MODELS_MAX, complete=False),
    "models_endless": Read(5 * PAGES_MAX, complete=False, line=None, thinks=False),
    "models_bare": Read(len(CATALOGUE), complete=True, line=None, thinks=False),
    "models_strange": Read(len(CATALOGUE), complete=True, line="haiku-next"),
    "models_changing": Read(len(CATALOGUE), complete=True),
    "models_cursor_gone": "HTTP 400",
    f"model_retired, model: {MODEL}": Read(len(CATALOGUE), complete=True),
}


@pytest.mark.parametrize("fault", READ)
async def test_each_list_is_read_for_what_it_says_and_nothing_is_guessed(fault: str) -> None:
    expected, found = READ[fault], await read(fault)

    if isinstance(expected, str):
        assert found == expected
        return
    assert isinstance(found, ModelCatalog)
    asked = found.find(MODEL)
    assert (len(found.models), found.complete) == (expected.count, expected.complete)
    assert (asked and asked.line) == expected.line
    assert bool(asked and asked.thinking_types) is expected.thinks
    if fault.startswith("models_strange"):
        assert asked is not None
        assert (asked.created_at, asked.deprecated_at, asked.retires_at) == (None, None, None)
        assert asked.efforts is None
    if fault.startswith("model_retired"):
        assert asked is not None
        assert (asked.lifecycle, asked.retires_at) == ("retired", noon_at_midnight())


def noon_at_midnight() -> Any:
    """The beginning of the day on which the model is retired."""
    return noon(struck("fault: json_500, hosts: x")).replace(hour=0)


async def test_a_model_of_the_first_page_is_read_once_when_the_list_moves() -> None:
    found = await read("models_changing")

    assert isinstance(found, ModelCatalog)
    names = [model.id for model in found.models]
    assert len(set(names)) == len(names)
    assert "claude-newcomer-1" in names
    assert found.models[0].lifecycle == "active"


def shown(fault: str, path: str) -> dict[str, Any]:
    """The document at `path` while `fault` is in force."""
    world = struck(f"fault: {fault}, components: api")
    document = json.loads(world.answer(get(API + path, **KEYED), noon(world)).body)
    assert isinstance(document, dict)
    return document


def test_a_huge_list_keeps_to_the_pages_that_are_asked_for() -> None:
    first = shown("models_huge", "/v1/models?limit=1000")
    end = HUGE_MODELS - len(CATALOGUE) - 1
    last = shown("models_huge", f"/v1/models?limit=1000&after_id=claude-many-{end - 1}")

    assert (len(first["data"]), first["has_more"]) == (1000, True)
    assert (last["last_id"], last["has_more"]) == (f"claude-many-{end}", False)
    assert shown("models_huge", "/v1/models?after_id=claude-x")["type"] == "error"


def test_an_endless_list_begins_again_at_a_cursor_that_it_does_not_know() -> None:
    known = shown("models_endless", "/v1/models?after_id=claude-endless-4")
    unknown = shown("models_endless", "/v1/models?after_id=claude-3")

    assert known["data"][0]["id"] == "claude-endless-5"
    assert unknown["data"][0]["id"] == "claude-endless-0"


RETIRED = f"model_retired, model: {MODEL}"


def test_a_retired_model_leaves_the_list_of_what_answers_and_stands_in_that_of_the_retired() -> (
    None
):
    answering = shown(RETIRED, "/v1/models?limit=1000")
    retired = shown(RETIRED, "/v1/models?limit=1000&lifecycle=retired")
    alone = shown(RETIRED, f"/v1/models/{MODEL}")

    assert MODEL not in [model["id"] for model in answering["data"]]
    assert alone in retired["data"]
    assert alone["lifecycle"] == "retired"
    assert shown(RETIRED, "/v1/models/claude-opus-5-5")["lifecycle"] == "active"


@pytest.mark.parametrize(
    ("retired", "asked", "status"),
    [
        (MODEL, MODEL, 404),
        (MODEL, "claude-opus-5-5", 200),
        ("claude-haiku-4-5", next(iter(ALIASES.values())), 200),
        ("claude-haiku-4-5", "claude-haiku-4-5-20251001", 404),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5", 404),
    ],
)
@pytest.mark.parametrize("path", ["messages", "messages/count_tokens"])
def test_a_retired_model_answers_nobody(retired: str, asked: str, status: int, path: str) -> None:
    world = struck(f"fault: model_retired, model: {retired}, components: api")
    body = {name: value for name, value in ASKED.items() if path == "messages" or name[:3] != "max"}

    answer = world.answer(post(f"{API}/v1/{path}", {**body, "model": asked}), noon(world))

    assert answer.status == status
    if status == 404:
        error = json.loads(answer.body)["error"]
        assert error == {"type": "not_found_error", "message": f"model: {asked}"}


@pytest.mark.parametrize("name", LISTS)
def test_a_fault_of_the_list_leaves_everything_else_alone(name: str) -> None:
    world, calm = struck(f"fault: models_{name}, hosts: '*'"), a_world()
    requests = [
        get(f"{API}/v1/models"),
        get(f"{API}/v1/models/{MODEL}", **KEYED),
        get(f"{API}/api/hello"),
        get("https://claude.ai/"),
        post(f"{API}/v1/messages", {**ASKED, "model": MODEL}),
    ]

    for request in requests:
        assert world.answer(request, noon(world)) == calm.answer(request, noon(calm))


def test_a_retired_model_must_be_named() -> None:
    with pytest.raises(ValueError, match="model_retired needs a model"):
        struck("fault: model_retired, components: api")
    with pytest.raises(ValueError, match="did you mean 'claude-haiku-5-5'"):
        struck("fault: model_retired, components: api, model: claude-haiku-55")
