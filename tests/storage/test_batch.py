from __future__ import annotations

from datetime import timedelta

from monitor.core.effects import Rejudged
from monitor.core.incident import EventType, IncidentPhase
from monitor.core.outcome import Outcome
from monitor.pipeline import Change, Posting
from monitor.storage.batch import Batch
from monitor.storage.rows import run_row
from tests.factories import NOON, a_judged, a_verdict, an_event, an_incident


def test_nothing_waits_in_a_new_batch() -> None:
    assert not Batch()


def test_a_change_without_content_waits_too() -> None:
    batch = Batch()
    batch.add(Change(), NOON)
    assert batch


def test_of_each_incident_the_newest_version_is_kept() -> None:
    batch = Batch()
    incident = an_incident()
    closed = an_incident(phase=IncidentPhase.CLOSED, sequence=2)
    other = an_incident("console")
    batch.add(Change(incidents=(incident, other)), NOON)
    batch.add(Change(incidents=(closed,)), NOON)
    assert list(batch.incidents.values()) == [closed, other]


def test_an_incident_that_only_its_event_shows_is_kept() -> None:
    batch = Batch()
    event = an_event()
    batch.add(Change(postings=(Posting(event=event, envelopes=()),)), NOON)
    assert list(batch.incidents.values()) == [event.incident]


def test_the_version_that_the_change_names_wins_over_that_of_its_event() -> None:
    batch = Batch()
    newer = an_incident(sequence=3)
    posting = Posting(event=an_event(incident=an_incident(sequence=2)), envelopes=())
    batch.add(Change(incidents=(newer,), postings=(posting,)), NOON)
    assert list(batch.incidents.values()) == [newer]


def test_a_change_without_a_snapshot_leaves_the_last_one() -> None:
    batch = Batch()
    batch.add(Change(snapshot=b"one"), NOON)
    batch.add(Change(), NOON + timedelta(seconds=1))
    assert batch.snapshot == (NOON, b"one")


def test_a_later_batch_is_put_behind_an_earlier_one() -> None:
    earlier, later = Batch(last=2), Batch(last=5)
    opened, closed = an_event(), an_event(EventType.CLOSED, an_incident(sequence=2))
    first = Rejudged(run_ids=("1",), verdict=a_verdict(Outcome.AUTH_ERROR))
    second = Rejudged(run_ids=("1",), verdict=a_verdict(Outcome.OK))
    earlier.runs.append(run_row("local", a_judged(run_id="1")))
    later.runs.append(run_row("local", a_judged(run_id="2")))
    earlier.add(
        Change(rejudged=(first,), postings=(Posting(event=opened, envelopes=()),), snapshot=b"1"),
        NOON,
    )
    later.add(
        Change(rejudged=(second,), postings=(Posting(event=closed, envelopes=()),), snapshot=b"2"),
        NOON,
    )
    earlier.extend(later)
    assert [row[0] for row in earlier.runs] == ["1", "2"]
    assert earlier.rejudged == [first, second]
    assert [posting.event for posting in earlier.postings] == [opened, closed]
    assert list(earlier.incidents.values()) == [closed.incident]
    assert (earlier.snapshot, earlier.changes, earlier.last) == ((NOON, b"2"), 2, 5)


def test_a_later_batch_without_a_snapshot_takes_none_away() -> None:
    earlier, later = Batch(), Batch()
    earlier.add(Change(snapshot=b"1"), NOON)
    later.add(Change(), NOON)
    earlier.extend(later)
    assert earlier.snapshot == (NOON, b"1")


def test_shrinking_drops_the_oldest_runs_and_no_change() -> None:
    batch = Batch()
    batch.add(Change(), NOON)
    batch.runs.extend(run_row("local", a_judged(run_id=str(number))) for number in range(5))
    assert batch.shrink(2) == 3
    assert [row[0] for row in batch.runs] == ["3", "4"]
    assert batch.changes == 1
    assert batch.shrink(2) == 0
