"""Which of the vendor's incidents fits one of ours, and what is noted of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.core.incident import Incident, IncidentPhase, ProviderNote, State
from monitor.core.provider import (
    FRESH_FOR,
    NOTES_MAX,
    ProviderBook,
    ProviderReport,
    VendorIncident,
    VendorMaintenance,
    VendorUpdate,
    fitting,
    speaks_of_keys,
    windows_of,
)
from tests.core.vendorpage import a_report, minutes, saying_auth, theirs
from tests.factories import NOON, an_incident

# ---------------------------------------------------------------- ours and theirs


def ours(*components: str, closed: float | None = None) -> Incident:
    """An incident of ours: the impact began at noon, it was decided a minute later."""
    incident = an_incident(*components or ("api",), opened_at=minutes(1), started_at=NOON)
    if closed is None:
        return incident
    return replace(incident, phase=IncidentPhase.CLOSED, closed_at=minutes(closed))


@pytest.mark.parametrize(
    ("posted", "closed", "fits"),
    [
        (-31, None, False),
        (-30, None, True),
        (8, None, True),
        (600, None, True),
        (40, 10, True),
        (41, 10, False),
    ],
    ids=[
        "posted long before",
        "half an hour before the impact",
        "minutes after",
        "hours after, while ours lasts",
        "half an hour after the close",
        "later than that",
    ],
)
def test_the_time_in_which_a_post_fits(posted: float, closed: float | None, *, fits: bool) -> None:
    report = a_report(theirs(posted, "api"))
    assert (fitting(ours(closed=closed), report) is not None) is fits


@pytest.mark.parametrize(
    ("incidents", "expected"),
    [
        ([theirs(2, "console", id="other")], None),
        ([theirs(2, id="nameless")], "nameless"),
        ([theirs(2, id="nameless"), theirs(25, "api", id="named")], "named"),
        ([theirs(2, "console", id="other"), theirs(9, id="nameless")], "nameless"),
        ([theirs(20, "api", id="far"), theirs(5, "api", "cowork", id="near")], "near"),
        ([theirs(-6, "api", id="before"), theirs(9, "api", id="after")], "before"),
        ([], None),
    ],
    ids=[
        "another component",
        "no component named: time alone",
        "a named one wins over a nearer nameless one",
        "a nameless one where the named is another",
        "the nearest to our opening",
        "nearest counts both ways",
        "nothing posted",
    ],
)
def test_which_one_fits(incidents: list[VendorIncident], expected: str | None) -> None:
    found = fitting(ours(), a_report(*incidents))
    assert (None if found is None else found.id) == expected


# ---------------------------------------------------------------- notes


def heard(*reports: ProviderReport, incident: Incident | None = None) -> Incident:
    """Our incident after these reports, each read at its own time."""
    book, subject = ProviderBook(), incident or ours()
    for report in reports:
        book.hear(report, [book.shown(subject)], report.read_at or NOON)
    return book.shown(subject)


def test_the_lead_is_positive_when_we_were_first() -> None:
    note = heard(a_report(theirs(8, "api"))).provider
    assert note == ProviderNote(
        indicator="major",
        incident_url="https://status.claude.com/incidents/9l93x2ht4s5w",
        posted_at=minutes(8),
        lead_seconds=420.0,
    )


def test_the_lead_is_negative_when_the_vendor_was_first() -> None:
    note = heard(a_report(theirs(-4, "api"))).provider
    assert note is not None
    assert note.lead_seconds == -300.0


def test_without_a_post_that_fits_only_the_indicator_is_noted() -> None:
    assert heard(a_report()).provider == ProviderNote(indicator="none")


def test_an_incident_that_opens_after_a_reading_gets_what_was_read() -> None:
    book = ProviderBook()
    assert book.hear(a_report(theirs(-1, "api")), [], NOON) == ()
    note = book.noted(ours(), minutes(1)).provider
    assert note is not None
    assert note.posted_at == minutes(-1)


def test_what_was_found_once_stays_though_the_page_forgets_it() -> None:
    note = heard(a_report(theirs(8, "api")), a_report(read=10)).provider
    assert note is not None
    assert (note.indicator, note.lead_seconds) == ("none", 420.0)


def test_nothing_is_noted_before_the_page_was_read_nor_from_an_old_reading() -> None:
    book = ProviderBook()
    assert book.noted(ours(), NOON).provider is None
    book.hear(a_report(theirs(0, "api")), [], NOON)
    late = NOON + FRESH_FOR + timedelta(seconds=1)
    assert book.noted(ours("cowork"), late).provider is None


def test_a_failed_reading_changes_nothing_but_the_error() -> None:
    book = ProviderBook()
    book.hear(ProviderReport(error="HTTP 405"), [ours()], NOON)
    assert book.report == ProviderReport(error="HTTP 405")
    read = a_report(theirs(0, "api"))
    book.hear(read, [], NOON)
    assert book.hear(ProviderReport(error="HTTP 403"), [ours()], minutes(2)) == ()
    assert book.report == replace(read, error="HTTP 403")
    book.hear(read, [], minutes(4))
    assert book.report.error is None


def test_an_incident_is_told_of_again_only_when_something_is_new() -> None:
    book, report = ProviderBook(), a_report(theirs(8, "api"))
    (noted,) = book.hear(report, [ours()], minutes(9))
    assert book.hear(report, [noted], minutes(11)) == ()


def test_a_post_after_our_close_is_noted_for_half_an_hour() -> None:
    book = ProviderBook()
    book.hear(a_report(), [], minutes(5))
    closed = book.noted(ours(closed=6), minutes(6))
    assert closed.provider == ProviderNote(indicator="none")
    posted = a_report(theirs(20, "api"), read=21)
    (noted,) = book.hear(posted, [], minutes(21))
    assert noted.provider is not None
    assert (noted.provider.indicator, noted.provider.lead_seconds) == ("none", 19 * 60.0)
    assert book.hear(posted, [], minutes(23)) == ()
    assert book.hear(a_report(theirs(35, "api"), read=40), [], minutes(40)) == ()


def test_how_the_page_stood_at_the_close_stays_on_the_incident() -> None:
    book = ProviderBook()
    book.hear(a_report(theirs(2, "api")), [ours()], minutes(3))
    closed = book.noted(ours(closed=6), minutes(6))
    assert book.hear(a_report(read=10), [], minutes(10)) == ()
    assert closed.provider is not None
    assert closed.provider.indicator == "major"


def test_a_closed_incident_without_a_reading_gets_its_note_later() -> None:
    book = ProviderBook()
    assert book.noted(ours(closed=6), minutes(6)).provider is None
    (noted,) = book.hear(a_report(read=7), [], minutes(7))
    assert noted.provider == ProviderNote(indicator="none")


def test_an_incident_that_reopens_is_not_kept_as_a_closed_one() -> None:
    book = ProviderBook()
    book.noted(ours(closed=6), minutes(6))
    book.noted(ours(), minutes(8))
    assert book.hear(a_report(read=9), [], minutes(9)) == ()


def test_a_note_on_record_survives_a_page_that_says_nothing_new() -> None:
    stored = replace(ours(), provider=ProviderNote(indicator="major", posted_at=minutes(3)))
    assert heard(a_report(), incident=stored).provider == ProviderNote(
        indicator="none", posted_at=minutes(3)
    )


def test_notes_survive_a_restart() -> None:
    book = ProviderBook()
    book.hear(a_report(theirs(8, "api")), [ours()], minutes(9))
    after = ProviderBook()
    after.restore(book.snapshot())
    assert after.shown(ours()) == book.shown(ours())
    assert after.report is None


def test_notes_are_bounded() -> None:
    book = ProviderBook()
    book.hear(a_report(), [], NOON)
    for number in range(NOTES_MAX + 5):
        book.noted(replace(ours(), id=f"i{number}"), NOON)
    assert len(book.snapshot()) == NOTES_MAX
    assert "i4" not in book.snapshot()


def test_components_that_an_earlier_reading_knew_are_remembered() -> None:
    book = ProviderBook()
    book.hear(a_report(theirs(0, "api")), [], NOON)
    book.hear(a_report(theirs(0, impact=None), theirs(1, id="new", impact=None)), [], minutes(2))
    assert book.report is not None
    first, second = book.report.incidents
    assert (first.components, first.impact) == (("api",), "major")
    assert (second.components, second.impact) == ((), None)


# ---------------------------------------------------------------- states, keys, maintenance


def test_the_word_on_a_component_ages() -> None:
    report = a_report(components=(("api", State.PARTIAL_OUTAGE),))
    assert report.state_of("api", NOON + FRESH_FOR) is State.PARTIAL_OUTAGE
    assert report.state_of("console", NOON) is State.UNKNOWN
    assert report.state_of("api", NOON + FRESH_FOR + timedelta(seconds=1)) is State.UNKNOWN
    assert ProviderReport().state_of("api", NOON) is State.UNKNOWN


@pytest.mark.parametrize(
    ("incident", "expected"),
    [
        (saying_auth("api"), {"api"}),
        (saying_auth(), {"api", "console"}),
        (theirs(0, "api", title="Users receive 401 errors"), {"api"}),
        (theirs(0, "api", title="Unauthorized: API keys are refused"), {"api"}),
        (theirs(0, "api", title="Elevated errors, 4012 of them"), set()),
        (theirs(0, "api", title="Elevated errors on the API"), set()),
        (replace(saying_auth("api"), status="resolved"), set()),
        (replace(saying_auth("api"), status="monitoring"), {"api"}),
    ],
)
def test_when_the_page_speaks_of_authentication(
    incident: VendorIncident, expected: set[str]
) -> None:
    assert speaks_of_keys(a_report(incident), ("api", "console")) == expected


def test_any_post_of_an_open_incident_may_say_it() -> None:
    said = VendorUpdate(at=None, status="identified", text="Authentication fails")
    latest = VendorUpdate(at=None, status="identified", text="We go on.")
    incident = theirs(0, "api", updates=(latest, said))
    assert speaks_of_keys(a_report(incident), ("api",)) == {"api"}


def work(hours: float, *components: str, status: str = "scheduled") -> VendorMaintenance:
    ends = minutes(60 * hours)
    title = "Database upgrade"
    return VendorMaintenance(
        id="m1", title=title, status=status, starts=NOON, ends=ends, components=components
    )


def test_announced_maintenance_becomes_a_window() -> None:
    (window,) = windows_of(a_report(maintenances=(work(1, "api"),)))
    assert window.covers("api", NOON)
    assert not window.covers("console", NOON)
    assert not window.covers("api", minutes(60))
    assert window.reason == "the vendor's maintenance: Database upgrade"


@pytest.mark.parametrize(
    "planned",
    [work(1), work(25, "api"), work(0, "api"), work(-1, "api"), work(1, "api", status="completed")],
    ids=["of no component", "for ever", "of no length", "backwards", "over already"],
)
def test_what_would_hide_too_much_is_not_honoured(planned: VendorMaintenance) -> None:
    assert windows_of(a_report(maintenances=(planned,))) == ()
