"""People on the spot (现场) as the log tells of them: where each is, who is inside, who asked for help. Pure.

Entries of several devices arrive hours late and in any order. Nothing here depends on that order: of a
person's words the latest `at` counts, and heads are counted along the times at which they were counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas import field_work as fw
from server.domain.entered import Entered
from server.domain.short_report import meeting

#: Two positions of one person within the same stretch say the same. It is measured along their own times, so
#: a backlog is thinned as the live ones would have been, and nothing of it is refused.
POSITION_EVERY_S = 15


class Position(NamedTuple):
    """Where somebody was."""

    at: datetime
    lon: float
    lat: float
    accuracy_m: float | None
    recorded_at: datetime


class Status(NamedTuple):
    """How somebody stood."""

    at: datetime
    status: fw.FieldStatus
    text: str | None
    recorded_at: datetime


@dataclass(slots=True)
class Person:
    """Somebody on the spot. `stretches`: those of the time in which we know where they were."""

    person: str
    unit: str | None
    status: Status | None = None
    position: Position | None = None
    stretches: set[int] = field(default_factory=set)

    @property
    def is_there(self) -> bool:
        return self.status is None or self.status.status is not fw.FieldStatus.WITHDRAWN


class HeadCount(NamedTuple):
    """So many went in or came out."""

    count_id: str
    at: datetime
    direction: fw.Direction
    people: int
    team: str | None
    text: str | None
    person: str
    unit: str | None
    by: str
    recorded_at: datetime


class Inside(NamedTuple):
    """How many are inside. `discrepancy`: how many more had come out than gone in, at the worst moment."""

    team: str | None
    inside: int
    went_in: int
    came_out: int
    discrepancy: int
    last_at: datetime | None


class Answer(NamedTuple):
    """What was said to a request for help."""

    at: datetime
    accepted: bool
    text: str | None
    person: str
    unit: str | None
    by: str
    recorded_at: datetime


@dataclass(slots=True)
class Help:
    """A request for help, and what was answered, in the order of the log."""

    request_id: str
    kind: fw.HelpKind
    quantity: int | None
    text: str | None
    at: datetime
    person: str
    unit: str | None
    by: str
    recorded_at: datetime
    answer_by: datetime
    answers: list[Answer] = field(default_factory=list)
    is_overdue: bool = False

    @property
    def is_open(self) -> bool:
        return not self.answers


class Drawing(NamedTuple):
    """Something plotted, as it stands, and who plotted it. `since`: when it was first."""

    drawing_id: str
    kind: fw.DrawingKind
    shape: fw.Shape
    points: tuple[tuple[float, float], ...]
    radius_m: float | None
    symbol: str | None
    label: str | None
    at: datetime
    since: datetime
    person: str
    unit: str | None
    recorded_at: datetime


class Said(NamedTuple):
    """A command that a short report may have said, or say yet, as far as one carries it."""

    command: str
    command_id: str
    gist: meeting.Gist


@dataclass(slots=True)
class FieldWork:
    """All of an incident's. `said`: by mark and person, what a short report said."""

    said: dict[tuple[str, str], Said] = field(default_factory=dict)

    people: list[Person] = field(default_factory=list)
    counts: dict[str, HeadCount] = field(default_factory=dict)
    requests: dict[str, Help] = field(default_factory=dict)
    drawings: dict[str, Drawing] = field(default_factory=dict)

    def person(self, name: str, unit: str | None) -> Person | None:
        """Whoever goes by this name there; where no unit is said, the only one of the name."""
        named = [one for one in self.people if one.person == name]
        same = next((one for one in named if one.unit == unit), None)
        if same is not None or unit is not None:
            return same or next((one for one in named if one.unit is None), None)
        return named[0] if len(named) == 1 else None

    def open_requests(self) -> list[Help]:
        return [one for one in self.requests.values() if one.is_open]

    def inside(self) -> Inside:
        """Of all teams together."""
        return _inside(None, self.counts.values())

    def teams(self) -> list[Inside]:
        """Of each team that was named, and of those counted without one."""
        names = dict.fromkeys(one.team for one in self.counts.values())
        ordered = sorted(names, key=lambda name: (name is None, name or ""))
        return [_inside(name, (one for one in self.counts.values() if one.team == name)) for name in ordered]


def stretch_of(at: datetime) -> int:
    return int(at.timestamp()) // POSITION_EVERY_S


def _inside(team: str | None, counts: Iterable[HeadCount]) -> Inside:
    """Along the times of the counts. Of the same moment those who went in come first: they were there."""
    ordered = sorted(counts, key=lambda one: (one.at, one.direction != "in"))
    inside = worst = 0
    for one in ordered:
        inside += one.people if one.direction == "in" else -one.people
        worst = min(worst, inside)
    went_in = sum(one.people for one in ordered if one.direction == "in")
    return Inside(team, inside, went_in, went_in - inside, -worst, ordered[-1].at if ordered else None)


def apply(work: FieldWork, event: fw.FieldEvent, entry: Entered) -> None:
    """Fold one entry."""
    match event:
        case fw.PositionReported():
            one = _known(work, event)
            one.stretches.add(stretch_of(event.at))
            if one.position is None or event.at >= one.position.at:
                one.position = Position(event.at, event.lon, event.lat, event.accuracy_m, entry.recorded_at)
        case fw.FieldStatusSet():
            one = _known(work, event)
            if one.status is None or event.at >= one.status.at:
                one.status = Status(event.at, event.status, event.text, entry.recorded_at)
        case fw.HeadsCounted():
            work.counts[event.count_id] = HeadCount(
                event.count_id,
                event.at,
                event.direction,
                event.people,
                event.team,
                event.text,
                event.person,
                event.unit,
                entry.by,
                entry.recorded_at,
            )
        case fw.HelpRequested():
            work.requests[event.request_id] = Help(
                event.request_id,
                event.kind,
                event.quantity,
                event.text,
                event.at,
                event.person,
                event.unit,
                entry.by,
                entry.recorded_at,
                event.answer_by,
            )
        case fw.HelpAnswered():
            said = (event.at, event.accepted, event.text, event.person, event.unit)
            work.requests[event.request_id].answers.append(Answer(*said, entry.by, entry.recorded_at))
        case fw.HelpOverdue():
            work.requests[event.request_id].is_overdue = True
        case fw.MapDrawn():
            before = work.drawings.get(event.drawing_id)
            work.drawings[event.drawing_id] = Drawing(
                event.drawing_id,
                event.kind,
                event.shape,
                tuple(event.points),
                event.radius_m,
                event.symbol,
                event.label,
                event.at,
                event.at if before is None else before.since,
                event.person,
                event.unit,
                entry.recorded_at,
            )
        case fw.MapErased():
            work.drawings.pop(event.drawing_id, None)
        case fw.ShortReportConfirmed() | fw.ShortReportDiffers():
            pass  # what they speak of stands already


def hear(said: dict[tuple[str, str], Said], entry: Entered) -> None:
    """Keep what a short report said, or might say yet: what was said first stays.

    The state of an incident keeps short reports only. What came by network is looked for in the log, when a
    short report comes: there are few of those, and a state that held all that was ever said would be a log.
    """
    name = meeting.OF_EVENTS.get(entry.event.type)
    if name is None or entry.command_id is None or entry.incident_id is None:
        return
    mark = meeting.mark(name, entry.command_id, entry.incident_id, entry.short_mark)
    if mark is not None:
        person = entry.on_behalf_of.name if entry.on_behalf_of is not None else entry.by
        said.setdefault((mark, person), Said(name, entry.command_id, meeting.gist(name, entry.event)))


def said_in(entries: Iterable[Entered]) -> dict[tuple[str, str], Said]:
    """All that an incident's log holds, by mark and person."""
    said: dict[tuple[str, str], Said] = {}
    for entry in entries:
        hear(said, entry)
    return said


def _known(work: FieldWork, event: fw.DeedEvent) -> Person:
    found = work.person(event.person, event.unit)
    if found is None:
        found = Person(event.person, event.unit)
        work.people.append(found)
    elif found.unit is None:
        found.unit = event.unit
    return found


Moment = tuple[datetime, Callable[[datetime], fw.HelpOverdue]]


def moments(work: FieldWork) -> Iterator[Moment]:
    """When each request that nobody has answered is late; said once."""
    for one in work.open_requests():
        if not one.is_overdue:
            yield one.answer_by + timedelta(milliseconds=1), _overdue(one)


def _overdue(one: Help) -> Callable[[datetime], fw.HelpOverdue]:
    return lambda now: fw.HelpOverdue(
        request_id=one.request_id,
        kind=one.kind,
        asked_by=one.person,
        unit=one.unit,
        due_at=one.answer_by,
        late_by_s=max(0, int((now - one.answer_by).total_seconds())),
    )
