"""Looking for anything, for whoever asks: the log, the people, the units; for programs and pages alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar

import anyio
from anyio.to_thread import run_sync

from server.domain.finding import Query, Span, cut_out
from server.domain.gazetteer import Gazetteer
from server.domain.periods import BEIJING
from server.domain.permissions import READS_RESTRICTED
from server.domain.telling import KINDS, Person
from server.domain.units import UnitTree
from server.people.accounts import Principal
from server.people.people import People
from server.record.database import Database
from server.record.find import Hit, Results, Sought, find

#: What is looked for, in the order in which it is shown; the last two are not in the log.
ALL_KINDS = (*KINDS[:1], "person", "account", *KINDS[1:-1], "unit")
#: Of each kind while all of them are shown, of one kind on a page, and of an export at once.
FEW_OF_EACH, A_PAGE, AT_ONCE = 5, 50, 200
MOST_OUTSIDE_THE_LOG = 50
#: Searches of a process at once, and those that wait for a place. One may take two seconds: in the threads of
#: all reading a few of them would be what every page waits for. Who would wait longer is told to come back.
SEARCHES_AT_ONCE, SEARCHES_WAITING, COME_BACK_S = 3, 6, 2
_LINES_SHOWN = 250  # a page of an incident shows the last 300 lines, unless all are asked for
_HAS_A_PAGE = frozenset(
    f"report_{what}"
    for what in (
        "drafted", "edited", "submitted", "returned", "approved", "signed", "sent", "entered", "discarded",
    )
)  # fmt: skip


T = TypeVar("T")


class TooManySearches(Exception):
    """All places are taken, and so are those to wait in."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for. Days are Beijing days, both included."""

    query: Query
    kind: str | None = None
    unit: str | None = None
    drill: bool | None = None
    first: date | None = None
    last: date | None = None
    after: str | None = None
    limit: int = A_PAGE
    longest: int = 160  # characters of a text


class Searcher:
    """One for a desk."""

    def __init__(self, database: Database, tree: UnitTree, gazetteer: Gazetteer, people: People) -> None:
        self._database, self._tree, self._gazetteer, self._people = database, tree, gazetteer, people
        self._places: anyio.CapacityLimiter | None = None  # belongs to the loop in which it is first asked
        self.searching = 0  # and those that wait

    async def in_turn(self, look: Callable[[], T]) -> T:
        """Whatever searches, in a thread of the searches' own. Raises `TooManySearches`."""
        if self._places is None:
            self._places = anyio.CapacityLimiter(SEARCHES_AT_ONCE)
        if self.searching >= SEARCHES_AT_ONCE + SEARCHES_WAITING:
            raise TooManySearches
        self.searching += 1
        try:
            return await run_sync(look, limiter=self._places)
        finally:
            self.searching -= 1

    def search(self, principal: Principal, wanted: Wanted) -> dict[str, Any]:
        """`{"q", "groups", "complete"}`. Synchronous. Raises `BadCursor`."""
        viewer = principal.unit
        reads_restricted = principal.post in READS_RESTRICTED and not principal.read_only
        asked = ALL_KINDS if wanted.kind is None else (wanted.kind,)
        sought = Sought(
            query=wanted.query,
            streams=(viewer, f"{viewer}:r") if reads_restricted else (viewer,),
            kinds=tuple(one for one in asked if one in KINDS),
            limit=wanted.limit,
            unit=wanted.unit,
            drill=wanted.drill,
            first=_begins(wanted.first) if wanted.first else None,
            last=_begins(wanted.last + timedelta(days=1)) if wanted.last else None,
            after=wanted.after,
        )
        results = find(self._database, viewer, sought) if sought.kinds else Results()
        groups = []
        for kind in asked:
            if kind in KINDS:
                found = [_shown(hit, results, wanted.longest) for hit in results.hits[kind]]
                group = {"kind": kind, "results": found, "next": results.more[kind]}
            else:
                group = {"kind": kind, "results": self._outside(kind, viewer, wanted), "next": None}
            groups.append(group)
        return {"q": wanted.query.text, "groups": groups, "complete": results.complete}

    # ------------------------------------------------------------ what is not in the log

    def _outside(self, kind: str, viewer: str, wanted: Wanted) -> list[dict[str, Any]]:
        """Accounts and units, of the asker's own area. They have no time, and are no drill."""
        if wanted.first or wanted.last or wanted.drill is not None or wanted.after:
            return []
        area = self._tree.subtree(wanted.unit or viewer)
        limit = min(wanted.limit, MOST_OUTSIDE_THE_LOG)
        made = self._accounts(set(area), wanted) if kind == "account" else self._units(set(area), wanted)
        return made[:limit]

    def _accounts(self, area: set[str], wanted: Wanted) -> list[dict[str, Any]]:
        made = []
        for one in self._people.all():
            if one.unit not in area or one.disabled_at is not None:
                continue
            spans = wanted.query.spans(one.name, spelled=True)
            if spans is None:
                continue
            person = Person("account", one.name, "", str(one.post), one.unit)
            link = f"/roster?unit={one.unit}"
            made.append(_outside_the_log("account", one.name, spans, link, one.unit, person))
        return made

    def _units(self, area: set[str], wanted: Wanted) -> list[dict[str, Any]]:
        made = []
        for place in self._gazetteer.find(wanted.query.text, MOST_OUTSIDE_THE_LOG, departments=True):
            if place.unit in area:
                spans = wanted.query.spans(place.name, spelled=True) or []
                link = f"/incidents?unit={place.unit}"
                made.append(_outside_the_log("unit", place.name, spans, link, place.unit, None))
        return made


def _begins(day: date) -> datetime:
    return datetime.combine(day, time(), BEIJING).astimezone(UTC)


# ---------------------------------------------------------------- as it is told


def _shown(hit: Hit, results: Results, longest: int) -> dict[str, Any]:
    entry, event = hit.entry, hit.entry["event"]
    row = results.incidents.get(hit.incident_id or "")
    text, marks = cut_out(hit.piece.text, hit.spans, longest)
    said: dict[str, Any] = {
        "kind": hit.piece.kind,
        "text": text,
        "marks": marks,
        "link": _link(hit, results),
        "incident_id": hit.incident_id,
        "number": row["number"] if row else None,
        "title": row["title"] if row else None,
        "drill": bool(row["drill"]) if row else bool(event.get("drill")),
        "struck": (hit.incident_id, event.get("entry_id")) in results.struck
        and event["type"] == "entry_added",
        "restricted": hit.stream.endswith(":r"),
        "offset": hit.offset,
        "event": event["type"],
        "recorded_at": entry["recorded_at"],
        "by": entry["by"],
        "unit": entry["unit"],
        "person": _person(hit.piece.person),
    }
    if hit.piece.kind == "fact" and isinstance(event.get("facts"), dict):
        said["facts"] = event["facts"]
    if event["type"] == "entry_added":
        said["entry_kind"] = event["kind"]
    return said


def _link(hit: Hit, results: Results) -> str:
    event, person = hit.entry["event"], hit.piece.person
    if hit.incident_id is None:
        if person is not None:
            begins = person.at or hit.entry["recorded_at"]
            month = datetime.fromisoformat(begins).astimezone(BEIJING).strftime("%Y-%m")
            return f"/roster?unit={person.unit}&month={month}"
        if event["type"].startswith("joint_"):
            return "/joint"
        return "/roll-call" if event["type"].startswith("roll_") else "/handover"
    here = f"/incidents/{hit.incident_id}"
    if hit.piece.kind == "incident" or hit.seq not in results.lines:
        return here
    if event["type"] in _HAS_A_PAGE:
        return f"{here}/reports/{event['report_id']}"
    line, whole = results.lines[hit.seq]
    every = "?all=1" if whole - line > _LINES_SHOWN else ""
    return f"{here}{every}#line-{line}-{hit.incident_id}"


def _person(person: Person | None) -> dict[str, Any] | None:
    if person is None:
        return None
    return {
        "role": person.role,
        "name": person.name,
        "phone": person.phone or None,
        "post": person.post or None,
        "unit": person.unit or None,
    }


def _outside_the_log(
    kind: str, text: str, marks: list[Span], link: str, unit: str, person: Person | None
) -> dict[str, Any]:
    nothing = dict.fromkeys(("incident_id", "number", "title", "offset", "event", "recorded_at", "by"))
    flags = dict.fromkeys(("drill", "struck", "restricted"), False)
    said = {"kind": kind, "text": text, "marks": marks, "link": link, "unit": unit}
    return {**nothing, **flags, **said, "person": _person(person)}
