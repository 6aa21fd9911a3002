"""Reads the documents of a Statuspage: `summary.json` and the Atom history. Pure and tolerant.

Shapes and their oddities are those of the vendor's page as captured in 2026: updates stand newest
first and get edited; lists may be null; a component that is listed in an incident need not be
affected; `started_at` is when it was posted; names change, so components are matched by id and only
then by name. The feed knows no component states: with nothing open all are operational, else they
are unknown, and only JSON can say more.

Everything is text from outside: cleaned, cut and counted here, so that its readers need not.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeGuard
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element  # the type alone; who parses defends itself

from monitor.core.answer import clean
from monitor.core.incident import State
from monitor.core.plan import ComponentPlan
from monitor.core.provider import ProviderReport, VendorIncident, VendorMaintenance, VendorUpdate

INCIDENTS_MAX = 50
UPDATES_MAX = 20
COMPONENTS_MAX = 100
MAINTENANCES_MAX = 20
UNKNOWN_MAX = 20
CONTENT_CHARS_MAX = 65_536
TITLE_CHARS_MAX = 200
TEXT_CHARS_MAX = 500
WORD_CHARS_MAX = 40
URL_CHARS_MAX = 300

INDICATORS = ("none", "minor", "major", "critical", "maintenance")

_ATOM = "{http://www.w3.org/2005/Atom}"
_PARTS = ("components", "incidents", "status", "scheduled_maintenances")
_STATES = {state.value: state for state in State if state is not State.UNKNOWN}
_PLANNED = frozenset({"scheduled", "in progress", "verifying", "completed"})
_AFFECTED = re.compile(
    r"(?:this incident affected|affected components?) ?: ?(.{1,400})", re.IGNORECASE
)
_TAG = re.compile(r"(<[^<>]{0,200}>)")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_SHORT_TIME = re.compile(r"([A-Z][a-z]{2}) (\d{1,2}), (\d{2}):(\d{2}) UTC")


class Names:
    """Which of our components the vendor means: by id, then by name."""

    def __init__(self, components: Iterable[ComponentPlan]) -> None:
        """Ids and titles as configured."""
        plans = tuple(components)
        self.all = tuple(plan.name for plan in plans)
        self._ids = {plan.statuspage_id: plan.name for plan in plans if plan.statuspage_id}
        self._titles = {plan.title.lower(): plan.name for plan in plans}

    def of(self, ident: object, name: object) -> str | None:
        """Our component with that id on the page or, failing that, of that name."""
        if isinstance(ident, str) and ident in self._ids:
            return self._ids[ident]
        if not isinstance(name, str):
            return None
        # The page writes `Claude API (api.anthropic.com)`.
        return self._titles.get(name.partition(" (")[0].strip().lower())

    def knows(self, ident: object) -> bool:
        """Whether a component is configured with that id."""
        return ident in self._ids


# ------------------------------------------------------------------ summary.json


def from_summary(
    document: Mapping[str, object], names: Names, read_at: datetime
) -> ProviderReport | None:
    """What a JSON document of the page says; None when it is none of a Statuspage."""
    if not _is_object(document.get("page")) or not any(part in document for part in _PARTS):
        return None
    base = _url(_of(document, "page").get("url"))
    indicator = _of(document, "status").get("indicator")
    states, unknown = _component_states(_rows(document, "components", COMPONENTS_MAX), names)
    incidents = [
        incident
        for row in _rows(document, "incidents", INCIDENTS_MAX)
        if (incident := _incident(row, names, base)) is not None
    ]
    planned = [
        work
        for row in _rows(document, "scheduled_maintenances", MAINTENANCES_MAX)
        if (work := _maintenance(row, names)) is not None
    ]
    return ProviderReport(
        read_at=read_at,
        indicator=indicator if isinstance(indicator, str) and indicator in INDICATORS else None,
        components=tuple((name, states.get(name, State.UNKNOWN)) for name in names.all),
        incidents=_newest_first(incidents),
        maintenances=tuple(planned),
        unknown_ids=unknown,
    )


def _component_states(
    rows: Sequence[Mapping[str, object]], names: Names
) -> tuple[dict[str, State], tuple[str, ...]]:
    states: dict[str, State] = {}
    unknown: list[str] = []
    # Matches by id come last, so that they win over a component that has only the name.
    for row in sorted(rows, key=lambda row: names.knows(row.get("id"))):
        if row.get("group") is True:
            continue
        ident, title = row.get("id"), row.get("name")
        name = names.of(ident, title)
        if name is not None:
            states[name] = _STATES.get(str(row.get("status")), State.UNKNOWN)
        if not names.knows(ident):
            unknown.append(f"{_word(ident)} ({_text(title, WORD_CHARS_MAX)})")
    return states, tuple(unknown[:UNKNOWN_MAX])


def _incident(row: Mapping[str, object], names: Names, base: str | None) -> VendorIncident | None:
    posted = _time(row.get("created_at")) or _time(row.get("started_at"))
    ident = _word(row.get("id"))
    if posted is None or not ident:
        return None
    updates = _rows(row, "incident_updates", UPDATES_MAX)
    link = f"{base.rstrip('/')}/incidents/{ident}" if base and ident.isalnum() else None
    impact = _word(row.get("impact"))
    return VendorIncident(
        id=ident,
        title=_text(row.get("name"), TITLE_CHARS_MAX),
        url=link or _url(row.get("shortlink")),
        status=_word(row.get("status")),
        impact=impact if impact in INDICATORS else None,
        posted_at=posted,
        updated_at=_time(row.get("updated_at")) or posted,
        components=_affected(row, updates, names),
        updates=tuple(
            VendorUpdate(
                at=_time(update.get("created_at")),
                status=_word(update.get("status")),
                text=_text(update.get("body"), TEXT_CHARS_MAX),
            )
            for update in updates
        ),
    )


def _affected(
    row: Mapping[str, object], updates: Sequence[Mapping[str, object]], names: Names
) -> tuple[str, ...]:
    """The components that an update calls not operational; where none does, those listed."""
    listed: dict[str, bool] = {}
    for each in _rows(row, "components", COMPONENTS_MAX):
        _list(listed, names.of(each.get("id"), each.get("name")), each.get("status"))
    for update in updates:
        for each in _rows(update, "affected_components", COMPONENTS_MAX):
            _list(listed, names.of(each.get("code"), each.get("name")), each.get("new_status"))
    hit = {name for name, bad in listed.items() if bad} or set(listed)
    return tuple(name for name in names.all if name in hit)


def _list(listed: dict[str, bool], name: str | None, status: object) -> None:
    if name is not None:
        bad = isinstance(status, str) and status in _STATES and status != State.OPERATIONAL
        listed[name] = listed.get(name, False) or bad


def _maintenance(row: Mapping[str, object], names: Names) -> VendorMaintenance | None:
    starts, ends = _time(row.get("scheduled_for")), _time(row.get("scheduled_until"))
    if starts is None or ends is None or not _word(row.get("id")):
        return None
    named = {
        names.of(each.get("id"), each.get("name"))
        for each in _rows(row, "components", COMPONENTS_MAX)
    }
    return VendorMaintenance(
        id=_word(row.get("id")),
        title=_text(row.get("name"), TITLE_CHARS_MAX),
        status=_word(row.get("status")),
        starts=starts,
        ends=ends,
        components=tuple(name for name in names.all if name in named),
    )


# ------------------------------------------------------------------ history.atom


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """What a feed says, and whether something is open of which only JSON can say more."""

    report: ProviderReport
    calm: bool


def from_feed(root: Element, names: Names, read_at: datetime) -> Feed | None:
    """What the Atom history says; None when `root` is no Atom feed."""
    if root.tag != f"{_ATOM}feed":
        return None
    incidents: list[VendorIncident] = []
    calm = True
    for entry in root.findall(f"{_ATOM}entry")[:INCIDENTS_MAX]:
        incident = _entry(entry, names)
        if incident is None:
            continue
        calm = calm and incident.is_over
        # Planned work stands in the feed like an incident; without times it is only a hint.
        if incident.status not in _PLANNED:
            incidents.append(incident)
    state = State.OPERATIONAL if calm else State.UNKNOWN
    report = ProviderReport(
        read_at=read_at,
        indicator="none" if calm else None,
        components=tuple((name, state) for name in names.all),
        incidents=_newest_first(incidents),
    )
    return Feed(report=report, calm=calm)


def completed(feed: ProviderReport, summary: ProviderReport) -> ProviderReport:
    """The feed with what only JSON knows: states, planned work, and more on what is open."""
    more = {incident.id: incident for incident in summary.incidents}
    ours = [more.pop(incident.id, incident) for incident in feed.incidents]
    return replace(summary, incidents=_newest_first([*ours, *more.values()]))


def _entry(entry: Element, names: Names) -> VendorIncident | None:
    updated = _time(entry.findtext(f"{_ATOM}updated"))
    posted = _time(entry.findtext(f"{_ATOM}published")) or updated
    link = entry.find(f"{_ATOM}link")
    url = _url(link.get("href") if link is not None else None)
    tail = (url or entry.findtext(f"{_ATOM}id") or "").rstrip("/").rpartition("/")[2]
    if posted is None or not _word(tail):
        return None
    content = entry.find(f"{_ATOM}content")
    source = "" if content is None else "".join(content.itertext())[:CONTENT_CHARS_MAX]
    posts = tuple(_posts(source, updated or posted))
    return VendorIncident(
        id=_word(tail),
        title=_text(entry.findtext(f"{_ATOM}title"), TITLE_CHARS_MAX),
        url=url,
        status=_status(posts),
        impact=None,
        posted_at=posted,
        updated_at=updated or posted,
        components=_named(source, names),
        updates=posts[:UPDATES_MAX],
    )


def _status(posts: Sequence[VendorUpdate]) -> str:
    """That of the newest post; a plain `update` leaves it as it was."""
    telling = [post for post in posts if post.status != "update"]
    dated = [post for post in telling if post.at is not None]
    if dated and len(dated) == len(telling):
        # Of two posts at one time the first stands: the page writes the newest first.
        return max(dated, key=lambda post: post.at or datetime.min.replace(tzinfo=UTC)).status
    return telling[0].status if telling else "unknown"


def _posts(source: str, last: datetime) -> Iterator[VendorUpdate]:
    """The posts in an entry's HTML: a paragraph each, time in `small`, status in `strong`."""
    for paragraph in _paragraphs(source):
        status = _word("".join(paragraph["strong"]))
        if not status:
            continue
        if status.startswith("this is a scheduled event"):
            status = "scheduled"
        text = "".join(paragraph[""]).strip().removeprefix("-")
        when = _text("".join(paragraph["small"]), WORD_CHARS_MAX)
        at = _time(when) or _short_time(when, last)
        yield VendorUpdate(at=at, status=status, text=_text(text, TEXT_CHARS_MAX))


def _paragraphs(source: str) -> Iterator[dict[str, list[str]]]:
    """Each paragraph's texts by where they stand: in `small`, in `strong`, or in neither."""
    found: dict[str, list[str]] = {"small": [], "strong": [], "": []}
    place = ""
    for piece in _TAG.split(source):
        tag = re.match(r"<(/?)(p|small|strong)\b", piece, re.IGNORECASE)
        if tag is None:
            if not piece.startswith("<"):
                found[place].append(html.unescape(piece))
        elif tag[2].lower() == "p":
            yield found
            found, place = {"small": [], "strong": [], "": []}, ""
        else:
            place = "" if tag[1] else tag[2].lower()
    yield found


def _named(source: str, names: Names) -> tuple[str, ...]:
    """The components that an entry names as affected."""
    plain = html.unescape(_TAG.sub(" ", source))
    found = _AFFECTED.search(" ".join(plain.split()))
    if found is None:
        return ()
    hit = {names.of(None, name.strip(" .")) for name in found[1].split(",")}
    return tuple(name for name in names.all if name in hit)


# ------------------------------------------------------------------ values


def _newest_first(incidents: Sequence[VendorIncident]) -> tuple[VendorIncident, ...]:
    newest = sorted(incidents, key=lambda incident: incident.posted_at, reverse=True)
    return tuple(newest[:INCIDENTS_MAX])


def _is_object(value: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(value, Mapping)


def _of(document: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = document.get(key)
    return value if _is_object(value) else {}


def _rows(document: Mapping[str, object], key: str, most: int) -> list[Mapping[str, object]]:
    """The objects in a list; null, the string `"[]"` and whatever else is none are no rows."""
    value = document.get(key)
    if not isinstance(value, list):
        return []
    return [row for row in value[:most] if _is_object(row)]


def _text(value: object, chars_max: int) -> str:
    return clean(value, chars_max) if isinstance(value, str) else ""


def _word(value: object) -> str:
    return _text(value, WORD_CHARS_MAX).lower()


def _time(value: object) -> datetime | None:
    """A time with its zone, as UTC."""
    if not isinstance(value, str) or len(value) > WORD_CHARS_MAX:
        return None
    try:
        at = datetime.fromisoformat(value.strip())
        return at.astimezone(UTC) if at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _short_time(text: str, last: datetime) -> datetime | None:
    """`Apr 28, 17:41 UTC`: the newest such moment that is not after the entry's last change."""
    found = _SHORT_TIME.search(text)
    if found is None or found[1] not in _MONTHS:
        return None
    month, day, hour, minute = _MONTHS.index(found[1]) + 1, *map(int, found.groups()[1:])
    try:
        at = datetime(last.year, month, day, hour, minute, tzinfo=UTC)
        return at if at <= last + timedelta(days=1) else at.replace(year=last.year - 1)
    except ValueError:
        return None


def _url(value: object) -> str | None:
    """A link that may be shown: https, plain ASCII, no user name, not too long."""
    if not isinstance(value, str) or not re.fullmatch(
        rf"https://[!-~]{{1,{URL_CHARS_MAX}}}", value
    ):
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    return value if parts.hostname and "@" not in parts.netloc else None
