"""The whole picture for the wall: people in danger, and what changed within the hour."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, select

from schemas.events import LOG_ENTRY, FactsEstablished, IncidentOpened, LogEntry, plain
from schemas.fields import wire_instant
from server.domain import contradictions
from server.domain.validity import is_said
from server.record.database import Database
from server.record.reading import first_since
from server.record.tables import ENTRY, INCIDENT, STREAM_ENTRY
from server.screens.board import Card
from server.screens.duty_log import Line, line
from server.screens.wording import Wording

#: What each figure of the wall adds up: injured people by whichever word they were counted.
TOTALS: dict[str, tuple[str, ...]] = {
    "dead": ("dead",),
    "missing": ("missing",),
    "trapped": ("trapped",),
    "hurt": ("seriously_injured", "lightly_injured", "injured", "poisoned"),
    "evacuated": ("evacuated",),
    "resettled": ("resettled",),
}
#: What is news to people who look up from their work; the clock's own lines are on the clocks.
NEWSWORTHY = (
    "incident_opened",
    "facts_established",
    "level_judged",
    "level_computed",
    "report_recorded",
    "receipt_recorded",
    "order_issued",
    "instruction_recorded",
    "help_requested",
    "help_answered",
    "scene_post_set_up",
    "command_taken_over",
    "sitrep_overdue",
    "incident_closed",
    "incident_reopened",
)
MOST_NEWS = 30
MOST_KEPT = 2_000  # incidents


@dataclass(frozen=True, slots=True)
class Total:
    """People of all real open incidents together. `value` None: nobody has said a number."""

    slug: str
    name: str
    value: int | None
    checking: int  # incidents where it is an explicit unknown
    as_of: str | None  # when the newest number in it was known
    who: str = ""  # whose number that was
    incidents: int = 0  # how many incidents have a number in it
    is_disputed: bool = False  # somewhere in it sources differ


@dataclass(frozen=True, slots=True)
class News:
    """A line of the last hour, with the incident it belongs to."""

    incident_id: str
    title: str
    drill: bool
    line: Line


@dataclass(frozen=True, slots=True)
class Overview:
    totals: tuple[Total, ...]
    news: tuple[News, ...]
    said: dict[str, list[LogEntry]]  # what was said of the incidents that the figures are of
    real: int
    drills: int

    @property
    def is_drill(self) -> bool:
        """Whether the figures are those of drills: only when nothing real is open."""
        return self.real == 0 and self.drills > 0


#: What is read of an open incident's log, whenever there is a new version of it. Nothing of it is restricted.
SAID = (
    "incident_opened",
    "facts_established",
    "level_judged",
    "level_computed",
    "order_issued",
    "order_acknowledged",
    "order_reported",
    "field_status_set",
    "scene_post_set_up",
    "transfer_proposed",
    "command_taken_over",
    "scene_post_closed",
)


class Statements:
    """What was said of open incidents: read again only when one has a new version."""

    def __init__(self) -> None:
        self._said: OrderedDict[str, tuple[int, list[LogEntry]]] = OrderedDict()

    def of(self, connection: Connection, cards: Sequence[Card]) -> dict[str, list[LogEntry]]:
        """By incident, each in the order of the log."""
        found: dict[str, tuple[int, list[LogEntry]]] = {}
        unknown = []
        for card in cards:
            kept = self._said.get(card.id)
            if kept is not None and kept[0] == card.version:
                found[card.id] = kept
            else:
                found[card.id] = (card.version, [])
                unknown.append(card.id)
        if unknown:
            query = (
                select(ENTRY.c.incident_id, ENTRY.c.body)
                .where(
                    ENTRY.c.incident_id.in_(unknown),
                    ENTRY.c.event_type.in_(SAID),
                    ENTRY.c.restricted.is_(False),
                )
                .order_by(ENTRY.c.seq)
            )
            for incident_id, body in connection.execute(query):
                found[incident_id][1].append(LOG_ENTRY.validate_json(bytes(body)))
        for one in unknown:
            self._said[one] = found[one]
        while len(self._said) > MOST_KEPT:
            self._said.popitem(last=False)
        return {incident_id: said for incident_id, (_version, said) in found.items()}


def overview(
    database: Database,
    viewer: str,
    cards: Sequence[Card],
    now: datetime,
    wording: Wording,
    statements: Statements | None = None,
) -> Overview:
    """What the wall shows beside the incidents. The figures are of what is real; of drills if nothing is."""
    real = [card for card in cards if not card.drill]
    with database.reading() as connection:
        said = (statements or Statements()).of(connection, real or cards)
        since = first_since(connection, now - timedelta(hours=1))
        recent = connection.execute(
            select(ENTRY.c.body, INCIDENT.c.title, INCIDENT.c.drill)
            .join(STREAM_ENTRY, STREAM_ENTRY.c.seq == ENTRY.c.seq)
            .join(INCIDENT, INCIDENT.c.id == ENTRY.c.incident_id)
            .where(
                STREAM_ENTRY.c.stream == viewer,
                STREAM_ENTRY.c.seq >= since,
                ENTRY.c.event_type.in_(NEWSWORTHY),
                ENTRY.c.recorded_at >= now - timedelta(hours=1),
            )
            .order_by(STREAM_ENTRY.c.position.desc())
            .limit(MOST_NEWS)
        ).all()
    news = [(LOG_ENTRY.validate_json(bytes(body)), title, drill) for body, title, drill in recent]
    return Overview(
        totals=tuple(totals((entry for told in said.values() for entry in told), wording)),
        news=tuple(_news(entry, title, drill, wording) for entry, title, drill in news),
        said=said,
        real=len(real),
        drills=len(cards) - len(real),
    )


def totals(statements: Iterable[LogEntry], wording: Wording) -> list[Total]:
    """The latest word on each figure of each incident, added up. An unknown adds nothing; it is counted.
    Where sources differ the latest word counts, as everywhere, and the total says that it is disputed."""
    words: dict[tuple[str, str], list[_Word]] = {}
    for entry in statements:
        event = entry.event
        if not isinstance(event, IncidentOpened | FactsEstablished) or event.facts is None:
            continue
        settles = isinstance(event, FactsEstablished) and is_said(event.explanation)
        source = contradictions.source_of(event.known_by, event.source.model_dump() if event.source else None)
        for name, value in event.facts.model_dump(exclude_unset=True).items():
            said = contradictions.Word(source, value, event.known_at, settles)
            words.setdefault((str(entry.incident_id), name), []).append(_Word(said, event.known_by))
    latest = {key: max(reversed(told), key=lambda one: one.said.known_at) for key, told in words.items()}
    made = []
    for slug, names in TOTALS.items():
        found = {key: one for key, one in latest.items() if key[1] in names}
        numbers = [one for one in found.values() if one.said.value is not None]
        newest = max(numbers, key=lambda one: one.said.known_at, default=None)
        made.append(
            Total(
                slug=slug,
                name=wording.say(f"wall.{slug}"),
                value=sum(int(one.said.value or 0) for one in numbers) if numbers else None,
                checking=len(found) - len(numbers),
                as_of=wire_instant(newest.said.known_at) if newest else None,
                who=wording.short(newest.known_by) if newest else "",
                incidents=len({key[0] for key, one in found.items() if one.said.value is not None}),
                is_disputed=any(_differ(words[key]) for key in found),
            )
        )
    return made


class _Word(NamedTuple):
    said: contradictions.Word
    known_by: str


def _differ(told: Iterable[_Word]) -> bool:
    return contradictions.contradiction([one.said for one in told]) is not None


def _news(entry: LogEntry, title: str, drill: bool, wording: Wording) -> News:
    shown = entry.model_dump(mode="json", exclude_none=True) | {"event": plain(entry.event)}
    return News(
        incident_id=str(entry.incident_id),
        title=title,
        drill=drill,
        line=line(shown, 0, wording, {}, {}),
    )
