"""The whole picture for the wall: people in danger, and what changed within the hour."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from schemas.events import LOG_ENTRY, FactsEstablished, IncidentOpened, LogEntry, plain
from schemas.fields import wire_instant
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
    real: int
    drills: int

    @property
    def is_drill(self) -> bool:
        """Whether the figures are those of drills: only when nothing real is open."""
        return self.real == 0 and self.drills > 0


class Statements:
    """What was said of the figures of open incidents: read again only when one has a new version."""

    def __init__(self) -> None:
        self._said: OrderedDict[str, tuple[int, list[LogEntry]]] = OrderedDict()

    def of(self, connection: Connection, cards: Sequence[Card]) -> list[LogEntry]:
        """Incident by incident, each in the order of the log. Nothing of it is restricted."""
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
                    ENTRY.c.event_type.in_(("incident_opened", "facts_established")),
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
        return [entry for _version, said in found.values() for entry in said]


def overview(
    database: Database,
    viewer: str,
    cards: Sequence[Card],
    now: datetime,
    wording: Wording,
    said: Statements | None = None,
) -> Overview:
    """What the wall shows beside the incidents. The figures are of what is real; of drills if nothing is."""
    real = [card for card in cards if not card.drill]
    with database.reading() as connection:
        statements = (said or Statements()).of(connection, real or cards)
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
        totals=tuple(totals(statements, wording)),
        news=tuple(_news(entry, title, drill, wording) for entry, title, drill in news),
        real=len(real),
        drills=len(cards) - len(real),
    )


def totals(statements: Iterable[LogEntry], wording: Wording) -> list[Total]:
    """The latest word on each figure of each incident, added up. An unknown adds nothing; it is counted."""
    latest: dict[tuple[str, str], tuple[datetime, float | None]] = {}
    for entry in statements:
        event = entry.event
        if not isinstance(event, IncidentOpened | FactsEstablished) or event.facts is None:
            continue
        for name, value in event.facts.model_dump(exclude_unset=True).items():
            key = (str(entry.incident_id), name)
            if key not in latest or event.known_at >= latest[key][0]:
                latest[key] = (event.known_at, value)
    made = []
    for slug, names in TOTALS.items():
        words = [word for (_incident, name), word in latest.items() if name in names]
        numbers = [(at, value) for at, value in words if value is not None]
        made.append(
            Total(
                slug=slug,
                name=wording.say(f"wall.{slug}"),
                value=sum(int(value) for _at, value in numbers) if numbers else None,
                checking=len(words) - len(numbers),
                as_of=wire_instant(max(at for at, _value in numbers)) if numbers else None,
            )
        )
    return made


def _news(entry: LogEntry, title: str, drill: bool, wording: Wording) -> News:
    shown = entry.model_dump(mode="json", exclude_none=True) | {"event": plain(entry.event)}
    return News(
        incident_id=str(entry.incident_id),
        title=title,
        drill=drill,
        line=line(shown, 0, wording, {}, {}),
    )
