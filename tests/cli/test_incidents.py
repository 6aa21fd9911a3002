"""`incidents`: the list, one story, a close by hand."""

from __future__ import annotations

import asyncio
import io
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from monitor.cli import main
from monitor.cli.incidents import Asked, ask_to_close, print_list
from monitor.clock import SystemClock, VirtualClock
from monitor.config.load import load
from monitor.core.incident import (
    EventType,
    Happening,
    Impact,
    Incident,
    IncidentPhase,
    Interval,
    Note,
    ProviderNote,
    Reason,
    State,
    event_id,
)
from monitor.pipeline import Change, Posting
from monitor.storage.database import open_database
from monitor.storage.orders import OrderBook
from monitor.storage.store import Store
from tests.cli.giving import outcome, passed
from tests.factories import NOON, an_event, an_evidence, an_incident

CONFIG = """
components: {{api: {{title: Claude API}}}}
storage: {{url: "sqlite:///{url}"}}
probes:
  - {{name: one, kind: http, url: "https://a.example/1", components: [api], interval: 30s}}
  - {{name: two, kind: http, url: "https://a.example/2", components: [api], interval: 30s}}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A configuration whose store is `monitor.db` beside it."""
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.format(url=tmp_path / "monitor.db"))
    return str(path)


def stored(config: str, *incidents: Incident) -> None:
    """Store incidents, each with its opening and, where it is over, its close."""

    async def store() -> None:
        database = await open_database(load(Path(config), {}).storage.url)
        journal = Store(database, "local", VirtualClock())
        await journal.start()
        for incident in incidents:
            first = replace(incident, sequence=1, phase=IncidentPhase.OPEN)
            told = [an_event(EventType.OPENED, first, reason=Reason.FAST)]
            if incident.closed_at is not None:
                last = an_event(EventType.CLOSED, incident, id=event_id(incident.id, 2))
                told.append(replace(last, at=incident.closed_at, summary="over"))
            for event in told:
                journal.change(Change(postings=(Posting(event=event, envelopes=()),)))
        await journal.flush()
        await journal.stop()
        await database.close()

    asyncio.run(store())


def an_old_one(opened_at: datetime = NOON) -> Incident:
    """An incident that is over, with all that can be known of one."""
    started = opened_at - timedelta(seconds=50)
    ended = opened_at + timedelta(minutes=78)
    second = timedelta(seconds=5)
    note = Note(
        at=opened_at,
        what=Happening.OPENED,
        reason=Reason.FAST,
        sentence="fast: 9 of 12",
        component="api",
    )
    well = Impact(
        component="claude_code",
        state=State.OPERATIONAL,
        since=ended,
        worst=State.MAJOR_OUTAGE,
    )
    return an_incident(
        components=(*an_incident().components, well),
        timeline=(note,),
        opened_at=opened_at,
        phase=IncidentPhase.CLOSED,
        recovered_at=ended,
        closed_at=ended + timedelta(minutes=2),
        started_between=Interval(earliest=started - second, latest=started + second),
        recovered_between=Interval(earliest=ended - second, latest=ended + second),
        provider=ProviderNote(
            indicator="major",
            incident_url="https://status.example/1",
            posted_at=opened_at + timedelta(minutes=7),
            lead_seconds=420.0,
        ),
        reopens=2,
        sequence=2,
    )


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["incidents", *arguments]) == 0
    out = capsys.readouterr()
    assert out.err == ""
    return out.out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["incidents", *arguments]) == 2
    out = capsys.readouterr()
    assert out.out == ""
    assert len(out.err.splitlines()) == 1
    return out.err


# ---------------------------------------------------------------- list


def test_the_newest_incident_comes_first(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    old = an_old_one()
    new = an_incident("api", opened_at=NOON + timedelta(hours=3))
    stored(config, old, new)
    lines = shown(capsys, "--config", config).splitlines()
    assert lines[0].split()[:3] == ["ID", "SEVERITY", "STATE"]
    assert [line.split()[:3] for line in lines if line.startswith("local")] == [
        [new.id, "major", "open"],
        [old.id, "major", "closed"],
    ]
    assert "1 h 18 min" in "".join(lines)
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("width", [80, 120])
def test_the_list_names_whole_components_and_the_start_where_there_is_room(
    width: int,
) -> None:
    names = ("api", "claude_ai", "claude_code", "console", "cowork")
    out = Console(file=io.StringIO(), width=width)
    print_list([an_incident(*names)], NOON, out)
    assert isinstance(out.file, io.StringIO)
    text = out.file.getvalue()
    assert set(names) <= set(text.replace(",", " ").split())
    assert ("STARTED" in text) is ("04-28 " in text) is (width > 80)


def test_the_list_as_json_is_what_the_api_says(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stored(config, an_old_one(), an_old_one(NOON + timedelta(hours=3)))
    document = json.loads(shown(capsys, "--config", config, "--json", "--limit", "1"))
    (row,) = document["incidents"]
    assert document["vantage"] == "local"
    assert row["id"] == an_old_one(NOON + timedelta(hours=3)).id
    assert row["started_between"]["earliest"] < row["started_at"]
    assert row["duration_seconds"] == 78 * 60 + 50


def test_without_an_incident_the_list_says_so(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stored(config)
    assert shown(capsys, "--config", config) == "no incident is on record\n"


def test_another_store_is_read_with_the_same_config(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored(config, an_old_one())
    kept = (tmp_path / "monitor.db").rename(tmp_path / "kept.db")
    where = ("--config", config, "--store", str(kept))
    assert an_old_one().id in shown(capsys, *where)
    assert an_old_one().id in shown(capsys, "show", an_old_one().id, *where)
    assert an_old_one().id in shown(capsys, *where, "show", an_old_one().id)
    assert "has the daemon run" in refused(capsys, "--config", config)


def test_another_store_is_only_read(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    where = ("--config", config, "--store", "kept.db")
    said = refused(capsys, *where, "close", "any", "--reason", "over")
    assert said == "--store is only read: a daemon closes what is in its own store\n"


def test_a_path_that_a_database_url_cannot_name_is_refused(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, "--config", config, "--store", "/nowhere/a?b.db")
    assert said == "/nowhere/a?b.db: a database's path has no `?`\n"


@pytest.mark.parametrize("limit", ["0", "1001"])
def test_a_limit_out_of_bounds_is_refused(
    config: str, capsys: pytest.CaptureFixture[str], limit: str
) -> None:
    assert "--limit lies between 1 and 1000" in refused(
        capsys, "--config", config, "--limit", limit
    )


def test_without_a_store_every_action_says_what_to_do(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for action in (["show", "x"], ["close", "x", "--reason", "y"]):
        assert "has the daemon run" in refused(capsys, "--config", config, *action)
        assert "has the daemon run" in refused(capsys, *action, "--config", config)
    assert "has the daemon run" in refused(capsys, "--config", config)


# ---------------------------------------------------------------- show


def test_the_story_of_an_incident_fits_eighty_columns(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    incident = an_old_one()
    stored(config, incident)
    text = shown(capsys, "show", incident.id, "--config", config)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == incident.id
    flat = " ".join(text.split())
    for part in (
        "components api (partial_outage), claude_code (operational, at worst major_outage)",
        "impact 2026-04-28 11:59:10 to 2026-04-28 13:18:00, 1 h 18 min",
        "began between 11:59:05 and 11:59:15; ended between 13:17:55 and 13:18:05",
        "decided opened 12:00:00, 50 s after the start; closed 13:20:00; came back 2 times",
        "cause auth_error from the depth key on; gateway still worked",
        f"rule {incident.explanation}",
        "vendor posted 12:07:00, 7 min after our opening",
        "11:59:10 impact began the impact began, as estimated",
        "12:00:00 opened api: fast: 9 of 12",
        "12:00:00 told: opened Claude API: partial outage, valid keys are refused",
        "12:07:00 provider posted the vendor's page speaks of it: https://status.example/1",
        "13:20:00 told: closed over",
        "evidence: 9 of 12 runs bad in 1 min",
        "probe api_models 6 5 (83%)",
        "outcome auth_error 9 9 (100%)",
        "depth key 12 9 (75%)",
        "req_011CSHoEeqs5C35K2UUqR7Fy",
    ):
        assert part in flat


@pytest.mark.parametrize(
    ("note", "said"),
    [
        (None, None),
        (ProviderNote(indicator="none"), "vendor its page says none"),
        (ProviderNote(), "vendor its page says nothing"),
        (ProviderNote(posted_at=NOON), "vendor posted 12:00:00"),
        (ProviderNote(posted_at=NOON, lead_seconds=-90.0), "1 min 30 s before our opening"),
    ],
)
def test_what_the_vendor_says_is_told_as_far_as_it_is_known(
    config: str, capsys: pytest.CaptureFixture[str], note: ProviderNote | None, said: str | None
) -> None:
    incident = an_incident(provider=note, evidence=an_evidence(samples=()), deepest_good=None)
    stored(config, incident)
    flat = " ".join(shown(capsys, "show", incident.id, "--config", config).split())
    assert ("vendor" in flat) is (said is not None)
    assert said is None or said in flat
    assert "until now" in flat
    assert "samples" not in flat


def test_hostile_text_cannot_reach_the_terminal(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    incident = an_incident(explanation="\x1b[2J[bold]fast\u202e")
    stored(config, incident)
    text = shown(capsys, "show", incident.id, "--config", config)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[bold]fast" in text


def test_the_story_as_json_is_what_the_api_says(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    incident = an_old_one()
    stored(config, incident)
    document = json.loads(shown(capsys, "show", incident.id, "--json", "--config", config))
    assert document["id"] == incident.id
    assert [event["type"] for event in document["events"]] == [
        "incident.opened",
        "incident.closed",
    ]
    assert {line["what"] for line in document["story"]} >= {"impact_began", "impact_ended"}


def test_an_unknown_id_is_refused_with_the_newest_one(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stored(config)
    assert "no incident 'x' is on record\n" in refused(capsys, "show", "x", "--config", config)
    stored(config, an_old_one())
    said = refused(capsys, "show", "x", "--config", config)
    assert f"the newest is {an_old_one().id}" in said


# ---------------------------------------------------------------- close


def test_what_is_closed_already_is_not_closed_again(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stored(config, an_old_one())
    said = refused(capsys, "close", an_old_one().id, "--reason", "a drill", "--config", config)
    assert f"incident {an_old_one().id} is closed already" in said


@pytest.mark.parametrize("reason", ["", "  ", "x" * 301])
def test_a_close_needs_a_reason(
    config: str, capsys: pytest.CaptureFixture[str], reason: str
) -> None:
    stored(config, an_incident())
    said = refused(capsys, "close", an_incident().id, "--reason", reason, "--config", config)
    assert "--reason is a sentence" in said


@pytest.mark.parametrize(("ok", "status"), [(True, 0), (False, 1)])
def test_the_daemons_word_is_printed_and_decides_the_exit_code(
    config: str, capsys: pytest.CaptureFixture[str], *, ok: bool, status: int
) -> None:
    """The daemon is played by a task that takes the order and answers."""
    stored(config, an_incident())

    async def daemon() -> None:
        database = await open_database(load(Path(config), {}).storage.url)
        book, clock = OrderBook(database, "local"), SystemClock()
        while not (waiting := await book.waiting()):
            await clock.sleep(0.01)
        (order,) = waiting
        assert order.body == {"incident": an_incident().id, "reason": "a drill"}
        await book.take(order.id, clock.now())
        await book.done(order.id, "as you say", clock.now(), ok=ok)
        await database.close()

    async def both() -> int:
        arguments = ["incidents", "close", an_incident().id, "--reason", "a drill"]
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(daemon())
            return await asyncio.to_thread(main, [*arguments, "--config", config])

    assert asyncio.run(both()) == status
    assert capsys.readouterr().out == "as you say\n"


async def test_without_a_daemon_nothing_is_closed_and_that_is_said(
    config: str,
) -> None:
    await asyncio.to_thread(stored, config, an_incident())
    clock = VirtualClock()
    asked = Asked(incident=an_incident().id, reason="a drill", author="alice")
    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(outcome(ask_to_close(load(Path(config), {}), clock, asked)))
        await passed(clock, asking)
    assert "no daemon took the order" in str(asking.result())
