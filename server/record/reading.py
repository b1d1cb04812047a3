"""Reading: streams, incidents, obligations and the one-hour rate, as far as a unit may see them.

Every function takes the unit that asks; what it may not see is not there. Synchronous: call in a thread.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Select, and_, or_, select

from schemas.events import LOG_ENTRY, InformerNamed, LogEntry
from schemas.fields import wire_instant
from schemas.terms import Level, Standing
from server.domain.incident import Incident, Obligation, fold
from server.domain.onehour import OneHour, one_hour
from server.domain.reporting import standing
from server.domain.units import UnitTree
from server.record.database import Database
from server.record.folded import draft_shown
from server.record.tables import ENTRY, INCIDENT, INCIDENT_UNIT, LEDGER, OBLIGATION, STREAM_ENTRY, STREAM_HEAD

LEVELS: dict[int, str] = {level.rank: str(level) for level in Level}


class StreamLog:
    """The unit streams on disk, as the hub reads them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def epoch(self) -> str:
        with self._database.reading() as connection:
            return str(connection.execute(select(LEDGER.c.epoch)).scalar_one())

    def head(self, stream: str) -> int:
        with self._database.reading() as connection:
            return head_of(connection, stream)

    def heads(self, streams: Sequence[str]) -> tuple[str, dict[str, int]]:
        """The epoch and the last offsets of many streams, in one look."""
        query = select(STREAM_HEAD.c.stream, STREAM_HEAD.c.head).where(STREAM_HEAD.c.stream.in_(streams))
        with self._database.reading() as connection:
            epoch = str(connection.execute(select(LEDGER.c.epoch)).scalar_one())
            found = {row.stream: int(row.head) for row in connection.execute(query)}
        return epoch, {stream: found.get(stream, 0) for stream in streams}

    def after(self, stream: str, offset: int, limit: int) -> list[tuple[int, bytes]]:
        """Entries after an offset, in order: (offset, stored bytes)."""
        with self._database.reading() as connection:
            return stream_after(connection, stream, offset, limit)


def head_of(connection: Connection, stream: str) -> int:
    """The last offset of a stream; 0 when nothing was ever put into it."""
    query = select(STREAM_HEAD.c.head).where(STREAM_HEAD.c.stream == stream)
    return int(connection.execute(query).scalar() or 0)


def stream_after(connection: Connection, stream: str, offset: int, limit: int) -> list[tuple[int, bytes]]:
    rows = connection.execute(
        select(STREAM_ENTRY.c.position, ENTRY.c.body)
        .join(ENTRY, ENTRY.c.seq == STREAM_ENTRY.c.seq)
        .where(STREAM_ENTRY.c.stream == stream, STREAM_ENTRY.c.position > offset)
        .order_by(STREAM_ENTRY.c.position)
        .limit(limit)
    )
    return [(position, bytes(body)) for position, body in rows]


def log_page(database: Database, stream: str, offset: int, limit: int) -> dict[str, Any]:
    """A page of a stream: `{"stream", "epoch", "head", "entries"}`, all of one moment."""
    with database.reading() as connection:
        epoch = connection.execute(select(LEDGER.c.epoch)).scalar_one()
        rows = stream_after(connection, stream, offset, limit)
        return {
            "stream": stream,
            "epoch": epoch,
            "head": head_of(connection, stream),
            "entries": [entry_shown(position, body) for position, body in rows],
        }


def entry_shown(offset: int | None, body: bytes) -> orjson.Fragment:
    """An entry as on the socket, from its stored bytes."""
    place = b"null" if offset is None else b"%d" % offset
    return orjson.Fragment(b'{"type":"entry","offset":' + place + b"," + body[1:])


# ---------------------------------------------------------------- lists


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which incidents a list asks for."""

    state: str = "open"
    level: str | None = None
    unit: str | None = None
    category: str | None = None
    drill: bool | None = None
    q: str | None = None
    after: str | None = None
    limit: int = 100


class BadCursor(ValueError):
    """The `after` of a list was not made by this server."""


def incidents(
    database: Database, tree: UnitTree, viewer: str, wanted: Wanted, now: datetime
) -> dict[str, Any]:
    """A page of incidents the unit may see, newest first: `{"incidents": […], "next": cursor or null}`."""
    query = visible(viewer).order_by(INCIDENT.c.opened_at.desc(), INCIDENT.c.id.desc())
    for condition in _conditions(tree, wanted):
        query = query.where(condition)
    with database.reading() as connection:
        rows = connection.execute(query.limit(wanted.limit + 1)).mappings().all()
        more = len(rows) > wanted.limit
        rows = rows[: wanted.limit]
        owed = _open_obligations(connection, [row["id"] for row in rows])
    shown = [incident_shown(row, owed.get(row["id"], []), now) for row in rows]
    return {"incidents": shown, "next": _cursor(rows[-1]) if more else None}


def board(database: Database, viewer: str, now: datetime, limit: int = 500) -> list[dict[str, Any]]:
    """Open incidents ordered by what is due next, those without a deadline last, newest first."""
    query = visible(viewer).where(INCIDENT.c.state == "open")
    due = INCIDENT.c.next_due_at
    query = query.order_by(due.is_(None), due, INCIDENT.c.opened_at.desc()).limit(limit)
    with database.reading() as connection:
        rows = connection.execute(query).mappings().all()
        owed = _open_obligations(connection, [row["id"] for row in rows])
    return [incident_shown(row, owed.get(row["id"], []), now) for row in rows]


def board_rows(
    database: Database, viewer: str, ids: Iterable[str], now: datetime
) -> dict[str, dict[str, Any]]:
    """Some incidents as the board shows them, closed ones too, by id."""
    query = visible(viewer).where(INCIDENT.c.id.in_(list(ids)))
    with database.reading() as connection:
        rows = connection.execute(query).mappings().all()
        owed = _open_obligations(connection, [row["id"] for row in rows])
    return {row["id"]: incident_shown(row, owed.get(row["id"], []), now) for row in rows}


def visible(viewer: str) -> Select[Any]:
    return select(INCIDENT).join(
        INCIDENT_UNIT, and_(INCIDENT_UNIT.c.incident_id == INCIDENT.c.id, INCIDENT_UNIT.c.unit == viewer)
    )


def _conditions(tree: UnitTree, wanted: Wanted) -> list[Any]:
    conditions: list[Any] = []
    if wanted.state == "open":
        conditions.append(INCIDENT.c.state == "open")
    elif wanted.state == "closed":
        conditions.append(INCIDENT.c.state != "open")
    if wanted.level is not None:
        rank = Level(wanted.level).rank
        conditions.append(
            or_(
                INCIDENT.c.final_level == rank,
                and_(INCIDENT.c.final_level == 0, INCIDENT.c.reporting_level == rank),
            )
        )
    if wanted.unit is not None:
        conditions.append(INCIDENT.c.unit.in_(tree.subtree(wanted.unit)))
    if wanted.category is not None:
        kind = wanted.category
        conditions.append(
            or_(INCIDENT.c.category == kind, INCIDENT.c.category.startswith(f"{kind}/", autoescape=True))
        )
    if wanted.drill is not None:
        conditions.append(INCIDENT.c.drill.is_(wanted.drill))
    if wanted.q:
        conditions.append(INCIDENT.c.search.contains(wanted.q.casefold(), autoescape=True))
    if wanted.after is not None:
        opened_at, incident_id = _read_cursor(wanted.after)
        conditions.append(
            or_(
                INCIDENT.c.opened_at < opened_at,
                and_(INCIDENT.c.opened_at == opened_at, INCIDENT.c.id < incident_id),
            )
        )
    return conditions


def _cursor(row: Any) -> str:
    return _pack(row["opened_at"].isoformat(), row["id"])


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    moment, incident_id = _unpack(cursor)
    return _cursor_moment(cursor, moment), incident_id


def _pack(moment: str, key: str) -> str:
    return base64.urlsafe_b64encode(f"{moment}|{key}".encode()).decode().rstrip("=")


def _unpack(cursor: str) -> tuple[str, str]:
    try:
        moment, key = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split("|")
    except ValueError as wrong:
        raise BadCursor(cursor) from wrong
    if "\x00" in key:
        raise BadCursor(cursor)
    return moment, key


def _cursor_moment(cursor: str, moment: str) -> datetime:
    try:
        found = datetime.fromisoformat(moment)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise BadCursor(cursor)


def _open_obligations(connection: Connection, ids: list[str]) -> dict[str, list[Any]]:
    owed: dict[str, list[Any]] = {}
    query = (
        select(OBLIGATION)
        .where(OBLIGATION.c.met_at.is_(None), OBLIGATION.c.excused.is_(None))
        .order_by(OBLIGATION.c.due_at.is_(None), OBLIGATION.c.due_at)
    )
    for start in range(0, len(ids), 500):
        chunk = query.where(OBLIGATION.c.incident_id.in_(ids[start : start + 500]))
        for row in connection.execute(chunk).mappings():
            owed.setdefault(row["incident_id"], []).append(row)
    return owed


def incident_shown(row: Any, owed: list[Any], now: datetime) -> dict[str, Any]:
    """A row of the list as the wire has it; instants as texts, levels as slugs."""
    level = LEVELS.get(row["final_level"] or row["reporting_level"])
    return {
        "id": row["id"],
        "number": row["number"],
        "title": row["title"],
        "category": row["category"],
        "place": orjson.loads(row["place"]),
        "unit": row["unit"],
        "drill": row["drill"],
        "state": row["state"],
        "outcome": row["outcome"],
        "merged_into": row["merged_into"],
        "level": level,
        "reporting_level": LEVELS.get(row["reporting_level"]),
        "final_level": LEVELS.get(row["final_level"]),
        "near_miss": row["near_miss"],
        "judged": row["judged"],
        "known_at": _wire(row["known_at"]),
        "occurred_at": _wire(row["occurred_at"]),
        "opened_at": _wire(row["opened_at"]),
        "opened_by": row["opened_by"],
        "changed_at": _wire(row["changed_at"]),
        "closed_at": _wire(row["closed_at"]),
        "facts": orjson.loads(row["facts"]),
        "next_due_at": _wire(row["next_due_at"]),
        "version": row["version"],
        "obligations": [obligation_shown(one, now) for one in owed],
    }


def _wire(moment: datetime | None) -> str | None:
    return None if moment is None else wire_instant(moment)


def obligation_shown(row: Any, now: datetime) -> dict[str, Any]:
    """An obligation as contract 4 has it, with its id."""
    owed = Obligation(
        row["obligation_id"],
        row["rule"],
        row["rule_text"],
        row["rule_text_en"],
        row["source"],
        row["evidence"],
        row["sender"],
        row["recipient"],
        row["stage"],
        row["channel"],
        row["started_at"],
        row["due_at"],
        row["warn_at"],
        row["period"],
        row["started_at"],
        row["started_at"],
        row["met_at"],
        row["met_by"],
        row["excused"],
    )
    return {
        "id": owed.obligation_id,
        "incident_id": row["incident_id"],
        "rule": owed.rule,
        "rule_text": owed.rule_text,
        "rule_text_en": owed.rule_text_en,
        "source": owed.source,
        "evidence": owed.evidence,
        "from": owed.sender,
        "to": owed.recipient,
        "stage": owed.stage,
        "channel": owed.channel,
        "started_at": _wire(owed.started_at),
        "due_at": _wire(owed.due_at),
        "warn_at": _wire(owed.warn_at),
        "met_at": _wire(owed.met_at),
        "met_by": owed.met_by,
        "excused": owed.excused,
        "standing": str(standing(owed, now)),
    }


def obligations(
    database: Database,
    viewer: str,
    wanted: Standing | None,
    now: datetime,
    *,
    after: str | None = None,
    limit: int = 1_000,
) -> dict[str, Any]:
    """A page of what is owed for incidents the unit may see, those due first, "at once" last; all standings
    or one: `{"obligations": […], "next": cursor or null}`."""
    query = (
        select(OBLIGATION, INCIDENT.c.number, INCIDENT.c.title, INCIDENT.c.drill)
        .join(INCIDENT, INCIDENT.c.id == OBLIGATION.c.incident_id)
        .join(
            INCIDENT_UNIT,
            and_(INCIDENT_UNIT.c.incident_id == INCIDENT.c.id, INCIDENT_UNIT.c.unit == viewer),
        )
        .order_by(OBLIGATION.c.due_at.is_(None), OBLIGATION.c.due_at, OBLIGATION.c.obligation_id)
    )
    is_open = and_(OBLIGATION.c.met_at.is_(None), OBLIGATION.c.excused.is_(None))
    match wanted:
        case Standing.EXCUSED:
            query = query.where(OBLIGATION.c.excused.is_not(None))
        case Standing.MET | Standing.MET_LATE:
            query = query.where(OBLIGATION.c.met_at.is_not(None))
        case Standing.OVERDUE:
            query = query.where(is_open, OBLIGATION.c.due_at < now)
        case Standing.RUNNING | Standing.DUE_SOON:
            query = query.where(is_open)
        case None:
            pass
    if after is not None:
        query = query.where(_owed_after(after))
    shown: list[dict[str, Any]] = []
    with database.reading() as connection:
        for row in connection.execute(query).mappings():
            one = obligation_shown(row, now)
            if wanted is None or one["standing"] == wanted:
                if len(shown) == limit:
                    return {"obligations": shown, "next": _pack(shown[-1]["due_at"] or "", shown[-1]["id"])}
                shown.append({**one, "number": row["number"], "title": row["title"], "drill": row["drill"]})
    return {"obligations": shown, "next": None}


def _owed_after(cursor: str) -> Any:
    due_text, obligation_id = _unpack(cursor)
    due, last = OBLIGATION.c.due_at, OBLIGATION.c.obligation_id > obligation_id
    if not due_text:
        return and_(due.is_(None), last)
    due_at = _cursor_moment(cursor, due_text)
    return or_(due.is_(None), due > due_at, and_(due == due_at, last))


# ---------------------------------------------------------------- one incident


def incident(
    database: Database, viewer: str, incident_id: str, now: datetime, *, restricted: bool
) -> dict[str, Any] | None:
    """An incident whole, or None when there is none that this unit may see."""
    with database.reading() as connection:
        may = connection.execute(
            select(INCIDENT_UNIT.c.unit).where(
                INCIDENT_UNIT.c.unit == viewer, INCIDENT_UNIT.c.incident_id == incident_id
            )
        ).first()
        if may is None:
            return None
        rows = connection.execute(
            select(ENTRY.c.seq, ENTRY.c.restricted, ENTRY.c.body, STREAM_ENTRY.c.position)
            .outerjoin(STREAM_ENTRY, and_(STREAM_ENTRY.c.seq == ENTRY.c.seq, STREAM_ENTRY.c.stream == viewer))
            .where(ENTRY.c.incident_id == incident_id)
            .order_by(ENTRY.c.seq)
        ).all()
        row = connection.execute(select(INCIDENT).where(INCIDENT.c.id == incident_id)).mappings().one()
        owed = (
            connection.execute(
                select(OBLIGATION)
                .where(OBLIGATION.c.incident_id == incident_id)
                .order_by(OBLIGATION.c.started_at, OBLIGATION.c.due_at.is_(None), OBLIGATION.c.due_at)
            )
            .mappings()
            .all()
        )
    lines = [(bool(hidden), bytes(body), position) for _seq, hidden, body, position in rows]
    parsed = [LOG_ENTRY.validate_json(body) for _hidden, body, _position in lines]
    state = fold(incident_id, parsed)
    informers = [
        one.event
        for one in parsed
        if restricted and isinstance(one.event, InformerNamed) and viewer in one.event.units
    ]
    shown = incident_shown(row, [], now)
    shown["obligations"] = [obligation_shown(one, now) for one in owed]
    shown["one_hour"] = one_hour_shown(one_hour(state, now))
    shown["fact_history"] = [_statement_shown(said) for said in reversed(state.statements)]
    shown["judgements"] = [_plain(asdict(judgement)) for judgement in state.judgements]
    shown["because"] = list(state.because)
    shown["source"] = state.source
    shown["informer"] = informers[-1].model_dump(include={"name", "phone"}) if informers else None
    shown["nobody_could_know"] = state.nobody_could_know
    shown["discovered_at"] = _wire(state.discovered_at())
    shown["reports"] = [_plain(asdict(report)) for report in state.reports.values()]
    shown["drafts"] = [draft_shown(draft) for draft in state.drafts.values()]
    shown["orders"] = [_order_shown(asdict(order)) for order in state.orders.values()]
    shown["concealed_by"] = state.concealed_by
    shown["breach_causes"] = [
        {"cause": cause, "text": text, "by": by} for cause, text, by in state.breach_causes
    ]
    shown["units"] = list(state.units)
    shown["entries"] = [
        _line_shown(entry, position, state)
        for entry, (hidden, _body, position) in zip(parsed, lines, strict=True)
        if not hidden
    ]
    return shown


def _line_shown(entry: LogEntry, position: int | None, state: Incident) -> dict[str, Any]:
    """A line of the incident's log: as on the socket, and for a person's entry its own fields beside."""
    shown: dict[str, Any] = {"type": "entry", "offset": position}
    shown |= entry.model_dump(mode="json", exclude_none=True)
    event = shown["event"]
    facts = getattr(entry.event, "facts", None)
    if facts is not None:
        event["facts"] = facts.model_dump(mode="json", exclude_unset=True)
    if event["type"] == "entry_added":
        shown |= {name: event[name] for name in ("entry_id", "kind", "text", "happened_at")}
        shown["struck"] = state.entries.get(event["entry_id"], False)
    return shown


def _statement_shown(said: Any) -> dict[str, Any]:
    return _plain(asdict(said))


def _order_shown(order: dict[str, Any]) -> dict[str, Any]:
    order["overdue"] = sorted(order["overdue"])
    return _plain(order)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: wire_instant(value) if isinstance(value, datetime) else value for name, value in values.items()
    }


def one_hour_shown(figure: OneHour) -> dict[str, Any]:
    """The figure as contract 4 has it."""
    shown = _plain(asdict(figure))
    shown["phone"] = _plain(shown["phone"])
    return shown
